//! Starts a benchmark: machine, server binary, exit code.

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};

use crate::{
    BenchResult,
    affinity::SERVER_CORE,
    machine::Machine,
    options::CommonOptions,
    server_binary,
    storage::Storage,
    test_server::{ServerConfig, TestServer},
};

/// What a benchmark runs with.
pub struct BenchContext {
    pub name: &'static str,
    pub machine: Machine,
    pub server_binary: PathBuf,
}

/// Runs a benchmark if `cargo bench` has started it, and returns its exit code. The benchmark returns whether it has
/// passed.
pub fn run(
    name: &'static str,
    options: &CommonOptions,
    benchmark: impl FnOnce(&BenchContext) -> BenchResult<bool>,
) -> ExitCode {
    if !options.bench {
        eprintln!("this is a benchmark: run `cargo bench -p omnidesk-mock-bench --bench {name}`");
        return ExitCode::SUCCESS;
    }
    enter_workspace();
    match BenchContext::new(name, options).and_then(|context| benchmark(&context)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => exit_with_error(&*error),
    }
}

/// Cargo starts a benchmark in the folder of its package, but paths in options are relative to the workspace.
fn enter_workspace() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let is_package = env::current_dir().is_ok_and(|folder| folder == package);
    if let (true, Some(workspace)) = (is_package, package.parent()) {
        // If that fails, the benchmark reports the paths that it does not find.
        let _ = env::set_current_dir(workspace);
    }
}

/// Prints the error.
pub fn exit_with_error(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::FAILURE
}

impl BenchContext {
    fn new(name: &'static str, options: &CommonOptions) -> BenchResult<Self> {
        let server_binary = server_binary::find_or_build(options.server.as_deref())?;
        eprintln!("server: {}", server_binary.display());
        Ok(Self { name, machine: Machine::detect(), server_binary })
    }

    /// Starts a server with data of its own on the core of servers.
    pub fn start_server(&self, config: &ServerConfig) -> BenchResult<TestServer> {
        let command = self.machine.affinity.command_on_core(SERVER_CORE, &self.server_binary);
        TestServer::start(self.name, command, config)
    }

    /// Starts it with the seed of one account and default flags.
    pub fn start_seeded_server(&self, storage: Storage, tickets: u32) -> BenchResult<TestServer> {
        self.start_server(&ServerConfig { storage, seed_tickets: Some(tickets), flags: &[] })
    }
}
