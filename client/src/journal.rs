//! Client methods for the journal, faults, rate limits and strict mode.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use crate::client::{AccountClient, ControlError, fetch_json, send, send_and_discard};
use crate::stream::RequestStream;
use crate::types::{
    ActiveFaultRule, ChangeList, FaultRule, FaultRuleList, JournalEntry, RateLimits, RequestList,
    Strictness, Verification, VerificationResult, WaitResult,
};

/// A filter of requests. Omitted conditions match everything.
///
/// ```
/// use omnidesk_mock_client::RequestFilter;
///
/// let solved = RequestFilter::new().operation("setStatus").field("status", "solved").status("200");
/// ```
#[derive(Clone, Debug, Default)]
pub struct RequestFilter(Vec<(String, String)>);

impl RequestFilter {
    /// Creates a filter without conditions.
    pub fn new() -> Self {
        Self::default()
    }

    fn with_param(mut self, name: &str, value: &impl ToString) -> Self {
        self.0.push((name.to_owned(), value.to_string()));
        self
    }

    /// Filters by operation: `ticket.setStatus`, or `setStatus`.
    #[must_use]
    pub fn operation(self, name: &str) -> Self {
        self.with_param("operation", &name)
    }

    /// Filters by HTTP method.
    #[must_use]
    pub fn method(self, name: &str) -> Self {
        self.with_param("method", &name)
    }

    /// Filters by response status: `200`, `4xx`, or `none` if no response was sent.
    #[must_use]
    pub fn status(self, status: &str) -> Self {
        self.with_param("status", &status)
    }

    /// Filters by the name of the API key.
    #[must_use]
    pub fn key(self, name: &str) -> Self {
        self.with_param("key", &name)
    }

    /// Filters by whether the request changed data.
    #[must_use]
    pub fn changed(self, changed: bool) -> Self {
        self.with_param("changed", &changed)
    }

    /// Filters by whether a fault was applied.
    #[must_use]
    pub fn fault(self, fault: bool) -> Self {
        self.with_param("fault", &fault)
    }

    /// Filters by kind of warning, or `any` or `none`.
    #[must_use]
    pub fn warning(self, kind: &str) -> Self {
        self.with_param("warning", &kind)
    }

    /// Filters by path, without the query: `/api/v2/ticket/7`.
    #[must_use]
    pub fn path(self, path: &str) -> Self {
        self.with_param("path", &path)
    }

    /// Filters by the value of a header.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        self.with_param(&format!("header.{name}"), &value)
    }

    /// Filters by the value of a field: `title`, `actions[0][value]`.
    #[must_use]
    pub fn field(self, path: &str, value: &str) -> Self {
        self.with_param(&format!("field.{path}"), &value)
    }

    /// Skips requests up to this cursor.
    #[must_use]
    pub fn since(self, cursor: &str) -> Self {
        self.with_param("since", &cursor)
    }

    /// Limits the number of requests, 1 to 1000.
    #[must_use]
    pub fn limit(self, max: usize) -> Self {
        self.with_param("limit", &max)
    }
}

#[expect(
    clippy::missing_errors_doc,
    reason = "all methods fail alike: the server rejects the request or is unreachable"
)]
impl AccountClient {
    /// Lists its requests, the oldest first.
    pub async fn requests(&self, filter: &RequestFilter) -> Result<RequestList, ControlError> {
        fetch_json(self.build_request(Method::GET, "/requests").query(&filter.0)).await
    }

    /// Returns the request with this sequence number.
    pub async fn request(&self, seq: u64) -> Result<JournalEntry, ControlError> {
        fetch_json(self.build_request(Method::GET, &format!("/requests/{seq}"))).await
    }

    /// Exports its requests as a HAR 1.2 document.
    pub async fn export_har(&self, filter: &RequestFilter) -> Result<Value, ControlError> {
        fetch_json(self.build_request(Method::GET, "/requests/har").query(&filter.0)).await
    }

    /// Clears its journal.
    pub async fn clear_requests(&self) -> Result<(), ControlError> {
        send_and_discard(self.build_request(Method::DELETE, "/requests")).await
    }

