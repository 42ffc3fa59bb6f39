//! Verification of an order with a minimum interval, measured by the account's clock.

use serde_json::json;

use super::concurrency::wait_for_fault_match;
use super::ticket_requests::{get_ticket, update_ticket};
use crate::support::client::JsonResponse;
use crate::support::control::{Account, assert_problem};
use crate::support::seed::{acme_seed, serve_seed, ticket_fixture};

/// Verifies the minimum interval of three requests that were sent with these pauses in between.
async fn verify_spaced_requests(pauses: [&str; 2], min_interval: &str) -> JsonResponse {
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    let acme = Account::acme(&server);
    get_ticket("/7").send_ok(&server).await;
    for pause in pauses {
        acme.advance_clock(pause).await;
        // A request that does not match the order is ignored.
        update_ticket("/7", &[("title", "x")]).send_ok(&server).await;
        get_ticket("/7").send_ok(&server).await;
    }
    let get = json!({ "operation": "ticket.get" });
    acme.verify(&json!({ "order": [get, get, get], "min_interval": min_interval })).await
}

#[tokio::test]
async fn min_interval_is_measured_by_account_clock() {
    for (pauses, min_interval, holds) in [(["5m", "1d"], "PT5M", true), (["0s", "1d"], "1s", false)]
    {
        let verdict = verify_spaced_requests(pauses, min_interval).await;
        if holds {
            assert_eq!(verdict.body["requests"], json!([1, 3, 5]), "{pauses:?} {min_interval}");
        } else {
            assert_problem(
                &verdict,
                409,
                "verification-failed",
                &format!("{pauses:?} {min_interval}"),
            );
        }
    }
}

#[tokio::test]
async fn min_interval_fails_when_clock_was_set_back() {
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    let acme = Account::acme(&server);
    get_ticket("/7").send_ok(&server).await;
    let earlier = json!({ "mode": "frozen", "at": "2026-02-01T12:00:00Z" });
    assert_eq!(acme.send_control_json("PUT", "/clock", &earlier).await.status, 200);
    get_ticket("/7").send_ok(&server).await;
    let get = json!({ "operation": "ticket.get" });
    let verdict = acme.verify(&json!({ "order": [get, get], "min_interval": "1s" })).await;
    assert_problem(&verdict, 409, "verification-failed", "set back");
    let verdict = acme.verify(&json!({ "order": [get, get] })).await;
    assert_eq!(verdict.status, 200, "requests are ordered by arrival: {}", verdict.body);
}

#[tokio::test]
async fn order_follows_request_arrival_not_response_time() {
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    let acme = Account::acme(&server);
    acme.add_fault(&json!({ "first": 1, "effect": { "delay": "1s" } })).await;
    let request = get_ticket("/7");
    let second = async {
        wait_for_fault_match(&acme).await;
        acme.advance_clock("2s").await;
        request.send_ok(&server).await;
    };
    tokio::join!(request.send_ok(&server), second);
    let get = json!({ "operation": "ticket.get" });
    let verdict = acme.verify(&json!({ "order": [get, get], "min_interval": "2s" })).await;
    assert_eq!(verdict.status, 200, "the second request arrived 2s later: {}", verdict.body);
}
