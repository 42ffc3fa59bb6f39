//! The command line: parses the arguments and runs the commands.

pub(crate) mod output;
mod run;
mod serve;
pub(crate) mod settings;
mod signals;

use std::process::ExitCode;
use std::time::Duration;

use crate::cli::output::{BoxError, print_error, print_line};
use crate::cli::settings::{CliCommand, CommandLine, ConfigArg, ReadyArgs, SeedCommand, Settings};
use crate::cli::signals::StartupSignalGuard;
use crate::contract::dialect::Dialect;
use crate::control::fidelity;
use crate::seed::Seed;
use crate::server::router;
use crate::{clock, control, server};

/// The poll interval of `ready`.
const READY_POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Runs the command of the command line.
#[must_use]
pub fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            print_error(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode, BoxError> {
    // First of all, since reading the config file may be slow.
    let startup = StartupSignalGuard::install()?;
    let CommandLine { command, serve } = settings::load()?;
    if let Some(CliCommand::Run(run)) = command {
        return run::run(&run, startup);
    }
    run_command(command, &serve, startup).map(|()| ExitCode::SUCCESS)
}

fn run_command(
    command: Option<CliCommand>,
    settings: &Settings,
    startup: StartupSignalGuard,
) -> Result<(), BoxError> {
    match command {
        None => serve::run(settings, startup),
        Some(CliCommand::Serve(settings)) => serve::run(&settings, startup),
        Some(CliCommand::Run(_)) => unreachable!("run() handles it, for its exit code"),
        Some(CliCommand::Ready(ready)) => wait_until_ready(&ready),
        Some(CliCommand::Openapi(args)) if args.control => {
            print_line(&serde_json::to_string_pretty(&control::openapi_document())?)
        }
        Some(CliCommand::Openapi(args)) => {
            let document = router::openapi_document(&load_dialect(&args.config_arg)?);
            print_line(&serde_json::to_string_pretty(&document)?)
        }
        Some(CliCommand::Fidelity(args)) => {
            let dialect = load_dialect(&args.config_arg)?;
            let report = fidelity::fidelity_report(&dialect);
            print_line(&if args.json {
                serde_json::to_string_pretty(&report)?
            } else {
                fidelity::render_text(&report)
            })
        }
        Some(CliCommand::Seed(SeedCommand::Check { files })) => {
            let seed = Seed::load(&files, &[])?;
            print_line(&format!("The seed is good; {}", seed.summary()))
        }
    }
}

fn load_dialect(config_arg: &ConfigArg) -> Result<Dialect, BoxError> {
    let settings = settings::load_dialect_table(config_arg.config.as_deref())?;
    Ok(Dialect::parse(&settings)?)
}

#[tokio::main(flavor = "current_thread")]
async fn wait_until_ready(ready: &ReadyArgs) -> Result<(), BoxError> {
    let base_url = ready
        .url
        .clone()
        .unwrap_or_else(|| format!("http://{}", server::reachable_address(&ready.listen.address)));
    let url = format!("{base_url}/_control/ready");
    let stopwatch = clock::Stopwatch::start();
    let client = reqwest::Client::builder().no_proxy().timeout(ready.timeout).build()?;
    loop {
        let failure = match client.get(&url).send().await {
            Ok(response) if response.status().is_success() => return Ok(()),
            Ok(response) => format!("it answers {}", response.status()),
            Err(error) => root_cause(&error),
        };
        if stopwatch.elapsed() + READY_POLL_INTERVAL > ready.timeout {
            let message = format!("{base_url} is not ready after {:?}: {failure}", ready.timeout);
            return Err(message.into());
        }
        tokio::time::sleep(READY_POLL_INTERVAL).await;
    }
}

fn root_cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), root_cause)
}
