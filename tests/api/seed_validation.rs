//! Invalid seeds: every error is found before any data is written, and no API key is printed.

use serde_json::json;

use crate::support::files::{self, write_file};
use crate::support::server::Server;
use crate::support::{process, seed};

const SECRET: &str = "canary-key-0123456789";

/// Returns the output of `seed check` for an account with this line.
fn seed_check_error(line: &str) -> String {
    let folder = files::create_temp_dir();
    let seed = write_file(&folder, "seed.yaml", &format!("accounts:\n  acme:\n    {line}\n"));
    let finished = process::run_to_exit(&["seed", "check", &seed]);
    assert_eq!(finished.exit_code, Some(1), "{line}: {finished:?}");
    let output = finished.combined_output();
    assert!(output.contains("seed.yaml:3"), "{line}: {output}");
    assert!(!output.contains("panicked") && !output.contains("canary"), "{line}: {output}");
    output
}

#[test]
fn misplaced_key_is_not_printed() {
    for line in [
        format!("keys: [{SECRET}]"),
        format!("keys: {SECRET}"),
        format!("keys: {{ ci: {{ key: {SECRET}, permissions: all }} }}"),
        format!("keys: [[{{ key: {SECRET} }}]]"),
        format!("keys: [{{ key: [{SECRET}], permissions: all }}]"),
    ] {
        assert!(seed_check_error(&line).contains("keys"), "{line}");
    }
}

#[tokio::test]
async fn timeline_entries_may_omit_ids() {
    let timeline =
        json!([{ "type": "note", "content": "a" }, { "type": "note", "id": 1, "content": "b" }]);
    let seed = seed::acme_seed([json!({ "id": 1, "title": "One", "timeline": timeline })]);
    let folder = files::create_temp_dir();
    let path = write_file(&folder, "seed.json", &seed.to_string());
    let mut server = Server::start_with_args(&["--ephemeral", "--seed", &path]);
    seed::ACME_KEY.clone_into(&mut server.api_key);
    let item = server.get("/api/v2/ticket/1").await.body;
    assert_eq!(item["item"]["timeline"].as_array().map(Vec::len), Some(2), "{item}");
}

#[test]
fn key_of_another_account_is_rejected() {
    let folder = files::create_temp_dir();
    let data = folder.path().join("data").display().to_string();
    let seed = |name: &str| {
        let text =
            format!("accounts: {{ {name}: {{ keys: [{{ key: {SECRET}, permissions: all }}] }} }}");
        write_file(&folder, &format!("{name}.yaml"), &text)
    };
    let first = ["--data", &data, "--seed", &seed("first")].map(ToOwned::to_owned);
    let serve = |arguments: &[String]| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        process::RunningProcess::spawn(&mut process::build_command(
            &[&["--listen", "127.0.0.1:0"], &arguments[..]].concat(),
        ))
    };
    let mut running = serve(&first);
    running.base_url();
    assert_eq!(running.stop().exit_code, Some(0));
    for conflict in
        [vec!["--seed".to_owned(), seed("other")], vec!["--api-key".to_owned(), SECRET.to_owned()]]
    {
        let refused =
            serve(&[vec!["--data".to_owned(), data.clone()], conflict].concat()).wait_for_exit();
        assert_eq!(refused.exit_code, Some(1), "{refused:?}");
        assert!(
            refused.combined_output().contains("first")
                && !refused.combined_output().contains(SECRET),
            "{refused:?}"
        );
    }
    let mut running = serve(&first);
    running.base_url();
    assert_eq!(
        running.stop().exit_code,
        Some(0),
        "the rejected seed does not block the next start"
    );
}

#[tokio::test]
async fn account_with_missing_file_is_not_recreated() {
    let folder = files::create_temp_dir();
    let data = folder.path().join("data");
    let path = data.display().to_string();
    let serve = || Server::start_with_args(&["--data", &path]);
    assert_eq!(serve().stop().exit_code, Some(0));
    std::fs::remove_file(data.join("seeds/dev.db")).expect("the file is removed");
    let server = serve();
    let refused = server.get("/api/v2/ticket").await;
    assert_eq!(refused.status, 500, "{refused:?}");
    let message = refused.body["message"].as_str().unwrap_or_default();
    assert!(message.contains("missing"), "{refused:?}");
    assert_eq!(server.stop().exit_code, Some(0));
    assert!(!data.join("seeds/dev.db").exists(), "the file is not recreated");
}

#[test]
fn seed_errors_escape_terminal_control_sequences() {
    for line in [
        "time_zone: \"Euro\\x1b[31mpe\"",
        "clock: { mode: \"\\x1b]0;\\x07\" }",
        "dialect: { \"\\x1b[2J\": 1 }",
        "keys: [{ key: some-key-0123, name: \"\\x1b[1m\", permissions: [\"\\x1b[1m\"] }]",
        "tickets: [{ \"\\x1b[1m\": 1 }]",
    ] {
        let output = seed_check_error(line);
        let is_plain = |letter: char| letter == '\n' || !letter.is_control();
        assert!(output.chars().all(is_plain), "{line}: {output:?}");
    }
}
