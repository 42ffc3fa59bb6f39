//! The stream as a client of server-sent events reads it.

use std::time::Duration;

use reqwest::Response;
use serde_json::Value;

use super::helpers::QueryParams;
use crate::control_client::Account;

/// Longer than any event takes to come, so that a silent server fails its test instead of holding it.
const TEST_TIMEOUT: Duration = Duration::from_mins(1);

/// One event as it came.
#[derive(Clone, Debug)]
pub(super) struct SseEvent {
    pub(super) raw: String,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) data: String,
}

impl SseEvent {
    fn parse(raw: String) -> Self {
        let all = |name: &str| {
            let lines = raw.lines().filter_map(|line| line.strip_prefix(name));
            lines.map(str::trim_start).collect::<Vec<_>>().join("\n")
        };
        Self { id: all("id:"), name: all("event:"), data: all("data:"), raw }
    }

    /// The entry that it tells of.
    pub(super) fn entry(&self) -> Value {
        assert_eq!(self.name, "request", "{self:?}");
        let entry: Value = serde_json::from_str(&self.data).expect("an entry is JSON");
        assert_eq!(entry["cursor"], self.id.as_str(), "{self:?}");
        entry
    }

    /// The number of the entry that it tells of.
    pub(super) fn seq(&self) -> u64 {
        self.entry()["seq"].as_u64().expect("a number")
    }
}

/// An open stream.
#[derive(Debug)]
pub(super) struct EventStream {
    response: Response,
    buffer: Vec<u8>,
}

impl EventStream {
    pub(super) async fn open(account: &Account, query: QueryParams<'_>) -> Self {
        Self::open_after(account, query, None).await
    }

    /// Opens one that goes on after the event with this id.
    pub(super) async fn open_after(
        account: &Account,
        query: QueryParams<'_>,
        last: Option<&str>,
    ) -> Self {
        let request = account.request("GET", "/requests/stream").query(query);
        let request = match last {
            Some(last) => request.header("last-event-id", last),
            None => request,
        };
        let response = request.send().await.expect("the server answers");
        assert_eq!(response.status(), 200, "{query:?}");
        let kind = response.headers()["content-type"].to_str().expect("text");
        assert!(kind.starts_with("text/event-stream"), "{kind}");
        Self { response, buffer: Vec::new() }
    }

    /// The next event; None once the stream has ended.
    pub(super) async fn next(&mut self) -> Option<SseEvent> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|two| two == b"\n\n") {
                let event: Vec<u8> = self.buffer.drain(..end + 2).collect();
                let event = String::from_utf8(event).expect("events are UTF-8");
                if event.lines().any(|line| !line.is_empty() && !line.starts_with(':')) {
                    return Some(SseEvent::parse(event));
                }
                continue;
            }
            let chunk = tokio::time::timeout(TEST_TIMEOUT, self.response.chunk()).await;
            let chunk = chunk.expect("an event comes in time").expect("the stream is whole");
            self.buffer.extend_from_slice(&chunk?);
        }
    }

    /// The numbers of the next requests, as many as are asked for.
    pub(super) async fn next_seq_numbers(&mut self, count: usize) -> Vec<u64> {
        let mut numbers = Vec::new();
        while numbers.len() < count {
            numbers.push(self.next().await.expect("an event").seq());
        }
        numbers
    }
}
