//! The commands.

use std::process::ExitCode;
use std::time::Duration;

use crate::dialect::Dialect;
use crate::seed::Seed;
use crate::settings::{self, CommandLine, Configured, Ready, SeedTask, Settings, Task};
use crate::signals::Startup;
use crate::terminal::{Failure, complain, print};
use crate::{app, clock, control, fidelity, run, serve, server};

/// How long `ready` waits between two tries.
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// Runs the command that the command line names.
#[must_use]
pub fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(failure) => {
            complain(&failure.to_string());
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode, Failure> {
    // Before all else, since the settings may come from a slow file.
    let startup = Startup::begin()?;
    let CommandLine { command, serve } = settings::read()?;
    if let Some(Task::Run(run)) = command {
        return run::run(&run, startup);
    }
    perform(command, &serve, startup).map(|()| ExitCode::SUCCESS)
}

fn perform(task: Option<Task>, settings: &Settings, startup: Startup) -> Result<(), Failure> {
    match task {
        None => serve::run(settings, startup),
        Some(Task::Serve(settings)) => serve::run(&settings, startup),
        Some(Task::Run(_)) => unreachable!("it has an exit code of its own"),
        Some(Task::Ready(ready)) => wait(&ready),
        Some(Task::Openapi(printing)) if printing.control => {
            print(&serde_json::to_string_pretty(&control::document())?)
        }
        Some(Task::Openapi(printing)) => {
            let document = app::openapi(&dialect(&printing.configured)?);
            print(&serde_json::to_string_pretty(&document)?)
        }
        Some(Task::Fidelity(printing)) => {
            let dialect = dialect(&printing.configured)?;
            let ledger = fidelity::ledger(&dialect);
            print(&if printing.json {
                serde_json::to_string_pretty(&ledger)?
            } else {
                fidelity::text(&ledger)
            })
        }
        Some(Task::Seed(SeedTask::Check { files })) => {
            let seed = Seed::read(&files, &[])?;
            print(&format!("The seed is good; {}", seed.summary()))
        }
    }
}

fn dialect(configured: &Configured) -> Result<Dialect, Failure> {
    let settings = settings::dialect(configured.config.as_deref())?;
    Ok(Dialect::read(&settings)?)
}

#[tokio::main(flavor = "current_thread")]
async fn wait(ready: &Ready) -> Result<(), Failure> {
    let base = ready
        .url
        .clone()
        .unwrap_or_else(|| format!("http://{}", server::reachable(&ready.listen.address)));
    let url = format!("{base}/_control/ready");
    let watch = clock::Stopwatch::start();
    let client = reqwest::Client::builder().no_proxy().timeout(ready.timeout).build()?;
    loop {
        let last = match client.get(&url).send().await {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            Ok(answer) => format!("it answers {}", answer.status()),
            Err(error) => innermost(&error),
        };
        if watch.elapsed() + BETWEEN_TRIES > ready.timeout {
            return Err(format!("{base} is not ready after {:?}: {last}", ready.timeout).into());
        }
        tokio::time::sleep(BETWEEN_TRIES).await;
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}
