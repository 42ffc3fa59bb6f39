//! How much a journal keeps, what it says of what it dropped, and when it is emptied.

use serde_json::{Value, json};

use super::asks::{create, get, update};
use super::look::{list, numbers, text};
use crate::control::{Account, answer, problem};
use crate::fixtures::NEW_TICKET;
use crate::program::run;
use crate::support::Server;

async fn create_tickets(account: &Account, count: usize) {
    for _ in 0..count {
        create(&[]).done(&account.client).await;
    }
}

/// What is kept, and whether something is said to be missing.
async fn kept(account: &Account, since: &str) -> (Vec<u64>, bool) {
    let journal = account.journal(&[("since", since)]).await;
    let truncated = journal["truncated"].as_bool().expect("true or false");
    (numbers(&list(&journal["requests"])), truncated)
}

#[tokio::test]
async fn the_newest_are_kept_and_the_rest_is_said_to_be_missing() {
    let server = Server::with(&["--ephemeral", "--journal-entries", "5"]);
    let account = Account::make(&server, &json!({})).await;
    let start = account.cursor().await;
    create_tickets(&account, 5).await;
    assert_eq!(kept(&account, &start).await, ((1..=5).collect(), false));
    let fifth = account.cursor().await;
    create_tickets(&account, 3).await;
    assert_eq!(kept(&account, &start).await, ((4..=8).collect(), true));
    assert_eq!(kept(&account, &fifth).await, ((6..=8).collect(), false));
    let all = account.journal(&[]).await;
    assert_eq!(numbers(&list(&all["requests"])), [4, 5, 6, 7, 8]);
    assert_eq!(all["truncated"], true, "{all}");
    for number in [3, 4] {
        let one = account.control("GET", &format!("/requests/{number}")).await;
        assert_eq!(one.status, if number == 3 { 404 } else { 200 }, "{}", one.body);
    }
    let changes = account.changes(&[("since", &start)]).await;
    assert_eq!(numbers(&list(&changes["changes"])), [4, 5, 6, 7, 8]);
    assert_eq!(changes["truncated"], true, "{changes}");
}

#[tokio::test]
async fn the_place_between_the_dropped_and_the_kept_misses_nothing() {
    let server = Server::with(&["--ephemeral", "--journal-entries", "5"]);
    let account = Account::make(&server, &json!({})).await;
    create_tickets(&account, 3).await;
    let third = account.cursor().await;
    create_tickets(&account, 5).await;
    assert_eq!(kept(&account, &third).await, ((4..=8).collect(), false));
    create_tickets(&account, 1).await;
    assert_eq!(kept(&account, &third).await, ((5..=9).collect(), true));
}

#[tokio::test]
async fn a_bound_in_bytes_holds_as_well() {
    let server = Server::with(&["--ephemeral", "--journal-bytes", "50000"]);
    let account = Account::make(&server, &json!({})).await;
    let start = account.cursor().await;
    let title = "x".repeat(1_000);
    let body = NEW_TICKET.replace("Printer", &title);
    for _ in 0..100 {
        let made = account.client.form("POST", "/api/v2/ticket", &body).await;
        assert_eq!(made.status, 200, "{}", made.body);
    }
    let (kept, truncated) = kept(&account, &start).await;
    assert!(truncated);
    assert!((2..50).contains(&kept.len()), "1,000 bytes each and something more: {kept:?}");
    assert_eq!(kept.last(), Some(&100));
}

#[tokio::test]
async fn one_that_is_larger_than_all_may_be_leaves_room_for_the_next() {
    let server = Server::with(&["--ephemeral", "--journal-bytes", "20000"]);
    let account = Account::make(&server, &json!({})).await;
    let start = account.cursor().await;
    let body = format!("title={}", "x".repeat(100_000));
    assert_eq!(account.client.form("POST", "/api/v2/ticket", &body).await.status, 400);
    create_tickets(&account, 1).await;
    assert_eq!(kept(&account, &start).await, (vec![2], true));
}

