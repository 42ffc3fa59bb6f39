//! Size limits of the journal, eviction of old entries, truncation flags, and clearing.

use serde_json::{Value, json};

use super::helpers::seq_numbers;
use super::ticket_requests::{create_ticket, get_ticket, update_ticket};
use crate::support::control::{
    Account, assert_problem, expect_array, expect_string, fetch_response,
};
use crate::support::process::run_to_exit;
use crate::support::server::Server;
use crate::support::ticket::NEW_TICKET_FORM;

async fn create_tickets(account: &Account, count: usize) {
    for _ in 0..count {
        create_ticket(&[]).send_ok(&account.client).await;
    }
}

/// Returns the numbers of the retained entries, and whether the journal reports truncation.
async fn list_retained_since(account: &Account, since: &str) -> (Vec<u64>, bool) {
    let journal = account.journal(&[("since", since)]).await;
    let truncated = journal["truncated"].as_bool().expect("truncated is a boolean");
    (seq_numbers(&expect_array(&journal["requests"])), truncated)
}

#[tokio::test]
async fn newest_entries_are_retained_and_truncation_is_reported() {
    let server = Server::start_with_args(&["--ephemeral", "--journal-entries", "5"]);
    let account = Account::create(&server, &json!({})).await;
    let start = account.cursor().await;
    create_tickets(&account, 5).await;
    assert_eq!(list_retained_since(&account, &start).await, ((1..=5).collect(), false));
    let fifth = account.cursor().await;
    create_tickets(&account, 3).await;
    assert_eq!(list_retained_since(&account, &start).await, ((4..=8).collect(), true));
    assert_eq!(list_retained_since(&account, &fifth).await, ((6..=8).collect(), false));
    let all = account.journal(&[]).await;
    assert_eq!(seq_numbers(&expect_array(&all["requests"])), [4, 5, 6, 7, 8]);
    assert_eq!(all["truncated"], true, "{all}");
    for number in [3, 4] {
        let response = account.send_control("GET", &format!("/requests/{number}")).await;
        assert_eq!(response.status, if number == 3 { 404 } else { 200 }, "{}", response.body);
    }
    let changes = account.changes(&[("since", &start)]).await;
    assert_eq!(seq_numbers(&expect_array(&changes["changes"])), [4, 5, 6, 7, 8]);
    assert_eq!(changes["truncated"], true, "{changes}");
}

#[tokio::test]
async fn cursor_at_the_eviction_boundary_is_not_truncated() {
    let server = Server::start_with_args(&["--ephemeral", "--journal-entries", "5"]);
    let account = Account::create(&server, &json!({})).await;
    create_tickets(&account, 3).await;
    let third = account.cursor().await;
    create_tickets(&account, 5).await;
    assert_eq!(list_retained_since(&account, &third).await, ((4..=8).collect(), false));
    create_tickets(&account, 1).await;
    assert_eq!(list_retained_since(&account, &third).await, ((5..=9).collect(), true));
}

#[tokio::test]
async fn journal_bytes_limit_evicts_oldest_entries() {
    let server = Server::start_with_args(&["--ephemeral", "--journal-bytes", "50000"]);
    let account = Account::create(&server, &json!({})).await;
    let start = account.cursor().await;
    let title = "x".repeat(1_000);
    let body = NEW_TICKET_FORM.replace("Printer", &title);
    for _ in 0..100 {
        let created = account.client.send_form("POST", "/api/v2/ticket", &body).await;
        assert_eq!(created.status, 200, "{}", created.body);
    }
    let (retained, truncated) = list_retained_since(&account, &start).await;
    assert!(truncated);
    assert!(
        (2..50).contains(&retained.len()),
        "each entry takes somewhat more than 1,000 bytes: {retained:?}"
    );
    assert_eq!(retained.last(), Some(&100));
}

#[tokio::test]
async fn oversized_entry_does_not_block_later_entries() {
    let server = Server::start_with_args(&["--ephemeral", "--journal-bytes", "20000"]);
    let account = Account::create(&server, &json!({})).await;
    let start = account.cursor().await;
    let body = format!("title={}", "x".repeat(100_000));
    assert_eq!(account.client.send_form("POST", "/api/v2/ticket", &body).await.status, 400);
    create_tickets(&account, 1).await;
    assert_eq!(list_retained_since(&account, &start).await, (vec![2], true));
}

