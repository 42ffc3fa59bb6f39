//! A running server on a free loopback port, with its client.

use std::ops::{Deref, DerefMut};
use std::process::Command;

use super::client::ApiClient;
use super::process::{ProcessOutput, RunningProcess, build_command};

/// A running server; it is killed when dropped. If its test fails, its log is printed.
pub(crate) struct Server {
    process: RunningProcess,
    client: ApiClient,
}

impl Server {
    /// Starts an ephemeral server with the account `dev`.
    pub(crate) fn start() -> Self {
        Self::start_with_args(&["--ephemeral"])
    }

    /// Starts a server with these arguments, on a free port.
    pub(crate) fn start_with_args(arguments: &[&str]) -> Self {
        let mut command = build_command(&["serve", "--listen", "127.0.0.1:0"]);
        Self::start_command(command.args(arguments).env("RUST_LOG", "warn"))
    }

    /// Starts the command of a server, and waits until it is ready.
    pub(crate) fn start_command(command: &mut Command) -> Self {
        let mut process = RunningProcess::spawn(command);
        let client = ApiClient::new(&process.base_url());
        Self { process, client }
    }

    /// Returns the process id.
    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Sends SIGTERM and waits for the exit.
    pub(crate) fn stop(self) -> ProcessOutput {
        self.process.stop()
    }

    /// Sends SIGTERM, and asserts exit code 0 and a log without a panic.
    #[track_caller]
    pub(crate) fn stop_cleanly(self) -> ProcessOutput {
        let output = self.stop();
        assert_eq!(output.exit_code, Some(0), "{output:?}");
        assert!(!output.combined_output().contains("panicked"), "{output:?}");
        output
    }

    /// Sends SIGKILL and waits for the exit.
    pub(crate) fn kill(self) {
        drop(self.process);
    }
}

impl Deref for Server {
    type Target = ApiClient;

    fn deref(&self) -> &ApiClient {
        &self.client
    }
}

impl DerefMut for Server {
    fn deref_mut(&mut self) -> &mut ApiClient {
        &mut self.client
    }
}
