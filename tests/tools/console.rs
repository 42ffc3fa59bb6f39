//! The console in Chromium: each file of `tests/console` is a test.

use std::path::Path;

use crate::example_suites::{assert_exit, run_in_dir};
use crate::jvm_and_php_suites::JUNIT;
use crate::support::process::build_clean_env_command;
use crate::support::tools::{BASH, CHROMIUM, CURL, NODE_20, PLAYWRIGHT};
use crate::tool_test::{ToolTest, tool_tests};

pub(super) fn tests() -> Vec<ToolTest> {
    let mut tests = tool_tests![CHROMIUM, PLAYWRIGHT =>
        console_is_protected,
        console_is_accessible,
        console_works_below_a_path,
    ];
    // It runs the code that it copies.
    tests.extend(tool_tests![CHROMIUM, PLAYWRIGHT, BASH, CURL, NODE_20, JUNIT =>
        console_shows_and_changes_everything,
    ]);
    tests
}

/// Runs the tests of a file.
fn run_tests(file: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/console");
    let arguments = ["-m", "pytest", "-p", "no:cacheprovider", "--tb=short", file];
    let mut suite = build_clean_env_command("python3", &arguments);
    suite.env("OMNIDESK_MOCK", env!("CARGO_BIN_EXE_omnidesk-mock"));
    assert_exit(&run_in_dir(suite, &folder), 0, " passed in ");
}

fn console_shows_and_changes_everything() {
    run_tests("test_story.py");
}

fn console_is_protected() {
    run_tests("test_access.py");
}

fn console_is_accessible() {
    run_tests("test_accessibility.py");
}

fn console_works_below_a_path() {
    run_tests("test_prefix.py");
}
