//! How fast the server answers, what it costs, how soon it is up and how much memory it holds.
//!
//! Loads the release binary with `wrk` over loopback, in turns with a bare axum server that sends
//! constant bodies of the same sizes, so that the figures of two machines can be compared by ratio;
//! and in turns with itself without a journal.
//! `cargo bench --bench http -- --help` lists the options; the table goes to `target/bench/http.md` too.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark talks to a terminal")]

use std::{path::Path, process::ExitCode};

use clap::Parser;

use crate::{
    load::Load,
    machine::Machine,
    options::{Options, Part},
    report::Report,
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
#[path = "http/load.rs"]
mod load;
#[path = "http/machine.rs"]
mod machine;
#[path = "http/message.rs"]
mod message;
#[path = "http/operation.rs"]
mod operation;
#[path = "http/options.rs"]
mod options;
#[path = "http/report.rs"]
mod report;
#[path = "http/rest.rs"]
mod rest;
#[path = "http/seed.rs"]
mod seed;
#[path = "http/server.rs"]
mod server;
#[path = "http/storage.rs"]
mod storage;
#[path = "http/table.rs"]
mod table;
#[path = "http/workplace.rs"]
mod workplace;
#[path = "http/wrk.rs"]
mod wrk;

/// A benchmark that cannot go on says why and stops; nobody handles its errors by kind.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let options = Options::parse();
    if !options.bench && !options.bare {
        eprintln!("this is a benchmark: run it with `cargo bench --bench http`");
        return ExitCode::SUCCESS;
    }
    let outcome = if options.bare { bare::serve(&options.sizes) } else { measure(&options) };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
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
    let (rest, load, journal) = (rest.as_ref(), load.as_ref(), journal.as_ref());
    let report = Report { options, machine: &machine, rest, load, journal };
    let text = report.to_string();
    println!("{text}");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench").join("http.md");
    std::fs::create_dir_all(file.parent().expect("the file lies in a folder"))?;
    std::fs::write(&file, text)?;
    eprintln!("written to {}", file.display());
    load.map_or(Ok(()), Load::check)
}
