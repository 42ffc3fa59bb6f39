//! Whether clients that hang slow down those that do not: the same requests without and with a crowd of
//! connections that stop in a head, stop in a body, ask for nothing, or do not read what they asked for.
//!
//! Asks the release binary over connections that are kept alive.
//! `cargo bench --bench stalled -- --help` lists the options; the tables go to `target/bench/stalled.md` too.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark talks to a terminal")]

use std::process::ExitCode;

use clap::Parser;

use crate::{
    machine::Machine, options::Options, report::Report, rounds::Measured, stage::Outcome,
    storage::Storage,
};

#[path = "http/connection.rs"]
mod connection;
#[path = "stalled/crowd.rs"]
mod crowd;
#[path = "stalled/desk.rs"]
mod desk;
#[path = "see/load.rs"]
mod load;
#[path = "http/machine.rs"]
mod machine;
#[path = "http/message.rs"]
mod message;
#[path = "stalled/options.rs"]
mod options;
#[path = "worlds/pin.rs"]
mod pin;
#[path = "stalled/report.rs"]
mod report;
#[path = "stalled/rounds.rs"]
mod rounds;
#[path = "http/seed.rs"]
mod seed;
#[path = "http/server.rs"]
mod server;
#[path = "http/stage.rs"]
mod stage;
#[path = "http/storage.rs"]
mod storage;
#[path = "http/table.rs"]
mod table;
#[path = "worlds/times.rs"]
mod times;

fn main() -> ExitCode {
    let options = Options::parse();
    stage::run("stalled", options.bench, || measure(&options).map(|()| true))
}

fn measure(options: &Options) -> Outcome<()> {
    let machine = Machine::read();
    pin::keep_off_the_server();
    let mut measured = Vec::new();
    for storage in Storage::ALL {
        measured.push((storage, Measured::take(options, &machine, storage)?));
    }
    stage::publish("stalled", &Report { options, machine: &machine, measured }.to_string())?;
    Ok(())
}
