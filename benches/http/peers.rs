//! This server beside other mock servers, each with the same tickets and as its own documents advise.

use std::{
    fmt::{self, Display, Formatter},
    net::SocketAddr,
    process::Command,
    time::Instant,
};

use crate::{
    Outcome, client,
    load::Median,
    machine::Machine,
    material::{self, TICKETS, WORK},
    operation::Operation,
    options::Options,
    peer::Peer,
    quiet, report, rest,
    server::Server,
    table::Table,
    turns::{Disturbance, Turns},
    workplace::Workplace,
    wrk::Round,
};

/// Some of them start slowly.
const MOST_STARTS: u32 = 5;

/// What an update before the load leaves in the title.
const TITLE: &str = "renamed in load 0, pass 0";

pub(crate) struct Peers {
    seconds: u32,
    rounds: u32,
    repeats: u32,
    starts: u32,
    machine: String,
    node: String,
    rows: Vec<Row>,
}

struct Row {
    name: String,
    start: f64,
    /// By operation of `WORK`; None where the server cannot do it.
    medians: Vec<Option<Median>>,
    keeps_state: bool,
    disturbance: Disturbance,
}

pub(crate) fn measure(
    options: &Options,
    machine: &Machine,
    workplace: &Workplace,
) -> Outcome<Peers> {
    let sizes = material::prepare(workplace)?;
    let starts = options.starts.min(MOST_STARTS);
    let mut rows = Vec::new();
    for peer in Peer::ALL {
        let contest = Contest { options, workplace, peer, sizes };
        match peer.install().and_then(|()| contest.row(starts)) {
            Ok(row) => rows.push(row),
            Err(error) if peer.is_ours() => return Err(error),
            Err(error) => eprintln!("{} is left out: {error}", peer.name()),
        }
    }
    let &Options { seconds, rounds, repeats, .. } = options;
    let (machine, node) = (machine.description(), node());
    Ok(Peers { seconds, rounds, repeats, starts, machine, node, rows })
}

/// Its version, for the report.
fn node() -> String {
    let output = Command::new("node").arg("--version").output();
    output.map_or_else(
        |_| "No Node.js; ".to_owned(),
        |output| format!("Node.js {}; ", String::from_utf8_lossy(&output.stdout).trim()),
    )
}

struct Contest<'a> {
    options: &'a Options,
    workplace: &'a Workplace<'a>,
    peer: Peer,
    sizes: [usize; 4],
}

impl Contest<'_> {
    fn row(&self, starts: u32) -> Outcome<Row> {
        let mut times = Vec::new();
        for _ in 0..starts {
            let began = Instant::now();
            let server = self.start(false)?;
            times.push(began.elapsed().as_secs_f64() * 1e3);
            end(server)?;
        }
        let server = self.start(true)?;
        let loaded = self.load(&server);
        end(server)?;
        let (keeps_state, rounds) = loaded?;
        let disturbance = Disturbance::of(rounds.iter().flatten().flatten());
        let medians = rounds.iter().map(|rounds| rounds.as_deref().map(Median::of)).collect();
        Ok(Row {
            name: self.peer.name(),
            start: rest::median(times),
            medians,
            keeps_state,
            disturbance,
        })
    }

    /// Returns once the first item was answered.
    fn start(&self, is_pinned: bool) -> Outcome<Server> {
        let address = rest::free_address()?;
        let mut command = self.peer.command(self.workplace, address, self.sizes, is_pinned)?;
        let server = Server::start_at(address, &mut command, &self.workplace.log())?;
        client::ask_until_ready(address, &self.request(Operation::GetItem, address))?;
        Ok(server)
    }

    fn request(&self, work: Operation, address: SocketAddr) -> String {
        self.peer.requests(work, address, 0).swap_remove(0)
    }

    /// Whether it keeps what it is told, and the rounds of what it can do.
    fn load(&self, server: &Server) -> Outcome<(bool, Vec<Option<Vec<Round>>>)> {
        let ask = |work| client::ask(server.address, &self.request(work, server.address));
        let can: Vec<_> = WORK.map(|work| ask(work)?.succeeded()).into();
        let item = ask(Operation::GetItem)?.body;
        let keeps_state = String::from_utf8_lossy(&item).contains(TITLE);
        let turns = Turns::of(self.options, self.workplace, [("load", server)]);
        let mut all = Vec::new();
        for (work, can) in WORK.into_iter().zip(can) {
            let name = format!("{}, {}", self.peer.name(), work.name());
            if let Err(error) = can {
                eprintln!("{name}: {error}");
                all.push(None);
                continue;
            }
            let [rounds] = turns.play_any(&name, self.options.seconds, |address, load| {
                self.peer.requests(work, address, load)
            })?;
            let failed: u32 = rounds.iter().map(Round::failed).sum();
            if failed > 0 {
                eprintln!("{name}: {failed} requests failed");
            }
            all.push((failed == 0).then_some(rounds));
        }
        Ok((keeps_state, all))
    }
}

/// Ends the server, and each process that it has started.
fn end(server: Server) -> Outcome<()> {
    let below = quiet::descendants(server.id())?;
    let ended = server.stop();
    for id in below {
        Command::new("sh").args(["-c", "kill -KILL \"$0\" 2>&-", &id.to_string()]).status()?;
    }
    ended
}

impl Display for Peers {
    fn fmt(&self, out: &mut Formatter) -> fmt::Result {
        let Self { seconds, rounds, repeats, starts, machine, node, rows } = self;
        writeln!(
            out,
            "Requests per second, each server with the same {TICKETS} tickets. It has no more of \
             them since json-server and Mockoon search all\nof theirs for each item, and \
             json-server writes all of them after each change. wrk with 32 connections; medians \
             of {rounds} rounds of\n{seconds} s. Start-up: until the first item is answered; median \
             of {starts}; `--ephemeral` plants its tickets meanwhile. Updates are of the title: a\n\
             `PUT` of ours, a `PATCH` of theirs. json-server and Mockoon send the timeline in lists \
             as well. Prism answers with the examples that it was\ngiven: our own answers. {node}{machine}.\n"
        )?;
        report::disturbed(out, *repeats, rows.iter().map(|row| row.disturbance))?;
        let mut table = Table::new(&[
            "server",
            "start-up ms",
            "GET item",
            "list of 15",
            "POST create",
            "update",
            "CPU µs per item read",
            "state?",
        ]);
        for row in rows {
            table.add(row.cells());
        }
        write!(out, "{table}")
    }
}

impl Row {
    fn cells(&self) -> Vec<String> {
        let figure = |place: usize, figure: fn(&Median) -> String| {
            self.medians[place].as_ref().map_or_else(|| "–".to_owned(), figure)
        };
        let rate = |place| figure(place, |median| format!("{:.0}", median.per_second));
        vec![
            self.name.clone(),
            format!("{:.0}", self.start),
            rate(0),
            rate(1),
            rate(3),
            rate(2),
            figure(0, |median| format!("{:.0}", median.cpu)),
            if self.keeps_state { "yes" } else { "no" }.to_owned(),
        ]
    }
}
