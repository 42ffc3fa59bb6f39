//! The command line: parses the arguments and runs the commands.

pub(crate) mod arguments;
mod config_file;
mod fidelity;
#[cfg(any(windows, test))]
mod find_program;
mod flag_values;
mod limit_arguments;
mod log;
mod openapi;
mod output;
mod process_limits;
mod ready;
mod run;
mod seed_check;
mod serve;
pub(crate) mod settings;
mod signals;

use std::process::ExitCode;

use crate::cli::arguments::{CliCommand, SeedCommand};
use crate::cli::output::print_error;
use crate::cli::signals::StartupSignalGuard;

/// Runs the command of the command line.
#[must_use]
pub fn main() -> ExitCode {
    run_command().unwrap_or_else(|error| {
        print_error(&error.to_string());
        ExitCode::FAILURE
    })
}

fn run_command() -> anyhow::Result<ExitCode> {
    // First of all, since reading the config file may be slow.
    let startup = StartupSignalGuard::install()?;
    match settings::load()? {
        CliCommand::Serve(args) => serve::run(&args, startup)?,
        CliCommand::Run(args) => return run::run(&args, startup),
        CliCommand::Ready(args) => ready::run(&args)?,
        CliCommand::Openapi(args) => openapi::run(&args)?,
        CliCommand::Fidelity(args) => fidelity::run(&args)?,
        CliCommand::Seed(SeedCommand::Check { files }) => seed_check::run(&files)?,
    }
    Ok(ExitCode::SUCCESS)
}
