//! Archiving: a closed ticket leaves the lists after `archive_after`.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::seed::{self, acme_seed, ticket_fixture};
use crate::support::wait::poll_until;

#[tokio::test]
async fn closed_ticket_is_archived_exactly_after_archive_after() {
    let mut seed = acme_seed([ticket_fixture(7)]);
    seed["accounts"]["acme"]["clock"] = json!({ "mode": "real" });
    seed["accounts"]["acme"]["dialect"] = json!({ "archive_after": "3s" });
    let server = seed::serve_seed(&seed);
    let start = Instant::now();
    let closed =
        server.send_form("POST", "/api/v2/ticket/setStatus", "status=closed&ticketIDs[]=7").await;
    assert_eq!(closed.status, 200, "{}", closed.body);
    // No writes from here on: only the passage of time changes the list.
    poll_until("the archiving of the ticket", async || {
        server.get("/api/v2/ticket?applyView=closed").await.body["itemTotal"] != 1
    })
    .await;
    assert!(
        start.elapsed() > Duration::from_secs(1),
        "the ticket was archived too early: {:?}",
        start.elapsed()
    );
    assert_eq!(server.get("/api/v2/ticket?searchArchived=yes").await.body["itemTotal"], 1);
    assert_eq!(server.get("/api/v2/ticket/7").await.body["item"]["status"], "closed");

    let opened =
        server.send_form("POST", "/api/v2/ticket/setStatus", "status=open&ticketIDs[]=7").await;
    assert_eq!(opened.status, 200, "{}", opened.body);
    assert_eq!(
        server.get("/api/v2/ticket").await.body["itemTotal"],
        1,
        "the reopened ticket is listed again"
    );
}
