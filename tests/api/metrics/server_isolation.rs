//! Two servers in one process have separate metrics.

use omnidesk_mock::MockServer;

use super::scrape;
use crate::support::client::ApiClient;

#[tokio::test]
async fn servers_in_one_process_share_no_metrics() {
    let (first, second) = tokio::join!(MockServer::start(), MockServer::start());
    let client = |server: &MockServer| ApiClient::new(server.base_url()).with_key(server.api_key());
    let (first, second) = (client(&first), client(&second));
    let before = scrape(&second).await;
    for _ in 0..7 {
        assert_eq!(first.get("/api/v2/ticket").await.status, 200);
    }
    let listed = [("operation", "ticket.list"), ("status", "200")];
    assert_eq!(scrape(&first).await.sample_value("omnidesk_mock_requests_total", &listed), 7);
    let after = scrape(&second).await;
    assert_eq!(after.request_counts(), before.request_counts());
    for name in [
        "omnidesk_mock_accounts",
        "omnidesk_mock_journal_entries",
        "omnidesk_mock_sqlite_commits_total",
    ] {
        assert_eq!(after.sample_value(name, &[]), before.sample_value(name, &[]), "{name}");
    }
}
