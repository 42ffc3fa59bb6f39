//! The time in SQLite, and how often it commits.

use serde_json::json;

use super::scrape;
use super::text::Text;
use crate::control::Account;
use crate::fixtures::{NEW_TICKET, folder};
use crate::support::Server;

const INDEX: &str = "/api/v2/ticket";

/// Reads, writes and commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Work {
    reads: u64,
    writes: u64,
    commits: u64,
}

impl Work {
    fn of(text: &Text) -> Self {
        let count = |work| text.count("omnidesk_mock_sqlite_seconds_count", &[("work", work)]);
        let commits = text.count("omnidesk_mock_sqlite_commits_total", &[]);
        Self { reads: count("read"), writes: count("write"), commits }
    }

    async fn seen(server: &Server) -> Self {
        Self::of(&scrape(server).await)
    }

    fn since(self, before: Self) -> Self {
        Self {
            reads: self.reads - before.reads,
            writes: self.writes - before.writes,
            commits: self.commits - before.commits,
        }
    }
}

/// An account that has been asked already.
async fn desk(arguments: &[&str]) -> (Server, Account) {
    let server = Server::with(arguments);
    let account = Account::make(&server, &json!({})).await;
    assert_eq!(account.client.form("POST", INDEX, NEW_TICKET).await.status, 200);
    (server, account)
}

#[tokio::test]
async fn a_write_that_stands_alone_is_a_commit() {
    let data = folder();
    let data = data.path().to_str().expect("the path is text");
    for arguments in [&["--ephemeral"][..], &["--data", data]] {
        let (server, account) = desk(arguments).await;
        let before = Work::seen(&server).await;
        for _ in 0..5 {
            assert_eq!(account.client.form("POST", INDEX, NEW_TICKET).await.status, 200);
        }
        let work = Work::seen(&server).await.since(before);
        assert_eq!((work.writes, work.commits), (5, 5), "{arguments:?}: {work:?}");
    }
}

#[tokio::test]
async fn what_is_refused_before_the_database_is_none() {
    let (server, account) = desk(&["--ephemeral"]).await;
    let before = Work::seen(&server).await;
    for _ in 0..3 {
        assert_eq!(account.client.form("POST", INDEX, "title=a").await.status, 400);
        assert_eq!(account.client.get("/api/v2/nothing").await.status, 404);
        let unknown = account.client.with_key("unknown-key-0123456789");
        assert_eq!(unknown.form("POST", INDEX, NEW_TICKET).await.status, 401);
    }
    assert_eq!(Work::seen(&server).await, before);
}

#[tokio::test]
async fn a_read_is_timed_and_a_kept_answer_is_not() {
    let (server, account) = desk(&["--ephemeral"]).await;
    let item = "/api/v2/ticket/1";
    let before = Work::seen(&server).await;
    assert_eq!(account.client.get(item).await.status, 200);
    let fresh = Work::seen(&server).await;
    assert!(fresh.since(before).reads > 0, "{before:?}, {fresh:?}");
    assert_eq!(fresh.since(before).commits, 0);
    assert_eq!(account.client.get(item).await.status, 200);
    assert_eq!(Work::seen(&server).await, fresh);
}

#[tokio::test]
async fn writes_that_wait_together_share_a_commit() {
    let (server, account) = desk(&["--ephemeral"]).await;
    let before = Work::seen(&server).await;
    let all = (0..60).map(|_| account.client.form("POST", INDEX, NEW_TICKET));
    let all = futures_util::future::join_all(all).await;
    assert!(all.iter().all(|reply| reply.status == 200), "{all:?}");
    let work = Work::seen(&server).await.since(before);
    assert!((1..=60).contains(&work.commits) && work.writes == work.commits, "{work:?}");
}
