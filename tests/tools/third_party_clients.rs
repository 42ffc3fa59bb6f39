//! Unmodified third-party clients: runs the README's programs if the machine has their runtimes.

use std::process::{Command, Stdio};

use crate::support::server::Server;

/// Returns the README's first fenced block of this language, with the server's URL.
fn extract_readme_block(language: &str, server: &Server) -> String {
    let readme = include_str!("../../README.md");
    let fence = format!("```{language}\n");
    let (_, rest) =
        readme.split_once(&fence).unwrap_or_else(|| panic!("the README has no {language} block"));
    let (block, _) = rest.split_once("```").expect("the block is closed");
    block.replace("http://127.0.0.1:8080", &server.base_url)
}

pub(crate) fn can_run(program: &str, arguments: &[&str]) -> bool {
    let status =
        Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|exit_status| exit_status.success())
}

fn run_and_capture_stdout(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
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

#[tokio::test]
async fn python_requests_works_unmodified() {
    if !can_run("python3", &["-c", "import requests"]) {
        return skip_test("python3 with requests is not installed");
    }
    let server = Server::start();
    run_and_capture_stdout("python3", &["-c", &extract_readme_block("python", &server)]);
    assert_eq!(
        server.get("/api/v2/ticket").await.body["itemTotal"],
        0,
        "the program deletes the ticket that it created"
    );
    assert_eq!(server.get("/api/v2/ticket/1").await.status, 400);
}

#[tokio::test]
async fn node_fetch_works_unmodified() {
    if !can_run("node", &["-e", "if (!globalThis.FormData) process.exit(1)"]) {
        return skip_test("node with fetch and FormData is not installed");
    }
    let server = Server::start();
    assert_eq!(
        run_and_capture_stdout(
            "node",
            &["--input-type=module", "-e", &extract_readme_block("js", &server)]
        ),
        "closed 1\n"
    );
    assert_eq!(server.get("/api/v2/ticket/1").await.body["item"]["status"], "closed");
}

#[test]
fn the_openapi_document_passes_a_validator() {
    if !can_run("python3", &["-c", "import openapi_spec_validator"]) {
        return skip_test("python3 with openapi-spec-validator is not installed");
    }
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = folder.path().join("openapi.json");
    let document = run_and_capture_stdout(env!("CARGO_BIN_EXE_omnidesk-mock"), &["openapi"]);
    let validate = |text: &str| {
        std::fs::write(&file, text).expect("the file is written");
        can_run("python3", &["-m", "openapi_spec_validator", &file.display().to_string()])
    };
    assert!(validate(&document));
    let invalid = document.replacen("\"in\": \"query\"", "\"in\": \"nowhere\"", 1);
    assert!(
        invalid != document && !validate(&invalid),
        "the validator rejects an invalid document"
    );
}
