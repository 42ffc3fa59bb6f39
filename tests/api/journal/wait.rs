//! Waits for requests: existing ones, later ones, and none.

use futures_util::future::join_all;

use super::helpers::seq_numbers;
use super::ticket_requests::{create_ticket, get_ticket, set_status};
use crate::support::control::{
    Account, assert_problem, expect_array, expect_string, start_with_account,
};
use crate::support::seed::{acme_seed, serve_seed, serve_seed_with_args, ticket_fixture};
use crate::support::ticket::NEW_TICKET_FORM;

/// Longer than any request takes, so that a missing request fails the test.
pub(super) const LONG_TIMEOUT: (&str, &str) = ("timeout", "1m");
/// No waiting: only existing entries are found.
pub(super) const ZERO_TIMEOUT: (&str, &str) = ("timeout", "0s");

#[tokio::test]
async fn existing_requests_end_a_wait_at_once() {
    let (_server, account) = start_with_account().await;
    for _ in 0..4 {
        create_ticket(&[]).send_ok(&account.client).await;
    }
    get_ticket("/2").send_ok(&account.client).await;
    for (query, expected) in [
        (&[][..], &[1][..]),
        (&[("operation", "create")], &[1]),
        (&[("operation", "get")], &[5]),
        (&[("operation", "create"), ("count", "3")], &[1, 2, 3]),
        (&[("operation", "create"), ("count", "4")], &[1, 2, 3, 4]),
        (&[("method", "get"), ("field.ticketID", "2"), ("changed", "false")], &[5]),
    ] {
        let found = account.wait_ok(&[query, &[ZERO_TIMEOUT]].concat()).await;
        let entries = expect_array(&found["requests"]);
        assert_eq!(seq_numbers(&entries), expected, "{query:?}");
        let last = entries.last().expect("an entry");
        assert_eq!(found["cursor"], last["cursor"], "the cursor is after the last entry: {found}");
    }
}

#[tokio::test]
async fn wait_returns_entries_as_the_journal_has_them() {
    let (_server, account) = start_with_account().await;
    create_ticket(&[("fromName", "Ada")]).send_ok(&account.client).await;
    assert_eq!(account.wait_ok(&[]).await["requests"], account.journal(&[]).await["requests"]);
}

#[tokio::test]
async fn later_request_ends_a_wait() {
    let (_server, account) = start_with_account().await;
    for number in 1..=20 {
        let since = account.cursor().await;
        let query = [("operation", "create"), ("since", &since), LONG_TIMEOUT];
        let write = create_ticket(&[]);
        let (found, _) = tokio::join!(account.wait_ok(&query), write.send_ok(&account.client));
        assert_eq!(seq_numbers(&expect_array(&found["requests"])), [number]);
    }
}

