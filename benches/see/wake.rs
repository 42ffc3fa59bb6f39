//! How soon those who wait hear of what they wait for.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde::Deserialize;

use crate::{
    Outcome,
    connection::Connection,
    desk::{self, Desk},
    machine::Machine,
    options::Options,
    seed::KEY,
    storage::Storage,
    times::Times,
};

const TICKETS: u32 = 100;

const MANY: usize = 50;

/// So long the server has nothing to do once those who wait have asked, for each of them and in any case.
const SETTLE: Duration = Duration::from_millis(2);
const SETTLE_EACH: Duration = Duration::from_micros(60);

/// What is waited for.
#[derive(Clone, Copy)]
enum Aim {
    Request,
    Ticket,
}

pub(crate) struct Wake {
    pub(crate) name: String,
    /// From a request to its answer, with the processor time of all that it set in motion.
    pub(crate) round_trip: Times,
    /// From that answer until the last of those who wait has its own.
    pub(crate) woken: Option<Times>,
}

/// The part of an answer that the next question needs.
#[derive(Deserialize)]
struct Seen {
    cursor: String,
}

impl Wake {
    pub(crate) fn measure_all(
        options: &Options,
        machine: &Machine,
        storage: Storage,
    ) -> Outcome<Vec<Self>> {
        let desk = Desk::open(machine, storage, TICKETS)?;
        let mut bench = Bench { desk: &desk, rounds: options.rounds, renamed: 0 };
        let mut wakes = vec![
            bench.plain("GET item", &desk.show(KEY, 2))?,
            bench.waited_for("PUT item, nobody waits", 0, Aim::Request)?,
            bench.waited_for("PUT item, 1 waits for the request", 1, Aim::Request)?,
            bench.waited_for("PUT item, 50 wait for the request", MANY, Aim::Request)?,
            bench.waited_for("PUT item, 1 waits for the ticket", 1, Aim::Ticket)?,
            bench.waited_for("PUT item, 50 wait for the ticket", MANY, Aim::Ticket)?,
        ];
        let over = desk.look("wait?operation=ticket.update");
        wakes.insert(1, bench.plain("wait for a request that was there", &over)?);
        desk.server.stop()?;
        Ok(wakes)
    }
}

struct Bench<'a> {
    desk: &'a Desk,
    rounds: u32,
    /// How often the ticket was renamed.
    renamed: u32,
}

impl Bench<'_> {
    fn plain(&self, name: &str, request: &str) -> Outcome<Wake> {
        let mut connection = self.desk.connect()?;
        let (mut elapsed, before) = (Vec::new(), self.desk.server.cpu_seconds()?);
        for _ in 0..self.rounds {
            thread::sleep(SETTLE);
            let began = Instant::now();
            let answer = connection.ask(request)?;
            elapsed.push(began.elapsed());
            answer.succeeded()?;
        }
        let mut round_trip = Times::default();
        round_trip.add(elapsed, self.desk.server.cpu_seconds()? - before);
        Ok(Wake { name: name.to_owned(), round_trip, woken: None })
    }

    fn waited_for(&mut self, name: &str, count: usize, aim: Aim) -> Outcome<Wake> {
        let mut writer = self.desk.connect()?;
        let mut waiters = self.desk.connect_often(count)?;
        let Seen { cursor } = desk::read(&writer.ask(&self.desk.look("requests"))?)?;
        let (mut cursor, mut round_trips, mut woken) = (cursor, Vec::new(), Vec::new());
        let before = self.desk.server.cpu_seconds()?;
        for _ in 0..self.rounds {
            self.renamed += 1;
            let round = Round {
                wait: &self.wait(aim, &cursor),
                write: &self.desk.rename(1, &self.title()),
            };
            let (round_trip, after, seen) = round.run(&mut writer, &mut waiters)?;
            round_trips.push(round_trip);
            if let Some(seen) = seen {
                woken.push(after);
                cursor = seen;
            }
        }
        let cpu = self.desk.server.cpu_seconds()? - before;
        let times = |elapsed| {
            let mut times = Times::default();
            times.add(elapsed, cpu);
            times
        };
        let woken = (count > 0).then(|| times(woken));
        Ok(Wake { name: name.to_owned(), round_trip: times(round_trips), woken })
    }

    fn title(&self) -> String {
        format!("Renamed-{}", self.renamed)
    }

    fn wait(&self, aim: Aim, cursor: &str) -> String {
        self.desk.look(&match aim {
            Aim::Request => format!("wait?operation=ticket.update&since={cursor}&timeout=20s"),
            Aim::Ticket => format!("wait?ticket=1&title={}&timeout=20s", self.title()),
        })
    }
}

/// One request, and those who wait for it.
struct Round<'a> {
    wait: &'a str,
    write: &'a str,
}

impl Round<'_> {
    fn run(
        &self,
        writer: &mut Connection,
        waiters: &mut [Connection],
    ) -> Outcome<(Duration, Duration, Option<String>)> {
        for waiter in waiters.iter_mut() {
            waiter.send(self.wait)?;
        }
        let count = u32::try_from(waiters.len())?;
        thread::sleep(SETTLE + count * SETTLE_EACH);
        let began = Instant::now();
        let written = writer.ask(self.write)?;
        let answered = Instant::now();
        let answers = waiters.iter_mut().map(Connection::answer).collect::<Outcome<Vec<_>>>()?;
        let after = answered.elapsed();
        written.succeeded()?;
        let seen = answers.iter().map(desk::read::<Seen>).collect::<Outcome<Vec<_>>>()?;
        let cursor = seen.into_iter().last().map(|seen| seen.cursor);
        Ok((answered - began, after, cursor))
    }
}
