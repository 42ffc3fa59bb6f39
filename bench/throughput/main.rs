//! Throughput, latency and processor time of each operation; start-up time; memory.
//!
//! Loads the server with `wrk` over loopback. The rounds alternate with those of a bare axum server that sends constant
//! bodies of the same sizes, so that the ratios of two machines can be compared; or with those of the same server without
//! a journal. `--peers` measures other mock servers too.
//! `cargo bench -p omnidesk-mock-bench --bench throughput -- --help` lists the options. The reports are stored as
//! `target/bench/throughput.md` and `target/bench/peers.md`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints to a terminal")]

use std::process::ExitCode;

use clap::Parser;
use omnidesk_mock_bench::{
    BenchResult,
    context::{self, BenchContext},
    report::publish,
};

use crate::{
    launcher::ServerLauncher,
    load::LoadMeasurement,
    options::{Options, Part},
    report::Report,
};

mod alternating_rounds;
mod bare_server;
mod journal_cost;
mod large_account;
mod launcher;
mod load;
mod operation;
mod options;
mod peer_data;
mod peer_report;
mod peer_server;
mod readiness;
mod report;
mod startup;
mod wrk;

fn main() -> ExitCode {
    let options = Options::parse();
    if options.bare {
        return match bare_server::serve(&options.listen, &options.sizes) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => context::exit_with_error(&*error),
        };
    }
    context::run("throughput", &options.common, |context| measure(&options, context).map(|()| true))
}

fn measure(options: &Options, context: &BenchContext) -> BenchResult<()> {
    wrk::check_installed()?;
    let launcher = ServerLauncher::new(options, context)?;
    let includes = |part| options.includes(part);
    let startup = includes(Part::Startup).then(|| startup::measure(options, &launcher));
    let startup = startup.transpose()?;
    let load = includes(Part::Load).then(|| load::measure(options, &launcher)).transpose()?;
    let journal = includes(Part::Journal).then(|| journal_cost::measure(options, &launcher));
    let journal = journal.transpose()?;
    let large = includes(Part::Large).then(|| large_account::measure(options, &launcher));
    let large = large.transpose()?;
    let peers = includes(Part::Peers).then(|| peer_report::measure(options, &launcher));
    let peers = peers.transpose()?;
    let report = Report {
        options,
        machine: &context.machine,
        startup: startup.as_ref(),
        load: load.as_ref(),
        journal: journal.as_ref(),
        large_account: large.as_deref(),
    };
    if !options.is_only(Part::Peers) {
        publish(context.name, &report.to_string())?;
    }
    if let Some(peers) = &peers {
        publish("peers", &peers.to_string())?;
    }
    load.as_ref().map_or(Ok(()), LoadMeasurement::check_failures)
}
