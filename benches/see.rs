//! What it costs to see: how soon a waiting test hears of a request, how long a check of the journal
//! takes, what the journal holds in memory, and whether a reader that stalls slows anybody down.
//!
//! Asks the release binary over connections that are kept alive.
//! `cargo bench --bench see -- --help` lists the options; the tables go to `target/bench/see.md` too.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark talks to a terminal")]

use std::process::ExitCode;

use clap::Parser;

use crate::{
    machine::Machine, memory::Growth, options::Options, report::Report, stage::Outcome,
    storage::Storage, stream::Stream, verify::Verify, wake::Wake,
};

#[path = "http/connection.rs"]
mod connection;
#[path = "see/desk.rs"]
mod desk;
#[path = "see/load.rs"]
mod load;
#[path = "http/machine.rs"]
mod machine;
#[path = "see/memory.rs"]
mod memory;
#[path = "http/message.rs"]
mod message;
#[path = "see/options.rs"]
mod options;
#[path = "worlds/pin.rs"]
mod pin;
#[path = "see/report.rs"]
mod report;
#[path = "http/seed.rs"]
mod seed;
#[path = "http/server.rs"]
mod server;
#[path = "http/stage.rs"]
mod stage;
#[path = "http/storage.rs"]
mod storage;
#[path = "see/stream.rs"]
mod stream;
#[path = "http/table.rs"]
mod table;
#[path = "worlds/times.rs"]
mod times;
#[path = "see/verify.rs"]
mod verify;
#[path = "see/wake.rs"]
mod wake;

fn main() -> ExitCode {
    let options = Options::parse();
    stage::run("see", options.bench, || measure(&options).map(|()| true))
}

fn measure(options: &Options) -> Outcome<()> {
    let machine = Machine::read();
    pin::keep_off_the_server();
    let mut wakes = Vec::new();
    for storage in Storage::ALL {
        eprintln!("waiting, {}", storage.flag());
        wakes.push((storage, Wake::measure_all(options, &machine, storage)?));
    }
    eprintln!("checks of the journal");
    let checks = Verify::measure_all(options, &machine)?;
    eprintln!("readers of the stream");
    let readers = Stream::measure_all(options, &machine)?;
    let growths = Growth::measure_all(options, &machine)?;
    let report = Report { options, machine: &machine, wakes, checks, readers, growths };
    stage::publish("see", &report.to_string())?;
    Ok(())
}