    /// Streams its requests: those in the journal, then each new one.
    pub async fn stream_requests(
        &self,
        filter: &RequestFilter,
    ) -> Result<RequestStream, ControlError> {
        let response =
            send(self.build_request(Method::GET, "/requests/stream").query(&filter.0)).await?;
        Ok(RequestStream::new(response))
    }

    /// Verifies an expectation. If it is not met, the error lists the near misses.
    pub async fn verify(
        &self,
        expected: &Verification,
    ) -> Result<VerificationResult, ControlError> {
        fetch_json(self.build_request(Method::POST, "/verify").json(expected)).await
    }

    /// Waits for this many requests, at most 5 minutes. Earlier requests count as well.
    pub async fn wait(
        &self,
        filter: &RequestFilter,
        count: usize,
        timeout: Duration,
    ) -> Result<WaitResult, ControlError> {
        let params = [("count", count.to_string()), ("timeout", format_timeout(timeout))];
        fetch_json(self.build_request(Method::GET, "/wait").query(&filter.0).query(&params)).await
    }

    /// Waits until a ticket exists with these column values, at most 5 minutes.
    pub async fn wait_for_ticket(
        &self,
        id: i64,
        columns: &[(&str, &str)],
        timeout: Duration,
    ) -> Result<WaitResult, ControlError> {
        let params = [("ticket", id.to_string()), ("timeout", format_timeout(timeout))];
        fetch_json(self.build_request(Method::GET, "/wait").query(&params).query(columns)).await
    }

    /// Waits until a ticket is deleted, at most 5 minutes.
    pub async fn wait_for_deletion(
        &self,
        id: i64,
        timeout: Duration,
    ) -> Result<WaitResult, ControlError> {
        self.wait_for_ticket(id, &[("deleted", "true")], timeout).await
    }

    /// Lists its changes by request.
    pub async fn changes(&self, filter: &RequestFilter) -> Result<ChangeList, ControlError> {
        fetch_json(self.build_request(Method::GET, "/changes").query(&filter.0)).await
    }

    /// Lists its fault rules in evaluation order.
    pub async fn faults(&self) -> Result<Vec<ActiveFaultRule>, ControlError> {
        let list: FaultRuleList = fetch_json(self.build_request(Method::GET, "/faults")).await?;
        Ok(list.faults)
    }

    /// Adds a fault rule.
    pub async fn add_fault(&self, rule: &FaultRule) -> Result<ActiveFaultRule, ControlError> {
        fetch_json(self.build_request(Method::POST, "/faults").json(rule)).await
    }

    /// Removes a fault rule.
    pub async fn remove_fault(&self, id: u64) -> Result<(), ControlError> {
        send_and_discard(self.build_request(Method::DELETE, &format!("/faults/{id}"))).await
    }

    /// Removes all its fault rules.
    pub async fn clear_faults(&self) -> Result<(), ControlError> {
        send_and_discard(self.build_request(Method::DELETE, "/faults")).await
    }

    /// Returns the rate limit of each of its API keys.
    pub async fn rate_limits(&self) -> Result<RateLimits, ControlError> {
        fetch_json(self.build_request(Method::GET, "/rate-limits")).await
    }

    /// Sets the rate limit of each of its API keys; the default is unlimited.
    pub async fn set_rate_limits(&self, limits: &RateLimits) -> Result<RateLimits, ControlError> {
        fetch_json(self.build_request(Method::PUT, "/rate-limits").json(limits)).await
    }

    /// Returns whether it rejects requests with warnings.
    pub async fn strict(&self) -> Result<Strictness, ControlError> {
        fetch_json(self.build_request(Method::GET, "/strict")).await
    }

    /// Turns its strict mode on or off.
    pub async fn set_strict(&self, strict: &Strictness) -> Result<Strictness, ControlError> {
        fetch_json(self.build_request(Method::PUT, "/strict").json(strict)).await
    }
}

fn format_timeout(timeout: Duration) -> String {
    format!("{}ms", timeout.as_millis())
}
