//! What all measurements share: a temporary folder with the seed, and how the servers are started.

use std::{
    env,
    ffi::OsStr,
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
};

/// Where the server keeps its accounts.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Storage {
    Files,
    Memory,
}

impl Storage {
    pub(crate) const ALL: [Self; 2] = [Self::Files, Self::Memory];

    pub(crate) fn flag(self) -> &'static str {
        match self {
            Self::Files => "--data",
            Self::Memory => "--ephemeral",
        }
    }
}

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

    /// The real server under load: on its own core, with the seeded account.
    pub(crate) fn start_seeded(&self, storage: Storage) -> Outcome<Server> {
        let mut command = self.machine.on_core(machine::SERVER, binary());
        self.serve(&mut command, "127.0.0.1:0", storage, &self.seeded_folder());
        command.arg("--seed").arg(self.seed());
        Server::start(command, &self.log())
    }

    /// The real server as a user starts it: on any core, without a seed.
    pub(crate) fn plain(&self, listen: &str, storage: Storage, data: &Path) -> Command {
        let mut command = Command::new(binary());
        self.serve(&mut command, listen, storage, data);
        command
    }

    /// The bare server, on the core that the real one has too.
    pub(crate) fn start_bare(&self, sizes: &[usize]) -> Outcome<Server> {
        let sizes: Vec<_> = sizes.iter().map(usize::to_string).collect();
        let mut command = self.machine.on_core(machine::SERVER, env::current_exe()?);
        command.args(["--bare", "--sizes", &sizes.join(",")]);
        Server::start(command, &self.log())
    }

    fn serve(&self, command: &mut Command, listen: &str, storage: Storage, data: &Path) {
        // The settings of whoever runs the benchmark must not change what is measured.
        for (name, _) in env::vars_os().filter(|(name, _)| is_setting(name)) {
            command.env_remove(name);
        }
        command.current_dir(self.folder.path()).env("RUST_LOG", "warn");
        command.args(["serve", "--listen", listen, storage.flag()]);
        if storage == Storage::Files {
            command.arg(data);
        }
    }
}

fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_omnidesk-mock")
}

fn is_setting(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with("OMNIDESK_MOCK_")
}
