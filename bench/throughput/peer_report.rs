//! This server compared with other mock servers, each with the same tickets.

use std::{
    fmt::{self, Display, Formatter},
    net::SocketAddr,
    process::Command,
    time::Instant,
};

use omnidesk_mock_bench::{
    BenchResult, procfs,
    server_process::ServerProcess,
    statistics::{median, milliseconds},
    table::Table,
};

use crate::{
    alternating_rounds::{AlternatingRounds, NoiseCount},
    launcher::ServerLauncher,
    load::MedianFigures,
    operation::Operation,
    options::Options,
    peer_data::{self, OPERATIONS, TICKETS},
    peer_server::PeerServer,
    readiness::{find_free_address, send_once, wait_until_ready},
    report::write_noise,
    wrk::Round,
};

/// Some of the servers start slowly.
const MAX_STARTS: u32 = 5;

/// The title contains this after the update before the load, if the server stores updates.
const UPDATED_TITLE: &str = "renamed in round 0, pass 0";

pub(crate) struct PeerReport {
    seconds: u32,
    rounds: u32,
    retries: u32,
    starts: u32,
    machine: String,
    node_version: String,
    rows: Vec<Row>,
}

struct Row {
    name: String,
    start_time: f64,
    /// By operation in `OPERATIONS`; None if the server does not support it.
    figures: Vec<Option<MedianFigures>>,
    stores_updates: bool,
    noise: NoiseCount,
}

pub(crate) fn measure(options: &Options, launcher: &ServerLauncher) -> BenchResult<PeerReport> {
    let sizes = peer_data::prepare(launcher)?;
    let starts = options.starts.min(MAX_STARTS);
    let mut rows = Vec::new();
    for peer in PeerServer::ALL {
        let measurement = PeerMeasurement { options, launcher, peer, sizes };
        match peer.install().and_then(|()| measurement.run(starts)) {
            Ok(row) => rows.push(row),
            Err(error) if peer.is_local() => return Err(error),
            Err(error) => eprintln!("warning: {} is skipped: {error}", peer.name()),
        }
    }
    let &Options { seconds, rounds, retries, .. } = options;
    let (machine, node_version) = (launcher.context.machine.description(), node_version());
    Ok(PeerReport { seconds, rounds, retries, starts, machine, node_version, rows })
}

fn node_version() -> String {
    let output = Command::new("node").arg("--version").output();
    output.map_or_else(
        |_| "No Node.js".to_owned(),
        |output| format!("Node.js {}", String::from_utf8_lossy(&output.stdout).trim()),
    )
}

struct PeerMeasurement<'a> {
    options: &'a Options,
    launcher: &'a ServerLauncher<'a>,
    peer: PeerServer,
    sizes: [usize; 4],
}

impl PeerMeasurement<'_> {
    fn run(&self, starts: u32) -> BenchResult<Row> {
        let mut times = Vec::new();
        for _ in 0..starts {
            let start = Instant::now();
            let server = self.start(false)?;
            times.push(milliseconds(start.elapsed()));
            stop_with_descendants(server)?;
        }
        let server = self.start(true)?;
        let result = self.run_load(&server);
        stop_with_descendants(server)?;
        let (stores_updates, rounds) = result?;
        let figures = rounds.iter().map(|rounds| rounds.as_deref().map(MedianFigures::of_rounds));
        Ok(Row {
            name: self.peer.name(),
            start_time: median(times),
            figures: figures.collect(),
            stores_updates,
            noise: NoiseCount::of_rounds(rounds.iter().flatten().flatten()),
        })
    }

    /// Starts the server and waits for the response to a `GET` of the first item.
    fn start(&self, is_pinned: bool) -> BenchResult<ServerProcess> {
        let address = find_free_address()?;
        let mut command = self.peer.command(self.launcher, address, self.sizes, is_pinned)?;
        let server = ServerProcess::spawn(address, &mut command, &self.launcher.log())?;
        wait_until_ready(address, &self.first_request(Operation::GetItem, address))?;
        Ok(server)
    }

    fn first_request(&self, operation: Operation, address: SocketAddr) -> String {
        self.peer.requests(operation, address, 0).swap_remove(0)
    }

    /// Returns whether the server stores updates, and the rounds of each operation that it supports.
    fn run_load(&self, server: &ServerProcess) -> BenchResult<(bool, Vec<Option<Vec<Round>>>)> {
        let send =
            |operation| send_once(server.address, &self.first_request(operation, server.address));
        let support: Vec<_> = OPERATIONS.map(|operation| send(operation)?.check_success()).into();
        let item = send(Operation::GetItem)?.body;
        let stores_updates = String::from_utf8_lossy(&item).contains(UPDATED_TITLE);
        let alternating = AlternatingRounds::new(self.options, self.launcher, [("load", server)]);
        let mut all = Vec::new();
        for (operation, support) in OPERATIONS.into_iter().zip(support) {
            let name = format!("{}, {}", self.peer.name(), operation.name());
            if let Err(error) = support {
                eprintln!("{name}: {error}");
                all.push(None);
                continue;
            }
            let [rounds] =
                alternating.run_requests(&name, self.options.seconds, |address, round| {
                    self.peer.requests(operation, address, round)
                })?;
            let failed: u32 = rounds.iter().map(Round::failed_requests).sum();
            if failed > 0 {
                eprintln!("{name}: {failed} requests failed");
            }
            all.push((failed == 0).then_some(rounds));
        }
        Ok((stores_updates, all))
    }
}

/// Stops the server, and kills each process that it has started.
fn stop_with_descendants(server: ServerProcess) -> BenchResult<()> {
    let descendants = procfs::descendants(server.id())?;
    let result = server.stop();
    for id in descendants {
        Command::new("sh").args(["-c", "kill -KILL \"$0\" 2>&-", &id.to_string()]).status()?;
    }
    result
}

impl Display for PeerReport {
    fn fmt(&self, out: &mut Formatter) -> fmt::Result {
        let Self { seconds, rounds, retries, starts, machine, node_version, rows } = self;
        writeln!(
            out,
            "Requests per second; each server has the same {TICKETS} tickets. There are no more, because json-server and \
             Mockoon search all tickets for\neach item, and json-server writes all of them after each change. wrk with 32 \
             connections; medians of {rounds} rounds of {seconds} s. Start-up: until\nthe response to the first `GET` of an \
             item; median of {starts}; `--ephemeral` loads its seed in that time. Updates change the title: `PUT` of\n\
             omnidesk-mock, `PATCH` of the others. json-server and Mockoon include the timeline in lists. Prism sends \
             the examples of its OpenAPI\ndocument, which are responses of omnidesk-mock. {node_version}; {machine}.\n"
        )?;
        write_noise(out, *retries, rows.iter().map(|row| row.noise))?;
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
        let cell = |index: usize, format: fn(&MedianFigures) -> String| {
            self.figures[index].as_ref().map_or_else(|| "–".to_owned(), format)
        };
        let rate = |index| cell(index, |figures| format!("{:.0}", figures.requests_per_second));
        vec![
            self.name.clone(),
            format!("{:.0}", self.start_time),
            rate(0),
            rate(1),
            rate(3),
            rate(2),
            cell(0, |figures| format!("{:.0}", figures.cpu)),
            if self.stores_updates { "yes" } else { "no" }.to_owned(),
        ]
    }
}
