//! A server with a temporary data folder, and measurements over connections to it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use tempfile::TempDir;

use crate::{
    BenchResult,
    connection::{Connection, Response},
    request::RequestEncoder,
    seed::{self, API_KEY},
    server_process::ServerProcess,
    statistics::LatencySamples,
    storage::Storage,
    target_folder,
};

pub struct ServerConfig<'a> {
    pub storage: Storage,
    /// Tickets of the seed; no seed if none.
    pub seed_tickets: Option<u32>,
    /// Further arguments of `serve`.
    pub flags: &'a [&'a str],
}

pub struct TestServer {
    pub process: ServerProcess,
    /// The server's data. It is dropped after the server.
    folder: TempDir,
}

impl TestServer {
    /// Adds the arguments of the configuration to the command and starts it.
    pub fn start(
        benchmark: &str,
        mut command: Command,
        config: &ServerConfig,
    ) -> BenchResult<Self> {
        let folder = target_folder::create_temporary_folder(benchmark)?;
        let [seed, data, log] = ["seed.json", "data", "log"].map(|name| folder.path().join(name));
        command.current_dir(folder.path());
        config.storage.add_arguments(&mut command, "127.0.0.1:0", &data);
        if let Some(tickets) = config.seed_tickets {
            seed::write(&seed, tickets)?;
            command.arg("--seed").arg(seed);
        }
        command.args(config.flags);
        Ok(Self { process: ServerProcess::start(command, &log)?, folder })
    }

    pub fn connect(&self) -> io::Result<Connection> {
        Connection::open(self.process.address)
    }

    pub fn connect_many(&self, count: usize) -> io::Result<Vec<Connection>> {
        (0..count).map(|_| self.connect()).collect()
    }

    /// Encodes requests with the key of the seed.
    pub fn requests(&self) -> RequestEncoder<'static> {
        RequestEncoder::new(self.process.address, API_KEY)
    }

    pub fn requests_with_key<'a>(&self, api_key: &'a str) -> RequestEncoder<'a> {
        RequestEncoder::new(self.process.address, api_key)
    }

    /// Sends the requests one after the other. Each latency is from before the request is sent until its response is
    /// read; the processor time is that of the server. Every response must pass the check.
    pub fn measure(
        &self,
        connection: &mut Connection,
        requests: impl Iterator<Item = impl AsRef<str>>,
        mut check: impl FnMut(&Response) -> BenchResult<()>,
    ) -> BenchResult<LatencySamples> {
        let mut latencies = Vec::new();
        let cpu_before = self.process.cpu_seconds()?;
        for request in requests {
            let start = Instant::now();
            let response = connection.exchange(request.as_ref())?;
            latencies.push(start.elapsed());
            check(&response)?;
        }
        Ok(LatencySamples::new(latencies, self.process.cpu_seconds()? - cpu_before))
    }

    /// Size of the data folder in MB; 0 if the data is in memory.
    pub fn data_folder_size(&self) -> f64 {
        let kilobytes = folder_bytes(&self.path("data")) / 1_000;
        u32::try_from(kilobytes).map_or(f64::INFINITY, f64::from) / 1e3
    }

    /// The text that the server has logged.
    pub fn read_log(&self) -> io::Result<String> {
        fs::read_to_string(self.path("log"))
    }

    /// Stops the server, which must exit in time.
    pub fn stop(self) -> BenchResult<()> {
        self.process.stop()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// The size of all files below a folder. A file that is deleted meanwhile counts as empty.
fn folder_bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => folder_bytes(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    sizes.sum()
}
