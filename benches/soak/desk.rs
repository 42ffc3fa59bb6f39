//! The server under load.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::{
    Outcome,
    options::Options,
    seed,
    server::Server,
    storage::{BINARY, Storage},
};

/// Tickets of the seed, which each account starts with.
const TICKETS: u32 = 20;

pub(crate) struct Desk {
    server: Server,
    /// Dropped after the server, which has its data here.
    folder: TempDir,
}

/// What the server holds.
#[derive(Clone, Copy)]
pub(crate) struct Holding {
    /// Resident memory, in MB.
    pub(crate) memory: f64,
    pub(crate) threads: u32,
    pub(crate) files: u32,
    /// The data folder, in MB.
    pub(crate) data: f64,
}

impl Desk {
    /// Starts a server as a user does, on any core, but with its data on the disk of the build
    /// rather than in a `/tmp` that may be memory.
    pub(crate) fn open(options: &Options) -> Outcome<Self> {
        let folder = TempDir::with_prefix_in("soak-", env!("CARGO_TARGET_TMPDIR"))?;
        let [seed, data, log] = ["seed.json", "data", "log"].map(|name| folder.path().join(name));
        seed::write(&seed, TICKETS)?;
        let storage = if options.ephemeral { Storage::Memory } else { Storage::Files };
        let mut command = Command::new(BINARY);
        command.current_dir(folder.path());
        storage.serve(&mut command, "127.0.0.1:0", &data);
        command.arg("--seed").arg(seed);
        Ok(Self { server: Server::start(command, &log)?, folder })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Ends the server. It must do so in time.
    pub(crate) fn close(self) -> Outcome<()> {
        self.server.stop()
    }

    pub(crate) fn cpu_seconds(&self) -> Outcome<f64> {
        self.server.cpu_seconds()
    }

    pub(crate) fn holding(&self) -> Outcome<Holding> {
        let files = fs::read_dir(format!("/proc/{}/fd", self.server.id()))?.count();
        Ok(Holding {
            memory: self.server.memory()?,
            threads: self.server.status("Threads")?,
            files: u32::try_from(files)?,
            data: size(&self.path("data")),
        })
    }

    /// What the server has logged, which is nothing where nothing is wrong.
    pub(crate) fn log(&self) -> Outcome<String> {
        Ok(fs::read_to_string(self.path("log"))?)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// The size of all files below a folder, in MB. Those that go away meanwhile count nothing.
fn size(folder: &Path) -> f64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(data) if data.is_dir() => size(&entry.path()),
        Ok(data) => u32::try_from(data.len() / 1024).map_or(0.0, f64::from) * 1024.0 / 1e6,
        Err(_) => 0.0,
    });
    // The sum of nothing is a negative zero.
    sizes.sum::<f64>() + 0.0
}
