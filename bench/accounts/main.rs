//! The cost of accounts: creation, reset, snapshot, restore, deletion, and idle accounts.
//!
//! Sends requests over one connection, with seeds of three sizes and both kinds of storage.
//! `cargo bench -p omnidesk-mock-bench --bench accounts -- --help` lists the options. The report is stored as
//! `target/bench/accounts.md`.

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
    lifecycle::LifecycleMeasurement, many_accounts::ManyAccountsMeasurement, options::Options,
    report::Report,
};

mod http_client;
mod lifecycle;
mod many_accounts;
mod operation;
mod options;
mod report;
mod requests;
mod session;

/// Tickets in the seeds, from the smallest to the largest.
const SEED_SIZES: [u32; 3] = [20, 1_000, 10_000];

fn main() -> ExitCode {
    let options = Options::parse();
    context::run("accounts", &options.common, |context| measure(&options, context).map(|()| true))
}

fn measure(options: &Options, context: &BenchContext) -> BenchResult<()> {
    affinity::pin_to_client_core();
    let (mut lifecycles, mut many_accounts) = (Vec::new(), Vec::new());
    for storage in Storage::ALL {
        for tickets in SEED_SIZES {
            eprintln!("accounts with {tickets} tickets, {}", storage.flag());
            lifecycles.push(LifecycleMeasurement::run(options, context, storage, tickets)?);
        }
        eprintln!("many accounts, {}", storage.flag());
        many_accounts.push(ManyAccountsMeasurement::run(options, context, storage)?);
    }
    let report = Report { options, machine: &context.machine, lifecycles, many_accounts };
    publish(context.name, &report.to_string())
}
