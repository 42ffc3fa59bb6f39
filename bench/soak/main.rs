//! A soak test: whether errors occur, or memory, threads, files or data grow, during a long load with all operations.
//!
//! Rate-limited workers use everything that the Ticket API and the control API offer, with valid and invalid requests, in
//! accounts whose tickets they know, and check every response. They delete what they create, so nothing has to grow.
//! `cargo bench -p omnidesk-mock-bench --bench soak -- --minutes 15 --csv soak.csv`; `-- --help` lists the options. The
//! report is stored as `target/bench/soak.md`. The exit code is 1 after an error or growth.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints to a terminal")]

use std::{process::ExitCode, thread};

use clap::Parser;
use omnidesk_mock_bench::{
    BenchResult,
    context::{self, BenchContext},
    report::publish,
};

use crate::{
    counters::Counters, final_state::FinalState, monitor::Monitor, options::Options,
    report::Report, worker::Worker,
};

mod account;
mod action;
mod check;
mod control_api;
mod counters;
mod expected_tickets;
mod faults;
mod final_state;
mod growth_trend;
mod histogram;
mod invalid_requests;
mod journal;
mod metrics;
mod monitor;
mod options;
mod paced_client;
mod protocol_errors;
mod random;
mod report;
mod resource_usage;
mod temporary_accounts;
mod tickets;
mod worker;

fn main() -> ExitCode {
    let options = Options::parse();
    context::run("soak", &options.common, |context| run(&options, context))
}

/// Returns whether the test has passed.
fn run(options: &Options, context: &BenchContext) -> BenchResult<bool> {
    let server = resource_usage::start_server(options, context)?;
    let counters = Counters::new();
    let workers =
        (0..options.clients).map(|number| Worker::prepare(&server, &counters, options, number));
    let workers = workers.collect::<BenchResult<Vec<_>>>()?;
    let samples = thread::scope(|scope| {
        for mut worker in workers {
            scope.spawn(move || worker.run());
        }
        let samples = Monitor::start(options, &server, &counters).and_then(Monitor::run);
        // Also after an error of the monitor, because the workers run until then.
        counters.stop();
        samples
    });
    let samples = samples?;
    let final_state = FinalState::wait_and_check(options, &server, &counters)?;
    server.stop()?;
    let report = Report { options, counters: &counters, samples, final_state };
    publish(context.name, &report.to_string())?;
    Ok(report.has_passed())
}
