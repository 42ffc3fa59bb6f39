//! The code that all benchmarks share: options, the machine, HTTP, the server process, statistics, reports, the seed.
//!
//! Each benchmark is a folder beside `src/`, with a template of its report, which is stored as `target/bench/NAME.md`.
//! `cargo bench -p omnidesk-mock-bench --bench NAME -- --help` lists its options.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints to a terminal")]

use crate::prelude::*;

pub mod http;
pub mod prelude;
pub mod report;
pub mod seed;
pub mod server;
pub mod statistics;

/// Cores of the server under load and of the load generator, so that one takes no processor time from the other.
pub const SERVER_CORE: u8 = 0;
pub const CLIENT_CORE: u8 = 1;

/// The command-line options that all benchmarks have.
#[derive(Parser)]
pub struct CommonOptions {
    /// Measure this binary instead of the release build of the workspace, to compare two builds
    #[arg(long, env = "SERVER", value_name = "PATH")]
    server: Option<PathBuf>,
    /// Measure only briefly, to check that the benchmark works; the figures are not reliable
    #[arg(long)]
    quick: bool,
    /// `cargo bench` sets it, `cargo test` does not
    #[arg(long, hide = true)]
    bench: bool,
}

pub struct Bench {
    server_binary: PathBuf,
    is_quick: bool,
    can_pin: bool,
    folder: TempDir,
    machine: String,
}

impl Bench {
    /// Prepares a benchmark. Returns none if `cargo bench` has not started it.
    pub fn start(name: &str, options: &CommonOptions) -> Result<Option<Self>> {
        if !options.bench {
            eprintln!("run `cargo bench -p omnidesk-mock-bench --bench {name}`");
            return Ok(None);
        }
        // Cargo starts a benchmark in the folder of its package, but paths in options are relative to the workspace.
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        if let (true, Some(workspace)) = (env::current_dir()? == package, package.parent()) {
            env::set_current_dir(workspace)?;
        }
        let server_binary = match &options.server {
            Some(path) => path.clone(),
            None => build_server()?,
        };
        let server_binary = server_binary.canonicalize().context("the server is missing")?;
        eprintln!("server: {}", server_binary.display());
        let can_pin = [SERVER_CORE, CLIENT_CORE].into_iter().all(|core| {
            let mut command = Command::new("taskset");
            command.arg("-c").arg(core.to_string()).arg("true").stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        });
        // On the disk of the build, because `/tmp` can be in memory.
        let folder = TempDir::with_prefix_in(format!("{name}-"), target_folder("tmp")?)?;
        let (is_quick, machine) = (options.quick, describe_machine(can_pin));
        Ok(Some(Self { server_binary, is_quick, can_pin, folder, machine }))
    }

    pub fn count(&self, full: u32, quick: u32) -> u32 {
        if self.is_quick { quick } else { full }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns a command that runs the program on the core if possible, and else on any core. `taskset` replaces itself
    /// with the program, so the process id is that of the program.
    pub fn command(&self, core: Option<u8>, program: impl AsRef<OsStr>) -> Command {
        let Some(core) = core.filter(|_| self.can_pin) else { return Command::new(program) };
        let mut command = Command::new("taskset");
        command.arg("-c").arg(core.to_string()).arg(program);
        command
    }

    /// Binds this process to the core of the load generator. If that fails, the report says so.
    pub fn pin_client(&self) {
        let (core, id) = (CLIENT_CORE.to_string(), process::id().to_string());
        let _ = Command::new("taskset").args(["-pc", &core, &id]).output();
    }
}

#[macro_export]
macro_rules! note {
    ($($argument:tt)*) => { eprintln!($($argument)*) };
}

/// Returns a subfolder of cargo's target folder, and creates it if it is missing.
pub fn target_folder(name: &str) -> Result<PathBuf> {
    let executable = env::current_exe()?;
    // Cargo marks its target folder with this file.
    let target = executable.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    let folder = target.context("the benchmark is not in a target folder of cargo")?.join(name);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Builds the server in the folder of this benchmark, `target/release`.
fn build_server() -> Result<PathBuf> {
    eprintln!("building omnidesk-mock (release)");
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--release", "--package", "omnidesk-mock", "--bin", "omnidesk-mock"]);
    let status = command.current_dir(env!("CARGO_MANIFEST_DIR")).status()?;
    ensure!(status.success(), "{command:?} failed: {status}");
    // A benchmark is in the subfolder `deps`.
    let executable = env::current_exe()?;
    Ok(executable.ancestors().nth(2).context("no target folder")?.join("omnidesk-mock"))
}

fn describe_machine(can_pin: bool) -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name\t: "));
    let model = model.unwrap_or("unknown processor");
    let kernel = read("/proc/sys/kernel/ostype") + " " + &read("/proc/sys/kernel/osrelease");
    let loads = read("/proc/loadavg");
    let load = loads.split(' ').next().unwrap_or_default();
    let pinning = if can_pin { "on one core each" } else { "not bound to cores" };
    format!(
        "{cores} cores, {model}, {kernel}; load average before {load}; server and client {pinning}"
    )
}
