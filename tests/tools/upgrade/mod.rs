//! Tests that this build opens data directories of earlier builds, returns the same responses, and continues from there.
//!
//! Each directory beside this file is a fixture of a released version, created by `scripts/upgrade-fixture.py`. The same
//! script creates one with the program under test, so the tests run before there is a release. Responses of the ticket
//! API must be equal byte for byte; those of the control API may have additional fields.

mod fixture;

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::control::Account;
use crate::support::server::Server;
use crate::support::ticket::{ALL_TICKETS_PATH, NEW_TICKET_FORM, create_ticket, dump_tickets};
use crate::support::tools::PYTHON;
use crate::tool_test::{ToolTest, tool_tests};
use fixture::fixtures;

pub(super) fn tests() -> Vec<ToolTest> {
    tool_tests![PYTHON =>
        async responses_are_unchanged_and_survive_a_restart,
        async writes_continue_after_the_last_id,
        async keys_keep_their_permissions,
        async reset_restores_the_seed,
        async snapshot_is_restored_repeatedly,
        async control_api_keeps_every_field,
        async accounts_can_be_forked_and_saved,
        async acknowledged_writes_of_a_killed_server_are_recovered,
    ]
}

const KEY: &str = "acme-key-0123456789";
const READER_KEY: &str = "read-key-0123456789";

/// Starts a server on the data directory, with the public URL of the fixture's server. Its client is acme.
fn start_on(data: &TempDir, arguments: &[&str]) -> Server {
    let data = data.path().to_str().expect("the path is text");
    let fixed = ["--data", data, "--public-url", "https://desk.example.test"];
    let mut server = Server::start_with_args(&[&fixed, arguments].concat());
    KEY.clone_into(&mut server.api_key);
    server
}

/// Starts a server with the seed of the fixture's server.
fn start_with_seed(data: &TempDir) -> Server {
    let seed = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tools/upgrade/seed.yaml");
    start_on(data, &["--seed", seed])
}

fn acme(server: &Server) -> Account {
    Account::new(server, "acme", KEY)
}

/// Asserts that the new value has everything of the old one. It may have more fields.
fn assert_contains(new: &Value, old: &Value, place: &str) {
    match (new, old) {
        (Value::Object(new), Value::Object(old)) => {
            for (name, value) in old {
                assert_contains(&new[name], value, &format!("{place}.{name}"));
            }
        }
        (Value::Array(new), Value::Array(old)) if new.len() == old.len() => {
            for (index, (new, old)) in new.iter().zip(old).enumerate() {
                assert_contains(new, old, &format!("{place}[{index}]"));
            }
        }
        _ => assert_eq!(new, old, "{place}"),
    }
}

async fn responses_are_unchanged_and_survive_a_restart() {
    for fixture in fixtures() {
        let data = fixture.stopped_data();
        for _ in 0..2 {
            let server = start_on(&data, &[]);
            fixture.recorded.stopped.assert_unchanged(&server).await;
            assert_eq!(server.stop().exit_code, Some(0));
        }
    }
}

async fn writes_continue_after_the_last_id() {
    for fixture in fixtures() {
        let data = fixture.stopped_data();
        let server = start_on(&data, &[]);
        assert_eq!(create_ticket(&server).await, fixture.recorded.stopped.last_id + 1);
        let writes = [
            ("PUT", "/42", "title=Renamed+today"),
            ("POST", "/setStatus", "status=closed&ticketIDs[]=43"),
            ("POST", "/setPriority", "priority=low&ticketIDs[]=44"),
            ("POST", "/unlinkCustomerFromTicket", "ticketID=42"),
            (
                "POST",
                "/batch",
                "TicketIDs=44&actions[0][actionType]=title&actions[0][value]=Sparks",
            ),
            ("DELETE", "/45", ""),
        ];
        for (method, path, form) in writes {
            let reply = server.send_form(method, &format!("/api/v2/ticket{path}"), form).await;
            assert_eq!(reply.status, 200, "{method} {path}: {}", reply.body);
        }
        for (query, count) in [("renamed+TODAY", 1), ("sparks", 1), ("printer", 1), ("again", 0)] {
            let list = server.get(&format!("{ALL_TICKETS_PATH}&query={query}")).await.body;
            assert_eq!(list["itemTotal"], count, "{query}: {list}");
        }
        let before = dump_tickets(&server).await;
        assert_eq!(server.stop().exit_code, Some(0));
        assert_eq!(dump_tickets(&start_on(&data, &[])).await, before);
    }
}

