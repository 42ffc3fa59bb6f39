//! How costs grow with the number of tickets: latency, memory and disk of accounts of several sizes.
//!
//! Fills an account through the Ticket API, and sends requests over one connection. A small write before each read
//! empties the response cache, except in the operation that measures a cached response.
//! `cargo bench -p omnidesk-mock-bench --bench growth -- --help` lists the options. The report is stored as
//! `target/bench/growth.md`.

#![expect(clippy::print_stderr, reason = "a benchmark prints to a terminal")]

use std::process::ExitCode;

use clap::Parser;
use omnidesk_mock_bench::{
    BenchResult, affinity,
    context::{self, BenchContext},
    report::publish,
};

use crate::{measured_size::MeasuredSize, options::Options, report::Report};

mod fill;
mod generated_ticket;
mod measured_size;
mod operation;
mod options;
mod report;
mod reset;
mod session;

fn main() -> ExitCode {
    let options = Options::parse();
    context::run("growth", &options.common, |context| measure(&options, context).map(|()| true))
}

fn measure(options: &Options, context: &BenchContext) -> BenchResult<()> {
    affinity::pin_to_client_core();
    let storage = options.storage();
    let sizes = options.sizes().into_iter().map(|tickets| {
        eprintln!("filling an account with {tickets} tickets, {}", storage.flag());
        MeasuredSize::fill(options, context, tickets)
    });
    let mut sizes = sizes.collect::<BenchResult<Vec<_>>>()?;
    eprintln!("measuring");
    measured_size::measure_all(&mut sizes, options.repetitions)?;
    let report = Report { options, machine: &context.machine, sizes: &sizes };
    publish(context.name, &report.to_string())?;
    sizes.into_iter().try_for_each(|size| size.session.server.stop())
}
