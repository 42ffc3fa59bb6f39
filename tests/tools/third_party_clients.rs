//! Unmodified third-party clients: runs the programs of the guide if the machine has their runtimes.

use std::process::Command;

use serde_json::Value;

use crate::readme::{GUIDE, PAGES_BASE_URL, extract_only_block};
use crate::support::process::{PROGRAM, RunningProcess};
use crate::support::server::Server;
use crate::support::tools::{CURL, NODE_FETCH, OPENAPI_VALIDATOR, PYTHON_REQUESTS, can_run};
use crate::tool_test::{ToolTest, tool_tests};

pub(super) fn tests() -> Vec<ToolTest> {
    let tests = [
        tool_tests![PYTHON_REQUESTS =>
            async python_requests_works_unmodified,
        ],
        tool_tests![NODE_FETCH =>
            async node_fetch_works_unmodified,
        ],
        tool_tests![OPENAPI_VALIDATOR =>
            the_openapi_document_passes_a_validator,
        ],
        tool_tests![CURL =>
            async printed_curl_command_works,
        ],
    ];
    tests.into_iter().flatten().collect()
}

/// Returns the guide's program in this language, with the server's URL.
fn extract_program(language: &str, server: &Server) -> String {
    extract_only_block(GUIDE, language).replace(PAGES_BASE_URL, &server.base_url)
}

fn run_and_capture_stdout(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

async fn python_requests_works_unmodified() {
    let server = Server::start();
    run_and_capture_stdout("python3", &["-c", &extract_program("python", &server)]);
    assert_eq!(
        server.get("/api/v2/ticket").await.body["itemTotal"],
        0,
        "the program deletes the ticket that it created"
    );
    assert_eq!(server.get("/api/v2/ticket/1").await.status, 400);
}

async fn node_fetch_works_unmodified() {
    let server = Server::start();
    assert_eq!(
        run_and_capture_stdout(
            "node",
            &["--input-type=module", "-e", &extract_program("js", &server)]
        ),
        "closed 1\n"
    );
    assert_eq!(server.get("/api/v2/ticket/1").await.body["item"]["status"], "closed");
}

fn the_openapi_document_passes_a_validator() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = folder.path().join("openapi.json");
    let document = run_and_capture_stdout(PROGRAM, &["openapi"]);
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

async fn printed_curl_command_works() {
    let mut running = RunningProcess::spawn_server(&[]);
    let printed = running.wait_for_line(|_, line| line.contains("curl "));
    let line =
        printed[printed.find("curl ").expect("the line contains a curl command")..].to_owned();
    let output =
        Command::new("sh").args(["-c", &line]).env("NO_PROXY", "*").output().expect("sh starts");
    assert!(output.status.success(), "{line}: {output:?}");
    let body: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{line} does not print JSON ({error}): {output:?}"));
    assert_ne!(body["status"], "error", "{line}: {body}");
    assert!(body["type"].is_string(), "{line}: {body}");
}