async fn keys_keep_their_permissions() {
    for fixture in fixtures() {
        let data = fixture.stopped_data();
        let server = start_on(&data, &[]);
        let reader = server.with_key(READER_KEY);
        assert_eq!(
            reader.get(ALL_TICKETS_PATH).await.body,
            server.get(ALL_TICKETS_PATH).await.body
        );
        assert_eq!(reader.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await.status, 403);
        let revoked = server.with_key(&fixture.recorded.revoked_key);
        assert_eq!(revoked.get(ALL_TICKETS_PATH).await.status, 401);
    }
}

async fn reset_restores_the_seed() {
    for fixture in fixtures() {
        let origin = &fixture.recorded.origin;
        let data = fixture.stopped_data();
        let server = start_with_seed(&data);
        create_ticket(&server).await;
        assert_eq!(acme(&server).send_control("POST", "/reset").await.status, 204);
        origin.assert_unchanged(&server).await;
        assert_eq!(server.stop().exit_code, Some(0));
        // The data directory has the origin, so a reset needs no seed.
        let server = start_on(&data, &[]);
        assert_eq!(create_ticket(&server).await, origin.last_id + 1);
        assert_eq!(acme(&server).send_control("POST", "/reset").await.status, 204);
        origin.assert_unchanged(&server).await;
    }
}

async fn snapshot_is_restored_repeatedly() {
    for fixture in fixtures() {
        let snapshot = &fixture.recorded.snapshot;
        let data = fixture.stopped_data();
        let server = start_on(&data, &[]);
        for _ in 0..2 {
            let restored = acme(&server).send_control("POST", "/snapshots/before/restore").await;
            assert_eq!(restored.status, 204, "{}", restored.body);
            snapshot.assert_unchanged(&server).await;
            assert_eq!(create_ticket(&server).await, snapshot.last_id + 1);
        }
    }
}

async fn control_api_keeps_every_field() {
    for fixture in fixtures() {
        let data = fixture.stopped_data();
        let server = start_on(&data, &[]);
        for response in &fixture.recorded.control {
            let old: Value = serde_json::from_str(&response.body).expect("the body is JSON");
            assert_contains(&server.get(&response.path).await.body, &old, &response.path);
        }
    }
}

async fn accounts_can_be_forked_and_saved() {
    for fixture in fixtures() {
        let data = fixture.stopped_data();
        let server = start_on(&data, &[]);
        let before = dump_tickets(&server).await;
        let fork =
            Account::create(&server, &json!({ "from": "account:acme", "name": "copy" })).await;
        assert_eq!(dump_tickets(&fork.client).await, before);
        assert_eq!(acme(&server).send_control("PUT", "/snapshots/today").await.status, 201);
        create_ticket(&server).await;
        assert_eq!(
            acme(&server).send_control("POST", "/snapshots/today/restore").await.status,
            204
        );
        assert_eq!(dump_tickets(&server).await, before);
    }
}

async fn acknowledged_writes_of_a_killed_server_are_recovered() {
    for fixture in fixtures() {
        let data = fixture.killed_data();
        let files = fs::read_dir(data.path().join("accounts")).expect("the directory exists");
        let has_log = |path: &std::path::Path| path.to_string_lossy().ends_with(".db-wal");
        let logs = files.filter(|entry| has_log(&entry.as_ref().expect("an entry").path()));
        assert_eq!(logs.count(), 1, "the fixture has a write-ahead log");
        let server = start_on(&data, &[]);
        let list = server.get(ALL_TICKETS_PATH).await.body;
        let items = list["items"].as_array().expect("items");
        for (id, title) in &fixture.recorded.acknowledged {
            let ticket = items.iter().find(|item| item["id"] == *id);
            assert_eq!(ticket.map(|item| &item["title"]), Some(&json!(title)), "ticket {id}");
        }
        let last_id = items.iter().filter_map(|item| item["id"].as_u64()).max().expect("tickets");
        assert_eq!(create_ticket(&server).await, last_id + 1);
        let before = dump_tickets(&server).await;
        assert_eq!(server.stop().exit_code, Some(0));
        assert_eq!(dump_tickets(&start_on(&data, &[])).await, before);
    }
}
