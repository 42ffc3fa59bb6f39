//! The command `run`: starts an in-memory server, and runs another command against it.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::Context;
use tokio::sync::oneshot;

use crate::cli::arguments::RunArgs;
use crate::cli::output::print_error;
use crate::cli::signals::{SignalStream, StartupSignalGuard};
use crate::cli::{log, process_limits};
use crate::control;
use crate::server::Server;

/// The exit code of shells for a command that does not exist.
const EXIT_NOT_FOUND: u8 = 127;
/// The exit code of shells for a command that cannot be executed.
const EXIT_NOT_EXECUTABLE: u8 = 126;

/// Runs the command and returns its exit code.
///
/// # Errors
/// If the server or the command cannot be started.
pub(super) fn run(args: &RunArgs, startup: StartupSignalGuard) -> anyhow::Result<ExitCode> {
    process_limits::raise_fd_limit()?;
    run_with_server(args, startup)
}

#[tokio::main]
async fn run_with_server(args: &RunArgs, startup: StartupSignalGuard) -> anyhow::Result<ExitCode> {
    process_limits::ignore_sigxfsz()?;
    // The user wants the command's output, so only warnings are logged.
    let _log = log::init_warnings_only(args.serve.log);
    let config = args.serve.to_server_config();
    let (server, key) = Server::open_with_account(&config).await?;
    let control_token = config.control_token.as_deref();
    let control_token = control_token.or(server.control_token_to_print.as_deref());
    let command = build_command(
        &args.command,
        &server.state.own_urls.default_base_url().to_string(),
        &key,
        control_token,
    )?;
    let (shutdown_tx, shutdown_rx) = oneshot::channel::<()>();
    let server_task = tokio::spawn(server.run(async {
        // Dropped once the command has exited.
        let _ = shutdown_rx.await;
    }));
    let signals = SignalStream::for_forwarding()?;
    startup.release();
    let result = supervise(command, signals).await;
    drop(shutdown_tx);
    server_task.await?;
    result
}

/// Builds the command, with the server's address and secrets in its environment.
fn build_command(
    command_line: &[OsString],
    base_url: &str,
    api_key: &str,
    control_token: Option<&str>,
) -> anyhow::Result<Command> {
    let (program, args) = command_line.split_first().context("the command is missing")?;
    let mut command = Command::new(resolve_program(program));
    command
        .args(args)
        .env("OMNIDESK_CONTROL_URL", format!("{base_url}{}", control::PATH_PREFIX))
        .env("OMNIDESK_BASE_URL", base_url)
        .env("OMNIDESK_API_KEY", api_key);
    // A proxy of the environment cannot reach this server.
    // Some programs read one of them, some the other.
    for name in ["NO_PROXY", "no_proxy"] {
        let current = std::env::var(name).unwrap_or_default();
        command.env(name, extend_no_proxy(&current, base_url));
    }
    if let Some(token) = control_token {
        command.env("OMNIDESK_CONTROL_TOKEN", token);
    }
    Ok(command)
}

/// Returns the path of a program that the system does not find by itself, such as a `.cmd` file; otherwise its name.
#[cfg(windows)]
fn resolve_program(name: &OsStr) -> OsString {
    use crate::cli::find_program::find_program;
    let variable = |name| std::env::var(name).unwrap_or_default();
    let found = name.to_str().and_then(|name| {
        find_program(name, &variable("PATH"), &variable("PATHEXT"), |file| {
            std::path::Path::new(file).is_file()
        })
    });
    found.map_or_else(|| name.to_owned(), OsString::from)
}

/// Other systems find every program.
#[cfg(not(windows))]
fn resolve_program(name: &OsStr) -> &OsStr {
    name
}

/// Adds the host of a URL to a list of hosts that are reached without a proxy.
fn extend_no_proxy(list: &str, base_url: &str) -> String {
    let authority = base_url.split_once("://").map_or(base_url, |(_, rest)| rest);
    let authority = authority.split('/').next().unwrap_or_default();
    // Most clients expect an IPv6 address without its brackets.
    let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => authority.split(':').next().unwrap_or_default(),
    };
    let has_host = list.split(',').any(|entry| entry.trim() == host || entry.trim() == "*");
    match list {
        _ if has_host => list.to_owned(),
        "" => host.to_owned(),
        _ => format!("{list},{host}"),
    }
}

/// Runs the command until it exits, and forwards signals to it.
#[cfg(unix)]
async fn supervise(mut command: Command, mut signals: SignalStream) -> anyhow::Result<ExitCode> {
    use crate::cli::signals::{ChildReaper, forward_signal};
    let mut children = ChildReaper::new()?;
    let id = match command.spawn() {
        Ok(child) => child.id(),
        Err(error) => return Ok(report_spawn_error(&command, &error)),
    };
    loop {
        tokio::select! {
            status = children.reap_until(Some(id)) => return Ok(exit_code(status)),
            signal = signals.recv() => forward_signal(id, signal),
        }
    }
}

/// Runs the command until it exits. The console sends its events to the command as well, so nothing is forwarded.
#[cfg(not(unix))]
async fn supervise(command: Command, mut signals: SignalStream) -> anyhow::Result<ExitCode> {
    let mut command = tokio::process::Command::from(command);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Ok(report_spawn_error(command.as_std(), &error)),
    };
    loop {
        tokio::select! {
            status = child.wait() => return Ok(exit_code(status?)),
            // The console also stops the command; the server stops after it.
            _ = signals.recv() => {}
        }
    }
}

/// Prints the reason why the command cannot start, and returns the exit code of shells for it.
fn report_spawn_error(command: &Command, error: &std::io::Error) -> ExitCode {
    print_error(&format!("{} cannot be started: {error}", command.get_program().display()));
    if error.kind() == ErrorKind::NotFound { EXIT_NOT_FOUND } else { EXIT_NOT_EXECUTABLE }.into()
}

/// Returns the command's exit code; 128 plus the number of the signal that killed it, as in shells.
fn exit_code(status: ExitStatus) -> ExitCode {
    let number = status.code().or_else(|| termination_signal(status).map(|signal| 128 + signal));
    number.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

#[cfg(unix)]
fn termination_signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn termination_signal(_: ExitStatus) -> Option<i32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_of_the_server_is_added_to_no_proxy() {
        for (list, base_url, expected) in [
            ("", "http://127.0.0.1:8080", "127.0.0.1"),
            ("corp.test", "http://127.0.0.1:8080", "corp.test,127.0.0.1"),
            ("corp.test, 127.0.0.1", "http://127.0.0.1:8080", "corp.test, 127.0.0.1"),
            ("*", "http://127.0.0.1:8080", "*"),
            ("127.0.0.10", "http://127.0.0.1:8080/mock", "127.0.0.10,127.0.0.1"),
            ("", "http://[::1]:8080", "::1"),
            ("", "https://desk.test/mock", "desk.test"),
        ] {
            assert_eq!(extend_no_proxy(list, base_url), expected, "{list} {base_url}");
        }
    }
}
