//! Programs of the machine that some tests run.

use std::process::{Command, Stdio};

/// Returns true if the program starts and exits with success.
pub(crate) fn can_run(program: &str, arguments: &[&str]) -> bool {
    let status =
        Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|exit_status| exit_status.success())
}

/// Prints that a test, or a part of it, is skipped because the machine lacks a tool. If `CI` is set, it panics
/// instead: a skipped test would pass whatever the code does.
#[track_caller]
#[expect(clippy::print_stderr, reason = "a skipped test must be visible in the output")]
pub(crate) fn skip_test(reason: &str) {
    let in_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    assert!(!in_ci, "CI is set, so this test must run: {reason}");
    eprintln!("skipped: {reason}");
}
