//! The machine that the figures come from, and which of its cores do what.

use std::{
    ffi::OsStr,
    fs,
    process::{Command, Stdio},
    thread,
};

/// Core of the server under load.
pub(crate) const SERVER: u8 = 0;
/// Core of the client, so that it takes nothing from the server.
pub(crate) const CLIENT: u8 = 1;

pub(crate) struct Machine {
    cores: usize,
    model: String,
    kernel: String,
    /// Average number of running programs in the minute before: others' work spoils the figures.
    load: String,
    /// Whether programs can be bound to a core.
    pins: bool,
}

impl Machine {
    pub(crate) fn read() -> Self {
        Self {
            cores: thread::available_parallelism().map_or(1, usize::from),
            model: cpu_model().unwrap_or_else(|| "unknown processor".to_owned()),
            kernel: kernel(),
            load: load_average(),
            pins: [SERVER, CLIENT].into_iter().all(can_pin),
        }
    }

    /// The program, bound to the core where that is possible. `taskset` becomes the program, so
    /// the process id is the program's.
    pub(crate) fn on_core(&self, core: u8, program: impl AsRef<OsStr>) -> Command {
        if !self.pins {
            return Command::new(program);
        }
        let mut command = Command::new("taskset");
        command.arg("-c").arg(core.to_string()).arg(program);
        command
    }

    /// One line for the report.
    pub(crate) fn description(&self) -> String {
        let pinning = if self.pins {
            "server and client on one core each"
        } else {
            "server and client not bound to cores"
        };
        let Self { cores, model, kernel, load, .. } = self;
        format!("{cores} cores, {model}, {kernel}; load before {load}; {pinning}")
    }
}

fn can_pin(core: u8) -> bool {
    let mut command = Command::new("taskset");
    command.arg("-c").arg(core.to_string()).arg("true").stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// x86 names its model in `/proc/cpuinfo`; other architectures may not.
fn cpu_model() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn kernel() -> String {
    let parts = ["ostype", "osrelease"].into_iter();
    let read = parts.filter_map(|name| fs::read_to_string(format!("/proc/sys/kernel/{name}")).ok());
    let words: Vec<_> = read.map(|text| text.trim().to_owned()).collect();
    words.join(" ")
}

fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}
