//! Data folders as earlier versions left them: this version answers the same, and goes on from there.
//!
//! Each folder beside this file was made by `scripts/upgrade-fixture.py`: `first` by a version without a control
//! API, `second` by one with images and snapshots. Nothing that those answered may differ, byte for byte; what the
//! control API says may have more fields than it had.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::control::{Account, problem};
use crate::disk::alter;
use crate::fixtures::{NEW_TICKET, folder, text, whole};
use crate::support::Server;

const KEY: &str = "acme-key-0123456789";
const READER: &str = "read-key-0123456789";
const ALL: &str = "/api/v2/ticket?itemLimit=9999&searchArchived=yes";

/// What an earlier version left, and what it answered.
struct Fixture {
    place: PathBuf,
    answers: Value,
}

impl Fixture {
    /// A copy of the folder that a stopped server left.
    fn kept(&self) -> TempDir {
        let data = folder();
        copy(&self.place.join("data"), data.path());
        data
    }

    /// A copy of the folder that a server left when it was killed while it wrote.
    fn killed(&self) -> TempDir {
        let data = self.kept();
        copy(&self.place.join("killed"), data.path());
        data
    }

    /// Fails unless the server answers as the earlier version did.
    async fn answers_as_before(&self, server: &Server, state: &str) {
        let asked = self.answers[state]["asked"].as_array().expect("what was asked");
        assert!(!asked.is_empty());
        for entry in asked {
            let (key, path) = (word(&entry["key"]), word(&entry["path"]));
            let answer = text(&server.with_key(key), path).await;
            assert_eq!(answer, word(&entry["body"]), "{} {path} of {key}", self.place.display());
        }
    }

    /// Fails unless the next ticket of acme has the id that follows in this state.
    async fn goes_on(&self, server: &Server, state: &str) {
        let newest = self.answers[state]["newest"].as_u64().expect("an id");
        assert_eq!(create(server).await, newest + 1, "{} {state}", self.place.display());
    }
}

/// All fixtures that there are.
fn fixtures() -> Vec<Fixture> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/upgrade");
    let entries = fs::read_dir(here).expect("the folder is there");
    let places = entries.map(|entry| entry.expect("an entry").path());
    let fixtures = places.filter(|place| place.is_dir()).map(|place| {
        let answers = fs::read_to_string(place.join("answers.json")).expect("answers are there");
        Fixture { place, answers: serde_json::from_str(&answers).expect("answers are JSON") }
    });
    let fixtures: Vec<_> = fixtures.collect();
    assert!(fixtures.len() >= 2);
    fixtures
}

/// The fixtures of versions that had a control API.
fn controlled() -> Vec<Fixture> {
    let mut fixtures = fixtures();
    fixtures.retain(|fixture| fixture.answers["control"].is_array());
    assert!(!fixtures.is_empty());
    fixtures
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("the folder is there") {
        let entry = entry.expect("an entry");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::write(to, fs::read(from).expect("a file")).expect("a copy");
        }
    }
}

/// A server on the folder, asked with the key of acme; its address never shows in an answer.
fn on(data: &TempDir, more: &[&str]) -> Server {
    let data = data.path().to_str().expect("the path is text");
    let fixed = ["--data", data, "--public-url", "https://desk.example.test"];
    let mut server = Server::with(&[&fixed, more].concat());
    KEY.clone_into(&mut server.key);
    server
}

