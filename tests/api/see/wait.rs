//! Waiting for requests: those that came already, those that are still to come, and none.

use futures_util::future::join_all;
use serde_json::json;

use super::asks::{create, get, set_status};
use super::look::{list, numbers, text};
use crate::control::{Account, problem};
use crate::fixtures::{NEW_TICKET, acme, serve, serve_with, ticket};
use crate::support::Server;

/// Longer than it takes, so that what does not come fails the test.
const LONG: (&str, &str) = ("timeout", "1m");
/// So short that only what is there already is found.
const SHORT: (&str, &str) = ("timeout", "0s");

async fn account() -> (Server, Account) {
    let server = Server::start();
    let account = Account::make(&server, &json!({})).await;
    (server, account)
}

#[tokio::test]
async fn what_came_already_is_found_at_once() {
    let (_server, account) = account().await;
    for _ in 0..4 {
        create(&[]).done(&account.client).await;
    }
    get("/2").done(&account.client).await;
    for (query, expected) in [
        (&[][..], &[1][..]),
        (&[("operation", "create")], &[1]),
        (&[("operation", "get")], &[5]),
        (&[("operation", "create"), ("count", "3")], &[1, 2, 3]),
        (&[("operation", "create"), ("count", "4")], &[1, 2, 3, 4]),
        (&[("method", "get"), ("field.ticketID", "2"), ("changed", "false")], &[5]),
    ] {
        let found = account.waited(&[query, &[SHORT]].concat()).await;
        let entries = list(&found["requests"]);
        assert_eq!(numbers(&entries), expected, "{query:?}");
        let last = entries.last().expect("an entry");
        assert_eq!(found["cursor"], last["cursor"], "it is the place after the last: {found}");
    }
}

#[tokio::test]
async fn who_waits_gets_the_entries_as_the_journal_has_them() {
    let (_server, account) = account().await;
    create(&[("fromName", "Ada")]).done(&account.client).await;
    assert_eq!(account.waited(&[]).await["requests"], account.journal(&[]).await["requests"]);
}

#[tokio::test]
async fn a_later_request_ends_a_wait() {
    let (_server, account) = account().await;
    for number in 1..=20 {
        let since = account.cursor().await;
        let query = [("operation", "create"), ("since", &since), LONG];
        let write = create(&[]);
        let (found, _) = tokio::join!(account.waited(&query), write.done(&account.client));
        assert_eq!(numbers(&list(&found["requests"])), [number]);
    }
}

#[tokio::test]
async fn a_wait_for_several_ends_with_the_last_of_them() {
    let (_server, account) = account().await;
    let write = async {
        for _ in 0..10 {
            create(&[]).done(&account.client).await;
            get("/1").done(&account.client).await;
        }
    };
    let query = [("operation", "create"), ("count", "10"), LONG];
    let (found, ()) = tokio::join!(account.waited(&query), write);
    assert_eq!(numbers(&list(&found["requests"])), (1..20).step_by(2).collect::<Vec<_>>());
}

#[tokio::test]
async fn many_may_wait_for_the_same() {
    let (_server, account) = account().await;
    let query = [("operation", "create"), LONG];
    let waits = join_all((0..50).map(|_| account.waited(&query)));
    let write = create(&[]);
    let (found, _) = tokio::join!(waits, write.done(&account.client));
    assert!(found.iter().all(|found| found["requests"][0]["seq"] == 1));
}

#[tokio::test]
async fn waits_one_after_the_other_miss_nothing_while_somebody_writes() {
    const COUNT: u64 = 150;
    let (_server, account) = account().await;
    let write = async {
        for number in 0..COUNT {
            let body = NEW_TICKET.replace("Printer", &format!("t{number}"));
            assert_eq!(account.client.form("POST", "/api/v2/ticket", &body).await.status, 200);
        }
    };
    let start = account.cursor().await;
    let read = async {
        let (mut since, mut titles) = (start, Vec::new());
        while (titles.len() as u64) < COUNT {
            let query = [("operation", "create"), ("since", &since), LONG];
            let found = account.waited(&query).await;
            titles.push(text(&found["requests"][0]["fields"]["title"]));
            since = text(&found["cursor"]);
        }
        titles
    };
    let ((), titles) = tokio::join!(write, read);
    assert!(titles.into_iter().eq((0..COUNT).map(|number| format!("t{number}"))));
}

#[tokio::test]
async fn time_that_is_up_is_a_problem_that_explains() {
    let (_server, account) = account().await;
    create(&[]).done(&account.client).await;
    let end = account.cursor().await;
    for (query, misses) in [
        (&[("operation", "delete")][..], 1),
        (&[("operation", "create"), ("count", "2")], 0),
        (&[("operation", "create"), ("field.title", "Scanner")], 1),
        (&[("operation", "create"), ("since", &end)], 0),
    ] {
        let over = account.wait(&[query, &[SHORT]].concat()).await;
        problem(&over, 409, "wait-over", &format!("{query:?}"));
        let told = over.body["misses"].as_array().map_or(0, Vec::len);
        assert_eq!(told, misses, "{query:?}: {}", over.body);
    }
}

#[tokio::test]
async fn what_was_emptied_is_no_longer_waited_for() {
    let (_server, account) = account().await;
    create(&[]).done(&account.client).await;
    assert_eq!(account.control("DELETE", "/requests").await.status, 204);
    let query = [("operation", "create"), SHORT];
    problem(&account.wait(&query).await, 409, "wait-over", "emptied");
    let query = [("operation", "create"), LONG];
    let write = create(&[]);
    let (found, _) = tokio::join!(account.waited(&query), write.done(&account.client));
    assert_eq!(numbers(&list(&found["requests"])), [2]);
}

#[tokio::test]
async fn a_wait_goes_on_over_a_reset() {
    let (_server, account) = account().await;
    let query = [("operation", "create"), LONG];
    let write = async {
        assert_eq!(account.control("POST", "/reset").await.status, 204);
        create(&[]).done(&account.client).await;
    };
    let (found, ()) = tokio::join!(account.waited(&query), write);
    assert_eq!(found["requests"][0]["operation"], "ticket.create");
}

#[tokio::test]
async fn a_wait_finds_what_came_after_much_was_dropped() {
    let server = serve_with(&acme([ticket(7)]), &["--ephemeral", "--journal-entries", "2"]);
    let acme = Account::acme(&server);
    let start = acme.cursor().await;
    for _ in 0..5 {
        get("/7").done(&server).await;
    }
    let found = acme.waited(&[("operation", "get"), ("since", &start), SHORT]).await;
    assert_eq!(numbers(&list(&found["requests"])), [4]);
}

#[tokio::test]
async fn every_filter_of_the_journal_is_one_of_a_wait() {
    let server = serve(&acme([ticket(7)]));
    let acme = Account::acme(&server);
    set_status(&[("status", "open"), ("ticketIDs[]", "7"), ("why", "x")]).done(&server).await;
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
        let found = acme.waited(&[(name, value), SHORT]).await;
        assert_eq!(numbers(&list(&found["requests"])), [1], "{name}={value}");
        let over = acme.wait(&[(name, other), SHORT]).await;
        problem(&over, 409, "wait-over", name);
    }
}
