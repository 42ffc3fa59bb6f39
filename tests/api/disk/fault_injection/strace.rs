//! The system calls of a running server: written down, or met by a fault.

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter, Result};
use std::path::Path;

use crate::process::{RunningProcess, build_clean_env_command};
use crate::third_party_clients::{can_run, skip_test};

/// The calls that change what is on the disk. Those that a machine does not have are passed over by the `?`.
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

/// A moment: the call of this name that a thread makes for the `nth` time on this file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SyscallPoint {
    pub(super) syscall: String,
    /// Below the data folder.
    pub(super) file: String,
    pub(super) nth: usize,
}

impl Display for SyscallPoint {
    fn fmt(&self, to: &mut Formatter<'_>) -> Result {
        write!(to, "{} {} of {}", self.syscall, self.nth, self.file)
    }
}

/// What the call meets, which is not carried out then
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SyscallFault {
    Kill,
    /// It fails with this error, once.
    ErrorOnce(&'static str),
    /// It fails with this error, and so do all of its kind on this file from then on.
    PersistentError(&'static str),
}

/// strace, which follows every thread of a server until it is ended.
pub(super) struct Strace {
    process: RunningProcess,
    output: tempfile::NamedTempFile,
}

impl Strace {
    /// Whether this machine can trace; says so where it cannot.
    pub(super) fn is_available() -> bool {
        let is_there = can_run("strace", &["-o", "/dev/null", "true"]);
        if !is_there {
            skip_test("there is no strace, or no process can be traced");
        }
        is_there
    }

    /// Writes down the calls from now on.
    pub(super) fn record(process: u32) -> Self {
        Self::attach(process, &["-y", "-e", &format!("trace={}", TRACED_SYSCALLS.join(","))])
    }

    /// Lets the call at this moment meet the fault.
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

    fn attach(process: u32, how: &[&str]) -> Self {
        let output = tempfile::NamedTempFile::new().expect("a temporary file");
        let (process, path) = (process.to_string(), output.path().to_str().expect("text"));
        let fixed = ["-f", "-p", &process, "-e", "signal=none", "-o", path];
        let mut program =
            RunningProcess::spawn(&mut build_clean_env_command("strace", &[&fixed, how].concat()));
        let line = program.wait_for_line(|_, line| line.contains("attach"));
        assert!(line.contains(" attached"), "{line}");
        Self { process: program, output }
    }

    /// Goes away, and gives what was written down.
    pub(super) fn detach_and_read(self) -> String {
        self.process.signal_and_wait("-TERM");
        std::fs::read_to_string(self.output.path()).expect("what strace writes is text")
    }
}

/// Every moment of what was written down, in order, each once.
pub(super) fn parse_points(recorded: &str, data: &Path) -> Vec<SyscallPoint> {
    let data = format!("{}/", data.to_str().expect("text"));
    let mut counts: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
    let mut points = Vec::new();
    for line in recorded.lines() {
        let Some((thread, told)) = line.split_once(' ') else { continue };
        let Some((call, told)) = told.trim_start().split_once('(') else { continue };
        // Of a call that is resumed the arguments were told before.
        if call.starts_with('<') {
            continue;
        }
        let arguments = told.rsplit_once(") = ").map_or(told, |(arguments, _)| arguments);
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

/// The name at the beginning of this text.
fn take_file_name(text: &str) -> &str {
    text.split(['>', '"']).next().unwrap_or_default()
}
