//! Who else is at work: the processor time that other programs take, and the wait until servers take none.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use crate::{
    Outcome,
    server::{self, Server},
};

/// A server that takes less than a tick of the kernel's in so long is at rest.
const REST: Duration = Duration::from_millis(300);

/// Who is at work for longer than this is at work for good.
const PATIENCE: Duration = Duration::from_secs(10);

/// Processor time so far, in seconds.
pub(crate) struct Usage {
    at: Instant,
    /// By the server and its descendants.
    pub(crate) server: f64,
    /// By this program and the children of it that have ended, such as wrk.
    own: f64,
    /// By all programs of the machine.
    all: f64,
}

impl Usage {
    pub(crate) fn read(server: &Server) -> Outcome<Self> {
        let own = server::cpu_seconds("self", 4)?;
        Ok(Self { at: Instant::now(), server: tree_seconds(server)?, own, all: all_seconds()? })
    }

    /// What other programs took since, in cores.
    pub(crate) fn others_since(&self, before: &Self) -> f64 {
        let known = self.server - before.server + self.own - before.own;
        let others = self.all - before.all - known;
        others.max(0.0) / (self.at - before.at).as_secs_f64()
    }
}

/// Waits until none of the servers does anything, so that nothing is left for the next round.
pub(crate) fn settle(servers: &[&Server]) -> Outcome<()> {
    let deadline = Instant::now() + PATIENCE;
    let all = || servers.iter().map(|server| tree_seconds(server)).sum::<Outcome<f64>>();
    let mut before = all()?;
    loop {
        thread::sleep(REST);
        let now = all()?;
        if now <= before {
            return Ok(());
        }
        if Instant::now() > deadline {
            eprintln!("a server is still at work after {PATIENCE:?}");
            return Ok(());
        }
        before = now;
    }
}

/// What the server's process and its descendants took.
fn tree_seconds(server: &Server) -> Outcome<f64> {
    let below = descendants(server.id())?;
    // One that has ended meanwhile has no times any more.
    let below = below.iter().filter_map(|id| server::cpu_seconds(&id.to_string(), 2).ok());
    Ok(server.cpu_seconds()? + below.sum::<f64>())
}

/// The processes that a process started, and those that they started.
pub(crate) fn descendants(ancestor: u32) -> Outcome<Vec<u32>> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        if let Ok(stat) = server::stat(&id.to_string()) {
            parents.push((id, stat[1].parse::<u32>()?));
        }
    }
    let mut found = vec![ancestor];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(id, _)| id));
        next += 1;
    }
    found.remove(0);
    Ok(found)
}

/// As user, niced and in the kernel. Interrupts are left out: those of the load's own packets are among them.
fn all_seconds() -> Outcome<f64> {
    server::ticks(fs::read_to_string("/proc/stat")?.split_whitespace().skip(1).take(3))
}
