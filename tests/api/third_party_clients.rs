//! Unmodified clients: the README's programs run as they stand, where the machine has what they need.

use std::process::{Command, Stdio};

use crate::support::Server;

/// The first fenced block of this language in the README, pointed at the server.
fn extract_readme_block(language: &str, server: &Server) -> String {
    let readme = include_str!("../../README.md");
    let fence = format!("```{language}\n");
    let (_, rest) =
        readme.split_once(&fence).unwrap_or_else(|| panic!("the README has a {language} block"));
    let (block, _) = rest.split_once("```").expect("the block ends");
    block.replace("http://127.0.0.1:8080", &server.base_url)
}

pub(crate) fn can_run(program: &str, arguments: &[&str]) -> bool {
    let tried =
        Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    tried.is_ok_and(|status| status.success())
}

fn run_and_capture_stdout(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Says that a test, or a part of it, is left out, since the machine lacks something. Where changes are checked (`CI` is
/// set) nothing may be lacking: a test that is left out there would pass whatever the code does.
#[track_caller]
#[expect(clippy::print_stderr, reason = "whoever reads the test's output should know")]
pub(crate) fn skip_test(why: &str) {
    let in_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    assert!(!in_ci, "CI is set, and there this test must run: {why}");
    eprintln!("passed over: {why}");
}

#[tokio::test]
async fn python_requests_works_unmodified() {
    if !can_run("python3", &["-c", "import requests"]) {
        return skip_test("there is no python3 with requests");
    }
    let server = Server::start();
    run_and_capture_stdout("python3", &["-c", &extract_readme_block("python", &server)]);
    assert_eq!(
        server.get("/api/v2/ticket").await.body["itemTotal"],
        0,
        "the ticket was made and deleted"
    );
    assert_eq!(server.get("/api/v2/ticket/1").await.status, 400);
}

#[tokio::test]
async fn node_fetch_works_unmodified() {
    if !can_run("node", &["-e", "if (!globalThis.FormData) process.exit(1)"]) {
        return skip_test("there is no node with fetch and FormData");
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
        return skip_test("there is no python3 with openapi-spec-validator");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("openapi.json");
    let document = run_and_capture_stdout(env!("CARGO_BIN_EXE_omnidesk-mock"), &["openapi"]);
    let validate = |text: &str| {
        std::fs::write(&file, text).expect("it can be written");
        can_run("python3", &["-m", "openapi_spec_validator", &file.display().to_string()])
    };
    assert!(validate(&document));
    let bent = document.replacen("\"in\": \"query\"", "\"in\": \"nowhere\"", 1);
    assert!(bent != document && !validate(&bent), "the validator sees what is wrong");
}
