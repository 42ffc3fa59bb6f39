//! The machine that runs the benchmark, for the report.

use std::{fs, thread};

use crate::affinity::Affinity;

pub struct Machine {
    cores: usize,
    model: String,
    kernel: String,
    /// Average number of runnable processes in the last minute: other processes distort the figures.
    load_average: String,
    pub affinity: Affinity,
}

impl Machine {
    pub fn detect() -> Self {
        Self {
            cores: thread::available_parallelism().map_or(1, usize::from),
            model: cpu_model().unwrap_or_else(|| "unknown processor".to_owned()),
            kernel: kernel_version(),
            load_average: load_average(),
            affinity: Affinity::detect(),
        }
    }

    /// One line for the report.
    pub fn description(&self) -> String {
        let pinning = if self.affinity.is_available {
            "server and client on one core each"
        } else {
            "server and client not bound to cores"
        };
        let Self { cores, model, kernel, load_average, .. } = self;
        format!("{cores} cores, {model}, {kernel}; load average before {load_average}; {pinning}")
    }
}

/// x86 has the model in `/proc/cpuinfo`; other architectures may not.
fn cpu_model() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn kernel_version() -> String {
    let names = ["ostype", "osrelease"].into_iter();
    let texts =
        names.filter_map(|name| fs::read_to_string(format!("/proc/sys/kernel/{name}")).ok());
    let words: Vec<_> = texts.map(|text| text.trim().to_owned()).collect();
    words.join(" ")
}

fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}
