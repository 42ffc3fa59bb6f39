//! A server under measurement, with its seed and the one connection to it.

use std::{
    fs,
    time::{Duration, Instant},
};

use bytes::Bytes;
use reqwest::RequestBuilder;
use tempfile::TempDir;

use crate::{
    Outcome,
    account::{self, Account},
    client::Client,
    machine::{self, Machine},
    seed,
    server::Server,
    storage::{BINARY, Storage},
    times::Times,
};

/// After the last answer, so that what the server still does is counted as the operation's.
const AFTERMATH: Duration = Duration::from_millis(20);

/// The server closes idle databases a few seconds after their last request.
const IDLE: Duration = Duration::from_secs(8);
const IDLE_LIMIT: Duration = Duration::from_secs(45);
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// As many looks that show the same make a steady state.
const STEADY_LOOKS: u32 = 5;

pub(crate) struct Desk {
    server: Server,
    pub(crate) client: Client,
    /// Dropped after the server, which has its data here.
    _folder: TempDir,
}

/// What the server holds.
#[derive(Clone, Copy)]
pub(crate) struct State {
    /// Resident memory, in MB.
    pub(crate) memory: f64,
    pub(crate) threads: u32,
    pub(crate) files: usize,
}

impl State {
    fn is_like(self, other: Self) -> bool {
        let change = (self.memory - other.memory).abs() / other.memory;
        self.threads == other.threads && self.files == other.files && change < 0.005
    }
}

impl Desk {
    /// Starts a server on its own core, on the disk of the build rather than in a `/tmp` that may
    /// be memory.
    pub(crate) fn open(machine: &Machine, storage: Storage, tickets: u32) -> Outcome<Self> {
        let folder = TempDir::with_prefix_in("worlds-", env!("CARGO_TARGET_TMPDIR"))?;
        let [seed, data, log] = ["seed.json", "data", "log"].map(|name| folder.path().join(name));
        seed::write(&seed, tickets)?;
        let mut command = machine.on_core(machine::SERVER, BINARY);
        command.current_dir(folder.path());
        storage.serve(&mut command, "127.0.0.1:0", &data);
        command.arg("--seed").arg(seed);
        let server = Server::start(command, &log)?;
        let client = Client::new(server.address)?;
        Ok(Self { server, client, _folder: folder })
    }

    pub(crate) fn close(self) -> Outcome<()> {
        self.server.stop()
    }

    /// Makes accounts from the seed.
    pub(crate) fn make(&self, times: &mut Times, count: u32) -> Outcome<Vec<Account>> {
        let answers = self.run(times, (0..count).map(|_| account::make(&self.client)))?;
        answers.iter().map(|body| Ok(serde_json::from_slice(body)?)).collect()
    }

    /// Sends the requests one after the other, and returns the bodies of the answers.
    pub(crate) fn run(
        &self,
        times: &mut Times,
        requests: impl Iterator<Item = RequestBuilder>,
    ) -> Outcome<Vec<Bytes>> {
        let requests = requests.map(RequestBuilder::build).collect::<Result<Vec<_>, _>>()?;
        let cpu_before = self.server.cpu_seconds()?;
        let (mut elapsed, mut bodies) = (Vec::new(), Vec::new());
        for request in requests {
            let answer = self.client.send(request)?;
            elapsed.push(answer.time);
            bodies.push(answer.body);
        }
        self.client.pause(AFTERMATH);
        times.add(elapsed, self.server.cpu_seconds()? - cpu_before);
        Ok(bodies)
    }

    pub(crate) fn state(&self) -> Outcome<State> {
        let files = fs::read_dir(format!("/proc/{}/fd", self.server.id()))?.count();
        let (memory, threads) = (self.server.memory()?, self.server.status("Threads")?);
        Ok(State { memory, threads, files })
    }

    /// Waits until idle databases are closed and nothing changes any more.
    pub(crate) fn settle(&self) -> Outcome<State> {
        self.client.pause(IDLE);
        let limit = Instant::now() + IDLE_LIMIT;
        let (mut last, mut alike) = (self.state()?, 0);
        while alike < STEADY_LOOKS && Instant::now() < limit {
            self.client.pause(BETWEEN_LOOKS);
            let state = self.state()?;
            alike = if state.is_like(last) { alike + 1 } else { 0 };
            last = state;
        }
        Ok(last)
    }
}
