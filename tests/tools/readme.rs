//! Runs the commands of the documentation and compares their output with the documented one.

use std::path::Path;
use std::process::Command;

use regex::Regex;
use serde_json::{Deserializer, Value};

use crate::support::files;
use crate::support::server::Server;
use crate::support::tools::{BASH, CURL};
use crate::tool_test::{ToolTest, tool_tests};

pub(super) fn tests() -> Vec<ToolTest> {
    let tests = [
        tool_tests![BASH, CURL =>
            async the_first_session_runs_as_shown,
            async journal_and_fault_pages_run_as_shown,
            async accounts_page_runs_as_shown,
            async troubleshooting_page_runs_as_shown,
        ],
        tool_tests![=>
            parser_reads_only_the_requested_section,
            links_between_pages_lead_to_existing_headings,
        ],
    ];
    tests.into_iter().flatten().collect()
}

const README: &str = include_str!("../../README.md");
const JOURNAL_PAGE: &str = include_str!("../../docs/journal.md");
const FAULTS_PAGE: &str = include_str!("../../docs/faults.md");
const ACCOUNTS_PAGE: &str = include_str!("../../docs/clock-and-accounts.md");
const TROUBLESHOOTING_PAGE: &str = include_str!("../../docs/troubleshooting.md");
const README_BASE_URL: &str = "http://127.0.0.1:8080";

/// Commands, and the expected output below them.
#[derive(Debug, PartialEq)]
struct Step {
    commands: String,
    expected: Option<ExpectedOutput>,
}

/// The part of the output that the README shows.
#[derive(Debug, PartialEq)]
enum ExpectedOutput {
    /// One or more complete responses.
    Json(String),
    /// The detail of a problem.
    ProblemDetail(String),
}

/// Returns the fenced blocks of a section with their info strings. The section of a page's title is the page.
pub(crate) fn extract_fenced_blocks(page: &str, section: &str) -> Vec<(String, String)> {
    let mut lines = page.lines().skip_while(|line| line.trim_end() != section).skip(1);
    let mut blocks = Vec::new();
    while let Some(line) = lines.next() {
        if section.starts_with("## ") && line.starts_with("## ") {
            break;
        }
        if let Some(kind) = line.strip_prefix("```") {
            let text: Vec<&str> =
                lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
            blocks.push((kind.trim().to_owned(), text.join("\n")));
        }
    }
    blocks
}

/// Returns the commands of a section, each with the expected output below it.
fn parse_session(page: &str, section: &str) -> Vec<Step> {
    let blocks = extract_fenced_blocks(page, section);
    let steps = blocks.iter().enumerate().filter(|(_, (kind, _))| kind == "sh");
    let expected_output =
        |index: usize| match blocks.get(index).map(|(kind, text)| (kind.as_str(), text.clone())) {
            Some(("json", text)) => Some(ExpectedOutput::Json(text)),
            Some(("text", text)) => Some(ExpectedOutput::ProblemDetail(text)),
            _ => None,
        };
    steps
        .map(|(index, (_, text))| Step {
            commands: text.clone(),
            expected: expected_output(index + 1),
        })
        .collect()
}

