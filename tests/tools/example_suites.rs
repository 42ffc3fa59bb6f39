//! The example suites pass unchanged, and the pages show their code.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::readme;
use crate::support::files;
use crate::support::process::{
    ProcessOutput, RunningProcess, build_clean_env_command, build_command,
};
use crate::support::tools::{NODE_20, PYTEST, PYTEST_XDIST};
use crate::tool_test::{ToolTest, tool_tests};

pub(super) fn tests() -> Vec<ToolTest> {
    let tests = [
        tool_tests![PYTEST =>
            the_pytest_suite_passes,
            pytest_suite_sends_the_control_token,
            pytest_suite_starts_its_own_server,
            the_pytest_file_of_the_readme_passes,
            exit_code_of_failing_pytest_suite_is_passed_on,
        ],
        tool_tests![PYTEST, PYTEST_XDIST =>
            the_pytest_suite_passes_in_two_workers,
        ],
        tool_tests![NODE_20 =>
            the_node_suite_passes,
            node_suite_sends_the_control_token,
            node_suite_starts_its_own_server,
            exit_code_of_failing_node_suite_is_passed_on,
        ],
        tool_tests![=>
            readme_code_matches_example_files,
            testing_page_matches_example_files,
        ],
    ];
    tests.into_iter().flatten().collect()
}

const PYTEST_COMMAND: &[&str] = &["python3", "-m", "pytest", "-p", "no:cacheprovider"];
const NODE_COMMAND: &[&str] = &["node", "--test", "--test-reporter=tap"];

pub(crate) fn example_dir(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

/// Runs a suite in its directory without leaving files there.
pub(crate) fn run_in_dir(mut suite: Command, folder: &Path) -> ProcessOutput {
    suite.current_dir(folder).env("PYTHONDONTWRITEBYTECODE", "1").env("NO_PROXY", "*");
    RunningProcess::spawn(&mut suite).wait_for_exit()
}

/// Runs a suite as the pages say: `omnidesk-mock run -- SUITE`.
pub(crate) fn run_under_mock(suite: &[&str], folder: &Path) -> ProcessOutput {
    run_in_dir(build_command(&[&["run", "--"], suite].concat()), folder)
}

/// Runs a suite with a server whose control API requires a token.
pub(crate) fn run_under_mock_with_token(suite: &[&str], folder: &Path) -> ProcessOutput {
    let arguments = ["run", "--control-token", "control-token-1", "--"];
    run_in_dir(build_command(&[&arguments[..], suite].concat()), folder)
}

/// Runs a suite without the wrapper, so that it starts its own server. The control token is for other servers.
fn run_standalone(suite: &[&str], folder: &Path) -> ProcessOutput {
    let mut command = build_clean_env_command(suite[0], &suite[1..]);
    command.env("PATH", readme::search_path());
    command.env("OMNIDESK_MOCK_CONTROL_TOKEN", "control-token-1");
    run_in_dir(command, folder)
}

/// Copies an example and replaces a piece of its client's code.
fn copy_with_replacement(name: &str, client: &str, piece: &str, replacement: &str) -> TempDir {
    let folder = files::create_temp_dir();
    for file in list_files(&example_dir(name)) {
        let text = std::fs::read_to_string(&file).expect("text");
        let name = file.file_name().expect("a name").to_str().expect("text");
        let text = if name == client { text.replace(piece, replacement) } else { text };
        files::write_file(&folder, name, &text);
    }
    folder
}

fn list_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the example exists");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.is_file()).collect()
}

#[track_caller]
pub(crate) fn assert_exit(suite: &ProcessOutput, code: i32, line: &str) {
    assert_eq!(suite.exit_code, Some(code), "{}", suite.combined_output());
    assert!(suite.stdout.contains(line), "{line} is not in {}", suite.combined_output());
}

fn the_pytest_suite_passes() {
    assert_exit(
        &run_under_mock(PYTEST_COMMAND, &example_dir("pytest")),
        0,
        "26 passed, 6 xfailed in",
    );
}

