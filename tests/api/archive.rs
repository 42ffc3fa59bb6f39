//! A ticket that was closed long enough ago leaves the lists by itself.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::fixtures::{self, acme_seed, ticket_fixture};

/// Longer than the account waits, so that a list that never changes fails its test.
const TEST_TIMEOUT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn closed_ticket_is_archived_exactly_after_archive_after() {
    let mut seed = acme_seed([ticket_fixture(7)]);
    seed["accounts"]["acme"]["clock"] = json!({ "mode": "real" });
    seed["accounts"]["acme"]["dialect"] = json!({ "archive_after": "3s" });
    let server = fixtures::serve_seed(&seed);
    let begun = Instant::now();
    let closed =
        server.send_form("POST", "/api/v2/ticket/setStatus", "status=closed&ticketIDs[]=7").await;
    assert_eq!(closed.status, 200, "{}", closed.body);
    // Nothing writes from here on: only the time makes the difference.
    while server.get("/api/v2/ticket?applyView=closed").await.body["itemTotal"] == 1 {
        assert!(begun.elapsed() < TEST_TIMEOUT, "it is still in the list");
    }
    assert!(
        begun.elapsed() > Duration::from_secs(1),
        "it has left too early: {:?}",
        begun.elapsed()
    );
    assert_eq!(server.get("/api/v2/ticket?searchArchived=yes").await.body["itemTotal"], 1);
    assert_eq!(server.get("/api/v2/ticket/7").await.body["item"]["status"], "closed");

    let opened =
        server.send_form("POST", "/api/v2/ticket/setStatus", "status=open&ticketIDs[]=7").await;
    assert_eq!(opened.status, 200, "{}", opened.body);
    assert_eq!(server.get("/api/v2/ticket").await.body["itemTotal"], 1, "it is back");
}