#[tokio::test]
async fn wait_for_several_requests_ends_with_the_last() {
    let (_server, account) = start_with_account().await;
    let write = async {
        for _ in 0..10 {
            create_ticket(&[]).send_ok(&account.client).await;
            get_ticket("/1").send_ok(&account.client).await;
        }
    };
    let query = [("operation", "create"), ("count", "10"), LONG_TIMEOUT];
    let (found, ()) = tokio::join!(account.wait_ok(&query), write);
    assert_eq!(
        seq_numbers(&expect_array(&found["requests"])),
        (1..20).step_by(2).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn one_request_ends_all_waits_for_it() {
    let (_server, account) = start_with_account().await;
    let query = [("operation", "create"), LONG_TIMEOUT];
    let waits = join_all((0..50).map(|_| account.wait_ok(&query)));
    let write = create_ticket(&[]);
    let (found, _) = tokio::join!(waits, write.send_ok(&account.client));
    assert!(found.iter().all(|wait| wait["requests"][0]["seq"] == 1));
}

#[tokio::test]
async fn consecutive_waits_miss_no_request() {
    const COUNT: u64 = 150;
    let (_server, account) = start_with_account().await;
    let write = async {
        for number in 0..COUNT {
            let body = NEW_TICKET_FORM.replace("Printer", &format!("t{number}"));
            assert_eq!(account.client.send_form("POST", "/api/v2/ticket", &body).await.status, 200);
        }
    };
    let start = account.cursor().await;
    let read = async {
        let (mut since, mut titles) = (start, Vec::new());
        while (titles.len() as u64) < COUNT {
            let query = [("operation", "create"), ("since", &since), LONG_TIMEOUT];
            let found = account.wait_ok(&query).await;
            titles.push(expect_string(&found["requests"][0]["fields"]["title"]));
            since = expect_string(&found["cursor"]);
        }
        titles
    };
    let ((), titles) = tokio::join!(write, read);
    assert!(titles.into_iter().eq((0..COUNT).map(|number| format!("t{number}"))));
}

#[tokio::test]
async fn timeout_is_a_problem_with_near_misses() {
    let (_server, account) = start_with_account().await;
    create_ticket(&[]).send_ok(&account.client).await;
    let end = account.cursor().await;
    for (query, misses) in [
        (&[("operation", "delete")][..], 1),
        (&[("operation", "create"), ("count", "2")], 0),
        (&[("operation", "create"), ("field.title", "Scanner")], 1),
        (&[("operation", "create"), ("since", &end)], 0),
    ] {
        let timed_out = account.wait(&[query, &[ZERO_TIMEOUT]].concat()).await;
        assert_problem(&timed_out, 409, "wait-timeout", &format!("{query:?}"));
        let near_miss_count = timed_out.body["near_misses"].as_array().map_or(0, Vec::len);
        assert_eq!(near_miss_count, misses, "{query:?}: {}", timed_out.body);
    }
}

#[tokio::test]
async fn wait_ignores_deleted_entries() {
    let (_server, account) = start_with_account().await;
    create_ticket(&[]).send_ok(&account.client).await;
    assert_eq!(account.send_control("DELETE", "/requests").await.status, 204);
    let query = [("operation", "create"), ZERO_TIMEOUT];
    assert_problem(&account.wait(&query).await, 409, "wait-timeout", "the journal is empty");
    let query = [("operation", "create"), LONG_TIMEOUT];
    let write = create_ticket(&[]);
    let (found, _) = tokio::join!(account.wait_ok(&query), write.send_ok(&account.client));
    assert_eq!(seq_numbers(&expect_array(&found["requests"])), [2]);
}

#[tokio::test]
async fn wait_continues_across_a_reset() {
    let (_server, account) = start_with_account().await;
    let query = [("operation", "create"), LONG_TIMEOUT];
    let write = async {
        assert_eq!(account.send_control("POST", "/reset").await.status, 204);
        create_ticket(&[]).send_ok(&account.client).await;
    };
    let (found, ()) = tokio::join!(account.wait_ok(&query), write);
    assert_eq!(found["requests"][0]["operation"], "ticket.create");
}

#[tokio::test]
async fn wait_finds_entries_after_evicted_ones() {
    let server = serve_seed_with_args(
        &acme_seed([ticket_fixture(7)]),
        &["--ephemeral", "--journal-entries", "2"],
    );
    let acme = Account::acme(&server);
    let start = acme.cursor().await;
    for _ in 0..5 {
        get_ticket("/7").send_ok(&server).await;
    }
    let found = acme.wait_ok(&[("operation", "get"), ("since", &start), ZERO_TIMEOUT]).await;
    assert_eq!(seq_numbers(&expect_array(&found["requests"])), [4]);
}

#[tokio::test]
async fn wait_accepts_every_journal_filter() {
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    let acme = Account::acme(&server);
    set_status(&[("status", "open"), ("ticketIDs[]", "7"), ("why", "x")]).send_ok(&server).await;
    for (name, value, other) in [
        ("operation", "setStatus", "get"),
        ("method", "post", "get"),
        ("status", "2xx", "none"),
        ("key", "ci", "key 1"),
        ("changed", "true", "false"),
        ("fault", "false", "true"),
        ("warning", "unknown-field", "none"),
        ("field.ticketIDs", "7", "8"),
    ] {
        let found = acme.wait_ok(&[(name, value), ZERO_TIMEOUT]).await;
        assert_eq!(seq_numbers(&expect_array(&found["requests"])), [1], "{name}={value}");
        let timed_out = acme.wait(&[(name, other), ZERO_TIMEOUT]).await;
        assert_problem(&timed_out, 409, "wait-timeout", name);
    }
}
