//! Programs of the machine that some tests run.

use std::io::ErrorKind;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::process::{RunningProcess, build_clean_env_command};

/// A tool that a machine may lack.
pub(crate) struct Tool {
    name: &'static str,
    /// Tries the tool; the error says why it cannot be used.
    probe: fn() -> Result<(), String>,
    problem: OnceLock<Option<String>>,
}

impl Tool {
    pub(crate) const fn new(name: &'static str, probe: fn() -> Result<(), String>) -> Self {
        Self { name, probe, problem: OnceLock::new() }
    }

    /// Returns why the tool cannot be used, with its name. The tool is tried only once.
    pub(crate) fn find_problem(&self) -> Option<&str> {
        let try_tool = || (self.probe)().err().map(|reason| format!("{}: {reason}", self.name));
        self.problem.get_or_init(try_tool).as_deref()
    }
}

/// strace, with the permission to attach to another process.
pub(crate) static STRACE: Tool = Tool::new("strace", probe_strace);
/// prlimit, and `/proc` to read what a process uses.
pub(crate) static PRLIMIT: Tool = Tool::new("prlimit", || {
    std::fs::metadata("/proc/self/status").map_err(|error| format!("/proc: {error}"))?;
    try_run("prlimit", &["--version"], "not usable")
});
pub(crate) static BASH: Tool = Tool::new("bash", || try_run("bash", &["--version"], "not usable"));
pub(crate) static CURL: Tool = Tool::new("curl", || try_run("curl", &["--version"], "not usable"));
pub(crate) static PYTHON: Tool = Tool::new("Python 3.10", || {
    try_python("import sys; assert sys.version_info >= (3, 10)", "an older version is installed")
});
pub(crate) static PYTHON_REQUESTS: Tool =
    Tool::new("Python with requests", || try_python("import requests", "not installed"));
pub(crate) static OPENAPI_VALIDATOR: Tool = Tool::new("Python with openapi-spec-validator", || {
    try_python("import openapi_spec_validator", "not installed")
});
pub(crate) static PYTEST: Tool = Tool::new("Python with pytest and requests", || {
    try_python("import pytest, requests", "not installed")
});
pub(crate) static PYTEST_XDIST: Tool =
    Tool::new("Python with pytest-xdist", || try_python("import xdist", "not installed"));
pub(crate) static PLAYWRIGHT: Tool =
    Tool::new("Python with pytest, requests, playwright and axe-playwright-python", || {
        try_python("import pytest, requests, playwright, axe_playwright_python", "not installed")
    });
/// Chromium, at the path that `CHROMIUM` names, or Debian's.
pub(crate) static CHROMIUM: Tool = Tool::new("chromium", || {
    let path = std::env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    try_run(&path, &["--version"], "not usable")
});
pub(crate) static NODE_FETCH: Tool = Tool::new("Node.js with fetch and FormData", || {
    let script = "if (!globalThis.FormData) process.exit(1)";
    try_run("node", &["-e", script], "an older version is installed")
});
pub(crate) static NODE_20: Tool = Tool::new("Node.js 20", || {
    let script = "if (parseInt(process.versions.node) < 20) process.exit(1)";
    try_run("node", &["-e", script], "an older version is installed")
});

/// Returns true if the program starts and exits with success.
pub(crate) fn can_run(program: &str, arguments: &[&str]) -> bool {
    try_run(program, arguments, "").is_ok()
}

/// Runs the program; the error is `reason` if it starts and fails.
pub(crate) fn try_run(program: &str, arguments: &[&str], reason: &str) -> Result<(), String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(reason.to_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => Err("not installed".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn try_python(script: &str, reason: &str) -> Result<(), String> {
    try_run("python3", &["-c", script], reason)
}

fn probe_strace() -> Result<(), String> {
    try_run("strace", &["--version"], "not usable")?;
    let target = RunningProcess::spawn(&mut build_clean_env_command("sleep", &["60"]));
    let id = target.pid().to_string();
    let arguments = ["-f", "-o", "/dev/null", "-p", &id];
    let mut strace = RunningProcess::spawn(&mut build_clean_env_command("strace", &arguments));
    let line = strace.wait_for_line(|_, line| line.contains("attach"));
    if line.contains(" attached") { Ok(()) } else { Err(line) }
}
