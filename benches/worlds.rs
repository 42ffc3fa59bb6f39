//! What accounts cost: to make, to reset, to put back from a snapshot, to remove, and to leave alone.
//!
//! Asks the release binary over one connection, with seeds of three sizes and both kinds of storage.
//! `cargo bench --bench worlds -- --help` lists the options; the tables go to `target/bench/worlds.md` too.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark talks to a terminal")]

use std::process::ExitCode;

use clap::Parser;

use crate::{
    crowd::Crowd, life::Life, machine::Machine, options::Options, report::Report, stage::Outcome,
    storage::Storage,
};

#[path = "worlds/account.rs"]
mod account;
#[path = "worlds/client.rs"]
mod client;
#[path = "worlds/crowd.rs"]
mod crowd;
#[path = "worlds/desk.rs"]
mod desk;
#[path = "worlds/life.rs"]
mod life;
#[path = "http/machine.rs"]
mod machine;
#[path = "worlds/operation.rs"]
mod operation;
#[path = "worlds/options.rs"]
mod options;
#[path = "worlds/pin.rs"]
mod pin;
#[path = "worlds/report.rs"]
mod report;
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

/// Tickets in the seeds, from the smallest to the largest.
const SEEDS: [u32; 3] = [20, 1_000, 10_000];

fn main() -> ExitCode {
    let options = Options::parse();
    stage::run("worlds", options.bench, || measure(&options).map(|()| true))
}

fn measure(options: &Options) -> Outcome<()> {
    let machine = Machine::read();
    pin::keep_off_the_server();
    let mut report = Report { options, machine: &machine, lives: Vec::new(), crowds: Vec::new() };
    for storage in Storage::ALL {
        for tickets in SEEDS {
            eprintln!("accounts with {tickets} tickets, {}", storage.flag());
            report.lives.push(Life::measure(options, &machine, storage, tickets)?);
        }
        eprintln!("many accounts, {}", storage.flag());
        report.crowds.push(Crowd::measure(options, &machine, storage)?);
    }
    stage::publish("worlds", &report.to_string())?;
    Ok(())
}
