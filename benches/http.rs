//! How fast the server answers, what it costs, how soon it is up and how much memory it holds.
//!
//! Loads the release binary with `wrk` over loopback, in turns with a bare axum server that sends
//! constant bodies of the same sizes, so that the figures of two machines can be compared by ratio;
//! and in turns with itself without a journal. `--peers` runs other mock servers beside it.
//! `cargo bench --bench http -- --help` lists the options; the tables go to `target/bench` too.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark talks to a terminal")]

use std::process::ExitCode;

use clap::Parser;

use crate::{
    load::Load,
    machine::Machine,
    options::{Options, Part},
    report::Report,
    stage::Outcome,
    workplace::Workplace,
};

#[path = "http/bare.rs"]
mod bare;
#[path = "http/client.rs"]
mod client;
#[path = "http/connection.rs"]
mod connection;
#[path = "http/journal.rs"]
mod journal;
#[path = "http/large.rs"]
mod large;
#[path = "http/load.rs"]
mod load;
#[path = "http/machine.rs"]
mod machine;
#[path = "http/material.rs"]
mod material;
#[path = "http/message.rs"]
mod message;
#[path = "http/operation.rs"]
mod operation;
#[path = "http/options.rs"]
mod options;
#[path = "http/peer.rs"]
mod peer;
#[path = "http/peers.rs"]
mod peers;
#[path = "http/quiet.rs"]
mod quiet;
#[path = "http/report.rs"]
mod report;
#[path = "http/rest.rs"]
mod rest;
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
#[path = "http/turns.rs"]
mod turns;
#[path = "http/workplace.rs"]
mod workplace;
#[path = "http/wrk.rs"]
mod wrk;

fn main() -> ExitCode {
    let options = Options::parse();
    let is_asked_for = options.bench || options.bare;
    stage::run("http", is_asked_for, || {
        let outcome = if options.bare {
            bare::serve(&options.listen, &options.sizes)
        } else {
            measure(&options)
        };
        outcome.map(|()| true)
    })
}

fn measure(options: &Options) -> Outcome<()> {
    wrk::check_installed()?;
    let machine = Machine::read();
    let workplace = Workplace::prepare(options, &machine)?;
    let asked = |part| options.asks_for(part);
    let rest = asked(Part::Rest).then(|| rest::measure(options, &workplace)).transpose()?;
    let load = asked(Part::Load).then(|| load::measure(options, &workplace)).transpose()?;
    let journal =
        asked(Part::Journal).then(|| journal::measure(options, &workplace)).transpose()?;
    let large = asked(Part::Large).then(|| large::measure(options, &workplace)).transpose()?;
    let peers =
        asked(Part::Peers).then(|| peers::measure(options, &machine, &workplace)).transpose()?;
    let (rest, load, journal) = (rest.as_ref(), load.as_ref(), journal.as_ref());
    let large = large.as_deref();
    let report = Report { options, machine: &machine, rest, load, journal, large };
    if !options.asks_for_nothing_but(Part::Peers) {
        stage::publish("http", &report.to_string())?;
    }
    if let Some(peers) = &peers {
        stage::publish("peers", &peers.to_string())?;
    }
    load.map_or(Ok(()), Load::check)
}
