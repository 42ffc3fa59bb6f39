//! A server in a process of its own: started, asked for its address, measured, stopped.

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

use crate::Outcome;

/// Planting a large seed takes a while; more than this is a failure.
const START_LIMIT: Duration = Duration::from_mins(3);

/// The server promises to drain within ten seconds.
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// The kernel reports processor time in these, on every architecture.
const TICKS_PER_SECOND: f64 = 100.0;

pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts the command and waits for the line that tells its address. What it logs goes to `log`.
    pub(crate) fn start(mut command: Command, log: &Path) -> Outcome<Self> {
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self::start_at(unknown, command.stdout(Stdio::piped()), log)?;
        let output = server.child.stdout.take().expect("standard output is piped");
        let line = first_line(output).recv_timeout(START_LIMIT).unwrap_or_default();
        let Some(address) = line.trim_end().strip_prefix("listening on http://") else {
            let said = fs::read_to_string(log).unwrap_or_default();
            return Err(format!("{command:?} did not start: {line:?}\n{said}").into());
        };
        server.address = address.parse()?;
        Ok(server)
    }

    /// Starts the command, which was told its address, and waits for nothing.
    pub(crate) fn start_at(
        address: SocketAddr,
        command: &mut Command,
        log: &Path,
    ) -> Outcome<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        let child = command.stdin(Stdio::null()).stderr(log).spawn();
        let child = child.map_err(|error| format!("{command:?}: {error}"))?;
        Ok(Self { child, address })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Processor time used so far by all threads, in seconds.
    pub(crate) fn cpu_seconds(&self) -> Outcome<f64> {
        cpu_seconds(&self.id().to_string(), 2)
    }

    /// Resident memory, in MB.
    pub(crate) fn memory(&self) -> Outcome<f64> {
        Ok(f64::from(self.status("VmRSS")?) * 1024.0 / 1e6)
    }

    /// A number of `/proc/PID/status`; of memory in kB.
    pub(crate) fn status(&self, name: &str) -> Outcome<u32> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let mut fields = text.lines().filter_map(|line| line.split_once(':'));
        let value = fields.find(|(field, _)| *field == name).map(|(_, value)| value);
        let value = value.ok_or_else(|| format!("no {name} in /proc/PID/status"))?;
        Ok(value.trim().trim_end_matches(" kB").parse()?)
    }

    /// Asks the server to stop, and waits until it has, so that its files are whole.
    pub(crate) fn stop(mut self) -> Outcome<()> {
        let id = self.id().to_string();
        // A shell's own `kill` is there even where the program of that name is not.
        Command::new("sh").args(["-c", "kill -TERM \"$0\"", &id]).status()?;
        let deadline = Instant::now() + STOP_LIMIT;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                return Err(format!("a server did not stop within {STOP_LIMIT:?}").into());
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only for a process that is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first so many of a process's times: its own as user and in the kernel, and those of its ended children.
pub(crate) fn cpu_seconds(process: &str, times: usize) -> Outcome<f64> {
    let fields = stat(process)?;
    ticks(fields.iter().skip(11).take(times).map(String::as_str))
}

/// The sum of times as the kernel writes them, in seconds.
pub(crate) fn ticks<'a>(times: impl Iterator<Item = &'a str>) -> Outcome<f64> {
    Ok(times.map(str::parse::<f64>).sum::<Result<f64, _>>()? / TICKS_PER_SECOND)
}

/// The fields of `/proc/PROCESS/stat` after the second, which is the program's name in brackets and may hold anything.
pub(crate) fn stat(process: &str) -> Outcome<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let after_name = stat.rsplit_once(')').ok_or("no program name in /proc/PID/stat")?.1;
    Ok(after_name.split_whitespace().map(str::to_owned).collect())
}

/// Sends the first line, and reads on to the end: a full pipe would stop the server.
fn first_line(output: ChildStdout) -> mpsc::Receiver<String> {
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
