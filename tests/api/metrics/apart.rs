//! Two servers in one process have nothing in common.

use omnidesk_mock::MockServer;

use super::scrape;
use crate::support::Client;

#[tokio::test]
async fn what_one_is_asked_the_other_has_not_counted() {
    let (one, other) = tokio::join!(MockServer::start(), MockServer::start());
    let client = |server: &MockServer| Client::of(server.base_url()).with_key(server.api_key());
    let (one, other) = (client(&one), client(&other));
    let before = scrape(&other).await;
    for _ in 0..7 {
        assert_eq!(one.get("/api/v2/ticket").await.status, 200);
    }
    let listed = [("operation", "ticket.list"), ("status", "200")];
    assert_eq!(scrape(&one).await.count("omnidesk_mock_requests_total", &listed), 7);
    let after = scrape(&other).await;
    assert_eq!(after.requests(), before.requests());
    for name in [
        "omnidesk_mock_accounts",
        "omnidesk_mock_journal_entries",
        "omnidesk_mock_sqlite_commits_total",
    ] {
        assert_eq!(after.count(name, &[]), before.count(name, &[]), "{name}");
    }
}
