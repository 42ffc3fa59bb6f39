//! Noise: the processor time that other processes take during a measurement.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{BenchResult, procfs, server_process::ServerProcess};

/// A server is idle if it takes less processor time than the kernel's unit in this time.
const IDLE_PERIOD: Duration = Duration::from_millis(300);

/// After this time the benchmark goes on although a server is still busy.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// Processor time used so far, in seconds.
pub struct CpuUsage {
    at: Instant,
    /// By the server and its descendants.
    pub server: f64,
    /// By this process and its children that have exited, such as wrk.
    own: f64,
    /// By all processes of the machine.
    machine: f64,
}

impl CpuUsage {
    pub fn read(server: &ServerProcess) -> BenchResult<Self> {
        let own = procfs::cpu_seconds_with_children("self")?;
        let (server, machine) = (tree_cpu_seconds(server)?, procfs::machine_cpu_seconds()?);
        Ok(Self { at: Instant::now(), server, own, machine })
    }

    /// Processor time of other processes since then, in cores.
    pub fn noise_since(&self, before: &Self) -> f64 {
        let known = self.server - before.server + self.own - before.own;
        let others = self.machine - before.machine - known;
        others.max(0.0) / (self.at - before.at).as_secs_f64()
    }
}

/// Waits until all servers are idle, so that they have finished the work of the previous round.
pub fn wait_until_idle(servers: &[&ServerProcess]) -> BenchResult<()> {
    let deadline = Instant::now() + IDLE_TIMEOUT;
    let sum = || servers.iter().map(|server| tree_cpu_seconds(server)).sum::<BenchResult<f64>>();
    let mut before = sum()?;
    loop {
        thread::sleep(IDLE_PERIOD);
        let now = sum()?;
        if now <= before {
            return Ok(());
        }
        if Instant::now() > deadline {
            eprintln!("warning: a server is still busy after {IDLE_TIMEOUT:?}");
            return Ok(());
        }
        before = now;
    }
}

/// Processor time of the server's process and its descendants.
fn tree_cpu_seconds(server: &ServerProcess) -> BenchResult<f64> {
    let descendants = procfs::descendants(server.id())?;
    // A process that has exited meanwhile has no entry any more.
    let times = descendants.iter().filter_map(|id| procfs::cpu_seconds(&id.to_string()).ok());
    Ok(server.cpu_seconds()? + times.sum::<f64>())
}
