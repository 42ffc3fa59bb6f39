//! Tests of the public Rust library: embedded server, builder and typed control client.

use std::time::Duration;

use omnidesk_mock::types::{ClockMode, ClockSetting, NewAccount, NewKey, PermissionsSpec};
use omnidesk_mock::{ControlClient, ControlError, MockServer};
use serde_json::{Value, json};

const NEW_TICKET_FIELDS: [(&str, &str); 6] = [
    ("brandID", "1"),
    ("channelID", "1"),
    ("direction", "inbound"),
    ("from", "ada@example.test"),
    ("to", "desk@example.test"),
    ("title", "Printer on fire"),
];

async fn create_ticket(base: &str, key: &str) -> u16 {
    let request = reqwest::Client::new().post(format!("{base}/api/v2/ticket"));
    let response = request
        .header("apiKey", key)
        .form(&NEW_TICKET_FIELDS)
        .send()
        .await
        .expect("the server responds");
    response.status().as_u16()
}

async fn get_total(base: &str, key: &str) -> Value {
    let request = reqwest::Client::new().get(format!("{base}/api/v2/ticket"));
    let response = request.header("apiKey", key).send().await.expect("the server responds");
    response.json::<Value>().await.expect("the body is JSON")["itemTotal"].clone()
}

fn problem_kind<T: std::fmt::Debug>(result: Result<T, ControlError>) -> String {
    match result {
        Err(ControlError::Problem(problem)) => problem.kind,
        other => panic!("expected a problem, not {other:?}"),
    }
}

#[tokio::test]
async fn two_servers_share_nothing() {
    let (one, other) = tokio::join!(MockServer::start(), MockServer::start());
    assert_ne!(one.base_url(), other.base_url());
    assert_ne!(one.api_key(), other.api_key());
    assert_eq!(create_ticket(one.base_url(), one.api_key()).await, 200);
    assert_eq!(create_ticket(one.base_url(), other.api_key()).await, 401);
    assert_eq!(get_total(one.base_url(), one.api_key()).await, 1);
    assert_eq!(get_total(other.base_url(), other.api_key()).await, 0);
    let spec = NewAccount { name: Some("acme".to_owned()), ..NewAccount::default() };
    one.control().create_account(&spec).await.expect("the account is created");
    other.control().create_account(&spec).await.expect("the name is free on the other server");
}

#[tokio::test]
async fn dropped_server_stops_listening() {
    let server = MockServer::start().await;
    let url = format!("{}/_control/health", server.base_url());
    assert!(reqwest::get(&url).await.is_ok());
    drop(server);
    assert!(reqwest::get(&url).await.is_err_and(|error| error.is_connect()));
}

#[test]
fn server_responds_while_test_thread_blocks() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let server = runtime.expect("the runtime starts").block_on(MockServer::start());
    let address = server.base_url().trim_start_matches("http://").to_owned();
    let mut stream = std::net::TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("the timeout is set");
    std::io::Write::write_all(&mut stream, b"GET /_control/health HTTP/1.0\r\n\r\n")
        .expect("the request is sent");
    let mut response = String::new();
    std::io::Read::read_to_string(&mut stream, &mut response).expect("a response");
    assert!(response.starts_with("HTTP/1.0 200") && response.ends_with("ok"), "{response}");
}

#[tokio::test]
async fn builder_covers_command_line_flags() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let seed = folder.path().join("seed.yaml");
    std::fs::write(&seed, "accounts: { acme: { tickets: [{ id: 7 }] } }")
        .expect("the seed is written");
    let build = || {
        MockServer::builder()
            .seed(&seed)
            .seed_text("accounts: { other: { tickets: [{ id: 8 }, { id: 9 }] } }")
            .data_dir(folder.path().join("data"))
            .api_key("my-own-key")
            .auto_create_accounts()
            .max_accounts(5)
            .control_token("a-token-of-some-length")
            .public_url("https://desk.example.test/")
            .dialect(json!({ "list_type": "tickets" }).as_object().cloned().unwrap_or_default())
    };
    let server = build().start().await;
    assert_eq!(server.api_key(), "my-own-key");
    assert_eq!(create_ticket(server.base_url(), "my-own-key").await, 200);
    assert_eq!(create_ticket(server.base_url(), "an-unknown-key").await, 200);
    let control = server.control();
    assert_eq!(
        control.accounts().await.expect("the accounts are listed").len(),
        4,
        "acme, other, the default and the auto-created account"
    );
    assert_eq!(
        control.account("self").dialect().await.expect("the dialect is returned")["list_type"],
        "tickets"
    );
    let other = NewAccount { from: Some("seed:other".to_owned()), ..NewAccount::default() };
    let created = control.create_account(&other).await.expect("the account is created");
    assert_eq!(created.base_url, "https://desk.example.test");
    assert_eq!(problem_kind(control.create_account(&other).await), "/docs/control#limit-reached");
    assert_eq!(
        problem_kind(ControlClient::new(server.base_url()).accounts().await),
        "/docs/control#invalid-token"
    );
    server.stop().await;

    let server = build().start().await;
    assert_eq!(
        get_total(server.base_url(), "my-own-key").await,
        2,
        "the ticket from the seed and the created one"
    );
}

