//! What the README shows of the program, run as it stands there.

use std::path::Path;
use std::process::Command;

use regex::Regex;
use serde_json::{Deserializer, Value};

use crate::fixtures;
use crate::support::Server;
use crate::third_party_clients::{can_run, skip_test};

const README: &str = include_str!("../../README.md");
const README_BASE_URL: &str = "http://127.0.0.1:8080";

/// Commands, and what is shown below them.
#[derive(Debug, PartialEq)]
struct Step {
    commands: String,
    expected: Option<ExpectedOutput>,
}

/// What is shown of an answer.
#[derive(Debug, PartialEq)]
enum ExpectedOutput {
    /// All of it, or of several answers.
    Json(String),
    /// The detail of a problem.
    ProblemDetail(String),
}

/// The fenced blocks of a section, with the word behind the fence.
pub(crate) fn extract_fenced_blocks(readme: &str, section: &str) -> Vec<(String, String)> {
    let mut lines = readme.lines().skip_while(|line| line.trim_end() != section).skip(1);
    let mut blocks = Vec::new();
    while let Some(line) = lines.next() {
        if line.starts_with("## ") {
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

/// The commands of a section, each with what is shown below.
fn parse_session(readme: &str, section: &str) -> Vec<Step> {
    let blocks = extract_fenced_blocks(readme, section);
    let steps = blocks.iter().enumerate().filter(|(_, (kind, _))| kind == "sh");
    let shown = |at: usize| match blocks.get(at).map(|(kind, text)| (kind.as_str(), text.clone())) {
        Some(("json", text)) => Some(ExpectedOutput::Json(text)),
        Some(("text", text)) => Some(ExpectedOutput::ProblemDetail(text)),
        _ => None,
    };
    steps.map(|(at, (_, text))| Step { commands: text.clone(), expected: shown(at + 1) }).collect()
}

/// The JSON values in a text, without what is another one each time.
fn parse_responses(text: &str) -> Vec<Value> {
    let date = Regex::new(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}(\.\d+)?").expect("a pattern");
    let text = date.replace_all(text, "DATE");
    let place = Regex::new(r#"("cursor": *)"[^"]*""#).expect("a pattern");
    let text = place.replace_all(&text, r#"$1"PLACE""#);
    let duration = Regex::new(r#"("duration_ms": *)[0-9.]+"#).expect("a pattern");
    let text = duration.replace_all(&text, "${1}0");
    // There only if the change came in a later second than the one before it.
    let moved = Regex::new(r#", *\{ *"column": *"last_update"[^{}]*\}"#).expect("a pattern");
    let text = moved.replace_all(&text, "");
    let values = Deserializer::from_str(&text).into_iter().collect::<Result<_, _>>();
    values.unwrap_or_else(|error| panic!("JSON ({error}): {text}"))
}

/// Runs the commands and gives the answers that they print.
fn run_commands(commands: &str, server: &Server, folder: &Path) -> Vec<Value> {
    let commands = commands.replace(README_BASE_URL, &server.base_url);
    let mut bash = Command::new("bash");
    bash.args(["-e", "-c", &commands]).current_dir(folder).env("NO_PROXY", "*");
    let output = bash.output().expect("bash runs");
    assert!(output.status.success(), "{commands}: {output:?}");
    let printed = String::from_utf8(output.stdout).expect("text");
    parse_responses(&printed.replace(&server.base_url, README_BASE_URL))
}

fn is_error(answer: &Value) -> bool {
    answer["status"] == "error" || answer["detail"].is_string()
}

/// Runs what the sections show, one after the other on one server.
fn assert_runs_as_shown(sections: &[&str]) {
    if !can_run("curl", &["--version"]) {
        return skip_test("there is no curl");
    }
    let (server, folder) = (Server::start(), fixtures::create_temp_dir());
    for section in sections {
        let steps = parse_session(README, section);
        assert!(!steps.is_empty(), "the README has a section `{section}` with commands");
        for Step { commands, expected: shown } in steps {
            let printed = run_commands(&commands, &server, folder.path());
            match shown {
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

#[tokio::test(flavor = "multi_thread")]
async fn the_first_session_runs_as_shown() {
    assert_runs_as_shown(&["## A first session"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn journal_and_fault_sections_run_as_shown() {
    assert_runs_as_shown(&["## See what your code did", "## Provoke"]);
}

#[test]
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
