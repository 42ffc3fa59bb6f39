//! Seeds that look right and are not: each fault is found before anything is planted, and no key is told.

use serde_json::json;

use crate::fixtures::{self, file};
use crate::program;
use crate::support::Server;

const SECRET: &str = "canary-key-0123456789";

/// What `seed check` says of an account with this line in it.
fn said_of(line: &str) -> String {
    let folder = fixtures::folder();
    let seed = file(&folder, "seed.yaml", &format!("accounts:\n  acme:\n    {line}\n"));
    let finished = program::run(&["seed", "check", &seed]);
    assert_eq!(finished.code, Some(1), "{line}: {finished:?}");
    let said = finished.text();
    assert!(said.contains("seed.yaml:3"), "{line}: {said}");
    assert!(!said.contains("panicked") && !said.contains("canary"), "{line}: {said}");
    said
}

#[test]
fn a_key_in_a_wrong_place_is_not_told() {
    for line in [
        format!("keys: [{SECRET}]"),
        format!("keys: {SECRET}"),
        format!("keys: {{ ci: {{ key: {SECRET}, permissions: all }} }}"),
        format!("keys: [[{{ key: {SECRET} }}]]"),
        format!("keys: [{{ key: [{SECRET}], permissions: all }}]"),
    ] {
        assert!(said_of(&line).contains("keys"), "{line}");
    }
}

#[test]
fn values_that_no_answer_could_show_are_refused() {
    for (line, word) in [
        ("tickets: [{ created_at: \"2026-03- 1 12:00:00\" }]", "created_at"),
        ("tickets: [{ created_at: \"-026-03-01 12:00:00\" }]", "created_at"),
        ("tickets: [{ created_at: \"2026-02-30 12:00:00\" }]", "created_at"),
        ("tickets: [{ channel_account_id: abc }]", "channel_account_id"),
        ("tickets: [{ status: open, closed_at: \"2026-03-01 12:00:00\" }]", "closed_at"),
        ("clock: { mode: offset, by: \"-9223372036854775808s\" }", "clock"),
        ("clock: { mode: offset, by: 99999999h }", "clock"),
        ("clock: { mode: real, at: \"2026-03-01T12:00:00Z\" }", "clock"),
        ("views: [{ id: 1, slug: \"12\", conditions: {} }]", "slug"),
        ("views: [{ id: 1, slug: new, conditions: {} }]", "slug"),
    ] {
        assert!(said_of(line).contains(word), "{line}");
    }
    let long = "x".repeat(1001);
    let condition = format!("{{ fact: title, operation: contains, value: {long} }}");
    let view = format!("views: [{{ id: 1, slug: long, conditions: {{ all: [{condition}] }} }}]");
    assert!(said_of(&view).contains("1000"));
}

#[tokio::test]
async fn entries_of_a_timeline_may_leave_their_ids_out() {
    let timeline =
        json!([{ "type": "note", "content": "a" }, { "type": "note", "id": 1, "content": "b" }]);
    let seed = fixtures::acme([json!({ "id": 1, "title": "One", "timeline": timeline })]);
    let folder = fixtures::folder();
    let path = file(&folder, "seed.json", &seed.to_string());
    let mut server = Server::with(&["--ephemeral", "--seed", &path]);
    fixtures::KEY.clone_into(&mut server.key);
    let item = server.get("/api/v2/ticket/1").await.body;
    assert_eq!(item["item"]["timeline"].as_array().map(Vec::len), Some(2), "{item}");
}

#[test]
fn a_key_of_another_account_is_not_taken() {
    let folder = fixtures::folder();
    let data = folder.path().join("data").display().to_string();
    let seed = |name: &str| {
        let text =
            format!("accounts: {{ {name}: {{ keys: [{{ key: {SECRET}, permissions: all }}] }} }}");
        file(&folder, &format!("{name}.yaml"), &text)
    };
    let first = ["--data", &data, "--seed", &seed("first")].map(ToOwned::to_owned);
    let serve = |arguments: &[String]| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        program::Running::spawn(&mut program::command(
            &[&["--listen", "127.0.0.1:0"], &arguments[..]].concat(),
        ))
    };
    let mut running = serve(&first);
    running.base();
    assert_eq!(running.stop().code, Some(0));
    for taking in
        [vec!["--seed".to_owned(), seed("other")], vec!["--api-key".to_owned(), SECRET.to_owned()]]
    {
        let refused = serve(&[vec!["--data".to_owned(), data.clone()], taking].concat()).finish();
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(
            refused.text().contains("first") && !refused.text().contains(SECRET),
            "{refused:?}"
        );
    }
    let mut running = serve(&first);
    running.base();
    assert_eq!(running.stop().code, Some(0), "what was refused is in nobody's way");
}

#[tokio::test]
async fn an_account_whose_file_is_missing_is_not_made_anew() {
    let folder = fixtures::folder();
    let data = folder.path().join("data");
    let path = data.display().to_string();
    let serve = || Server::with(&["--data", &path]);
    assert_eq!(serve().stop().code(), Some(0));
    std::fs::remove_file(data.join("seeds/dev.db")).expect("the file is there");
    let server = serve();
    let refused = server.get("/api/v2/ticket").await;
    assert_eq!(refused.status, 500, "{refused:?}");
    let message = refused.body["message"].as_str().unwrap_or_default();
    assert!(message.contains("missing"), "{refused:?}");
    assert_eq!(server.stop().code(), Some(0));
    assert!(!data.join("seeds/dev.db").exists(), "nothing is put in its place");
}

#[test]
fn what_a_seed_holds_does_not_reach_the_terminal_as_it_is() {
    for line in [
        "time_zone: \"Euro\\x1b[31mpe\"",
        "clock: { mode: \"\\x1b]0;\\x07\" }",
        "dialect: { \"\\x1b[2J\": 1 }",
        "keys: [{ key: some-key-0123, name: \"\\x1b[1m\", permissions: [\"\\x1b[1m\"] }]",
        "tickets: [{ \"\\x1b[1m\": 1 }]",
    ] {
        let said = said_of(line);
        let is_plain = |letter: char| letter == '\n' || !letter.is_control();
        assert!(said.chars().all(is_plain), "{line}: {said:?}");
    }
}
