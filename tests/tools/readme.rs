//! Runs the commands of the documentation and compares their output with the documented one. Checks that no code block
//! and no link of a page is left out.

use std::ffi::OsString;
use std::path::Path;

use regex::Regex;
use serde_json::{Deserializer, Value, json};

use crate::support::files;
use crate::support::process::{PROGRAM, build_clean_env_command, run_to_exit};
use crate::support::server::Server;
use crate::support::tools::{BASH, CURL};
use crate::tool_test::{ToolTest, tool_tests};

pub(super) fn tests() -> Vec<ToolTest> {
    let tests = [
        tool_tests![BASH, CURL =>
            async readme_runs_as_shown,
            async guide_runs_as_shown,
            async testing_page_runs_as_shown,
            async journal_and_fault_pages_run_as_shown,
            async accounts_page_runs_as_shown,
            async troubleshooting_page_runs_as_shown,
        ],
        tool_tests![=>
            every_code_block_is_run_or_checked,
            console_commands_are_valid,
            readme_names_the_required_rust_version,
            paths_in_the_promises_exist,
            paths_in_the_guides_for_contributors_exist,
            parser_reads_only_the_requested_section,
            only_omitted_members_are_removed,
            links_between_pages_lead_to_existing_headings,
        ],
    ];
    tests.into_iter().flatten().collect()
}

pub(crate) const README: &str = include_str!("../../README.md");
pub(crate) const GUIDE: &str = include_str!("../../docs/guide.md");
pub(crate) const TESTING_PAGE: &str = include_str!("../../docs/testing.md");
const JOURNAL_PAGE: &str = include_str!("../../docs/journal.md");
const FAULTS_PAGE: &str = include_str!("../../docs/faults.md");
const ACCOUNTS_PAGE: &str = include_str!("../../docs/clock-and-accounts.md");
const TROUBLESHOOTING_PAGE: &str = include_str!("../../docs/troubleshooting.md");
pub(crate) const PAGES_BASE_URL: &str = "http://127.0.0.1:8080";

/// The name of the member that stands for the members that a page does not show.
const OMITTED_MEMBERS: &str = "…";

/// A page whose code blocks must all be checked.
struct CheckedPage {
    name: &'static str,
    text: &'static str,
    /// The languages whose blocks `third_party_clients.rs` or `example_suites.rs` runs, or compares with an example.
    languages: &'static [&'static str],
}

const CHECKED_PAGES: [CheckedPage; 3] = [
    CheckedPage { name: "README.md", text: README, languages: &["python", "rust"] },
    CheckedPage { name: "docs/guide.md", text: GUIDE, languages: &["python", "js"] },
    CheckedPage {
        name: "docs/testing.md",
        text: TESTING_PAGE,
        languages: &["python", "js", "php", "java", "rust"],
    },
];

/// Commands of `console` blocks that no test runs: they need minutes or the network.
const COMMANDS_OF_OTHER_PROGRAMS: [&str; 5] = [
    "cargo test",
    "cargo install --locked --path .",
    "docker build -t omnidesk-mock .",
    "docker run --rm -p 127.0.0.1:8080:8080 omnidesk-mock",
    "pip install pytest requests pytest-xdist",
];

/// Commands, and the expected output below them.
#[derive(Debug, PartialEq)]
struct Step {
    commands: String,
    expected: Option<ExpectedOutput>,
}

