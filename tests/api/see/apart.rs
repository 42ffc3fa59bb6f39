//! Orders whose requests are expected to keep a distance, by the account's clock.

use serde_json::json;

use super::asks::{get, update};
use super::crowd::is_met;
use crate::control::{Account, problem};
use crate::fixtures::{acme, serve, ticket};
use crate::support::Reply;

/// A client that tries three times, with these pauses in between; whether it kept so long apart.
async fn tried(pauses: [&str; 2], apart: &str) -> Reply {
    let server = serve(&acme([ticket(7)]));
    let acme = Account::acme(&server);
    get("/7").done(&server).await;
    for pause in pauses {
        acme.advance(pause).await;
        // Somebody else comes between and does not count.
        update("/7", &[("title", "x")]).done(&server).await;
        get("/7").done(&server).await;
    }
    let get = json!({ "operation": "ticket.get" });
    acme.verify(&json!({ "order": [get, get, get], "apart": apart })).await
}

#[tokio::test]
async fn a_clock_that_stands_still_keeps_nothing_apart() {
    problem(&tried(["0s", "0s"], "1ms").await, 409, "not-verified", "1ms");
    let none = tried(["0s", "0s"], "0s").await;
    assert_eq!(none.body["requests"], json!([1, 3, 5]), "{}", none.body);
}

#[tokio::test]
async fn a_clock_that_goes_on_is_measured() {
    for (pauses, apart, holds) in [
        (["1s", "1s"], "1s", true),
        (["1s", "1s"], "999ms", true),
        (["1s", "1s"], "1001ms", false),
        (["2s", "1s"], "2s", false),
        (["1s", "2s"], "2s", false),
        (["5m", "1d"], "PT5M", true),
        (["0s", "1d"], "1s", false),
    ] {
        let verdict = tried(pauses, apart).await;
        if holds {
            assert_eq!(verdict.body["requests"], json!([1, 3, 5]), "{pauses:?} {apart}");
        } else {
            problem(&verdict, 409, "not-verified", &format!("{pauses:?} {apart}"));
        }
    }
}

#[tokio::test]
async fn a_clock_that_was_set_back_keeps_nothing_apart() {
    let server = serve(&acme([ticket(7)]));
    let acme = Account::acme(&server);
    get("/7").done(&server).await;
    let earlier = json!({ "mode": "frozen", "at": "2026-02-01T12:00:00Z" });
    assert_eq!(acme.control_with("PUT", "/clock", &earlier).await.status, 200);
    get("/7").done(&server).await;
    let get = json!({ "operation": "ticket.get" });
    let verdict = acme.verify(&json!({ "order": [get, get], "apart": "1s" })).await;
    problem(&verdict, 409, "not-verified", "set back");
    let verdict = acme.verify(&json!({ "order": [get, get] })).await;
    assert_eq!(verdict.status, 200, "their order is that of their coming: {}", verdict.body);
}

#[tokio::test]
async fn a_first_try_that_was_answered_last_came_first_nevertheless() {
    let server = serve(&acme([ticket(7)]));
    let acme = Account::acme(&server);
    acme.provoke(&json!({ "first": 1, "effect": { "delay": "1s" } })).await;
    let ask = get("/7");
    let second = async {
        is_met(&acme).await;
        acme.advance("2s").await;
        ask.done(&server).await;
    };
    tokio::join!(ask.done(&server), second);
    let get = json!({ "operation": "ticket.get" });
    let verdict = acme.verify(&json!({ "order": [get, get], "apart": "2s" })).await;
    assert_eq!(verdict.status, 200, "the second came 2s later: {}", verdict.body);
}