#[tokio::test]
async fn zero_journal_entries_turns_the_journal_off() {
    let server = Server::start_with_args(&["--ephemeral", "--journal-entries", "0"]);
    let account = Account::create(&server, &json!({})).await;
    create_tickets(&account, 2).await;
    for path in ["/requests", "/requests/stream", "/changes", "/wait?timeout=1ms"] {
        assert_problem(&account.send_control("GET", path).await, 409, "journal-disabled", path);
    }
    for body in [json!({}), json!({ "count": { "never": true }, "operation": "ticket.delete" })] {
        assert_problem(&account.verify(&body).await, 409, "journal-disabled", &body.to_string());
    }
    let response =
        fetch_response(server.request_without_key("GET", "/_control/requests/unmatched")).await;
    assert_problem(&response, 409, "journal-disabled", "the unmatched journal");
    let ticket = account.wait(&[("ticket", "2"), ("status", "new")]).await;
    assert_eq!(
        ticket.status, 200,
        "a wait for a ticket works without the journal: {}",
        ticket.body
    );
    assert_eq!(account.client.get("/api/v2/ticket").await.body["itemTotal"], 2);
}

#[test]
fn invalid_journal_entries_flag_is_rejected_at_startup() {
    for value in ["100001", "-1", "many", ""] {
        let output = run_to_exit(&["serve", "--ephemeral", &format!("--journal-entries={value}")]);
        assert_eq!(output.exit_code, Some(2), "{output:?}");
        assert!(output.stderr.contains("--journal-entries"), "{output:?}");
    }
}

/// Starts an account with three journal entries, a fault and a rate limit.
async fn start_with_entries_fault_and_rate_limit() -> (Server, Account) {
    let server = Server::start();
    let account = Account::create(&server, &json!({})).await;
    assert_eq!(account.send_control("PUT", "/snapshots/start").await.status, 201);
    create_tickets(&account, 3).await;
    account.add_fault(&json!({ "operation": "ticket.list", "effect": { "status": 503 } })).await;
    let limits = json!({ "requests": 1000, "per": "1m" });
    assert!(account.send_control_json("PUT", "/rate-limits", &limits).await.status < 300);
    (server, account)
}

/// Checks that the journal is empty and that sequence numbers continue.
async fn assert_journal_cleared(account: &Account, before: &str) {
    let journal = account.journal(&[("since", before)]).await;
    assert_eq!(journal["requests"], json!([]), "{journal}");
    assert_eq!(journal["truncated"], false, "clearing is no truncation: {journal}");
    assert_eq!(account.journal(&[]).await["truncated"], false);
    assert_eq!(account.changes(&[]).await["changes"], json!([]));
    assert_problem(&account.send_control("GET", "/requests/1").await, 404, "unknown-request", "1");
    create_ticket(&[]).send_ok(&account.client).await;
    let next = account.entries(&[("since", before)]).await;
    assert_eq!(seq_numbers(&next), [4], "sequence numbers continue");
}

#[tokio::test]
async fn deleting_requests_clears_only_the_journal() {
    let (_server, account) = start_with_entries_fault_and_rate_limit().await;
    let before = account.cursor().await;
    assert_eq!(account.send_control("DELETE", "/requests").await.status, 204);
    assert_journal_cleared(&account, &before).await;
    let faults = account.send_control("GET", "/faults").await.body;
    assert_eq!(expect_array(&faults["faults"]).len(), 1, "the fault rule remains: {faults}");
}

#[tokio::test]
async fn reset_and_restore_clear_journal_faults_and_rate_limit() {
    for path in ["/reset", "/snapshots/start/restore"] {
        let (_server, account) = start_with_entries_fault_and_rate_limit().await;
        let before = account.cursor().await;
        assert_eq!(account.send_control("POST", path).await.status, 204);
        assert_eq!(
            account.send_control("GET", "/faults").await.body,
            json!({ "faults": [] }),
            "{path}"
        );
        assert_eq!(account.send_control("GET", "/rate-limits").await.body, json!({}), "{path}");
        assert_journal_cleared(&account, &before).await;
    }
}

#[tokio::test]
async fn cursor_from_before_a_reset_stays_valid() {
    let (_server, account) = start_with_entries_fault_and_rate_limit().await;
    let second = expect_string(&account.entries(&[]).await[1]["cursor"]);
    assert_eq!(account.send_control("POST", "/reset").await.status, 204);
    create_ticket(&[]).send_ok(&account.client).await;
    update_ticket("/1", &[("title", "Scanner")]).send_ok(&account.client).await;
    assert_eq!(seq_numbers(&account.entries(&[("since", &second)]).await), [4, 5]);
}

#[tokio::test]
async fn account_copy_starts_with_an_empty_journal() {
    let (server, account) = start_with_entries_fault_and_rate_limit().await;
    let copy = json!({ "from": format!("account:{}", account.name) });
    let copy = Account::create(&server, &copy).await;
    assert_eq!(copy.entries(&[]).await, Vec::<Value>::new());
    get_ticket("/1").send_ok(&copy.client).await;
    assert_eq!(seq_numbers(&copy.entries(&[]).await), [1]);
    assert_eq!(account.entries(&[]).await.len(), 3, "the original keeps its own journal");
}
