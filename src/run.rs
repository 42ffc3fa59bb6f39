//! The command `run`: another command beside a server of its own.

use std::io::ErrorKind;
use std::process::{Command, ExitCode, ExitStatus};

use tokio::sync::oneshot;

use crate::control;
use crate::server::Server;
use crate::settings::{Run, Settings};
use crate::signals::{Signals, Startup};
use crate::terminal::{Failure, complain};
use crate::{port_file, system, telemetry};

/// What shells give for a command that is not there.
const NOT_FOUND: u8 = 127;
/// What shells give for a command that cannot be run.
const NOT_RUNNABLE: u8 = 126;

/// Runs the command, and gives its exit code.
///
/// # Errors
/// When the server or the command cannot be started.
pub(crate) fn run(run: &Run, startup: Startup) -> Result<ExitCode, Failure> {
    system::prepare()?;
    beside_a_server(run, startup)
}

#[tokio::main]
async fn beside_a_server(run: &Run, startup: Startup) -> Result<ExitCode, Failure> {
    system::outlive_full_files()?;
    // The key is that of the fresh account, and of no account dev.
    let key = run.serve.api_key.clone();
    let settings = &Settings { api_key: None, ..run.serve.clone() };
    // What the command says is what people want to read.
    let _log = telemetry::start_quietly(settings.log);
    let server = Server::open(settings).await?;
    let key = server.fresh_account(key).await?;
    if let Some(file) = &settings.port_file {
        port_file::write(file, server.address)?;
    }
    let command = command(run, &server, key)?;
    let (ended, end) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.run(async {
        // Sent or dropped, the command has ended.
        let _ = end.await;
    }));
    let signals = Signals::to_forward()?;
    startup.end();
    let ran = watched(command, signals).await;
    drop(ended);
    serving.await?;
    ran
}

/// The command with what it needs to know of the server.
fn command(run: &Run, server: &Server, key: String) -> Result<Command, Failure> {
    let base = server.state.public_url.clone();
    let (program, given) = run.command.split_first().ok_or("there is no command")?;
    let mut command = Command::new(program);
    command
        .args(given)
        .env("OMNIDESK_CONTROL_URL", format!("{base}{}", control::PREFIX))
        .env("OMNIDESK_BASE_URL", base)
        .env("OMNIDESK_API_KEY", key);
    let token = run.serve.control_token.as_ref().or(server.token.as_ref());
    if let Some(token) = token {
        command.env("OMNIDESK_CONTROL_TOKEN", token);
    }
    Ok(command)
}

/// Runs the command to its end, and passes signals on to it.
#[cfg(unix)]
async fn watched(mut command: Command, mut signals: Signals) -> Result<ExitCode, Failure> {
    use crate::signals::{Children, send};
    let mut children = Children::listen()?;
    let id = match command.spawn() {
        Ok(child) => child.id(),
        Err(error) => return Ok(not_started(&command, &error)),
    };
    loop {
        tokio::select! {
            status = children.reap_until(Some(id)) => return Ok(code(status)),
            signal = signals.next() => send(id, signal),
        }
    }
}

/// Runs the command to its end. It gets what its console sends, and nothing has to be passed on.
#[cfg(not(unix))]
async fn watched(command: Command, mut signals: Signals) -> Result<ExitCode, Failure> {
    let mut command = tokio::process::Command::from(command);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Ok(not_started(command.as_std(), &error)),
    };
    loop {
        tokio::select! {
            status = child.wait() => return Ok(code(status?)),
            // The console asks the command to end; the server ends with it.
            _ = signals.next() => {}
        }
    }
}

/// Says why the command does not run, and gives what shells give then.
fn not_started(command: &Command, error: &std::io::Error) -> ExitCode {
    complain(&format!("{} cannot be started: {error}", command.get_program().display()));
    if error.kind() == ErrorKind::NotFound { NOT_FOUND } else { NOT_RUNNABLE }.into()
}

/// The exit code that the command ended with; 128 and its number for a signal, as shells have it.
fn code(status: ExitStatus) -> ExitCode {
    let number = status.code().or_else(|| ended_by(status).map(|signal| 128 + signal));
    number.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

#[cfg(unix)]
fn ended_by(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn ended_by(_: ExitStatus) -> Option<i32> {
    None
}
