//! The example suites run as they stand, and the README and the recipes show them as they are.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::clients::{can_run, passed_over};
use crate::program::{Finished, Running, command, undisturbed};
use crate::{fixtures, readme};

const SECTION: &str = "## One account for each test";
const PYTEST: &[&str] = &["python3", "-m", "pytest", "-p", "no:cacheprovider"];
const NODE: &[&str] = &["node", "--test", "--test-reporter=tap"];

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

/// Runs a suite in its folder, and leaves nothing behind there.
fn finish(mut suite: Command, folder: &Path) -> Finished {
    suite.current_dir(folder).env("PYTHONDONTWRITEBYTECODE", "1").env("NO_PROXY", "*");
    Running::spawn(&mut suite).finish()
}

/// Runs a suite as the README says: `omnidesk-mock run -- SUITE`.
fn run(suite: &[&str], folder: &Path) -> Finished {
    finish(command(&[&["run", "--"], suite].concat()), folder)
}

/// Runs a suite by itself, so that it starts a server of its own.
fn run_alone(suite: &[&str], folder: &Path) -> Finished {
    let program = Path::new(env!("CARGO_BIN_EXE_omnidesk-mock"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = program.parent().into_iter().map(Path::to_owned);
    let places = std::env::join_paths(places.chain(std::env::split_paths(&path)));
    let mut alone = undisturbed(suite[0], &suite[1..]);
    alone.env("PATH", places.expect("a path"));
    finish(alone, folder)
}

/// A copy of an example in which one piece of its client is another.
fn broken(name: &str, client: &str, piece: &str, other: &str) -> TempDir {
    let folder = fixtures::folder();
    for file in files(&example(name)) {
        let text = std::fs::read_to_string(&file).expect("text");
        let name = file.file_name().expect("a name").to_str().expect("text");
        let text = if name == client { text.replace(piece, other) } else { text };
        fixtures::file(&folder, name, &text);
    }
    folder
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the example is there");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.is_file()).collect()
}

#[track_caller]
fn assert_ends(suite: &Finished, code: i32, line: &str) {
    assert_eq!(suite.code, Some(code), "{}", suite.text());
    assert!(suite.stdout.contains(line), "{line} is not in {}", suite.text());
}

fn has_pytest() -> bool {
    let there = can_run("python3", &["-c", "import pytest, requests"]);
    if !there {
        passed_over("there is no python3 with pytest and requests");
    }
    there
}

fn has_node() -> bool {
    let there =
        can_run("node", &["-e", "if (parseInt(process.versions.node) < 20) process.exit(1)"]);
    if !there {
        passed_over("there is no node 20 or later");
    }
    there
}

#[test]
fn the_pytest_suite_passes() {
    if has_pytest() {
        assert_ends(&run(PYTEST, &example("pytest")), 0, "20 passed, 2 xfailed in");
    }
}

#[test]
fn the_pytest_suite_passes_in_two_workers() {
    if can_run("python3", &["-c", "import xdist, pytest, requests"]) {
        let workers = [PYTEST, &["-n", "2"]].concat();
        assert_ends(&run(&workers, &example("pytest")), 0, "20 passed, 2 xfailed in");
    } else {
        passed_over("there is no python3 with pytest-xdist");
    }
}

#[test]
fn the_pytest_suite_starts_a_server_where_there_is_none() {
    if has_pytest() {
        assert_ends(&run_alone(PYTEST, &example("pytest")), 0, "20 passed, 2 xfailed in");
    }
}

#[test]
fn a_pytest_suite_that_fails_ends_with_its_own_code() {
    if has_pytest() {
        let folder = broken("pytest", "desk.py", "closed", "solved");
        assert_ends(&run(PYTEST, folder.path()), 1, "5 failed, 15 passed, 2 xfailed in");
        let nothing = [PYTEST, &["-k", "nothing-has-this-name"]].concat();
        assert_ends(&run(&nothing, &example("pytest")), 5, "22 deselected in");
    }
}

#[test]
fn the_node_suite_passes() {
    if has_node() {
        assert_ends(&run(NODE, &example("node")), 0, "# pass 20\n");
    }
}

#[test]
fn the_node_suite_starts_a_server_where_there_is_none() {
    if has_node() {
        assert_ends(&run_alone(NODE, &example("node")), 0, "# pass 20\n");
    }
}

#[test]
fn a_node_suite_that_fails_ends_with_its_own_code() {
    if has_node() {
        let folder = broken("node", "desk.js", "closed", "solved");
        assert_ends(&run(NODE, folder.path()), 1, "# fail 2\n");
    }
}

/// Whether a text has these lines, all of them as far from the margin as each other.
fn shows(text: &str, lines: &str) -> bool {
    let moved = |by: &str| {
        let line = |line: &str| if line.is_empty() { "\n".into() } else { format!("{by}{line}\n") };
        lines.lines().map(line).collect::<String>()
    };
    ["", "  ", "    "].iter().any(|margin| text.contains(&moved(margin)))
}

/// What a text shows of the examples in these folders stands in their files, and there is some of each.
#[track_caller]
fn assert_shows(blocks: &[(String, String)], examples: &[(&str, &[&str])]) {
    for (language, folders) in examples {
        let texts: Vec<String> = folders
            .iter()
            .flat_map(|folder| files(&example(folder)))
            .map(|file| std::fs::read_to_string(file).expect("text"))
            .collect();
        let mut shown = blocks.iter().filter(|(kind, _)| kind == language).peekable();
        assert!(shown.peek().is_some(), "there is a {language} block");
        for (_, block) in shown {
            assert!(texts.iter().any(|text| shows(text, block)), "{folders:?} have no\n{block}");
        }
    }
}

#[test]
fn the_readme_shows_the_suites_as_they_are() {
    let blocks = readme::blocks(include_str!("../../README.md"), SECTION);
    assert_shows(
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
fn the_recipes_are_shown_as_they_are() {
    let page = include_str!("../../examples/README.md");
    for section in page.lines().filter(|line| line.starts_with("## ")) {
        let blocks = readme::blocks(page, section);
        let rust: &[&str] = &["rust/src", "rust/tests"];
        assert_shows(&blocks, &[("python", &["pytest"]), ("js", &["node"]), ("rust", rust)]);
    }
}
