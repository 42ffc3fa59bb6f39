//! Export round trip: importing an export, or using it as a seed, reproduces the account.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::account_model::AccountModel;
use super::action::{Action, any_action};
use crate::model::{TicketsModel, assertions};
use crate::support::client::ApiClient;
use crate::support::control::{self, Account, assert_problem};
use crate::support::property::proptest_config;
use crate::support::seed::{ACME_KEY, SeededServer, serve_seed};
use crate::support::ticket::{NEW_TICKET_FORM, dump_tickets};
use crate::support::wait::block_on;

const LIST_QUERIES: [&str; 4] = ["applyView=vip", "applyView=12", "query=printer", "status=closed"];

proptest! {
    #![proptest_config(proptest_config(5))]

    #[test]
    fn imported_export_reproduces_the_account(
        actions in vec(any_action(), 10..40),
        delete_newest in any::<bool>(),
        as_yaml in any::<bool>(),
    ) {
        block_on(async {
            let (server, acme) = run_actions_on_acme(&actions).await;
            if delete_newest {
                delete_newest_ticket(&acme.client).await;
            }
            let copy = import_copy(&server, &acme, as_yaml).await;
            assert_same_account(&acme, &copy).await;
            create_and_update_in_both(&acme.client, &copy.client).await;
            assert_same_account(&acme, &copy).await;
        });
    }

    #[test]
    fn export_used_as_seed_reproduces_the_account(actions in vec(any_action(), 10..40)) {
        block_on(async {
            let (_server, acme) = run_actions_on_acme(&actions).await;
            let another = serve_seed(&json!({ "accounts": { "acme": acme.export().await } }));
            let copy = Account::new(&another, "acme", "none").with_new_key("ci").await;
            assert_same_export(&copy, &acme).await;
        });
    }
}

/// Runs the actions on the account `acme`, whose tickets have columns that the model does not know.
async fn run_actions_on_acme(actions: &[Action]) -> (SeededServer, Account) {
    let mut tickets = TicketsModel::with_sample_tickets();
    let server = serve_seed(&add_rare_columns(tickets.to_seed()));
    assertions::learn_external_ids(&server, &mut tickets).await;
    let acme = Account::new(&server, "acme", ACME_KEY);
    let mut model = AccountModel::new(tickets);
    for action in actions {
        model.run(&acme, action).await;
    }
    (server, acme)
}

fn add_rare_columns(mut seed: Value) -> Value {
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

async fn delete_newest_ticket(client: &ApiClient) {
    let list = client.get("/api/v2/ticket?searchArchived=yes&itemLimit=1").await.body;
    if let Some(id) = list["items"][0]["id"].as_u64() {
        assert_eq!(client.delete(&format!("/api/v2/ticket/{id}")).await.status, 200);
    }
}

/// Creates an empty account and imports the other account's export into it.
async fn import_copy(client: &ApiClient, other: &Account, as_yaml: bool) -> Account {
    let copy = Account::create(client, &json!({ "from": "empty" })).await.with_new_key("ci").await;
    let export = json!({ "accounts": { "anything": other.export().await } });
    let request = if as_yaml {
        let request = copy.request("POST", "/import").header("content-type", "application/yaml");
        request.body(export.to_string())
    } else {
        copy.request("POST", "/import").json(&export)
    };
    let imported = control::fetch_response(request).await;
    assert_eq!(imported.status, 200, "{}", imported.body);
    let tickets = export["accounts"]["anything"]["tickets"].as_array().map_or(0, Vec::len);
    assert_eq!(imported.body["added"]["tickets"], tickets, "{}", imported.body);
    let again = copy.send_control_json("POST", "/import", &export).await;
    assert_problem(&again, 409, "import-conflict", "a second import");
    copy
}

/// Asserts that exports, tickets and lists of both accounts are equal, byte for byte.
async fn assert_same_account(one: &Account, other: &Account) {
    assert_same_export(one, other).await;
    assert_eq!(dump_tickets(&other.client).await, dump_tickets(&one.client).await);
    for list in LIST_QUERIES {
        let path = format!("/api/v2/ticket?searchArchived=yes&{list}");
        assert_eq!(other.client.get_text(&path).await, one.client.get_text(&path).await, "{path}");
    }
}

/// Asserts that both exports have the same rows in the same order.
async fn assert_same_export(one: &Account, other: &Account) {
    let (one, other) = (flatten_rows(&one.export().await), flatten_rows(&other.export().await));
    for (one, other) in one.iter().zip(&other) {
        assert_eq!(one, other);
    }
    assert_eq!(one.len(), other.len());
}

/// Returns each row and each other value of an export, with the name of its list.
fn flatten_rows(export: &Value) -> Vec<(String, Value)> {
    let flatten = |(name, value): (&String, &Value)| match value.as_array() {
        Some(rows) => rows.iter().map(|row| (name.clone(), row.clone())).collect(),
        None => vec![(name.clone(), value.clone())],
    };
    export.as_object().expect("an object").iter().flat_map(flatten).collect()
}

/// Creates a ticket, a customer and an event in both accounts; the new ids are equal.
async fn create_and_update_in_both(one: &ApiClient, other: &ApiClient) {
    let created = one.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await.body;
    assert_eq!(other.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await.body, created);
    let id = created["ticketID"].as_u64().expect("the new id");
    for client in [one, other] {
        let body = "externalPrimaryID=C-new&status=solved";
        client.send_form("PUT", &format!("/api/v2/ticket/{id}"), body).await;
    }
}

#[tokio::test]
async fn export_includes_time_zone_clock_and_dialect() {
    let server = serve_seed(&TicketsModel::with_sample_tickets().to_seed());
    let account =
        Account::create(&server, &json!({ "from": "empty" })).await.with_new_key("ci").await;
    assert_eq!(account.send_control("PUT", "/snapshots/empty").await.status, 201);
    let before = account.export().await;
    let settings = json!({
        "time_zone": "Asia/Tokyo", "dialect": { "list_type": "tickets" },
        "clock": { "mode": "frozen", "at": "2026-03-01T20:00:00Z" },
    });
    let fixture = json!({ "accounts": { "x": settings } });
    assert_eq!(account.send_control_json("POST", "/import", &fixture).await.status, 200);
    let created = account.client.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await.body;
    assert_eq!(created["ticketID"], 1, "{created}");
    let list = account.client.get("/api/v2/ticket").await.body;
    assert_eq!(list["type"], "tickets", "{list}");
    assert_eq!(list["items"][0]["created_at"], "2026-03-02 05:00:00", "{list}");
    let copy = import_copy(&server, &account, false).await;
    assert_same_export(&account, &copy).await;
    assert_eq!(dump_tickets(&copy.client).await, dump_tickets(&account.client).await);
    for path in ["/reset", "/snapshots/empty/restore"] {
        assert_eq!(account.send_control("POST", path).await.status, 204);
        assert_eq!(account.export().await, before, "after {path}");
        assert_eq!(account.send_control_json("POST", "/import", &fixture).await.status, 200);
    }
}
