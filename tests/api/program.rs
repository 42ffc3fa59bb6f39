//! The program as a process: what it prints while it runs, and how it ends.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// Longer than anything here takes, so that a stuck program fails its test instead of holding it.
const PATIENCE: Duration = Duration::from_secs(90);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Err,
}

/// The program with these arguments, and none of the variables that would change its settings.
pub(crate) fn command(arguments: &[&str]) -> Command {
    undisturbed(env!("CARGO_BIN_EXE_omnidesk-mock"), arguments)
}

/// Any program, with none of the variables that would change the settings of a server below it.
pub(crate) fn undisturbed(program: &str, arguments: &[&str]) -> Command {
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
pub(crate) fn run(arguments: &[&str]) -> Finished {
    Running::spawn(&mut command(arguments)).finish()
}

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    /// None where a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    /// All that it printed, on both streams.
    pub(crate) fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Its standard output, where it ended well.
    pub(crate) fn output(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }
}

/// A program that runs; it is killed when dropped.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<(Stream, String)>,
    seen: Vec<(Stream, String)>,
}

impl Running {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let (sender, lines) = channel();
        forward(child.stdout.take().expect("piped"), Stream::Out, sender.clone());
        forward(child.stderr.take().expect("piped"), Stream::Err, sender);
        Self { child, lines, seen: Vec::new() }
    }

    /// An ephemeral server on a free port, with further arguments.
    pub(crate) fn serve(arguments: &[&str]) -> Self {
        let fixed = ["serve", "--listen", "127.0.0.1:0", "--ephemeral"];
        Self::spawn(&mut command(&[&fixed, arguments].concat()))
    }

    /// The first line, seen or still to come, for which `wanted` holds.
    pub(crate) fn wait_for(&mut self, wanted: impl Fn(Stream, &str) -> bool) -> String {
        let end = Instant::now() + PATIENCE;
        let mut at = 0;
        loop {
            if let Some((stream, line)) = self.seen.get(at) {
                if wanted(*stream, line) {
                    return line.clone();
                }
                at += 1;
                continue;
            }
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.seen.push(line),
                Err(error) => panic!("the line did not come ({error}); printed: {:#?}", self.seen),
            }
        }
    }

    /// The address that the first line announces.
    pub(crate) fn base(&mut self) -> String {
        let line = self
            .wait_for(|stream, line| stream == Stream::Out && line.starts_with("listening on "));
        line["listening on ".len()..].to_owned()
    }

    /// The number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) fn stop(self) -> Finished {
        self.signal("-TERM")
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn signal(self, signal: &str) -> Finished {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().expect("kill runs");
        assert!(sent.success());
        self.finish()
    }

    /// Waits for the end; a program that does not end fails the test.
    pub(crate) fn finish(mut self) -> Finished {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the program does not end; printed: {:#?}", self.seen);
            match self.lines.recv_timeout(left) {
                Ok(line) => self.seen.push(line),
                Err(_) if Instant::now() < end => break,
                Err(_) => {}
            }
        }
        let status = self.child.wait().expect("the program ends");
        Finished {
            code: status.code(),
            stdout: self.all(Stream::Out),
            stderr: self.all(Stream::Err),
        }
    }

    fn all(&self, wanted: Stream) -> String {
        let lines = self.seen.iter().filter(|(stream, _)| *stream == wanted);
        lines.flat_map(|(_, line)| [line.as_str(), "\n"]).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already; there is nothing more to do then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn forward(from: impl Read + Send + 'static, stream: Stream, to: Sender<(Stream, String)>) {
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
