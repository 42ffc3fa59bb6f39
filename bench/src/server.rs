//! A server process: its command, its address, its resource usage, and measurements over connections to it.

use crate::prelude::*;

pub const FILES: &str = "--data";
pub const MEMORY: &str = "--ephemeral";
pub const STORAGES: [&str; 2] = [FILES, MEMORY];

impl Bench {
    /// The command of the server under test, on its core or as a user runs it: on any core.
    pub fn serve(&self, is_pinned: bool, listen: &str, storage: &str, data: &Path) -> Command {
        let mut command = self.command(is_pinned.then_some(SERVER_CORE), &self.server_binary);
        // The user's own settings must not change the figures.
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("OMNIDESK_MOCK_") {
                command.env_remove(name);
            }
        }
        command.env("RUST_LOG", "warn").current_dir(self.path(""));
        command.args(["serve", "--listen", listen, storage]);
        command.args((storage == FILES).then_some(data));
        command
    }

    /// Starts the server on its core, with new data: a seed of one account, and further flags.
    pub fn start_server(&self, storage: &str, tickets: u32, flags: &[&str]) -> Result<Server> {
        let (seed, data) = (self.path("seed.json"), tempfile::tempdir_in(self.path(""))?.keep());
        seed::write(&seed, 1, tickets)?;
        let mut command = self.serve(true, "127.0.0.1:0", storage, &data);
        command.arg("--seed").arg(seed).args(flags);
        self.start_command(command)
    }

    /// Starts the command and waits for the line that contains its address.
    pub fn start_command(&self, mut command: Command) -> Result<Server> {
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = self.spawn(unknown, command.stdout(Stdio::piped()))?;
        let mut output = BufReader::new(server.child.stdout.take().context("no output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        // A full pipe would block the server.
        thread::spawn(move || io::copy(&mut output, &mut io::sink()));
        let Some(address) = line.trim_end().strip_prefix("listening on http://") else {
            let log = fs::read_to_string(self.path("server.log"))?;
            bail!("{command:?} did not start: {line:?}\n{log}");
        };
        server.address = address.parse()?;
        Ok(server)
    }

    pub fn spawn(&self, address: SocketAddr, command: &mut Command) -> Result<Server> {
        let log = File::options().create(true).append(true).open(self.path("server.log"))?;
        let child = command.stdin(Stdio::null()).stderr(log).spawn();
        Ok(Server { child: child.with_context(|| format!("{command:?}"))?, address })
    }
}

pub struct Server {
    child: Child,
    pub address: SocketAddr,
}

impl Server {
    pub fn connect(&self) -> io::Result<Connection> {
        Connection::open(self.address)
    }

    pub fn connect_many(&self, count: u32) -> io::Result<Vec<Connection>> {
        (0..count).map(|_| self.connect()).collect()
    }

    /// Sends the requests one after the other over one connection. The processor time is that of the server until a
    /// moment after the last response. Every response must pass the check.
    pub fn measure(
        &self,
        requests: impl IntoIterator<Item = impl AsRef<str>>,
        mut check: impl FnMut(&Response) -> Result<()>,
    ) -> Result<Samples> {
        let mut connection = self.connect()?;
        let (mut latencies, cpu_before) = (Vec::new(), self.cpu_seconds()?);
        for request in requests {
            let start = Instant::now();
            let response = connection.exchange(request.as_ref())?;
            latencies.push(milliseconds(start.elapsed()));
            check(&response)?;
        }
        thread::sleep(Duration::from_millis(20));
        Ok(Samples { latencies, cpu_seconds: self.cpu_seconds()? - cpu_before })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn cpu_seconds(&self) -> Result<f64> {
        cpu_seconds(self.id(), false)
    }

    pub fn memory(&self) -> Result<f64> {
        self.status("VmRSS")
    }

    pub fn settled_memory(&self) -> Result<f64> {
        thread::sleep(Duration::from_millis(500));
        self.memory()
    }

    pub fn resources(&self) -> Result<[f64; 3]> {
        let open_files = fs::read_dir(format!("/proc/{}/fd", self.id()))?.map(|_| 1.0).sum();
        Ok([self.memory()?, self.status("Threads")?, open_files])
    }

    /// A number from `/proc/PID/status`. Sizes of memory are in MB.
    pub fn status(&self, name: &str) -> Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let mut fields = text.lines().filter_map(|line| line.split_once(':'));
        let value = fields.find(|(field, _)| *field == name).context("no such field")?.1.trim();
        let kilobytes = value.strip_suffix(" kB").map(str::parse::<f64>);
        Ok(kilobytes.map_or_else(|| value.parse(), |size| size.map(|size| size * 1024.0 / 1e6))?)
    }

    /// Sends SIGTERM and waits until the process has exited, so that its files are complete.
    pub fn stop(mut self) -> Result<()> {
        // `kill` is a builtin of the shell; a minimal system has no program of that name.
        Command::new("sh").args(["-c", "kill -TERM \"$0\"", &self.id().to_string()]).status()?;
        // The server drains its connections within ten seconds.
        let deadline = Instant::now() + Duration::from_secs(15);
        while self.child.try_wait()?.is_none() {
            ensure!(Instant::now() < deadline, "a server has not stopped for 15 seconds");
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if the process has already exited.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processor time of a process, in seconds; with that of its children that have exited, if wanted.
pub fn cpu_seconds(process: u32, with_children: bool) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The program's name is in parentheses and can contain spaces.
    let after_name = stat.rsplit_once(')').context("no program name")?.1;
    // User time, kernel time, and both of the children.
    sum_ticks(after_name.split_whitespace().skip(11).take(if with_children { 4 } else { 2 }))
}

/// Adds processor times in the unit of `/proc`, a hundredth of a second on every architecture.
pub fn sum_ticks<'a>(ticks: impl Iterator<Item = &'a str>) -> Result<f64> {
    Ok(ticks.map(str::parse::<f64>).sum::<Result<f64, _>>()? / 100.0)
}

/// The size of all files below a folder, in MB; 0 if it is missing. A file that is deleted meanwhile counts as empty.
pub fn folder_size(folder: &Path) -> f64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => folder_size(&entry.path()),
        Ok(metadata) => f64::from(u32::try_from(metadata.len() / 1_000).unwrap_or(u32::MAX)) / 1e3,
        Err(_) => 0.0,
    });
    sizes.sum()
}
