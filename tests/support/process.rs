//! Runs the program as a process: its output, exit code and signals.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// The path of the program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_omnidesk-mock");
/// Longer than any program runs; a program that hangs fails the test instead of blocking it.
const EXIT_TIMEOUT: Duration = Duration::from_mins(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutputStream {
    Stdout,
    Stderr,
}

/// Returns a command for the program without environment variables that change its settings.
pub(crate) fn build_command(arguments: &[&str]) -> Command {
    build_clean_env_command(PROGRAM, arguments)
}

/// Returns a command for any program without environment variables that change the server's settings.
pub(crate) fn build_clean_env_command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("OMNIDESK_") || name_text == "RUST_LOG" {
            command.env_remove(&name);
        }
    }
    command.args(arguments);
    command
}

/// Runs the program until it exits.
pub(crate) fn run_to_exit(arguments: &[&str]) -> ProcessOutput {
    RunningProcess::spawn(&mut build_command(arguments)).wait_for_exit()
}

/// Sends a signal, such as `-TERM`.
pub(crate) fn send_signal(process: u32, signal: &str) {
    let sent = Command::new("kill").args([signal, &process.to_string()]).status();
    assert!(sent.expect("kill starts").success(), "sending {signal} to {process} failed");
}

/// Exit code and output of a finished program.
#[derive(Debug)]
pub(crate) struct ProcessOutput {
    /// `None` if a signal ended the process.
    pub(crate) exit_code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl ProcessOutput {
    /// Returns stdout followed by stderr.
    pub(crate) fn combined_output(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Returns stdout; asserts exit code 0.
    pub(crate) fn expect_success(self) -> String {
        assert_eq!(self.exit_code, Some(0), "{self:?}");
        self.stdout
    }
}

/// A running program; it is killed when dropped.
pub(crate) struct RunningProcess {
    child: Child,
    /// Only the mutex makes the process usable by several tasks; every access is exclusive anyway.
    line_receiver: Mutex<Receiver<(OutputStream, String)>>,
    received_lines: Vec<(OutputStream, String)>,
}

impl RunningProcess {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let (sender, line_receiver) = channel();
        forward_lines(
            child.stdout.take().expect("the output is piped"),
            OutputStream::Stdout,
            sender.clone(),
        );
        forward_lines(
            child.stderr.take().expect("the output is piped"),
            OutputStream::Stderr,
            sender,
        );
        Self { child, line_receiver: Mutex::new(line_receiver), received_lines: Vec::new() }
    }

    /// Starts an ephemeral server on a free port, with further arguments.
    pub(crate) fn spawn_server(arguments: &[&str]) -> Self {
        let common = ["serve", "--listen", "127.0.0.1:0", "--ephemeral"];
        Self::spawn(&mut build_command(&[&common, arguments].concat()))
    }

    /// Returns the first line, already received or future, that matches the predicate.
    pub(crate) fn wait_for_line(
        &mut self,
        predicate: impl Fn(OutputStream, &str) -> bool,
    ) -> String {
        let end = Instant::now() + EXIT_TIMEOUT;
        let mut index = 0;
        loop {
            if let Some((stream, line)) = self.received_lines.get(index) {
                if predicate(*stream, line) {
                    return line.clone();
                }
                index += 1;
                continue;
            }
            let remaining = end.saturating_duration_since(Instant::now());
            match self.receive_line(remaining) {
                Ok(line) => self.received_lines.push(line),
                Err(error) => {
                    panic!("no line matched ({error}); printed: {:#?}", self.received_lines)
                }
            }
        }
    }

    /// Returns the base URL that the first line prints.
    pub(crate) fn base_url(&mut self) -> String {
        let line = self.wait_for_line(|stream, line| {
            stream == OutputStream::Stdout && line.starts_with("listening on ")
        });
        line["listening on ".len()..].to_owned()
    }

    /// Returns the lines of a stream that were received so far.
    pub(crate) fn received_lines(&self, stream: OutputStream) -> impl Iterator<Item = &str> {
        let lines = self.received_lines.iter().filter(move |(from, _)| *from == stream);
        lines.map(|(_, line)| line.as_str())
    }

    /// Returns the process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGTERM and waits for the exit.
    pub(crate) fn stop(self) -> ProcessOutput {
        self.signal_and_wait("-TERM")
    }

    /// Sends a signal and waits for the exit.
    pub(crate) fn signal_and_wait(self, signal: &str) -> ProcessOutput {
        send_signal(self.pid(), signal);
        self.wait_for_exit()
    }

    /// Waits for the exit; a program that keeps running fails the test.
    pub(crate) fn wait_for_exit(mut self) -> ProcessOutput {
        let end = Instant::now() + EXIT_TIMEOUT;
        loop {
            let remaining = end.saturating_duration_since(Instant::now());
            assert!(
                !remaining.is_zero(),
                "the program did not exit; printed: {:#?}",
                self.received_lines
            );
            match self.receive_line(remaining) {
                Ok(line) => self.received_lines.push(line),
                Err(_) if Instant::now() < end => break,
                Err(_) => {}
            }
        }
        let status = self.child.wait().expect("the program exits");
        ProcessOutput {
            exit_code: status.code(),
            stdout: self.collect_output(OutputStream::Stdout),
            stderr: self.collect_output(OutputStream::Stderr),
        }
    }

    fn receive_line(
        &mut self,
        timeout: Duration,
    ) -> Result<(OutputStream, String), RecvTimeoutError> {
        self.line_receiver.get_mut().expect("no thread panicked").recv_timeout(timeout)
    }

    fn collect_output(&self, selected: OutputStream) -> String {
        let lines = self.received_lines.iter().filter(|(stream, _)| *stream == selected);
        lines.flat_map(|(_, line)| [line.as_str(), "\n"]).collect()
    }
}

impl Drop for RunningProcess {
    #[expect(clippy::print_stderr, reason = "the log of a program explains why its test failed")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            while let Ok(line) = self.receive_line(Duration::ZERO) {
                self.received_lines.push(line);
            }
            eprintln!("{}", self.collect_output(OutputStream::Stderr));
        }
        // The process may have exited already; then the kill fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn forward_lines(
    from: impl Read + Send + 'static,
    stream: OutputStream,
    to: Sender<(OutputStream, String)>,
) {
    std::thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n') {
            let Ok(line) = line else { return };
            let line = String::from_utf8_lossy(&line).into_owned();
            if to.send((stream, line)).is_err() {
                return;
            }
        }
    });
}
