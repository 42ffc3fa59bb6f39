//! The example suites run as they stand, and the README and the recipes show them as they are.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::process::{ProcessOutput, RunningProcess, build_clean_env_command, build_command};
use crate::third_party_clients::{can_run, skip_test};
use crate::{fixtures, readme};

const README_SECTION: &str = "## One account for each test";
const PYTEST_COMMAND: &[&str] = &["python3", "-m", "pytest", "-p", "no:cacheprovider"];
const NODE_COMMAND: &[&str] = &["node", "--test", "--test-reporter=tap"];

fn example_dir(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

/// Runs a suite in its folder, and leaves nothing behind there.
fn run_in_dir(mut suite: Command, folder: &Path) -> ProcessOutput {
    suite.current_dir(folder).env("PYTHONDONTWRITEBYTECODE", "1").env("NO_PROXY", "*");
    RunningProcess::spawn(&mut suite).wait_for_exit()
}

/// Runs a suite as the README says: `omnidesk-mock run -- SUITE`.
fn run_under_mock(suite: &[&str], folder: &Path) -> ProcessOutput {
    run_in_dir(build_command(&[&["run", "--"], suite].concat()), folder)
}

/// Runs a suite by itself, so that it starts a server of its own.
fn run_standalone(suite: &[&str], folder: &Path) -> ProcessOutput {
    let program = Path::new(env!("CARGO_BIN_EXE_omnidesk-mock"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = program.parent().into_iter().map(Path::to_owned);
    let places = std::env::join_paths(places.chain(std::env::split_paths(&path)));
    let mut alone = build_clean_env_command(suite[0], &suite[1..]);
    alone.env("PATH", places.expect("a path"));
    run_in_dir(alone, folder)
}

/// A copy of an example in which one piece of its client is another.
fn copy_with_replacement(name: &str, client: &str, piece: &str, other: &str) -> TempDir {
    let folder = fixtures::create_temp_dir();
    for file in list_files(&example_dir(name)) {
        let text = std::fs::read_to_string(&file).expect("text");
        let name = file.file_name().expect("a name").to_str().expect("text");
        let text = if name == client { text.replace(piece, other) } else { text };
        fixtures::write_file(&folder, name, &text);
    }
    folder
}

fn list_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the example is there");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.is_file()).collect()
}

#[track_caller]
fn assert_exit(suite: &ProcessOutput, code: i32, line: &str) {
    assert_eq!(suite.exit_code, Some(code), "{}", suite.combined_output());
    assert!(suite.stdout.contains(line), "{line} is not in {}", suite.combined_output());
}

fn has_pytest() -> bool {
    let there = can_run("python3", &["-c", "import pytest, requests"]);
    if !there {
        skip_test("there is no python3 with pytest and requests");
    }
    there
}

fn has_node() -> bool {
    let there =
        can_run("node", &["-e", "if (parseInt(process.versions.node) < 20) process.exit(1)"]);
    if !there {
        skip_test("there is no node 20 or later");
    }
    there
}

#[test]
fn the_pytest_suite_passes() {
    if has_pytest() {
        assert_exit(
            &run_under_mock(PYTEST_COMMAND, &example_dir("pytest")),
            0,
            "20 passed, 2 xfailed in",
        );
    }
}

#[test]
fn the_pytest_suite_passes_in_two_workers() {
    if can_run("python3", &["-c", "import xdist, pytest, requests"]) {
        let workers = [PYTEST_COMMAND, &["-n", "2"]].concat();
        assert_exit(
            &run_under_mock(&workers, &example_dir("pytest")),
            0,
            "20 passed, 2 xfailed in",
        );
    } else {
        skip_test("there is no python3 with pytest-xdist");
    }
}

#[test]
fn pytest_suite_starts_its_own_server() {
    if has_pytest() {
        assert_exit(
            &run_standalone(PYTEST_COMMAND, &example_dir("pytest")),
            0,
            "20 passed, 2 xfailed in",
        );
    }
}

#[test]
fn exit_code_of_failing_pytest_suite_is_passed_on() {
    if has_pytest() {
        let folder = copy_with_replacement("pytest", "desk.py", "closed", "solved");
        assert_exit(
            &run_under_mock(PYTEST_COMMAND, folder.path()),
            1,
            "5 failed, 15 passed, 2 xfailed in",
        );
        let nothing = [PYTEST_COMMAND, &["-k", "nothing-has-this-name"]].concat();
        assert_exit(&run_under_mock(&nothing, &example_dir("pytest")), 5, "22 deselected in");
    }
}

#[test]
fn the_node_suite_passes() {
    if has_node() {
        assert_exit(&run_under_mock(NODE_COMMAND, &example_dir("node")), 0, "# pass 20\n");
    }
}

#[test]
fn node_suite_starts_its_own_server() {
    if has_node() {
        assert_exit(&run_standalone(NODE_COMMAND, &example_dir("node")), 0, "# pass 20\n");
    }
}

#[test]
fn exit_code_of_failing_node_suite_is_passed_on() {
    if has_node() {
        let folder = copy_with_replacement("node", "desk.js", "closed", "solved");
        assert_exit(&run_under_mock(NODE_COMMAND, folder.path()), 1, "# fail 2\n");
    }
}

/// Whether a text has these lines, all of them as far from the margin as each other.
fn contains_block(text: &str, lines: &str) -> bool {
    let moved = |by: &str| {
        let line = |line: &str| if line.is_empty() { "\n".into() } else { format!("{by}{line}\n") };
        lines.lines().map(line).collect::<String>()
    };
    ["", "  ", "    "].iter().any(|margin| text.contains(&moved(margin)))
}

/// What a text shows of the examples in these folders stands in their files, and there is some of each.
#[track_caller]
fn assert_blocks_match_files(blocks: &[(String, String)], examples: &[(&str, &[&str])]) {
    for (language, folders) in examples {
        let texts: Vec<String> = folders
            .iter()
            .flat_map(|folder| list_files(&example_dir(folder)))
            .map(|file| std::fs::read_to_string(file).expect("text"))
            .collect();
        let mut shown = blocks.iter().filter(|(kind, _)| kind == language).peekable();
        assert!(shown.peek().is_some(), "there is a {language} block");
        for (_, block) in shown {
            assert!(
                texts.iter().any(|text| contains_block(text, block)),
                "{folders:?} have no\n{block}"
            );
        }
    }
}

#[test]
fn readme_code_matches_example_files() {
    let blocks = readme::extract_fenced_blocks(include_str!("../../README.md"), README_SECTION);
    assert_blocks_match_files(
        &blocks,
        &[
            ("python", &["pytest"]),
            ("js", &["node"]),
            ("php", &["phpunit"]),
            ("java", &["junit"]),
            ("rust", &["rust/tests"]),
        ],
    );
}

#[test]
fn recipes_page_matches_example_files() {
    let page = include_str!("../../examples/README.md");
    for section in page.lines().filter(|line| line.starts_with("## ")) {
        let blocks = readme::extract_fenced_blocks(page, section);
        let rust: &[&str] = &["rust/src", "rust/tests"];
        assert_blocks_match_files(
            &blocks,
            &[("python", &["pytest"]), ("js", &["node"]), ("rust", rust)],
        );
    }
}
