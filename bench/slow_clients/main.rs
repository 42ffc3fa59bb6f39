//! Whether slow clients slow down others: the same requests without and with many connections that stop in a head, stop
//! in a body, are idle, or do not read the response.
//!
//! `cargo bench -p omnidesk-mock-bench --bench slow_clients -- --help` lists the options. The report is stored as
//! `target/bench/slow_clients.md`.

#![expect(clippy::print_stderr, reason = "a benchmark prints to a terminal")]

use std::process::ExitCode;

use clap::Parser;
use omnidesk_mock_bench::{
    BenchResult, affinity,
    context::{self, BenchContext},
    report::publish,
    storage::Storage,
};

use crate::{measurement::Measurement, options::Options, report::Report};

mod measurement;
mod options;
mod report;
mod slow_clients;

fn main() -> ExitCode {
    let options = Options::parse();
    context::run("slow_clients", &options.common, |context| {
        measure(&options, context).map(|()| true)
    })
}

fn measure(options: &Options, context: &BenchContext) -> BenchResult<()> {
    affinity::pin_to_client_core();
    let mut measurements = Vec::new();
    for storage in Storage::ALL {
        measurements.push((storage, Measurement::run(options, context, storage)?));
    }
    let report = Report { options, machine: &context.machine, measurements };
    publish(context.name, &report.to_string())
}
