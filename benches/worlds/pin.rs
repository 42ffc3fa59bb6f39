//! The benchmark's own place on the machine.

use std::process::{self, Command};

use crate::machine;

/// Binds this process to the client's core. Where that is impossible, the report says so.
pub(crate) fn keep_off_the_server() {
    let (core, id) = (machine::CLIENT.to_string(), process::id().to_string());
    let _ = Command::new("taskset").args(["-pc", &core, &id]).output();
}