/// Parses the JSON values in a text, with variable values replaced.
fn parse_responses(text: &str) -> Vec<Value> {
    let date = Regex::new(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}(\.\d+)?").expect("a pattern");
    let text = date.replace_all(text, "DATE");
    let cursor = Regex::new(r#"("cursor": *)"[^"]*""#).expect("a pattern");
    let text = cursor.replace_all(&text, r#"$1"CURSOR""#);
    let duration = Regex::new(r#"("duration_ms": *)[0-9.]+"#).expect("a pattern");
    let text = duration.replace_all(&text, "${1}0");
    // This change exists only if it came in a later second than the one before.
    let last_update = Regex::new(r#", *\{ *"column": *"last_update"[^{}]*\}"#).expect("a pattern");
    let text = last_update.replace_all(&text, "");
    let values = Deserializer::from_str(&text).into_iter().collect::<Result<_, _>>();
    values.unwrap_or_else(|error| panic!("the output is not JSON ({error}): {text}"))
}

/// Runs the commands and returns the responses that they print.
fn run_commands(commands: &str, server: &Server, folder: &Path) -> Vec<Value> {
    let commands = commands.replace(README_BASE_URL, &server.base_url);
    let mut bash = Command::new("bash");
    bash.args(["-e", "-c", &commands]).current_dir(folder).env("NO_PROXY", "*");
    let output = bash.output().expect("bash starts");
    assert!(output.status.success(), "{commands}: {output:?}");
    let printed = String::from_utf8(output.stdout).expect("text");
    parse_responses(&printed.replace(&server.base_url, README_BASE_URL))
}

fn is_error(response: &Value) -> bool {
    response["status"] == "error" || response["detail"].is_string()
}

/// Runs the commands of the sections of pages in order, on one server.
fn assert_runs_as_shown(sections: &[(&str, &str)]) {
    let (server, folder) = (Server::start(), files::create_temp_dir());
    for (page, section) in sections {
        let steps = parse_session(page, section);
        assert!(!steps.is_empty(), "the section `{section}` has no commands");
        for Step { commands, expected } in steps {
            let printed = run_commands(&commands, &server, folder.path());
            match expected {
                Some(ExpectedOutput::Json(text)) => {
                    assert_eq!(printed, parse_responses(&text), "{commands}");
                }
                Some(ExpectedOutput::ProblemDetail(text)) => {
                    assert_eq!(printed[0]["detail"], text, "{commands}");
                }
                None => assert!(!printed.iter().any(is_error), "{commands}: {printed:?}"),
            }
        }
    }
}

async fn the_first_session_runs_as_shown() {
    assert_runs_as_shown(&[(README, "## A first session")]);
}

async fn journal_and_fault_pages_run_as_shown() {
    assert_runs_as_shown(&[
        (JOURNAL_PAGE, "# The journal"),
        (FAULTS_PAGE, "# Faults and rate limits"),
    ]);
}

fn parser_reads_only_the_requested_section() {
    let text = "\
# Name\n```sh\nelsewhere\n```\n## A first session\nWords.\n```sh\ncurl \\\n  one\n```\nprints\n\
```json\n{\"a\":1}\n```\n```sh\ntwo\n```\n```toml\nx = 1\n```\n## Next\n```sh\nother\n```\n";
    let step = |commands: &str, shown| Step { commands: commands.to_owned(), expected: shown };
    let expected = [
        step("curl \\\n  one", Some(ExpectedOutput::Json("{\"a\":1}".to_owned()))),
        step("two", None),
    ];
    assert_eq!(parse_session(text, "## A first session"), expected);
}

async fn accounts_page_runs_as_shown() {
    assert_runs_as_shown(&[(ACCOUNTS_PAGE, "# Accounts, snapshots and clocks")]);
}

async fn troubleshooting_page_runs_as_shown() {
    assert_runs_as_shown(&[(TROUBLESHOOTING_PAGE, "# Troubleshooting")]);
}

/// Returns the anchors of a page's headings, as GitHub forms them.
fn heading_anchors(page: &str) -> Vec<String> {
    let headings = page.lines().filter_map(|line| line.trim_start_matches('#').strip_prefix(' '));
    let to_anchor = |heading: &str| {
        let kept = heading.to_lowercase().replace(' ', "-");
        kept.chars().filter(|letter| letter.is_alphanumeric() || "-_".contains(*letter)).collect()
    };
    headings.map(to_anchor).collect()
}

fn links_between_pages_lead_to_existing_headings() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages: Vec<_> = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"]
        .into_iter()
        .chain(["CHANGELOG.md", "examples/README.md"])
        .map(|name| root.join(name))
        .collect();
    let docs = std::fs::read_dir(root.join("docs")).expect("the documentation can be read");
    pages.extend(docs.map(|entry| entry.expect("an entry").path()));
    let link = Regex::new(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)").expect("a pattern");
    let mut broken = Vec::new();
    for page in &pages {
        let text = std::fs::read_to_string(page).expect("the page is text");
        for found in link.captures_iter(&text) {
            let target = &found[1];
            if target.contains("://") {
                continue;
            }
            let folder = page.parent().expect("a page is in a directory");
            let target = if target.is_empty() { page.clone() } else { folder.join(target) };
            let is_found = match (found.get(2), std::fs::read_to_string(&target)) {
                (Some(anchor), Ok(linked)) => {
                    heading_anchors(&linked).iter().any(|known| known == anchor.as_str())
                }
                _ => target.exists(),
            };
            if !is_found {
                broken.push(format!("{}: {}", page.display(), &found[0]));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}
