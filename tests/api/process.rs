//! The program as a process: what it prints while it runs, and how it ends.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// Longer than anything here takes, so that a stuck program fails its test instead of holding it.
const TEST_TIMEOUT: Duration = Duration::from_secs(90);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutputStream {
    Stdout,
    Stderr,
}

/// The program with these arguments, and none of the variables that would change its settings.
pub(crate) fn build_command(arguments: &[&str]) -> Command {
    build_clean_env_command(env!("CARGO_BIN_EXE_omnidesk-mock"), arguments)
}

/// Any program, with none of the variables that would change the settings of a server below it.
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

/// Runs a command of the program that ends by itself.
pub(crate) fn run_to_exit(arguments: &[&str]) -> ProcessOutput {
    RunningProcess::spawn(&mut build_command(arguments)).wait_for_exit()
}

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct ProcessOutput {
    /// None where a signal ended it.
    pub(crate) exit_code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl ProcessOutput {
    /// All that it printed, on both streams.
    pub(crate) fn combined_output(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Its standard output, where it ended well.
    pub(crate) fn expect_success(self) -> String {
        assert_eq!(self.exit_code, Some(0), "{self:?}");
        self.stdout
    }
}

/// A program that runs; it is killed when dropped.
pub(crate) struct RunningProcess {
    child: Child,
    line_receiver: Receiver<(OutputStream, String)>,
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
        let (sender, lines) = channel();
        forward_lines(child.stdout.take().expect("piped"), OutputStream::Stdout, sender.clone());
        forward_lines(child.stderr.take().expect("piped"), OutputStream::Stderr, sender);
        Self { child, line_receiver: lines, received_lines: Vec::new() }
    }

    /// An ephemeral server on a free port, with further arguments.
    pub(crate) fn spawn_server(arguments: &[&str]) -> Self {
        let fixed = ["serve", "--listen", "127.0.0.1:0", "--ephemeral"];
        Self::spawn(&mut build_command(&[&fixed, arguments].concat()))
    }

    /// The first line, seen or still to come, for which `wanted` holds.
    pub(crate) fn wait_for_line(&mut self, wanted: impl Fn(OutputStream, &str) -> bool) -> String {
        let end = Instant::now() + TEST_TIMEOUT;
        let mut at = 0;
        loop {
            if let Some((stream, line)) = self.received_lines.get(at) {
                if wanted(*stream, line) {
                    return line.clone();
                }
                at += 1;
                continue;
            }
            let left = end.saturating_duration_since(Instant::now());
            match self.line_receiver.recv_timeout(left) {
                Ok(line) => self.received_lines.push(line),
                Err(error) => {
                    panic!("the line did not come ({error}); printed: {:#?}", self.received_lines)
                }
            }
        }
    }

    /// The address that the first line announces.
    pub(crate) fn base_url(&mut self) -> String {
        let line = self.wait_for_line(|stream, line| {
            stream == OutputStream::Stdout && line.starts_with("listening on ")
        });
        line["listening on ".len()..].to_owned()
    }

    /// The number of the process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) fn stop(self) -> ProcessOutput {
        self.signal_and_wait("-TERM")
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn signal_and_wait(self, signal: &str) -> ProcessOutput {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().expect("kill runs");
        assert!(sent.success());
        self.wait_for_exit()
    }

    /// Waits for the end; a program that does not end fails the test.
    pub(crate) fn wait_for_exit(mut self) -> ProcessOutput {
        let end = Instant::now() + TEST_TIMEOUT;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "the program does not end; printed: {:#?}",
                self.received_lines
            );
            match self.line_receiver.recv_timeout(left) {
                Ok(line) => self.received_lines.push(line),
                Err(_) if Instant::now() < end => break,
                Err(_) => {}
            }
        }
        let status = self.child.wait().expect("the program ends");
        ProcessOutput {
            exit_code: status.code(),
            stdout: self.collect_output(OutputStream::Stdout),
            stderr: self.collect_output(OutputStream::Stderr),
        }
    }

    fn collect_output(&self, wanted: OutputStream) -> String {
        let lines = self.received_lines.iter().filter(|(stream, _)| *stream == wanted);
        lines.flat_map(|(_, line)| [line.as_str(), "\n"]).collect()
    }
}

impl Drop for RunningProcess {
    fn drop(&mut self) {
        // It may have ended already; there is nothing more to do then.
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