fn the_pytest_suite_passes_in_two_workers() {
    let workers = [PYTEST_COMMAND, &["-n", "2"]].concat();
    assert_exit(&run_under_mock(&workers, &example_dir("pytest")), 0, "26 passed, 6 xfailed in");
}

fn pytest_suite_sends_the_control_token() {
    assert_exit(
        &run_under_mock_with_token(PYTEST_COMMAND, &example_dir("pytest")),
        0,
        "26 passed, 6 xfailed in",
    );
}

fn pytest_suite_starts_its_own_server() {
    assert_exit(
        &run_standalone(PYTEST_COMMAND, &example_dir("pytest")),
        0,
        "26 passed, 6 xfailed in",
    );
}

fn exit_code_of_failing_pytest_suite_is_passed_on() {
    let folder = copy_with_replacement("pytest", "desk_client.py", "closed", "solved");
    assert_exit(
        &run_under_mock(PYTEST_COMMAND, folder.path()),
        1,
        "5 failed, 21 passed, 6 xfailed in",
    );
    let no_match = [PYTEST_COMMAND, &["-k", "nothing-has-this-name"]].concat();
    assert_exit(&run_under_mock(&no_match, &example_dir("pytest")), 5, "32 deselected in");
}

fn the_node_suite_passes() {
    assert_exit(&run_under_mock(NODE_COMMAND, &example_dir("node")), 0, "# pass 30\n");
}

fn node_suite_sends_the_control_token() {
    assert_exit(&run_under_mock_with_token(NODE_COMMAND, &example_dir("node")), 0, "# pass 30\n");
}

fn node_suite_starts_its_own_server() {
    assert_exit(&run_standalone(NODE_COMMAND, &example_dir("node")), 0, "# pass 30\n");
}

fn exit_code_of_failing_node_suite_is_passed_on() {
    let folder = copy_with_replacement("node", "desk-client.js", "closed", "solved");
    assert_exit(&run_under_mock(NODE_COMMAND, folder.path()), 1, "# fail 2\n");
}

/// Returns true if the text has these lines with a common indentation.
fn contains_block(text: &str, lines: &str) -> bool {
    let indented = |indent: &str| {
        let line =
            |line: &str| if line.is_empty() { "\n".into() } else { format!("{indent}{line}\n") };
        lines.lines().map(line).collect::<String>()
    };
    ["", "  ", "    "].iter().any(|indent| text.contains(&indented(indent)))
}

/// Asserts that each code block of a page is part of a file of its language, and that each language has a block.
#[track_caller]
fn assert_blocks_match_files(page: &str, examples: &[(&str, &[&str])]) {
    let blocks = readme::extract_all_blocks(page);
    for (language, folders) in examples {
        let texts: Vec<String> = folders
            .iter()
            .flat_map(|folder| list_files(&example_dir(folder)))
            .map(|file| std::fs::read_to_string(file).expect("text"))
            .collect();
        let mut of_language = blocks.iter().filter(|(kind, _)| kind == language).peekable();
        assert!(of_language.peek().is_some(), "a {language} block is missing");
        for (_, block) in of_language {
            assert!(
                texts.iter().any(|text| contains_block(text, block)),
                "{folders:?} don't contain\n{block}"
            );
        }
    }
}

fn the_pytest_file_of_the_readme_passes() {
    let folder = files::create_temp_dir();
    let file = readme::extract_only_block(readme::README, "python");
    files::write_file(&folder, "test_readme.py", &file);
    assert_exit(&run_under_mock(PYTEST_COMMAND, folder.path()), 0, "2 passed in");
}

fn readme_code_matches_example_files() {
    assert_blocks_match_files(readme::README, &[("rust", &["rust/tests"])]);
}

fn testing_page_matches_example_files() {
    assert_blocks_match_files(
        readme::TESTING_PAGE,
        &[
            ("python", &["pytest"]),
            ("js", &["node"]),
            ("php", &["phpunit/tests"]),
            ("java", &["junit/src/test/java/desk"]),
            ("rust", &["rust/tests"]),
        ],
    );
}
