//! Starts the servers of all measurements, in a temporary folder with the seed.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use omnidesk_mock_bench::{
    BenchResult, affinity::SERVER_CORE, context::BenchContext, seed, server_process::ServerProcess,
    storage::Storage, target_folder,
};
use tempfile::TempDir;

use crate::options::Options;

/// Pause before the memory is read.
const SETTLE_TIME: Duration = Duration::from_millis(500);

pub(crate) struct ServerLauncher<'a> {
    pub(crate) context: &'a BenchContext,
    folder: TempDir,
}

impl<'a> ServerLauncher<'a> {
    /// Creates the folder and writes the seed.
    pub(crate) fn new(options: &Options, context: &'a BenchContext) -> BenchResult<Self> {
        let folder = target_folder::create_temporary_folder(context.name)?;
        let launcher = Self { context, folder };
        seed::write(&launcher.seed_file(), options.tickets)?;
        Ok(launcher)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A path in the temporary folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn seed_file(&self) -> PathBuf {
        self.path("seed.json")
    }

    /// The data folder of the account of the seed.
    pub(crate) fn seeded_data(&self) -> PathBuf {
        self.path("seeded")
    }

    /// The log of all servers.
    pub(crate) fn log(&self) -> PathBuf {
        self.path("server.log")
    }

    /// Starts the real server on its core, with the seed and these further flags.
    pub(crate) fn start_with_seed(
        &self,
        storage: Storage,
        flags: &[&str],
    ) -> BenchResult<ServerProcess> {
        let mut command = self.pinned_command(storage, &self.seeded_data());
        command.arg("--seed").arg(self.seed_file()).args(flags);
        ServerProcess::start(command, &self.log())
    }

    /// Creates a data folder from a seed. A server that is started on it later has not loaded the seed itself.
    pub(crate) fn create_data(&self, seed: &Path, data: &Path) -> BenchResult<()> {
        let mut command = self.pinned_command(Storage::Files, data);
        command.arg("--seed").arg(seed);
        ServerProcess::start(command, &self.log())?.stop()
    }

    /// Starts the real server on its core, on an existing data folder.
    pub(crate) fn start_on_data(&self, data: &Path) -> BenchResult<ServerProcess> {
        ServerProcess::start(self.pinned_command(Storage::Files, data), &self.log())
    }

    fn pinned_command(&self, storage: Storage, data: &Path) -> Command {
        let BenchContext { machine, server_binary, .. } = self.context;
        let mut command = machine.affinity.command_on_core(SERVER_CORE, server_binary);
        command.current_dir(self.folder());
        storage.add_arguments(&mut command, "127.0.0.1:0", data);
        command
    }

    /// The command of the real server as a user runs it: on any core, without a seed.
    pub(crate) fn unpinned_command(&self, listen: &str, storage: Storage, data: &Path) -> Command {
        let mut command = Command::new(&self.context.server_binary);
        command.current_dir(self.folder());
        storage.add_arguments(&mut command, listen, data);
        command
    }

    /// Starts the bare server on the same core as the real one.
    pub(crate) fn start_bare(&self, sizes: &[usize]) -> BenchResult<ServerProcess> {
        let sizes: Vec<_> = sizes.iter().map(usize::to_string).collect();
        let affinity = self.context.machine.affinity;
        let mut command = affinity.command_on_core(SERVER_CORE, env::current_exe()?);
        command.args(["--bare", "--sizes", &sizes.join(",")]);
        ServerProcess::start(command, &self.log())
    }
}

/// Resident memory in MB, after a pause.
pub(crate) fn settled_memory(server: &ServerProcess) -> BenchResult<f64> {
    thread::sleep(SETTLE_TIME);
    server.resident_memory()
}
