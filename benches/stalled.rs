//! Whether clients that hang slow down those that do not: the same requests without and with a crowd of
//! connections that stop in a head, stop in a body, ask for nothing, or do not read what they asked for.
//!
//! Asks the release binary over connections that are kept alive.
//! `cargo bench --bench stalled -- --help` lists the options; the tables go to `target/bench/stalled.md` too.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark talks to a terminal")]

use std::{fs, path::Path, process::ExitCode};

use clap::Parser;

use crate::{
    machine::Machine, options::Options, report::Report, rounds::Measured, storage::Storage,
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
#[path = "http/storage.rs"]
mod storage;
#[path = "http/table.rs"]
mod table;
#[path = "worlds/times.rs"]
mod times;

/// A benchmark that cannot go on says why and stops; nobody handles its errors by kind.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let options = Options::parse();
    if !options.bench {
        eprintln!("this is a benchmark: run it with `cargo bench --bench stalled`");
        return ExitCode::SUCCESS;
    }
    match measure(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> Outcome<()> {
    let machine = Machine::read();
    pin::keep_off_the_server();
    let mut measured = Vec::new();
    for storage in Storage::ALL {
        measured.push((storage, Measured::take(options, &machine, storage)?));
    }
    let text = Report { options, machine: &machine, measured }.to_string();
    println!("{text}");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench").join("stalled.md");
    fs::create_dir_all(file.parent().expect("the file lies in a folder"))?;
    fs::write(&file, text)?;
    eprintln!("written to {}", file.display());
    Ok(())
}