/// The same, with the seed that the fixture's server had.
fn on_with_seed(data: &TempDir) -> Server {
    on(data, &["--seed", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/upgrade/seed.yaml")])
}

fn word(value: &Value) -> &str {
    value.as_str().expect("a text")
}

async fn create(server: &Server) -> u64 {
    let reply = server.form("POST", "/api/v2/ticket", NEW_TICKET).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["ticketID"].as_u64().expect("the new id")
}

fn acme(server: &Server) -> Account {
    Account::known(server, "acme", KEY)
}

/// Fails unless all that the earlier version said is said now; there may be more fields.
fn says(now: &Value, before: &Value, place: &str) {
    match (now, before) {
        (Value::Object(now), Value::Object(before)) => {
            for (name, value) in before {
                says(&now[name], value, &format!("{place}.{name}"));
            }
        }
        (Value::Array(now), Value::Array(before)) if now.len() == before.len() => {
            for (at, (now, before)) in now.iter().zip(before).enumerate() {
                says(now, before, &format!("{place}[{at}]"));
            }
        }
        _ => assert_eq!(now, before, "{place}"),
    }
}

#[tokio::test]
async fn what_an_earlier_version_kept_is_answered_byte_for_byte_and_again_after_a_restart() {
    for fixture in fixtures() {
        let data = fixture.kept();
        for _ in 0..2 {
            let server = on(&data, &[]);
            fixture.answers_as_before(&server, "kept").await;
            assert_eq!(server.stop().code(), Some(0));
        }
    }
}

#[tokio::test]
async fn changes_and_ids_go_on_where_an_earlier_version_stopped() {
    for fixture in fixtures() {
        let data = fixture.kept();
        let server = on(&data, &[]);
        fixture.goes_on(&server, "kept").await;
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
            let reply = server.form(method, &format!("/api/v2/ticket{path}"), form).await;
            assert_eq!(reply.status, 200, "{method} {path}: {}", reply.body);
        }
        for (query, found) in [("renamed+TODAY", 1), ("sparks", 1), ("printer", 1), ("again", 0)] {
            let list = server.get(&format!("{ALL}&query={query}")).await.body;
            assert_eq!(list["itemTotal"], found, "{query}: {list}");
        }
        let before = whole(&server).await;
        assert_eq!(server.stop().code(), Some(0));
        assert_eq!(whole(&on(&data, &[])).await, before);
    }
}

#[tokio::test]
async fn keys_of_an_earlier_version_open_what_they_opened() {
    for fixture in fixtures() {
        let data = fixture.kept();
        let server = on(&data, &[]);
        let reader = server.with_key(READER);
        assert_eq!(reader.get(ALL).await.body, server.get(ALL).await.body);
        assert_eq!(reader.form("POST", "/api/v2/ticket", NEW_TICKET).await.status, 403);
        let closed = server.with_key(word(&fixture.answers["closed"]));
        assert_eq!(closed.get(ALL).await.status, 401);
    }
}

#[tokio::test]
async fn an_account_of_an_earlier_version_goes_back_to_its_seed() {
    for fixture in fixtures() {
        let data = fixture.kept();
        let server = on_with_seed(&data);
        create(&server).await;
        assert_eq!(acme(&server).control("POST", "/reset").await.status, 204);
        fixture.answers_as_before(&server, "origin").await;
        assert_eq!(server.stop().code(), Some(0));
        // The origin is known from now on, without the seed as well.
        let server = on(&data, &[]);
        fixture.goes_on(&server, "origin").await;
        assert_eq!(acme(&server).control("POST", "/reset").await.status, 204);
        fixture.answers_as_before(&server, "origin").await;
    }
}

#[tokio::test]
async fn an_account_that_no_version_kept_an_origin_of_says_so_and_stays_as_it_is() {
    for fixture in fixtures().iter().filter(|fixture| !fixture.answers["control"].is_array()) {
        let data = fixture.kept();
        let server = on(&data, &[]);
        problem(&acme(&server).control("POST", "/reset").await, 409, "no-origin", "a reset");
        fixture.answers_as_before(&server, "kept").await;
    }
}

#[tokio::test]
async fn a_snapshot_of_an_earlier_version_is_restored_as_often_as_one_likes() {
    for fixture in controlled() {
        let data = fixture.kept();
        let server = on(&data, &[]);
        for _ in 0..2 {
            let restored = acme(&server).control("POST", "/snapshots/before/restore").await;
            assert_eq!(restored.status, 204, "{}", restored.body);
            fixture.answers_as_before(&server, "snapshot").await;
            fixture.goes_on(&server, "snapshot").await;
        }
    }
}

#[tokio::test]
async fn the_control_api_says_what_an_earlier_version_said() {
    for fixture in controlled() {
        let data = fixture.kept();
        let server = on(&data, &[]);
        for entry in fixture.answers["control"].as_array().expect("what was asked") {
            let before: Value = serde_json::from_str(word(&entry["body"])).expect("JSON");
            let path = word(&entry["path"]);
            says(&server.get(path).await.body, &before, path);
        }
    }
}

#[tokio::test]
async fn accounts_of_an_earlier_version_are_copied_and_saved_by_this_one() {
    for fixture in fixtures() {
        let data = fixture.kept();
        let server = on(&data, &[]);
        let before = whole(&server).await;
        let fork = Account::make(&server, &json!({ "from": "account:acme", "name": "copy" })).await;
        assert_eq!(whole(&fork.client).await, before);
        assert_eq!(acme(&server).control("PUT", "/snapshots/today").await.status, 201);
        create(&server).await;
        assert_eq!(acme(&server).control("POST", "/snapshots/today/restore").await.status, 204);
        assert_eq!(whole(&server).await, before);
    }
}

#[tokio::test]
async fn what_a_killed_earlier_version_had_acknowledged_is_there() {
    for fixture in fixtures() {
        let data = fixture.killed();
        let logs = fs::read_dir(data.path().join("accounts")).expect("accounts").filter(|entry| {
            entry.as_ref().expect("an entry").path().to_string_lossy().ends_with(".db-wal")
        });
        assert_eq!(logs.count(), 1, "its log was left");
        let server = on(&data, &[]);
        let list = server.get(ALL).await.body;
        let items = list["items"].as_array().expect("items");
        for (id, title) in fixture.answers["acknowledged"].as_object().expect("tickets") {
            let id: u64 = id.parse().expect("an id");
            let kept = items.iter().find(|item| item["id"] == id);
            assert_eq!(kept.map(|item| &item["title"]), Some(title), "ticket {id}");
        }
        let largest = items.iter().filter_map(|item| item["id"].as_u64()).max().expect("tickets");
        assert_eq!(create(&server).await, largest + 1);
        let before = whole(&server).await;
        assert_eq!(server.stop().code(), Some(0));
        assert_eq!(whole(&on(&data, &[])).await, before);
    }
}

/// Every column of a ticket that holds a date.
const DATES: [&str; 12] = [
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
async fn set_dates(data: &TempDir, local: &[(u64, &str)]) {
    for entry in fs::read_dir(data.path().join("accounts")).expect("accounts") {
        let path = entry.expect("an entry").path();
        for (id, date) in local {
            let sets = DATES.map(|column| format!("{column} = '{date}'")).join(", ");
            let note = "INSERT INTO timeline (ticket_id, type, created_at) VALUES";
            let statements = format!(
                "UPDATE ticket SET {sets}, status = 'closed' WHERE id = {id}; {note} ({id}, 'note', '{date}')"
            );
            alter(&path, &statements).await;
        }
    }
}

#[tokio::test]
async fn local_dates_of_an_earlier_version_are_shown_as_they_were_and_are_moments_from_now_on() {
    // What was stored and shown; the second is in the hour that comes twice.
    let local =
        [(44, "2026-03-29 01:50:00"), (42, "2026-10-25 02:30:00"), (43, "2026-07-01 00:10:00")];
    for fixture in fixtures() {
        let data = fixture.kept();
        set_dates(&data, &local).await;
        let moved = folder();
        copy(data.path(), moved.path());
        for _ in 0..2 {
            let server = on(&data, &[]);
            for (id, date) in local {
                let reply = server.get(&format!("/api/v2/ticket/{id}")).await.body;
                let item = &reply["item"];
                for column in DATES {
                    assert_eq!(item[column], date, "{column} of {id}");
                }
                let timeline = item["timeline"].as_array().expect("a timeline");
                assert!(timeline.iter().any(|entry| entry["created_at"] == date), "{item}");
            }
            assert_eq!(server.stop().code(), Some(0));
        }
        let server = on(&data, &[]);
        let acme = acme(&server);
        let wanted = json!({ "from": "account:acme", "ephemeral": true });
        let fork = Account::make(&server, &wanted).await;
        assert_eq!(whole(&fork.client).await, whole(&server).await);
        let dialect =
            acme.control_with("PUT", "/dialect", &json!({ "archive_after": "30m" })).await;
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
            assert_eq!(acme.control_with("PUT", "/clock", &clock).await.status, 200);
            let list = server.get("/api/v2/ticket?status=closed&itemLimit=9999").await.body;
            let items = list["items"].as_array().expect("items");
            assert_eq!(list["itemTotal"], items.len(), "{now}: {list}");
            assert_eq!(items.iter().any(|item| item["id"] == id), listed, "{now}: {list}");
        }
        // The zone that the dates are in is the one that the account had.
        let server = on(&moved, &[]);
        let fixture = json!({ "accounts": { "any": { "time_zone": "Asia/Tokyo" } } });
        let acme = self::acme(&server);
        assert_eq!(acme.control_with("POST", "/import", &fixture).await.status, 200);
        let item = server.get("/api/v2/ticket/43").await.body["item"].clone();
        assert_eq!(item["closed_at"], "2026-07-01 07:10:00", "{item}");
    }
}
