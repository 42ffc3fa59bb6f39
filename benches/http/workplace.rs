//! What all measurements share: a temporary folder with the seed, and how the servers are started.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::{
    Outcome,
    machine::{self, Machine},
    options::Options,
    seed,
    server::Server,
    storage::{BINARY, Storage},
};

pub(crate) struct Workplace<'a> {
    pub(crate) machine: &'a Machine,
    folder: TempDir,
}

impl<'a> Workplace<'a> {
    /// Makes the folder, on the disk of the build rather than in a `/tmp` that may be memory.
    pub(crate) fn prepare(options: &Options, machine: &'a Machine) -> Outcome<Self> {
        let folder = TempDir::with_prefix_in("http-", env!("CARGO_TARGET_TMPDIR"))?;
        let workplace = Self { machine, folder };
        seed::write(&workplace.seed(), options.tickets)?;
        Ok(workplace)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A path in the temporary folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn seed(&self) -> PathBuf {
        self.path("seed.json")
    }

    /// The folder of accounts that the seed is planted in.
    pub(crate) fn seeded_folder(&self) -> PathBuf {
        self.path("seeded")
    }

    /// What the servers log.
    pub(crate) fn log(&self) -> PathBuf {
        self.path("server.log")
    }

    /// The real server under load: on its own core, with the seeded account and these further flags.
    pub(crate) fn start_seeded(&self, storage: Storage, flags: &[&str]) -> Outcome<Server> {
        let mut command = self.pinned(storage, &self.seeded_folder());
        command.arg("--seed").arg(self.seed()).args(flags);
        Server::start(command, &self.log())
    }

    /// Makes a folder of accounts from a seed. A server that is started on it later holds nothing of the planting.
    pub(crate) fn plant(&self, seed: &Path, folder: &Path) -> Outcome<()> {
        let mut command = self.pinned(Storage::Files, folder);
        command.arg("--seed").arg(seed);
        Server::start(command, &self.log())?.stop()
    }

    /// The real server under load, on a folder that was planted.
    pub(crate) fn start_planted(&self, folder: &Path) -> Outcome<Server> {
        Server::start(self.pinned(Storage::Files, folder), &self.log())
    }

    fn pinned(&self, storage: Storage, data: &Path) -> Command {
        let mut command = self.machine.on_core(machine::SERVER, BINARY);
        command.current_dir(self.folder.path());
        storage.serve(&mut command, "127.0.0.1:0", data);
        command
    }

    /// The real server as a user starts it: on any core, without a seed.
    pub(crate) fn plain(&self, listen: &str, storage: Storage, data: &Path) -> Command {
        let mut command = Command::new(BINARY);
        command.current_dir(self.folder.path());
        storage.serve(&mut command, listen, data);
        command
    }

    /// The bare server, on the core that the real one has too.
    pub(crate) fn start_bare(&self, sizes: &[usize]) -> Outcome<Server> {
        let sizes: Vec<_> = sizes.iter().map(usize::to_string).collect();
        let mut command = self.machine.on_core(machine::SERVER, env::current_exe()?);
        command.args(["--bare", "--sizes", &sizes.join(",")]);
        Server::start(command, &self.log())
    }
}
