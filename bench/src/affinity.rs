//! CPU affinity: the server and the load generator run on a core of their own each, if `taskset` is installed.

use std::{
    ffi::OsStr,
    process::{self, Command, Stdio},
};

/// Core of the server under load.
pub const SERVER_CORE: u8 = 0;
/// Core of the load generator, so that it takes no processor time from the server.
pub const CLIENT_CORE: u8 = 1;

/// Whether this machine can bind a process to a core.
#[derive(Clone, Copy)]
pub struct Affinity {
    pub is_available: bool,
}

impl Affinity {
    /// Tries both cores.
    pub fn detect() -> Self {
        Self { is_available: [SERVER_CORE, CLIENT_CORE].into_iter().all(can_pin) }
    }

    /// Returns a command that runs the program on the core if possible, and else on any core. `taskset` replaces itself
    /// with the program, so the process id is that of the program.
    pub fn command_on_core(self, core: u8, program: impl AsRef<OsStr>) -> Command {
        if !self.is_available {
            return Command::new(program);
        }
        let mut command = Command::new("taskset");
        command.arg("-c").arg(core.to_string()).arg(program);
        command
    }
}

/// Binds this process to the core of the load generator. If that fails, the report says so.
pub fn pin_to_client_core() {
    let (core, id) = (CLIENT_CORE.to_string(), process::id().to_string());
    let _ = Command::new("taskset").args(["-pc", &core, &id]).output();
}

fn can_pin(core: u8) -> bool {
    let mut command = Command::new("taskset");
    command.arg("-c").arg(core.to_string()).arg("true").stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