#[tokio::test]
async fn without_entries_the_journal_is_off_and_nothing_is_claimed() {
    let server = Server::with(&["--ephemeral", "--journal-entries", "0"]);
    let account = Account::make(&server, &json!({})).await;
    create_tickets(&account, 2).await;
    for path in ["/requests", "/requests/stream", "/changes", "/wait?timeout=1ms"] {
        problem(&account.control("GET", path).await, 409, "journal-off", path);
    }
    for body in [json!({}), json!({ "count": { "never": true }, "operation": "ticket.delete" })] {
        problem(&account.verify(&body).await, 409, "journal-off", &body.to_string());
    }
    let own = answer(server.ask_without_key("GET", "/_control/requests")).await;
    problem(&own, 409, "journal-off", "the server's own");
    let ticket = account.wait(&[("ticket", "2"), ("status", "new")]).await;
    assert_eq!(ticket.status, 200, "tickets need no journal: {}", ticket.body);
    assert_eq!(account.client.get("/api/v2/ticket").await.body["itemTotal"], 2);
}

#[test]
fn bounds_beyond_all_measure_are_refused_at_the_start() {
    for bound in ["100001", "-1", "many", ""] {
        let refused = run(&["serve", "--ephemeral", &format!("--journal-entries={bound}")]);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.stderr.contains("--journal-entries"), "{refused:?}");
    }
}

/// An account whose journal has three entries, a fault and a limit.
async fn lived() -> (Server, Account) {
    let server = Server::start();
    let account = Account::make(&server, &json!({})).await;
    assert_eq!(account.control("PUT", "/snapshots/start").await.status, 201);
    create_tickets(&account, 3).await;
    account.provoke(&json!({ "operation": "ticket.list", "effect": { "status": 503 } })).await;
    let limits = json!({ "requests": 1000, "per": "1m" });
    assert!(account.control_with("PUT", "/limits", &limits).await.status < 300);
    (server, account)
}

/// It is as if nothing had been asked, but the numbers go on.
async fn is_empty(account: &Account, before: &str) {
    let journal = account.journal(&[("since", before)]).await;
    assert_eq!(journal["requests"], json!([]), "{journal}");
    assert_eq!(journal["truncated"], false, "nothing was dropped by a bound: {journal}");
    assert_eq!(account.journal(&[]).await["truncated"], false);
    assert_eq!(account.changes(&[]).await["changes"], json!([]));
    problem(&account.control("GET", "/requests/1").await, 404, "unknown-request", "1");
    create(&[]).done(&account.client).await;
    let next = account.entries(&[("since", before)]).await;
    assert_eq!(numbers(&next), [4], "numbers go on");
}

#[tokio::test]
async fn a_deletion_empties_it() {
    let (_server, account) = lived().await;
    let before = account.cursor().await;
    assert_eq!(account.control("DELETE", "/requests").await.status, 204);
    is_empty(&account, &before).await;
    let faults = account.control("GET", "/faults").await.body;
    assert_eq!(list(&faults["faults"]).len(), 1, "and nothing else: {faults}");
}

#[tokio::test]
async fn a_reset_and_a_restore_empty_it_and_take_faults_and_limits_away() {
    for back in ["/reset", "/snapshots/start/restore"] {
        let (_server, account) = lived().await;
        let before = account.cursor().await;
        assert_eq!(account.control("POST", back).await.status, 204);
        assert_eq!(account.control("GET", "/faults").await.body, json!({ "faults": [] }), "{back}");
        assert_eq!(account.control("GET", "/limits").await.body, json!({}), "{back}");
        is_empty(&account, &before).await;
    }
}

#[tokio::test]
async fn cursors_of_before_stay_good() {
    let (_server, account) = lived().await;
    let second = text(&account.entries(&[]).await[1]["cursor"]);
    assert_eq!(account.control("POST", "/reset").await.status, 204);
    create(&[]).done(&account.client).await;
    update("/1", &[("title", "Scanner")]).done(&account.client).await;
    assert_eq!(numbers(&account.entries(&[("since", &second)]).await), [4, 5]);
}

#[tokio::test]
async fn a_copy_of_an_account_starts_with_an_empty_journal() {
    let (server, account) = lived().await;
    let copy = json!({ "from": format!("account:{}", account.name) });
    let copy = Account::make(&server, &copy).await;
    assert_eq!(copy.entries(&[]).await, Vec::<Value>::new());
    get("/1").done(&copy.client).await;
    assert_eq!(numbers(&copy.entries(&[]).await), [1]);
    assert_eq!(account.entries(&[]).await.len(), 3, "the other one's is its own");
}