/// The part of the output that the page shows.
#[derive(Debug, PartialEq)]
enum ExpectedOutput {
    /// One or more responses. An object with the member [`OMITTED_MEMBERS`] shows only some members.
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

/// Returns the blocks of a whole page.
pub(crate) fn extract_all_blocks(page: &str) -> Vec<(String, String)> {
    extract_fenced_blocks(page, page.lines().next().expect("a page has a title"))
}

/// Returns the only block of a language on a page.
pub(crate) fn extract_only_block(page: &str, language: &str) -> String {
    let mut blocks = extract_all_blocks(page);
    blocks.retain(|(kind, _)| kind == language);
    assert_eq!(blocks.len(), 1, "the page must have one {language} block");
    blocks.remove(0).1
}

/// Returns the file name in the comment that begins a block, such as `# shop.yaml`.
fn file_name(block: &str) -> Option<&str> {
    let name = block.lines().next()?.strip_prefix("# ")?;
    (name.contains('.') && !name.contains([' ', '/'])).then_some(name)
}

/// Returns the search path for commands. The directory of the program under test comes first.
pub(crate) fn search_path() -> OsString {
    let program = Path::new(PROGRAM);
    let directory = program.parent().expect("the program is in a directory").to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::iter::once(directory).chain(std::env::split_paths(&path));
    std::env::join_paths(directories).expect("a search path")
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
    let text = replace_intervals(&text);
    // The headers depend on the version of curl and on the port.
    let client_headers = Regex::new(r#"("(?:user-agent|host)": *)"[^"]*""#).expect("a pattern");
    let text = client_headers.replace_all(&text, r#"$1"VARIES""#);
    // This change exists only if it came in a later second than the one before.
    let last_update = Regex::new(r#", *\{ *"column": *"last_update"[^{}]*\}"#).expect("a pattern");
    let text = last_update.replace_all(&text, "");
    let values = Deserializer::from_str(&text).into_iter().collect::<Result<_, _>>();
    values.unwrap_or_else(|error| panic!("the output is not JSON ({error}): {text}"))
}

/// Replaces the time between two requests in the message of a verification.
fn replace_intervals(text: &str) -> String {
    let interval = Regex::new(r", [0-9.smh ]+ after request").expect("a pattern");
    interval.replace_all(text, ", TIME after request").into_owned()
}

/// Runs the commands and returns the responses that they print.
fn run_commands(commands: &str, server: &Server, folder: &Path) -> Vec<Value> {
    let commands = commands.replace(PAGES_BASE_URL, &server.base_url);
    let mut bash = build_clean_env_command("bash", &["-e", "-c", &commands]);
    bash.current_dir(folder).env("PATH", search_path()).env("NO_PROXY", "*");
    let output = bash.output().expect("bash starts");
    assert!(output.status.success(), "{commands}: {output:?}");
    let printed = String::from_utf8(output.stdout).expect("text");
    parse_responses(&printed.replace(&server.base_url, PAGES_BASE_URL))
}

/// Removes the members of a response that the expected object omits with [`OMITTED_MEMBERS`], and that marker.
fn remove_omitted_members(response: &mut Value, expected: &mut Value) {
    match (response, expected) {
        (Value::Object(response), Value::Object(expected)) => {
            if expected.remove(OMITTED_MEMBERS).is_some() {
                response.retain(|name, _| expected.contains_key(name));
            }
            for (name, expected) in expected {
                if let Some(member) = response.get_mut(name) {
                    remove_omitted_members(member, expected);
                }
            }
        }
        (Value::Array(response), Value::Array(expected)) => {
            for (response, expected) in response.iter_mut().zip(expected) {
                remove_omitted_members(response, expected);
            }
        }
        _ => {}
    }
}

fn is_error(response: &Value) -> bool {
    response["status"] == "error" || response["detail"].is_string()
}

/// Runs the commands of the sections of pages in order, on one server. Blocks that begin with a file name are files.
fn assert_runs_as_shown(sections: &[(&str, &str)]) {
    let (server, folder) = (Server::start(), files::create_temp_dir());
    for (page, section) in sections {
        let steps = parse_session(page, section);
        assert!(!steps.is_empty(), "the section `{section}` has no commands");
        for (_, block) in extract_fenced_blocks(page, section) {
            if let Some(name) = file_name(&block) {
                files::write_file(&folder, name, &block);
            }
        }
        for Step { commands, expected } in steps {
            let mut printed = run_commands(&commands, &server, folder.path());
            match expected {
                Some(ExpectedOutput::Json(text)) => {
                    let mut expected = parse_responses(&text);
                    for (response, expected) in printed.iter_mut().zip(&mut expected) {
                        remove_omitted_members(response, expected);
                    }
                    assert_eq!(printed, expected, "{commands}");
                }
                Some(ExpectedOutput::ProblemDetail(text)) => {
                    assert_eq!(printed[0]["detail"], replace_intervals(&text), "{commands}");
                }
                None => assert!(!printed.iter().any(is_error), "{commands}: {printed:?}"),
            }
        }
    }
}

async fn readme_runs_as_shown() {
    assert_runs_as_shown(&[(README, "# omnidesk-mock")]);
}

async fn guide_runs_as_shown() {
    assert_runs_as_shown(&[(GUIDE, "# Guide")]);
}

async fn testing_page_runs_as_shown() {
    assert_runs_as_shown(&[(TESTING_PAGE, "# Testing")]);
}

fn every_code_block_is_run_or_checked() {
    for CheckedPage { name, text: page, languages } in CHECKED_PAGES {
        let blocks = extract_all_blocks(page);
        for (index, (kind, text)) in blocks.iter().enumerate() {
            let is_checked = match kind.as_str() {
                "sh" | "console" => true,
                // The expected output of the commands above it.
                "json" => index > 0 && blocks[index - 1].0 == "sh",
                // A file that commands below it read.
                "yaml" | "toml" => file_name(text).is_some_and(|file| {
                    blocks[index..].iter().any(|(kind, text)| kind == "sh" && text.contains(file))
                }),
                language => languages.contains(&language),
            };
            assert!(is_checked, "{name}: no test checks this {kind} block:\n{text}");
        }
    }
}

fn console_commands_are_valid() {
    for CheckedPage { name, text: page, .. } in CHECKED_PAGES {
        let blocks = extract_all_blocks(page);
        let blocks = blocks.iter().filter(|(kind, _)| kind == "console");
        for command in blocks.flat_map(|(_, text)| text.lines()) {
            let arguments = command
                .strip_prefix("omnidesk-mock ")
                .or_else(|| command.strip_prefix("cargo run --release -- "));
            let Some(arguments) = arguments else {
                let is_known = COMMANDS_OF_OTHER_PROGRAMS.contains(&command);
                assert!(is_known, "{name}: no test knows the command `{command}`");
                continue;
            };
            let own_arguments =
                arguments.split_whitespace().take_while(|argument| *argument != "--");
            // The arguments before --help are parsed, but nothing is started.
            let arguments: Vec<&str> = own_arguments.chain(["--help"]).collect();
            run_to_exit(&arguments).expect_success();
        }
    }
}

fn readme_names_the_required_rust_version() {
    assert!(README.contains(&format!("Rust {} or later", env!("CARGO_PKG_RUST_VERSION"))));
}

async fn journal_and_fault_pages_run_as_shown() {
    assert_runs_as_shown(&[
        (JOURNAL_PAGE, "# The journal"),
        (FAULTS_PAGE, "# Faults and rate limits"),
    ]);
}

fn parser_reads_only_the_requested_section() {
    let text = "\
# Name\n```sh\nelsewhere\n```\n## A session\nWords.\n```sh\ncurl \\\n  one\n```\nprints\n\
```json\n{\"a\":1}\n```\n```sh\ntwo\n```\n```toml\nx = 1\n```\n## Next\n```sh\nother\n```\n";
    let step = |commands: &str, shown| Step { commands: commands.to_owned(), expected: shown };
    let expected = [
        step("curl \\\n  one", Some(ExpectedOutput::Json("{\"a\":1}".to_owned()))),
        step("two", None),
    ];
    assert_eq!(parse_session(text, "## A session"), expected);
}

fn only_omitted_members_are_removed() {
    let mut response = json!({ "a": 1, "items": [{ "id": 1, "title": "A" }] });
    let mut expected = json!({ "items": [{ "id": 1, "…": "…" }] });
    remove_omitted_members(&mut response, &mut expected);
    assert_eq!(response, json!({ "a": 1, "items": [{ "id": 1 }] }));
    assert_eq!(expected, json!({ "items": [{ "id": 1 }] }));
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
    let mut pages: Vec<_> =
        ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "examples/README.md"]
            .into_iter()
            .map(|name| root.join(name))
            .collect();
    let docs = std::fs::read_dir(root.join("docs")).expect("the documentation can be read");
    let docs = docs.map(|entry| entry.expect("an entry").path());
    pages.extend(docs.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
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

/// Returns the texts in backticks that contain a `/` and no space.
fn quoted_paths(page: &str) -> Vec<&str> {
    let quoted = page.split('`').skip(1).step_by(2);
    quoted.filter(|text| text.contains('/') && !text.contains(' ')).collect()
}

fn paths_in_the_promises_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = include_str!("../../docs/promises.md");
    let rows = page.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    for row in rows {
        let (_, tests) = row.trim_end_matches(" |").rsplit_once(" | ").expect("two columns");
        let paths = tests.split(", ").map(|path| path.trim_matches('`'));
        let missing: Vec<&str> = paths.filter(|path| !root.join(path).exists()).collect();
        assert!(missing.is_empty(), "{missing:?} in {row}");
    }
}

fn paths_in_the_guides_for_contributors_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = [include_str!("../../docs/architecture.md"), include_str!("../../CONTRIBUTING.md")];
    let is_source =
        |path: &&str| [".rs", ".sql", ".sh", ".py"].iter().any(|end| path.ends_with(end));
    for path in pages.into_iter().flat_map(quoted_paths).filter(is_source) {
        let exists = root.join(path).exists() || root.join("src").join(path).exists();
        assert!(exists, "{path} does not exist");
    }
}
