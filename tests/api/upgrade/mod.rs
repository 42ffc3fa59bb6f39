//! Data folders as earlier versions left them: this version answers the same, and goes on from there.
//!
//! Each folder beside this file was made by `scripts/upgrade-fixture.py`: `first` by a version without a control
//! API, `second` by one with images and snapshots. Nothing that those answered may differ, byte for byte; what the
//! control API says may have more fields than it had.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::control_client::{Account, assert_problem};
use crate::disk::execute_sql;
use crate::fixtures::{NEW_TICKET_FORM, create_temp_dir, dump_tickets, get_text};
use crate::support::Server;

const ACME_KEY: &str = "acme-key-0123456789";
const READ_ONLY_KEY: &str = "read-key-0123456789";
const FULL_LIST_PATH: &str = "/api/v2/ticket?itemLimit=9999&searchArchived=yes";

/// What an earlier version left, and what it answered.
struct VersionFixture {
    dir: PathBuf,
    recorded: Value,
}

impl VersionFixture {
    /// A copy of the folder that a stopped server left.
    fn copy_stopped_data(&self) -> TempDir {
        let data = create_temp_dir();
        copy_dir(&self.dir.join("data"), data.path());
        data
    }

    /// A copy of the folder that a server left when it was killed while it wrote.
    fn copy_killed_data(&self) -> TempDir {
        let data = self.copy_stopped_data();
        copy_dir(&self.dir.join("killed"), data.path());
        data
    }

    /// Fails unless the server answers as the earlier version did.
    async fn assert_responses_unchanged(&self, server: &Server, state: &str) {
        let asked = self.recorded[state]["asked"].as_array().expect("what was asked");
        assert!(!asked.is_empty());
        for entry in asked {
            let (key, path) = (as_text(&entry["key"]), as_text(&entry["path"]));
            let answer = get_text(&server.with_key(key), path).await;
            assert_eq!(answer, as_text(&entry["body"]), "{} {path} of {key}", self.dir.display());
        }
    }

    /// Fails unless the next ticket of acme has the id that follows in this state.
    async fn assert_next_id_continues(&self, server: &Server, state: &str) {
        let newest = self.recorded[state]["newest"].as_u64().expect("an id");
        assert_eq!(create_ticket(server).await, newest + 1, "{} {state}", self.dir.display());
    }
}

/// All fixtures that there are.
fn load_fixtures() -> Vec<VersionFixture> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/upgrade");
    let entries = fs::read_dir(here).expect("the folder is there");
    let places = entries.map(|entry| entry.expect("an entry").path());
    let fixtures = places.filter(|place| place.is_dir()).map(|place| {
        let answers = fs::read_to_string(place.join("answers.json")).expect("answers are there");
        VersionFixture {
            dir: place,
            recorded: serde_json::from_str(&answers).expect("answers are JSON"),
        }
    });
    let fixtures: Vec<_> = fixtures.collect();
    assert!(fixtures.len() >= 2);
    fixtures
}

/// The fixtures of versions that had a control API.
fn load_fixtures_with_control_api() -> Vec<VersionFixture> {
    let mut fixtures = load_fixtures();
    fixtures.retain(|fixture| fixture.recorded["control"].is_array());
    assert!(!fixtures.is_empty());
    fixtures
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("the folder is there") {
        let entry = entry.expect("an entry");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy_dir(&from, &to);
        } else {
            fs::write(to, fs::read(from).expect("a file")).expect("a copy");
        }
    }
}

/// A server on the folder, asked with the key of acme; its address never shows in an answer.
fn start_server(data: &TempDir, more: &[&str]) -> Server {
    let data = data.path().to_str().expect("the path is text");
    let fixed = ["--data", data, "--public-url", "https://desk.example.test"];
    let mut server = Server::start_with_args(&[&fixed, more].concat());
    ACME_KEY.clone_into(&mut server.api_key);
    server
}

