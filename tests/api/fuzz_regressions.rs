//! Regression tests for fuzzing and property-test findings, each as its smallest case.

use serde_json::{Value, json};

use crate::support::client::{DEV_KEY, JsonResponse};
use crate::support::process::{ProcessOutput, run_to_exit};
use crate::support::server::Server;
use crate::support::{files, ticket};

const IMPORT_PATH: &str = "/_control/accounts/dev/import";
const FAULTS_PATH: &str = "/_control/accounts/dev/faults";

/// Returns short but deeply nested YAML: sequences, mappings as keys, both in turn, and mappings.
fn deeply_nested_yaml(levels: usize) -> [String; 4] {
    let steps: String = (0..levels.min(2_000)).map(|at| " ".repeat(at) + "a:\n").collect();
    ["- ".repeat(levels), "? ".repeat(levels), "- ? ".repeat(levels), steps]
}

fn check_seed(text: &str) -> ProcessOutput {
    let folder = files::create_temp_dir();
    run_to_exit(&["seed", "check", &files::write_file(&folder, "seed.yaml", text)])
}

#[tokio::test]
async fn import_rejects_too_deeply_nested_fixture() {
    let server = Server::start();
    for levels in [1_000, 10_000] {
        for text in deeply_nested_yaml(levels) {
            let request =
                server.request("POST", IMPORT_PATH).header("content-type", "application/yaml");
            let reply = JsonResponse::fetch(request.body(text.clone())).await;
            assert_eq!(reply.status, 400, "{text:.20} {levels}: {}", reply.body);
        }
    }
    assert_eq!(server.get("/api/v2/ticket").await.status, 200);
}

#[test]
fn seed_check_rejects_too_deeply_nested_seed() {
    for text in deeply_nested_yaml(50_000) {
        let finished = check_seed(&text);
        assert_eq!(finished.exit_code, Some(1), "{text:.20}: {finished:?}");
        assert!(finished.stderr.contains("levels"), "{text:.20}: {finished:?}");
    }
}

#[test]
fn seed_errors_escape_control_characters() {
    for text in [
        r#"accounts: { a: { "ti\e[31mtle": 1 } }"#,
        r#"accounts: { a: { "ti\ntle": 1 } }"#,
        r#"accounts: { "a\x18": }"#,
        r#"accounts: { a: { time_zone: "Euro\e[31mpe" } }"#,
        r#"accounts: { a: { time_zone: "Euro\npe" } }"#,
    ] {
        let finished = check_seed(text);
        assert_eq!(finished.exit_code, Some(1), "{text}: {finished:?}");
        let message = finished.stderr.trim_end();
        assert!(!message.contains(char::is_control), "{text}: {message:?}");
        assert!(message.contains("seed.yaml:1: "), "{text}: {message:?}");
    }
}

/// Returns true if the document's schema for this operation and status accepts the response.
fn matches_response_schema(
    document: &Value,
    (method, path, status): (&str, &str, u16),
    response: &Value,
) -> bool {
    let operation = &document["paths"][path][method];
    let content = &operation["responses"][status.to_string()]["content"]["application/json"];
    assert!(content["schema"].is_object(), "{status} of {method} {path} has no schema");
    let mut schema = document.clone();
    schema["allOf"] = json!([content["schema"]]);
    jsonschema::draft202012::new(&schema).expect("a schema").is_valid(response)
}

#[tokio::test]
async fn fault_rule_responses_match_openapi_schema() {
    let server = Server::start();
    let document = server.get("/_control/openapi.json").await.body;
    let path = "/_control/accounts/{account}/faults";
    for rule in [
        json!({ "preset": "flaky", "operation": "ticket.create", "ttl": { "requests": 3 } }),
        json!({ "effect": { "drop_response": 503 }, "key": "dev", "fields": { "title": "Printer" } }),
        json!({ "sequence": [{ "reset_connection": true }, null, { "delay": "1s", "when": "after" }] }),
    ] {
        let created = server.send_json("POST", FAULTS_PATH, &rule).await;
        assert!(
            matches_response_schema(&document, ("post", path, 201), &created.body),
            "{}",
            created.body
        );
    }
    let all = server.get(FAULTS_PATH).await.body;
    assert!(matches_response_schema(&document, ("get", path, 200), &all), "{all}");
}

#[tokio::test]
async fn fault_number_limits_match_openapi_schema() {
    let server = Server::start();
    let document = server.get("/_control/openapi.json").await.body;
    let remove = &document["paths"]["/_control/accounts/{account}/faults/{id}"]["delete"];
    let id = remove["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|parameter| parameter["name"] == "id");
    let id = &id.expect("the operation has an id parameter")["schema"];
    assert_eq!(id["minimum"], 0, "the schema rejects -1: {id}");

    for name in ["first", "every", "after"] {
        let schema = &document["components"]["schemas"]["FaultRule"]["properties"][name];
        let max = schema["maximum"].as_u64().expect("the schema has a maximum");
        for (number, status) in [(0, 400), (1, 201), (max, 201), (max + 1, 400), (1 << 63, 400)] {
            let rule = json!({ "preset": "down", name: number });
            let reply = server.send_json("POST", FAULTS_PATH, &rule).await;
            assert_eq!(reply.status, status, "{name} {number}: {}", reply.body);
        }
    }
}

#[tokio::test]
async fn journal_and_changes_redact_key_of_request() {
    let server = Server::start();
    let new = ticket::NEW_TICKET_FORM.replace("Printer", DEV_KEY);
    assert_eq!(server.send_form("POST", "/api/v2/ticket", &new).await.status, 200);
    let renamed = server.send_form("PUT", "/api/v2/ticket/1", &format!("title=+{DEV_KEY}")).await;
    assert_eq!(renamed.status, 200);
    for path in ["requests", "changes"] {
        let listing = server.get(&format!("/_control/accounts/dev/{path}")).await.body;
        assert!(!listing.to_string().contains(DEV_KEY), "{path}: {listing}");
    }
}
