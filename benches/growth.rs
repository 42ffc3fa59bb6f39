//! How costs grow with the number of tickets: what a client waits for, and what memory and disk hold, in accounts
//! of several sizes.
//!
//! Fills an account of the release binary through the Ticket API, and asks it over one connection. A read is new to
//! the server each time, since a small write comes before it; only where it says so, the answer is one that is kept.
//! `cargo bench --bench growth -- --help` lists the options; the tables go to `target/bench/growth.md` too.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark talks to a terminal")]

use std::process::ExitCode;

use clap::Parser;

use crate::{machine::Machine, options::Options, report::Report, size::Size, stage::Outcome};

#[path = "http/connection.rs"]
mod connection;
#[path = "growth/desk.rs"]
mod desk;
#[path = "growth/fill.rs"]
mod fill;
#[path = "soak/line.rs"]
#[expect(dead_code, reason = "the load that does not end asks in more ways")]
mod line;
#[path = "http/machine.rs"]
mod machine;
#[path = "http/message.rs"]
mod message;
#[path = "growth/operation.rs"]
mod operation;
#[path = "growth/options.rs"]
mod options;
#[path = "worlds/pin.rs"]
mod pin;
#[path = "growth/report.rs"]
mod report;
#[path = "growth/reset.rs"]
mod reset;
#[path = "http/server.rs"]
mod server;
#[path = "growth/session.rs"]
mod session;
#[path = "growth/size.rs"]
mod size;
#[path = "http/stage.rs"]
mod stage;
#[path = "http/storage.rs"]
#[expect(dead_code, reason = "the other benchmarks measure every storage, this one a chosen one")]
mod storage;
#[path = "http/table.rs"]
mod table;
#[path = "growth/ticket.rs"]
mod ticket;
#[path = "growth/times.rs"]
mod times;

fn main() -> ExitCode {
    let options = Options::parse();
    stage::run("growth", options.bench, || measure(&options).map(|()| true))
}

fn measure(options: &Options) -> Outcome<()> {
    let machine = Machine::read();
    pin::keep_off_the_server();
    let storage = options.storage();
    let sizes = options.sizes().into_iter().map(|tickets| {
        eprintln!("filling an account with {tickets} tickets, {}", storage.flag());
        Size::fill(options, &machine, tickets)
    });
    let mut sizes = sizes.collect::<Outcome<Vec<_>>>()?;
    eprintln!("asking");
    size::measure(&mut sizes, options.repetitions)?;
    stage::publish("growth", &Report { options, machine: &machine, sizes: &sizes }.to_string())?;
    sizes.into_iter().try_for_each(|size| size.session.desk.server.stop())
}