/// The same, with the seed that the fixture's server had.
fn start_server_with_seed(data: &TempDir) -> Server {
    start_server(
        data,
        &["--seed", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/upgrade/seed.yaml")],
    )
}

fn as_text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

async fn create_ticket(server: &Server) -> u64 {
    let reply = server.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["ticketID"].as_u64().expect("the new id")
}

fn acme_account(server: &Server) -> Account {
    Account::new(server, "acme", ACME_KEY)
}

/// Fails unless all that the earlier version said is said now; there may be more fields.
fn assert_contains_recorded(now: &Value, before: &Value, path: &str) {
    match (now, before) {
        (Value::Object(now), Value::Object(before)) => {
            for (name, value) in before {
                assert_contains_recorded(&now[name], value, &format!("{path}.{name}"));
            }
        }
        (Value::Array(now), Value::Array(before)) if now.len() == before.len() => {
            for (at, (now, before)) in now.iter().zip(before).enumerate() {
                assert_contains_recorded(now, before, &format!("{path}[{at}]"));
            }
        }
        _ => assert_eq!(now, before, "{path}"),
    }
}

#[tokio::test]
async fn data_of_earlier_version_is_served_byte_for_byte() {
    for fixture in load_fixtures() {
        let data = fixture.copy_stopped_data();
        for _ in 0..2 {
            let server = start_server(&data, &[]);
            fixture.assert_responses_unchanged(&server, "kept").await;
            assert_eq!(server.stop().code(), Some(0));
        }
    }
}

#[tokio::test]
async fn changes_and_ids_continue_after_upgrade() {
    for fixture in load_fixtures() {
        let data = fixture.copy_stopped_data();
        let server = start_server(&data, &[]);
        fixture.assert_next_id_continues(&server, "kept").await;
        let changes = [
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
        for (method, path, form) in changes {
            let reply = server.send_form(method, &format!("/api/v2/ticket{path}"), form).await;
            assert_eq!(reply.status, 200, "{method} {path}: {}", reply.body);
        }
        for (query, found) in [("renamed+TODAY", 1), ("sparks", 1), ("printer", 1), ("again", 0)] {
            let list = server.get(&format!("{FULL_LIST_PATH}&query={query}")).await.body;
            assert_eq!(list["itemTotal"], found, "{query}: {list}");
        }
        let before = dump_tickets(&server).await;
        assert_eq!(server.stop().code(), Some(0));
        assert_eq!(dump_tickets(&start_server(&data, &[])).await, before);
    }
}

#[tokio::test]
async fn api_keys_keep_their_permissions_after_upgrade() {
    for fixture in load_fixtures() {
        let data = fixture.copy_stopped_data();
        let server = start_server(&data, &[]);
        let reader = server.with_key(READ_ONLY_KEY);
        assert_eq!(reader.get(FULL_LIST_PATH).await.body, server.get(FULL_LIST_PATH).await.body);
        assert_eq!(reader.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await.status, 403);
        let closed = server.with_key(as_text(&fixture.recorded["closed"]));
        assert_eq!(closed.get(FULL_LIST_PATH).await.status, 401);
    }
}

#[tokio::test]
async fn reset_after_upgrade_restores_the_seed() {
    for fixture in load_fixtures() {
        let data = fixture.copy_stopped_data();
        let server = start_server_with_seed(&data);
        create_ticket(&server).await;
        assert_eq!(acme_account(&server).send_control("POST", "/reset").await.status, 204);
        fixture.assert_responses_unchanged(&server, "origin").await;
        assert_eq!(server.stop().code(), Some(0));
        // The origin is known from now on, without the seed as well.
        let server = start_server(&data, &[]);
        fixture.assert_next_id_continues(&server, "origin").await;
        assert_eq!(acme_account(&server).send_control("POST", "/reset").await.status, 204);
        fixture.assert_responses_unchanged(&server, "origin").await;
    }
}

#[tokio::test]
async fn reset_without_recorded_origin_is_rejected_and_changes_nothing() {
    for fixture in load_fixtures().iter().filter(|fixture| !fixture.recorded["control"].is_array())
    {
        let data = fixture.copy_stopped_data();
        let server = start_server(&data, &[]);
        assert_problem(
            &acme_account(&server).send_control("POST", "/reset").await,
            409,
            "no-origin",
            "a reset",
        );
        fixture.assert_responses_unchanged(&server, "kept").await;
    }
}

#[tokio::test]
async fn snapshot_of_earlier_version_can_be_restored_repeatedly() {
    for fixture in load_fixtures_with_control_api() {
        let data = fixture.copy_stopped_data();
        let server = start_server(&data, &[]);
        for _ in 0..2 {
            let restored =
                acme_account(&server).send_control("POST", "/snapshots/before/restore").await;
            assert_eq!(restored.status, 204, "{}", restored.body);
            fixture.assert_responses_unchanged(&server, "snapshot").await;
            fixture.assert_next_id_continues(&server, "snapshot").await;
        }
    }
}

#[tokio::test]
async fn control_api_responses_keep_fields_of_earlier_version() {
    for fixture in load_fixtures_with_control_api() {
        let data = fixture.copy_stopped_data();
        let server = start_server(&data, &[]);
        for entry in fixture.recorded["control"].as_array().expect("what was asked") {
            let before: Value = serde_json::from_str(as_text(&entry["body"])).expect("JSON");
            let path = as_text(&entry["path"]);
            assert_contains_recorded(&server.get(path).await.body, &before, path);
        }
    }
}

#[tokio::test]
async fn accounts_of_earlier_version_can_be_copied_and_snapshotted() {
    for fixture in load_fixtures() {
        let data = fixture.copy_stopped_data();
        let server = start_server(&data, &[]);
        let before = dump_tickets(&server).await;
        let fork =
            Account::create(&server, &json!({ "from": "account:acme", "name": "copy" })).await;
        assert_eq!(dump_tickets(&fork.client).await, before);
        assert_eq!(acme_account(&server).send_control("PUT", "/snapshots/today").await.status, 201);
        create_ticket(&server).await;
        assert_eq!(
            acme_account(&server).send_control("POST", "/snapshots/today/restore").await.status,
            204
        );
        assert_eq!(dump_tickets(&server).await, before);
    }
}

#[tokio::test]
async fn acknowledged_tickets_of_killed_earlier_version_survive() {
    for fixture in load_fixtures() {
        let data = fixture.copy_killed_data();
        let logs = fs::read_dir(data.path().join("accounts")).expect("accounts").filter(|entry| {
            entry.as_ref().expect("an entry").path().to_string_lossy().ends_with(".db-wal")
        });
        assert_eq!(logs.count(), 1, "its log was left");
        let server = start_server(&data, &[]);
        let list = server.get(FULL_LIST_PATH).await.body;
        let items = list["items"].as_array().expect("items");
        for (id, title) in fixture.recorded["acknowledged"].as_object().expect("tickets") {
            let id: u64 = id.parse().expect("an id");
            let kept = items.iter().find(|item| item["id"] == id);
            assert_eq!(kept.map(|item| &item["title"]), Some(title), "ticket {id}");
        }
        let largest = items.iter().filter_map(|item| item["id"].as_u64()).max().expect("tickets");
        assert_eq!(create_ticket(&server).await, largest + 1);
        let before = dump_tickets(&server).await;
        assert_eq!(server.stop().code(), Some(0));
        assert_eq!(dump_tickets(&start_server(&data, &[])).await, before);
    }
}

/// Every column of a ticket that holds a date.
const DATE_COLUMNS: [&str; 12] = [
    "closed_at",
    "created_at",
    "last_update",
    "last_update_agent",
    "last_update_customer",
    "sla_breach_customer_wait_time",
    "sla_breach_first_reply_time",
    "sla_breach_next_reply_time",
    "sla_breach_user_work_time",
    "sla_next_breach",
    "snooze_time",
    "snooze_time_sent",
];

/// Writes dates as the earlier version did into every date of some tickets, which are closed then.
async fn write_local_dates(data: &TempDir, local: &[(u64, &str)]) {
    for entry in fs::read_dir(data.path().join("accounts")).expect("accounts") {
        let path = entry.expect("an entry").path();
        for (id, date) in local {
            let sets = DATE_COLUMNS.map(|column| format!("{column} = '{date}'")).join(", ");
            let note = "INSERT INTO timeline (ticket_id, type, created_at) VALUES";
            let statements = format!(
                "UPDATE ticket SET {sets}, status = 'closed' WHERE id = {id}; {note} ({id}, 'note', '{date}')"
            );
            execute_sql(&path, &statements).await;
        }
    }
}

#[tokio::test]
async fn local_dates_of_earlier_version_keep_their_display_and_become_instants() {
    // What was stored and shown; the second is in the hour that comes twice.
    let local =
        [(44, "2026-03-29 01:50:00"), (42, "2026-10-25 02:30:00"), (43, "2026-07-01 00:10:00")];
    for fixture in load_fixtures() {
        let data = fixture.copy_stopped_data();
        write_local_dates(&data, &local).await;
        let moved = create_temp_dir();
        copy_dir(data.path(), moved.path());
        for _ in 0..2 {
            let server = start_server(&data, &[]);
            for (id, date) in local {
                let reply = server.get(&format!("/api/v2/ticket/{id}")).await.body;
                let item = &reply["item"];
                for column in DATE_COLUMNS {
                    assert_eq!(item[column], date, "{column} of {id}");
                }
                let timeline = item["timeline"].as_array().expect("a timeline");
                assert!(timeline.iter().any(|entry| entry["created_at"] == date), "{item}");
            }
            assert_eq!(server.stop().code(), Some(0));
        }
        let server = start_server(&data, &[]);
        let acme = acme_account(&server);
        let wanted = json!({ "from": "account:acme", "ephemeral": true });
        let fork = Account::create(&server, &wanted).await;
        assert_eq!(dump_tickets(&fork.client).await, dump_tickets(&server).await);
        let dialect =
            acme.send_control_json("PUT", "/dialect", &json!({ "archive_after": "30m" })).await;
        assert_eq!(dialect.status, 200, "{}", dialect.body);
        for (id, now, listed) in [
            (44, "2026-03-29T01:20:00Z", true),
            (44, "2026-03-29T01:20:01Z", false),
            (43, "2026-06-30T22:40:00Z", true),
            (43, "2026-06-30T22:40:01Z", false),
            (42, "2026-10-25T01:00:00Z", true),
            (42, "2026-10-25T01:00:01Z", false),
            (42, "2026-10-25T01:45:00Z", false),
        ] {
            let clock = json!({ "mode": "frozen", "at": now });
            assert_eq!(acme.send_control_json("PUT", "/clock", &clock).await.status, 200);
            let list = server.get("/api/v2/ticket?status=closed&itemLimit=9999").await.body;
            let items = list["items"].as_array().expect("items");
            assert_eq!(list["itemTotal"], items.len(), "{now}: {list}");
            assert_eq!(items.iter().any(|item| item["id"] == id), listed, "{now}: {list}");
        }
        // The zone that the dates are in is the one that the account had.
        let server = start_server(&moved, &[]);
        let fixture = json!({ "accounts": { "any": { "time_zone": "Asia/Tokyo" } } });
        let acme = acme_account(&server);
        assert_eq!(acme.send_control_json("POST", "/import", &fixture).await.status, 200);
        let item = server.get("/api/v2/ticket/43").await.body["item"].clone();
        assert_eq!(item["closed_at"], "2026-07-01 07:10:00", "{item}");
    }
}
