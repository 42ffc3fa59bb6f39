//! What fuzzing and generated requests have found, each as the smallest thing that shows it.

use serde_json::{Value, json};

use crate::fixtures;
use crate::program::{Finished, run};
use crate::support::{DEV_KEY, Reply, Server};

const IMPORT: &str = "/_control/accounts/dev/import";
const FAULTS: &str = "/_control/accounts/dev/faults";

/// Few bytes that are deep: a list in a list, a mapping as the name in a mapping, and both in turns.
fn deep(levels: usize) -> [String; 4] {
    let steps: String = (0..levels.min(2_000)).map(|at| " ".repeat(at) + "a:\n").collect();
    ["- ".repeat(levels), "? ".repeat(levels), "- ? ".repeat(levels), steps]
}

fn check(text: &str) -> Finished {
    let folder = fixtures::folder();
    run(&["seed", "check", &fixtures::file(&folder, "seed.yaml", text)])
}

#[tokio::test]
async fn a_fixture_that_is_too_deep_is_refused_and_the_server_goes_on() {
    let server = Server::start();
    for levels in [1_000, 10_000] {
        for text in deep(levels) {
            let request = server.ask("POST", IMPORT).header("content-type", "application/yaml");
            let reply = Reply::of(request.body(text.clone())).await;
            assert_eq!(reply.status, 400, "{text:.20} {levels}: {}", reply.body);
        }
    }
    assert_eq!(server.get("/api/v2/ticket").await.status, 200);
}

#[test]
fn a_seed_that_is_too_deep_is_refused_in_words() {
    for text in deep(50_000) {
        let finished = check(&text);
        assert_eq!(finished.code, Some(1), "{text:.20}: {finished:?}");
        assert!(finished.stderr.contains("levels"), "{text:.20}: {finished:?}");
    }
}

#[test]
fn what_is_wrong_with_a_seed_is_said_in_lines_that_no_name_can_break() {
    for text in [
        r#"accounts: { a: { "ti\e[31mtle": 1 } }"#,
        r#"accounts: { a: { "ti\ntle": 1 } }"#,
        r#"accounts: { "a\x18": }"#,
        r#"accounts: { a: { time_zone: "Euro\e[31mpe" } }"#,
        r#"accounts: { a: { time_zone: "Euro\npe" } }"#,
    ] {
        let finished = check(text);
        assert_eq!(finished.code, Some(1), "{text}: {finished:?}");
        let said = finished.stderr.trim_end();
        assert!(!said.contains(char::is_control), "{text}: {said:?}");
        assert!(said.contains("seed.yaml:1: "), "{text}: {said:?}");
    }
}

/// Whether the document lets an answer to this operation look so.
fn fits(document: &Value, (method, path, status): (&str, &str, u16), answer: &Value) -> bool {
    let operation = &document["paths"][path][method];
    let content = &operation["responses"][status.to_string()]["content"]["application/json"];
    assert!(content["schema"].is_object(), "{status} of {method} {path} has a schema");
    let mut whole = document.clone();
    whole["allOf"] = json!([content["schema"]]);
    jsonschema::draft202012::new(&whole).expect("a schema").is_valid(answer)
}

#[tokio::test]
async fn a_fault_rule_is_shown_as_the_document_says() {
    let server = Server::start();
    let document = server.get("/_control/openapi.json").await.body;
    let path = "/_control/accounts/{account}/faults";
    for rule in [
        json!({ "preset": "flaky", "operation": "ticket.create", "ttl": { "requests": 3 } }),
        json!({ "effect": { "lose_answer": 503 }, "key": "dev", "fields": { "title": "Printer" } }),
        json!({ "sequence": [{ "reset": true }, null, { "delay": "1s", "when": "after" }] }),
    ] {
        let made = server.json("POST", FAULTS, &rule).await;
        assert!(fits(&document, ("post", path, 201), &made.body), "{}", made.body);
    }
    let all = server.get(FAULTS).await.body;
    assert!(fits(&document, ("get", path, 200), &all), "{all}");
}

#[tokio::test]
async fn no_number_is_taken_or_refused_against_the_document() {
    let server = Server::start();
    let document = server.get("/_control/openapi.json").await.body;
    let remove = &document["paths"]["/_control/accounts/{account}/faults/{id}"]["delete"];
    let id = remove["parameters"].as_array().into_iter().flatten().find(|one| one["name"] == "id");
    let id = &id.expect("it takes an id")["schema"];
    assert_eq!(id["minimum"], 0, "-1 is refused: {id}");

    // What is one more than the largest number of the format that the document names.
    let past = 1_u64 << 63;
    for name in ["first", "every", "after"] {
        let made = server.json("POST", FAULTS, &json!({ "preset": "down", name: past })).await;
        let schema = &document["components"]["schemas"]["Rule"]["properties"][name];
        let is_refused = made.status == 400;
        assert!(is_refused || schema["format"] != "int64", "{schema} takes {past}");
    }
}

#[tokio::test]
async fn the_key_of_a_request_is_in_no_change_that_it_makes() {
    let server = Server::start();
    let new = fixtures::NEW_TICKET.replace("Printer", DEV_KEY);
    assert_eq!(server.form("POST", "/api/v2/ticket", &new).await.status, 200);
    let renamed = server.form("PUT", "/api/v2/ticket/1", &format!("title=+{DEV_KEY}")).await;
    assert_eq!(renamed.status, 200);
    for path in ["requests", "changes"] {
        let told = server.get(&format!("/_control/accounts/dev/{path}")).await.body;
        assert!(!told.to_string().contains(DEV_KEY), "{path}: {told}");
    }
}
