//! The journal: how soon a waiting test gets its response, how long a verification of a full journal takes, whether a
//! client of the event stream slows down others, and how much memory the journal takes.
//!
//! `cargo bench -p omnidesk-mock-bench --bench journal -- --help` lists the options. The report is stored as
//! `target/bench/journal.md`.

#![expect(clippy::print_stderr, reason = "a benchmark prints to a terminal")]

use std::process::ExitCode;

use clap::Parser;
use omnidesk_mock_bench::{
    BenchResult, affinity,
    context::{self, BenchContext},
    report::publish,
    storage::Storage,
};

use crate::{
    memory::MemoryGrowth, options::Options, report::Report, stream::StreamMeasurement,
    verify::VerifyMeasurement, wait::WaitMeasurement,
};

mod memory;
mod options;
mod report;
mod stream;
mod verify;
mod wait;

fn main() -> ExitCode {
    let options = Options::parse();
    context::run("journal", &options.common, |context| measure(&options, context).map(|()| true))
}

fn measure(options: &Options, context: &BenchContext) -> BenchResult<()> {
    affinity::pin_to_client_core();
    let mut waits = Vec::new();
    for storage in Storage::ALL {
        eprintln!("waits, {}", storage.flag());
        waits.push((storage, WaitMeasurement::run_all(options, context, storage)?));
    }
    eprintln!("verification of a full journal");
    let verifications = VerifyMeasurement::run_all(options, context)?;
    eprintln!("event streams");
    let streams = StreamMeasurement::run_all(options, context)?;
    let memory = MemoryGrowth::measure_all(options, context)?;
    let machine = &context.machine;
    let report = Report { options, machine, waits, verifications, streams, memory };
    publish(context.name, &report.to_string())
}
