//! A client for the server-sent events of the journal stream.

use reqwest::Response;
use serde_json::Value;

use crate::support::control::{Account, QueryParams};
use crate::support::wait::with_timeout;

/// One server-sent event.
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

    /// Returns the journal entry in the event.
    pub(super) fn entry(&self) -> Value {
        assert_eq!(self.name, "request", "{self:?}");
        let entry: Value = serde_json::from_str(&self.data).expect("an entry is JSON");
        assert_eq!(entry["cursor"], self.id.as_str(), "{self:?}");
        entry
    }

    /// Returns the sequence number of the entry.
    pub(super) fn seq(&self) -> u64 {
        self.entry()["seq"].as_u64().expect("seq is a number")
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

    /// Opens a stream that resumes after the event with this ID.
    pub(super) async fn open_after(
        account: &Account,
        query: QueryParams<'_>,
        last_event_id: Option<&str>,
    ) -> Self {
        let request = account.request("GET", "/requests/stream").query(query);
        let request = match last_event_id {
            Some(last_event_id) => request.header("last-event-id", last_event_id),
            None => request,
        };
        let response = request.send().await.expect("the server responds");
        assert_eq!(response.status(), 200, "{query:?}");
        let content_type =
            response.headers()["content-type"].to_str().expect("the content type is text");
        assert!(content_type.starts_with("text/event-stream"), "{content_type}");
        Self { response, buffer: Vec::new() }
    }

    /// Returns the next event, or `None` at the end of the stream.
    pub(super) async fn next(&mut self) -> Option<SseEvent> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let event: Vec<u8> = self.buffer.drain(..end + 2).collect();
                let event = String::from_utf8(event).expect("events are UTF-8");
                if event.lines().any(|line| !line.is_empty() && !line.starts_with(':')) {
                    return Some(SseEvent::parse(event));
                }
                continue;
            }
            let chunk = with_timeout("an event", self.response.chunk()).await;
            let chunk = chunk.expect("the stream is not cut off");
            self.buffer.extend_from_slice(&chunk?);
        }
    }

    /// Returns the sequence numbers of the next `count` entries.
    pub(super) async fn next_seq_numbers(&mut self, count: usize) -> Vec<u64> {
        let mut numbers = Vec::new();
        while numbers.len() < count {
            numbers.push(self.next().await.expect("the stream has another event").seq());
        }
        numbers
    }
}
