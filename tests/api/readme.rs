//! The session that the README shows, run as it stands there.

use std::process::Command;

use serde_json::Value;

use crate::fixtures;
use crate::support::Server;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
const SHOWN_BASE: &str = "http://127.0.0.1:8080";

/// A command, and the answer that is shown below it.
#[derive(Debug, PartialEq)]
struct Step {
    command: String,
    answer: String,
}

/// The fenced blocks of a section, with the word behind the fence.
pub(crate) fn blocks(readme: &str, section: &str) -> Vec<(String, String)> {
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

/// The commands of the session, each with its answer.
fn session(readme: &str) -> Vec<Step> {
    let blocks = blocks(readme, "## A first session");
    let mut steps = Vec::new();
    for (at, (kind, text)) in blocks.iter().enumerate() {
        if kind == "sh" {
            let answer = blocks.get(at + 1).filter(|(kind, _)| kind == "json");
            let (_, answer) = answer.unwrap_or_else(|| panic!("an answer is shown below {text}"));
            steps.push(Step { command: text.clone(), answer: answer.clone() });
        }
    }
    steps
}

fn without_dates(text: &str) -> Value {
    let date = regex::Regex::new(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}").expect("a pattern");
    let text = date.replace_all(text, "DATE");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("JSON ({error}): {text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_session_runs_as_shown() {
    if Command::new("curl").arg("--version").output().is_err() {
        return;
    }
    let readme = std::fs::read_to_string(PATH).expect("README.md is there");
    let steps = session(&readme);
    assert!(!steps.is_empty(), "the README has a section `## A first session` with commands");
    let (server, folder) = (Server::start(), fixtures::folder());
    for Step { command, answer } in steps {
        let asked = command.replace(SHOWN_BASE, &server.base);
        let mut bash = Command::new("bash");
        bash.args(["-e", "-c", &asked]).current_dir(folder.path()).env("NO_PROXY", "*");
        let output = bash.output().expect("bash runs");
        assert!(output.status.success(), "{command}: {output:?}");
        let printed =
            String::from_utf8(output.stdout).expect("text").replace(&server.base, SHOWN_BASE);
        assert_eq!(without_dates(&printed), without_dates(&answer), "{command} prints\n{printed}");
    }
}

#[test]
fn a_session_is_read_from_its_section_only() {
    let text = "\
# Name\n```sh\nelsewhere\n```\n## A first session\nWords.\n```sh\ncurl \\\n  one\n```\nprints\n\
```json\n{\"a\":1}\n```\n```toml\nx = 1\n```\n## Next\n```sh\nother\n```\n";
    let expected = Step { command: "curl \\\n  one".to_owned(), answer: "{\"a\":1}".to_owned() };
    assert_eq!(session(text), [expected]);
}