#[tokio::test]
async fn typed_client_covers_control_api() {
    let server = MockServer::builder().seed_text(SEED).start().await;
    let own = server.control().account("self");
    assert_eq!(
        own.freeze("2026-03-01T12:00:00Z").await.expect("the clock is frozen").mode,
        ClockMode::Frozen
    );
    create_ticket(server.base_url(), server.api_key()).await;
    assert_eq!(
        own.take_snapshot("one").await.expect("the snapshot is taken").taken_at,
        "2026-03-01T12:00:00Z"
    );
    assert_eq!(
        own.advance("P3D").await.expect("the clock is advanced").now,
        "2026-03-04T12:00:00Z"
    );
    let offset = ClockSetting::Offset { by: "-PT1H".to_owned() };
    assert_eq!(
        own.set_clock(&offset).await.expect("the clock is offset").by.as_deref(),
        Some("-PT1H")
    );
    own.restore("one").await.expect("the snapshot is restored");
    assert_eq!(own.clock().await.expect("the clock is returned").now, "2026-03-01T12:00:00Z");
    assert_eq!(own.snapshots().await.expect("the snapshots are listed").len(), 1);

    let permissions = PermissionsSpec::Only(vec!["TICKET_READ".to_owned()]);
    let reader = NewKey { permissions: Some(permissions), ..NewKey::default() };
    let reader = own.create_key(&reader).await.expect("the key is created");
    assert_eq!(reader.permissions, ["TICKET_READ"]);
    assert_eq!(create_ticket(server.base_url(), &reader.api_key).await, 403);
    own.remove_key(reader.id).await.expect("the key is removed");
    assert_eq!(own.keys().await.expect("the keys are listed").len(), 1);
    own.set_dialect(&json!({ "list_type": "tickets" })).await.expect("the dialect is set");

    let fixture = own.export().await.expect("the account is exported");
    let empty = NewAccount { from: Some("empty".to_owned()), ..NewAccount::default() };
    let created = server.control().create_account(&empty).await.expect("the account is created");
    let copy = server.control().account(&created.account);
    assert_eq!(copy.import(&fixture).await.expect("the export is imported").added["tickets"], 2);
    assert_eq!(problem_kind(copy.import(&fixture).await), "/docs/control#import-conflict");

    own.reset().await.expect("the account is reset");
    assert_eq!(own.details().await.expect("the account is returned").counts["tickets"], 1);
    own.remove_snapshot("one").await.expect("the snapshot is removed");
    assert_eq!(problem_kind(own.restore("one").await), "/docs/control#unknown-snapshot");
    copy.remove().await.expect("the account is removed");
    assert_eq!(problem_kind(copy.details().await), "/docs/control#unknown-account");
}

const SEED: &str = "accounts: { acme: { tickets: [{ id: 7, title: Printer on fire }] } }";

#[tokio::test]
async fn startup_error_names_its_cause() {
    for (builder, part) in [
        (MockServer::builder().seed("/no/such/file.yaml"), "/no/such/file.yaml"),
        (MockServer::builder().seed_text("accounts: 7"), "accounts"),
        (MockServer::builder().listen("192.0.2.1:1"), "192.0.2.1:1"),
        (MockServer::builder().api_key("a b"), "key"),
    ] {
        let error = builder.try_start().await.expect_err("the server must not start").to_string();
        assert!(error.contains(part), "{error}");
    }
}
