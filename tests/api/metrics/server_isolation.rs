//! Two servers in one process have nothing in common.

use omnidesk_mock::MockServer;

use super::scrape;
use crate::support::ApiClient;

#[tokio::test]
async fn servers_in_one_process_share_no_metrics() {
    let (one, other) = tokio::join!(MockServer::start(), MockServer::start());
    let client = |server: &MockServer| ApiClient::new(server.base_url()).with_key(server.api_key());
    let (one, other) = (client(&one), client(&other));
    let before = scrape(&other).await;
    for _ in 0..7 {
        assert_eq!(one.get("/api/v2/ticket").await.status, 200);
    }
    let listed = [("operation", "ticket.list"), ("status", "200")];
    assert_eq!(scrape(&one).await.sample_value("omnidesk_mock_requests_total", &listed), 7);
    let after = scrape(&other).await;
    assert_eq!(after.request_counts(), before.request_counts());
    for name in [
        "omnidesk_mock_accounts",
        "omnidesk_mock_journal_entries",
        "omnidesk_mock_sqlite_commits_total",
    ] {
        assert_eq!(after.sample_value(name, &[]), before.sample_value(name, &[]), "{name}");
    }
}
