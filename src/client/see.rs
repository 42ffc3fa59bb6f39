//! What an account was asked, and what is to happen to its requests.

use std::time::Duration;

use reqwest::Method;

use super::follow::Requests;
use super::{Account, ControlError, answer, done, read};
use crate::control::wire::{
    ChangeList, JournalEntry, Limits, RequestList, Rule, RuleList, ShownRule, Strictness,
    Verification, Verified, Waited,
};

/// Which requests are asked for. What is not said does not matter.
///
/// ```
/// use omnidesk_mock::Filter;
///
/// let solved = Filter::new().operation("setStatus").field("status", "solved").status("200");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Filter(Vec<(String, String)>);

impl Filter {
    /// All requests.
    pub fn new() -> Self {
        Self::default()
    }

    fn with(mut self, name: &str, value: &impl ToString) -> Self {
        self.0.push((name.to_owned(), value.to_string()));
        self
    }

    /// Only those of this operation: `ticket.setStatus`, or `setStatus`.
    #[must_use]
    pub fn operation(self, name: &str) -> Self {
        self.with("operation", &name)
    }

    /// Only those with this method.
    #[must_use]
    pub fn method(self, name: &str) -> Self {
        self.with("method", &name)
    }

    /// Only those that were answered so: `200`, `4xx`, or `none` for no answer.
    #[must_use]
    pub fn status(self, status: &str) -> Self {
        self.with("status", &status)
    }

    /// Only those with the key of this name.
    #[must_use]
    pub fn key(self, name: &str) -> Self {
        self.with("key", &name)
    }

    /// Only those that changed something, or nothing.
    #[must_use]
    pub fn changed(self, changed: bool) -> Self {
        self.with("changed", &changed)
    }

    /// Only those that met a fault, or none.
    #[must_use]
    pub fn fault(self, fault: bool) -> Self {
        self.with("fault", &fault)
    }

    /// Only those that left a warning of this kind; `any` and `none` go as well.
    #[must_use]
    pub fn warning(self, kind: &str) -> Self {
        self.with("warning", &kind)
    }

    /// Only those with this value in a field: `title`, `actions[0][value]`.
    #[must_use]
    pub fn field(self, path: &str, value: &str) -> Self {
        self.with(&format!("field.{path}"), &value)
    }

    /// Only those after this place.
    #[must_use]
    pub fn since(self, cursor: &str) -> Self {
        self.with("since", &cursor)
    }

    /// At most so many of them, 1 to 1000.
    #[must_use]
    pub fn limit(self, most: usize) -> Self {
        self.with("limit", &most)
    }
}

#[expect(
    clippy::missing_errors_doc,
    reason = "all fail alike: the server refuses, or is not reached"
)]
impl Account {
    /// What it was asked, the oldest request first.
    pub async fn requests(&self, filter: &Filter) -> Result<RequestList, ControlError> {
        read(self.ask(Method::GET, "/requests").query(&filter.0)).await
    }

    /// The request with this number.
    pub async fn request(&self, seq: u64) -> Result<JournalEntry, ControlError> {
        read(self.ask(Method::GET, &format!("/requests/{seq}"))).await
    }

    /// Forgets what it was asked.
    pub async fn clear_requests(&self) -> Result<(), ControlError> {
        done(self.ask(Method::DELETE, "/requests")).await
    }

    /// Follows what it is asked: what is kept already, and then each request as it comes.
    pub async fn follow(&self, filter: &Filter) -> Result<Requests, ControlError> {
        let stream = answer(self.ask(Method::GET, "/requests/stream").query(&filter.0)).await?;
        Ok(Requests::of(stream))
    }

    /// Fails unless what is expected has happened; the error says what came nearest.
    pub async fn verify(&self, expected: &Verification) -> Result<Verified, ControlError> {
        read(self.ask(Method::POST, "/verify").json(expected)).await
    }

    /// Waits for so many requests, at most 5 minutes. It counts those that came before.
    pub async fn wait(
        &self,
        filter: &Filter,
        count: usize,
        timeout: Duration,
    ) -> Result<Waited, ControlError> {
        let more = [("count", count.to_string()), ("timeout", time(timeout))];
        read(self.ask(Method::GET, "/wait").query(&filter.0).query(&more)).await
    }

    /// Waits until a ticket is there and its columns are so, at most 5 minutes.
    pub async fn wait_for_ticket(
        &self,
        id: i64,
        columns: &[(&str, &str)],
        timeout: Duration,
    ) -> Result<Waited, ControlError> {
        let ticket = [("ticket", id.to_string()), ("timeout", time(timeout))];
        read(self.ask(Method::GET, "/wait").query(&ticket).query(columns)).await
    }

    /// Waits until a ticket is gone, at most 5 minutes.
    pub async fn wait_for_deletion(
        &self,
        id: i64,
        timeout: Duration,
    ) -> Result<Waited, ControlError> {
        self.wait_for_ticket(id, &[("deleted", "true")], timeout).await
    }

    /// What changed, request by request.
    pub async fn changes(&self, filter: &Filter) -> Result<ChangeList, ControlError> {
        read(self.ask(Method::GET, "/changes").query(&filter.0)).await
    }

    /// Its fault rules, in the order in which they are asked.
    pub async fn faults(&self) -> Result<Vec<ShownRule>, ControlError> {
        let list: RuleList = read(self.ask(Method::GET, "/faults")).await?;
        Ok(list.faults)
    }

    /// Adds a fault rule.
    pub async fn add_fault(&self, rule: &Rule) -> Result<ShownRule, ControlError> {
        read(self.ask(Method::POST, "/faults").json(rule)).await
    }

    /// Takes a fault rule away.
    pub async fn remove_fault(&self, id: u64) -> Result<(), ControlError> {
        done(self.ask(Method::DELETE, &format!("/faults/{id}"))).await
    }

    /// Takes all its fault rules away.
    pub async fn clear_faults(&self) -> Result<(), ControlError> {
        done(self.ask(Method::DELETE, "/faults")).await
    }

    /// How many requests each of its keys may make.
    pub async fn limits(&self) -> Result<Limits, ControlError> {
        read(self.ask(Method::GET, "/limits")).await
    }

    /// Sets how many requests each of its keys may make; the default is as many as it likes.
    pub async fn set_limits(&self, limits: &Limits) -> Result<Limits, ControlError> {
        read(self.ask(Method::PUT, "/limits").json(limits)).await
    }

    /// Whether it refuses what leaves a warning.
    pub async fn strict(&self) -> Result<Strictness, ControlError> {
        read(self.ask(Method::GET, "/strict")).await
    }

    /// Makes it refuse what leaves a warning, or stop to.
    pub async fn set_strict(&self, strict: &Strictness) -> Result<Strictness, ControlError> {
        read(self.ask(Method::PUT, "/strict").json(strict)).await
    }
}

fn time(time: Duration) -> String {
    format!("{}ms", time.as_millis())
}
