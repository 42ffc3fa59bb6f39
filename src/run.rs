//! The command `run`: another command beside a server of its own.

use std::io::ErrorKind;
use std::process::{ExitCode, ExitStatus};

use tokio::process::{Child, Command};
use tokio::sync::oneshot;

use crate::control;
use crate::server::{Server, write_port_file};
use crate::settings::{Run, Settings};
use crate::terminal::{Failure, complain};
use crate::{system, telemetry};

/// What shells give for a command that is not there.
const NOT_FOUND: u8 = 127;
/// What shells give for a command that cannot be run.
const NOT_RUNNABLE: u8 = 126;

/// Runs the command, and gives its exit code.
///
/// # Errors
/// When the server or the command cannot be started.
#[tokio::main]
pub(crate) async fn run(run: &Run) -> Result<ExitCode, Failure> {
    // The key is that of the fresh account, and of no account dev.
    let key = run.serve.api_key.clone();
    let settings = &Settings { api_key: None, ..run.serve.clone() };
    // What the command says is what people want to read.
    let _log = telemetry::start_quietly(settings.log);
    system::prepare()?;
    let server = Server::open(settings).await?;
    let key = server.fresh_account(key).await?;
    write_port_file(settings, server.address)?;
    let command = command(run, &server, key)?;
    let (ended, end) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.run(async {
        // Sent or dropped, the command has ended.
        let _ = end.await;
    }));
    let ran = watched(command).await;
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
async fn watched(mut command: Command) -> Result<ExitCode, Failure> {
    let mut signals = signals::Signals::new()?;
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            complain(&format!(
                "{} cannot be started: {error}",
                command.as_std().get_program().display()
            ));
            return Ok(
                if error.kind() == ErrorKind::NotFound { NOT_FOUND } else { NOT_RUNNABLE }.into()
            );
        }
    };
    loop {
        tokio::select! {
            status = child.wait() => return Ok(code(status?)),
            signal = signals.next() => pass_on(&child, signal),
        }
    }
}

fn pass_on(child: &Child, signal: signals::Signal) {
    if let Some(id) = child.id() {
        signals::send(id, signal);
    }
}

/// The exit code that the command ended with; 128 and its number for a signal, as shells have it.
fn code(status: ExitStatus) -> ExitCode {
    let number = status.code().or_else(|| signals::ended_by(status).map(|signal| 128 + signal));
    number.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

#[cfg(unix)]
mod signals {
    //! Signals as Unix has them.

    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    pub(super) use rustix::process::Signal;
    use rustix::process::{Pid, getpgrp, kill_process};
    use rustix::termios::tcgetpgrp;
    use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

    /// Those that are passed on.
    pub(super) struct Signals {
        terminate: Stream,
        interrupt: Stream,
        quit: Stream,
        hang_up: Stream,
    }

    impl Signals {
        pub(super) fn new() -> std::io::Result<Self> {
            Ok(Self {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
                quit: signal(SignalKind::quit())?,
                hang_up: signal(SignalKind::hangup())?,
            })
        }

        pub(super) async fn next(&mut self) -> Signal {
            tokio::select! {
                _ = self.terminate.recv() => Signal::TERM,
                _ = self.interrupt.recv() => Signal::INT,
                _ = self.quit.recv() => Signal::QUIT,
                _ = self.hang_up.recv() => Signal::HUP,
            }
        }
    }

    /// Passes a signal on, unless a terminal has sent it to both already.
    pub(super) fn send(id: u32, signal: Signal) {
        let from_keyboard = signal == Signal::INT || signal == Signal::QUIT;
        // Asked of the terminal itself: standard input may be a file.
        let terminal = std::fs::File::open("/dev/tty").ok();
        let in_foreground = terminal
            .and_then(|terminal| tcgetpgrp(terminal).ok())
            .is_some_and(|group| group == getpgrp());
        if from_keyboard && in_foreground {
            return;
        }
        if let Some(id) = i32::try_from(id).ok().and_then(Pid::from_raw) {
            // It may have ended in between.
            let _ = kill_process(id, signal);
        }
    }

    pub(super) fn ended_by(status: ExitStatus) -> Option<i32> {
        status.signal()
    }
}

#[cfg(not(unix))]
mod signals {
    //! Elsewhere the command gets what its console sends, and nothing has to be passed on.

    use std::process::ExitStatus;

    #[derive(Clone, Copy)]
    pub(super) struct Signal;

    pub(super) struct Signals;

    impl Signals {
        pub(super) fn new() -> std::io::Result<Self> {
            Ok(Self)
        }

        pub(super) async fn next(&mut self) -> Signal {
            // The console asks the command to end; the server ends with it.
            let _ = tokio::signal::ctrl_c().await;
            Signal
        }
    }

    pub(super) fn send(_: u32, _: Signal) {}

    pub(super) fn ended_by(_: ExitStatus) -> Option<i32> {
        None
    }
}
