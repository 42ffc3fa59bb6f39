//! Records the system calls of a running server, or injects faults into them.

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter, Result};
use std::path::Path;

use crate::support::process::{RunningProcess, build_clean_env_command};

/// The system calls that change the disk. strace ignores unknown calls with the prefix `?`.
const TRACED_SYSCALLS: [&str; 12] = [
    "pwrite64",
    "write",
    "fsync",
    "fdatasync",
    "?rename",
    "?renameat",
    "renameat2",
    "?unlink",
    "unlinkat",
    "ftruncate",
    "openat",
    "copy_file_range",
];

/// The `nth` call of this system call on this file by one thread.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SyscallPoint {
    pub(super) syscall: String,
    /// The path below the data directory.
    pub(super) file: String,
    pub(super) nth: usize,
}

impl Display for SyscallPoint {
    fn fmt(&self, to: &mut Formatter<'_>) -> Result {
        write!(to, "{} {} of {}", self.syscall, self.nth, self.file)
    }
}

/// The fault that replaces the system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SyscallFault {
    Kill,
    /// The call fails with this error once.
    ErrorOnce(&'static str),
    /// This call and all later ones on this file fail with this error.
    PersistentError(&'static str),
}

/// A strace process, attached to every thread of a server.
pub(super) struct Strace {
    process: RunningProcess,
    output: tempfile::NamedTempFile,
}

impl Strace {
    /// Starts to record the system calls.
    pub(super) fn record(process: u32) -> Self {
        Self::attach(process, &["-y", "-e", &format!("trace={}", TRACED_SYSCALLS.join(","))])
    }

    /// Injects the fault at this point.
    pub(super) fn inject(
        process: u32,
        data: &Path,
        point: &SyscallPoint,
        fault: SyscallFault,
    ) -> Self {
        let SyscallPoint { syscall: call, file, nth } = point;
        let fault = match fault {
            SyscallFault::Kill => format!("signal=KILL:when={nth}"),
            SyscallFault::ErrorOnce(error) => format!("error={error}:when={nth}"),
            SyscallFault::PersistentError(error) => format!("error={error}:when={nth}+"),
        };
        let file = data.join(file);
        let (trace, inject) = (format!("trace={call}"), format!("inject={call}:{fault}"));
        Self::attach(process, &["-P", file.to_str().expect("text"), "-e", &trace, "-e", &inject])
    }

    fn attach(process: u32, options: &[&str]) -> Self {
        let output = tempfile::NamedTempFile::new().expect("a temporary file");
        let (process, path) = (process.to_string(), output.path().to_str().expect("text"));
        let fixed = ["-f", "-p", &process, "-e", "signal=none", "-o", path];
        let mut strace = RunningProcess::spawn(&mut build_clean_env_command(
            "strace",
            &[&fixed, options].concat(),
        ));
        let line = strace.wait_for_line(|_, line| line.contains("attach"));
        assert!(line.contains(" attached"), "{line}");
        Self { process: strace, output }
    }

    /// Detaches strace and returns its output.
    pub(super) fn detach_and_read(self) -> String {
        self.process.signal_and_wait("-TERM");
        std::fs::read_to_string(self.output.path()).expect("the output of strace is text")
    }
}

/// Returns the distinct points of a recording, in order.
pub(super) fn parse_points(recorded: &str, data: &Path) -> Vec<SyscallPoint> {
    let data = format!("{}/", data.to_str().expect("text"));
    let mut counts: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
    let mut points = Vec::new();
    for line in recorded.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let Some((call, rest)) = rest.trim_start().split_once('(') else { continue };
        // The line of a resumed call repeats no arguments.
        if call.starts_with('<') {
            continue;
        }
        let arguments = rest.rsplit_once(") = ").map_or(rest, |(arguments, _)| arguments);
        let mut files: Vec<&str> =
            arguments.split(data.as_str()).skip(1).map(take_file_name).collect();
        files.dedup();
        for file in &files {
            *counts.entry((thread, call, file)).or_default() += 1;
        }
        let changes = call != "openat" || arguments.contains("O_CREAT");
        let Some(file) = files.last().filter(|_| changes) else { continue };
        let nth = counts[&(thread, call, *file)];
        let point = SyscallPoint { syscall: call.to_owned(), file: (*file).to_owned(), nth };
        if !points.contains(&point) {
            points.push(point);
        }
    }
    points
}

/// Returns the file name at the start of the text.
fn take_file_name(text: &str) -> &str {
    text.split(['>', '"']).next().unwrap_or_default()
}
