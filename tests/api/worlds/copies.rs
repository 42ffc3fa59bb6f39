//! An export is the whole account: imported into an empty one, or planted as a seed, it is the same again.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::act::{Act, act};
use super::block_on;
use super::life::Life;
use crate::control::{self, Account, problem};
use crate::fixtures::{KEY, NEW_TICKET, Seeded, serve, text, whole};
use crate::model::{Tickets, check};
use crate::support::Client;

const LISTS: [&str; 4] = ["applyView=vip", "applyView=12", "query=printer", "status=closed"];

fn bounded() -> ProptestConfig {
    ProptestConfig { cases: 10, max_shrink_time: 60_000, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(bounded())]

    #[test]
    fn an_imported_export_is_the_same_account(
        acts in vec(act(), 10..40),
        newest_goes in any::<bool>(),
        as_yaml in any::<bool>(),
    ) {
        block_on(async {
            let (server, acme) = lived(&acts).await;
            if newest_goes {
                delete_newest(&acme.client).await;
            }
            let copy = copied(&server, &acme, as_yaml).await;
            same(&acme, &copy).await;
            go_on(&acme.client, &copy.client).await;
            same(&acme, &copy).await;
        });
    }

    #[test]
    fn a_planted_export_is_the_same_account(acts in vec(act(), 10..40)) {
        block_on(async {
            let (_server, acme) = lived(&acts).await;
            let another = serve(&json!({ "accounts": { "acme": acme.export().await } }));
            let copy = Account::known(&another, "acme", "none").with_key("ci").await;
            same_export(&copy, &acme).await;
        });
    }
}

/// The account `acme` after these acts, with tickets that have more columns than the model knows.
async fn lived(acts: &[Act]) -> (Seeded, Account) {
    let mut tickets = Tickets::seeded();
    let server = serve(&rich(tickets.seed()));
    check::learn_external_ids(&server, &mut tickets).await;
    let acme = Account::known(&server, "acme", KEY);
    let mut life = Life::new(tickets);
    for act in acts {
        life.lead(&acme, act).await;
    }
    (server, acme)
}

fn rich(mut seed: Value) -> Value {
    let ticket = &mut seed["accounts"]["acme"]["tickets"][0];
    for (column, value) in [
        ("channel_account_id", json!("17")),
        ("channel_icon", json!("letter")),
        ("external_gui_url", json!("https://desk.example.test/3")),
        ("external_id", json!("Own-3")),
        ("grade_by_customer", json!(4)),
        ("icon", json!("phone")),
        ("show_timeline", json!(0)),
        ("sla_breach_first_reply_time", json!("2026-02-03 09:00:00")),
        ("sla_next_breach_current_status", json!("due")),
        ("sla_policy_id", json!(5)),
        ("snooze_time", json!("2026-03-09 09:00:00")),
    ] {
        ticket[column] = value;
    }
    seed
}

async fn delete_newest(client: &Client) {
    let list = client.get("/api/v2/ticket?searchArchived=yes&itemLimit=1").await.body;
    if let Some(id) = list["items"][0]["id"].as_u64() {
        assert_eq!(client.delete(&format!("/api/v2/ticket/{id}")).await.status, 200);
    }
}

/// An account that was empty until the export of the other one was imported.
async fn copied(client: &Client, other: &Account, as_yaml: bool) -> Account {
    let copy = Account::make(client, &json!({ "from": "empty" })).await.with_key("ci").await;
    let export = json!({ "accounts": { "anything": other.export().await } });
    let request = if as_yaml {
        let request = copy.ask("POST", "/import").header("content-type", "application/yaml");
        request.body(export.to_string())
    } else {
        copy.ask("POST", "/import").json(&export)
    };
    let imported = control::answer(request).await;
    assert_eq!(imported.status, 200, "{}", imported.body);
    let tickets = export["accounts"]["anything"]["tickets"].as_array().map_or(0, Vec::len);
    assert_eq!(imported.body["added"]["tickets"], tickets, "{}", imported.body);
    let again = copy.control_with("POST", "/import", &export).await;
    problem(&again, 409, "conflict", "a second import");
    copy
}

/// Both show the same, byte for byte.
async fn same(one: &Account, other: &Account) {
    same_export(one, other).await;
    assert_eq!(whole(&other.client).await, whole(&one.client).await);
    for list in LISTS {
        let path = format!("/api/v2/ticket?searchArchived=yes&{list}");
        assert_eq!(text(&other.client, &path).await, text(&one.client, &path).await, "{path}");
    }
}

/// Both exports have the same rows in the same order.
async fn same_export(one: &Account, other: &Account) {
    let (one, other) = (parts(&one.export().await), parts(&other.export().await));
    for (one, other) in one.iter().zip(&other) {
        assert_eq!(one, other);
    }
    assert_eq!(one.len(), other.len());
}

/// Each row, and whatever else an export has, with the name of its list.
fn parts(export: &Value) -> Vec<(String, Value)> {
    let of = |(name, value): (&String, &Value)| match value.as_array() {
        Some(rows) => rows.iter().map(|row| (name.clone(), row.clone())).collect(),
        None => vec![(name.clone(), value.clone())],
    };
    export.as_object().expect("an object").iter().flat_map(of).collect()
}

/// A ticket, a customer and an event are made in both, with the same ids.
async fn go_on(one: &Client, other: &Client) {
    let created = one.form("POST", "/api/v2/ticket", NEW_TICKET).await.body;
    assert_eq!(other.form("POST", "/api/v2/ticket", NEW_TICKET).await.body, created);
    let id = created["ticketID"].as_u64().expect("the new id");
    for client in [one, other] {
        let body = "externalPrimaryID=C-new&status=solved";
        client.form("PUT", &format!("/api/v2/ticket/{id}"), body).await;
    }
}

#[tokio::test]
async fn zone_clock_and_dialect_travel_with_an_export() {
    let server = serve(&Tickets::seeded().seed());
    let account = Account::make(&server, &json!({ "from": "empty" })).await.with_key("ci").await;
    assert_eq!(account.control("PUT", "/snapshots/empty").await.status, 201);
    let before = account.export().await;
    let profile = json!({
        "time_zone": "Asia/Tokyo", "dialect": { "list_type": "tickets" },
        "clock": { "mode": "frozen", "at": "2026-03-01T20:00:00Z" },
    });
    let fixture = json!({ "accounts": { "x": profile } });
    assert_eq!(account.control_with("POST", "/import", &fixture).await.status, 200);
    let created = account.client.form("POST", "/api/v2/ticket", NEW_TICKET).await.body;
    assert_eq!(created["ticketID"], 1, "{created}");
    let list = account.client.get("/api/v2/ticket").await.body;
    assert_eq!(list["type"], "tickets", "{list}");
    assert_eq!(list["items"][0]["created_at"], "2026-03-02 05:00:00", "{list}");
    let copy = copied(&server, &account, false).await;
    same_export(&account, &copy).await;
    assert_eq!(whole(&copy.client).await, whole(&account.client).await);
    for back in ["/reset", "/snapshots/empty/restore"] {
        assert_eq!(account.control("POST", back).await.status, 204);
        assert_eq!(account.export().await, before, "after {back}");
        assert_eq!(account.control_with("POST", "/import", &fixture).await.status, 200);
    }
}
