//! A load that does not end soon: whether the server errs, or grows, while it does all that it can.
//!
//! Paced clients do everything that the Ticket API and the control API offer, well and badly, in accounts whose tickets
//! they know, and hold every answer against that. What they make they take away again, so nothing has to grow.
//! `cargo bench --bench soak -- --minutes 15 --out soak.csv`; `-- --help` lists the options. The report goes to
//! `target/bench/soak.md` too. The exit code is 1 after an error, and where memory, threads, files or data have grown.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark talks to a terminal")]

use std::{process::ExitCode, thread};

use clap::Parser;

use crate::{
    client::Client, desk::Desk, options::Options, report::Report, rest::Rest, stage::Outcome,
    tally::Tally, watch::Watch,
};

#[path = "soak/account.rs"]
mod account;
#[path = "soak/act.rs"]
mod act;
#[path = "soak/caller.rs"]
mod caller;
#[path = "soak/client.rs"]
mod client;
#[path = "soak/control.rs"]
mod control;
#[path = "soak/desk.rs"]
mod desk;
#[path = "soak/guests.rs"]
mod guests;
#[path = "soak/histogram.rs"]
mod histogram;
#[path = "soak/line.rs"]
mod line;
#[path = "http/message.rs"]
mod message;
#[path = "soak/metrics.rs"]
mod metrics;
#[path = "soak/options.rs"]
mod options;
#[path = "soak/provoke.rs"]
mod provoke;
#[path = "soak/random.rs"]
mod random;
#[path = "soak/refused.rs"]
mod refused;
#[path = "soak/report.rs"]
mod report;
#[path = "soak/rest.rs"]
mod rest;
#[path = "soak/rude.rs"]
mod rude;
#[path = "soak/see.rs"]
mod see;
#[path = "http/seed.rs"]
mod seed;
#[path = "http/server.rs"]
mod server;
#[path = "http/stage.rs"]
mod stage;
#[path = "http/storage.rs"]
#[expect(dead_code, reason = "the other benchmarks measure every storage, this one a chosen one")]
mod storage;
#[path = "http/table.rs"]
mod table;
#[path = "soak/tally.rs"]
mod tally;
#[path = "soak/tickets.rs"]
mod tickets;
#[path = "soak/trend.rs"]
mod trend;
#[path = "soak/watch.rs"]
mod watch;
#[path = "soak/world.rs"]
mod world;

fn main() -> ExitCode {
    let options = Options::parse();
    stage::run("soak", options.bench, || soak(&options))
}

/// Whether all went well.
fn soak(options: &Options) -> Outcome<bool> {
    let desk = Desk::open(options)?;
    let tally = Tally::new();
    let clients =
        (0..options.clients).map(|number| Client::prepare(&desk, &tally, options, number));
    let clients = clients.collect::<Outcome<Vec<_>>>()?;
    let watched = thread::scope(|scope| {
        for mut client in clients {
            scope.spawn(move || client.run());
        }
        let watched = Watch::start(options, &desk, &tally).and_then(Watch::run);
        // Whatever became of it, or else nobody stops.
        tally.end();
        watched
    });
    let samples = watched?;
    let rest = Rest::reach(options, &desk, &tally)?;
    desk.close()?;
    let report = Report { options, tally: &tally, samples, rest };
    stage::publish("soak", &report.to_string())?;
    Ok(report.is_good())
}
