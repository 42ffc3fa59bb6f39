//! SQLite metrics: queries and commits.

use serde_json::json;

use super::prometheus_text::ParsedMetrics;
use super::scrape;
use crate::support::control::Account;
use crate::support::files::create_temp_dir;
use crate::support::server::Server;
use crate::support::ticket::{NEW_TICKET_FORM, TICKETS_PATH};

/// The number of reads, writes and commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SqliteCounts {
    reads: u64,
    writes: u64,
    commits: u64,
}

impl SqliteCounts {
    fn from_metrics(metrics: &ParsedMetrics) -> Self {
        let count = |access| {
            metrics.sample_value("omnidesk_mock_sqlite_seconds_count", &[("access", access)])
        };
        let commits = metrics.sample_value("omnidesk_mock_sqlite_commits_total", &[]);
        Self { reads: count("read"), writes: count("write"), commits }
    }

    async fn scrape_counts(server: &Server) -> Self {
        Self::from_metrics(&scrape(server).await)
    }

    fn since(self, before: Self) -> Self {
        Self {
            reads: self.reads - before.reads,
            writes: self.writes - before.writes,
            commits: self.commits - before.commits,
        }
    }
}

/// Starts a server with an account that has been used.
async fn start_server_with_account(arguments: &[&str]) -> (Server, Account) {
    let server = Server::start_with_args(arguments);
    let account = Account::create(&server, &json!({})).await;
    assert_eq!(account.client.send_form("POST", TICKETS_PATH, NEW_TICKET_FORM).await.status, 200);
    (server, account)
}

#[tokio::test]
async fn each_sequential_write_is_one_commit() {
    let data = create_temp_dir();
    let data = data.path().to_str().expect("the path is UTF-8");
    for arguments in [&["--ephemeral"][..], &["--data", data]] {
        let (server, account) = start_server_with_account(arguments).await;
        let before = SqliteCounts::scrape_counts(&server).await;
        for _ in 0..5 {
            assert_eq!(
                account.client.send_form("POST", TICKETS_PATH, NEW_TICKET_FORM).await.status,
                200
            );
        }
        let counts = SqliteCounts::scrape_counts(&server).await.since(before);
        assert_eq!((counts.writes, counts.commits), (5, 5), "{arguments:?}: {counts:?}");
    }
}

#[tokio::test]
async fn rejected_requests_do_not_reach_sqlite() {
    let (server, account) = start_server_with_account(&["--ephemeral"]).await;
    let before = SqliteCounts::scrape_counts(&server).await;
    for _ in 0..3 {
        assert_eq!(account.client.send_form("POST", TICKETS_PATH, "title=a").await.status, 400);
        assert_eq!(account.client.get("/api/v2/nothing").await.status, 404);
        let unknown = account.client.with_key("unknown-key-0123456789");
        assert_eq!(unknown.send_form("POST", TICKETS_PATH, NEW_TICKET_FORM).await.status, 401);
    }
    assert_eq!(SqliteCounts::scrape_counts(&server).await, before);
}

#[tokio::test]
async fn cached_response_does_not_query_sqlite() {
    let (server, account) = start_server_with_account(&["--ephemeral"]).await;
    let item = "/api/v2/ticket/1";
    let before = SqliteCounts::scrape_counts(&server).await;
    assert_eq!(account.client.get(item).await.status, 200);
    let after_read = SqliteCounts::scrape_counts(&server).await;
    assert!(after_read.since(before).reads > 0, "{before:?}, {after_read:?}");
    assert_eq!(after_read.since(before).commits, 0);
    assert_eq!(account.client.get(item).await.status, 200);
    assert_eq!(SqliteCounts::scrape_counts(&server).await, after_read);
}

#[tokio::test]
async fn concurrent_writes_share_commits() {
    let (server, account) = start_server_with_account(&["--ephemeral"]).await;
    let before = SqliteCounts::scrape_counts(&server).await;
    let all = (0..60).map(|_| account.client.send_form("POST", TICKETS_PATH, NEW_TICKET_FORM));
    let all = futures_util::future::join_all(all).await;
    assert!(all.iter().all(|reply| reply.status == 200), "{all:?}");
    let counts = SqliteCounts::scrape_counts(&server).await.since(before);
    assert!((1..=60).contains(&counts.commits) && counts.writes == counts.commits, "{counts:?}");
}
