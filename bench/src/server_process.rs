//! A server process: starts it, reads its address and its resource usage, stops it.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use crate::{BenchResult, procfs};

/// Loading a large seed takes a while; a longer start is an error.
const START_TIMEOUT: Duration = Duration::from_mins(3);

/// The server drains its connections within ten seconds.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);

pub struct ServerProcess {
    child: Child,
    pub address: SocketAddr,
}

impl ServerProcess {
    /// Starts the command and waits for the line that contains its address. Standard error is appended to `log`.
    pub fn start(mut command: Command, log: &Path) -> BenchResult<Self> {
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self::spawn(unknown, command.stdout(Stdio::piped()), log)?;
        let output = server.child.stdout.take().ok_or("standard output is not piped")?;
        let line = read_first_line(output).recv_timeout(START_TIMEOUT).unwrap_or_default();
        let Some(address) = line.trim_end().strip_prefix("listening on http://") else {
            let text = fs::read_to_string(log).unwrap_or_default();
            return Err(format!("{command:?} did not start: {line:?}\n{text}").into());
        };
        server.address = address.parse()?;
        Ok(server)
    }

    /// Starts a command whose arguments contain its address, and returns at once.
    pub fn spawn(address: SocketAddr, command: &mut Command, log: &Path) -> BenchResult<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        let child = command.stdin(Stdio::null()).stderr(log).spawn();
        let child = child.map_err(|error| format!("{command:?}: {error}"))?;
        Ok(Self { child, address })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Processor time of all threads so far, in seconds.
    pub fn cpu_seconds(&self) -> BenchResult<f64> {
        procfs::cpu_seconds(&self.id().to_string())
    }

    /// Resident memory, in MB.
    pub fn resident_memory(&self) -> BenchResult<f64> {
        self.memory_field("VmRSS")
    }

    /// Peak of the resident memory since the start, in MB.
    pub fn peak_memory(&self) -> BenchResult<f64> {
        self.memory_field("VmHWM")
    }

    pub fn thread_count(&self) -> BenchResult<u32> {
        procfs::status_field(self.id(), "Threads")
    }

    pub fn open_file_count(&self) -> BenchResult<usize> {
        procfs::open_file_count(self.id())
    }

    fn memory_field(&self, name: &str) -> BenchResult<f64> {
        Ok(f64::from(procfs::status_field(self.id(), name)?) * 1024.0 / 1e6)
    }

    /// Sends SIGTERM and waits until the process has exited, so that its files are complete.
    pub fn stop(mut self) -> BenchResult<()> {
        let id = self.id().to_string();
        // `kill` is a builtin of the shell; a minimal system has no program of that name.
        Command::new("sh").args(["-c", "kill -TERM \"$0\"", &id]).status()?;
        let deadline = Instant::now() + STOP_TIMEOUT;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                return Err(format!("a server did not stop within {STOP_TIMEOUT:?}").into());
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // Both fail only if the process has already exited.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends the first line, and reads the rest to the end: a full pipe would block the server.
fn read_first_line(output: ChildStdout) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut reader = BufReader::new(output);
        let mut line = String::new();
        if reader.read_line(&mut line).is_ok() {
            let _ = sender.send(line);
        }
        let _ = std::io::copy(&mut reader, &mut std::io::sink());
    });
    receiver
}
