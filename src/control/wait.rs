//! Long polling: waits for requests or the state of a ticket. Notifications wake it; it misses nothing.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use omnidesk_mock_client::types::WaitResult;
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use super::extract::AccountPath;
use super::journal_page::{parse_cursor, require_journal, to_journal_entry};
use super::pattern::parse_pattern;
use super::problem::{Problem, ProblemKind};
use super::query::FilterQuery;
use super::verify::{EVALUATION_TIMEOUT, explain_verdict};
use super::wait_query::{RequestWaitParams, TicketExpectation, WaitQuery};
use crate::accounts::{Account, AccountError};
use crate::api::state::SharedState;
use crate::clock;
use crate::journal::{CountExpectation, Cursor, RequestPattern, SearchDeadline, SequencedEntry};
use crate::tickets;

/// Acquires a permit for a wait or a stream. Dropping it releases it.
pub(super) fn acquire_wait_permit(account: &Account) -> Result<OwnedSemaphorePermit, Problem> {
    Arc::clone(&account.wait_permits).try_acquire_owned().map_err(|_| {
        let detail = format!(
            "{} waits and streams of this account are open, as many as there may be (--max-waits).",
            account.limits.max_waits
        );
        Problem::new(ProblemKind::TooManyWaits, detail)
    })
}

/// Waits for requests, or with `ticket` for a ticket. `field.NAME=VALUE` filters by the value of a field. With
/// `ticket`, each column of a ticket is a filter, and so is `deleted=true`.
#[utoipa::path(get, path = "/accounts/{account}/wait", tag = "journal", operation_id = "wait",
    params(AccountPath, WaitQuery),
    responses((status = 200, body = WaitResult, description = "The condition is met"), Problem))]
pub(super) async fn wait(
    State(state): State<SharedState>,
    AccountPath { account }: AccountPath,
    query: WaitQuery,
) -> Result<Json<WaitResult>, Problem> {
    let timeout = query.timeout();
    let condition = match query {
        WaitQuery::Requests(query) => parse_request_condition(query, &account, &state)?,
        WaitQuery::Ticket { expectation, .. } => WaitCondition::Ticket(expectation),
    };
    let _permit = acquire_wait_permit(&account)?;
    let timer = tokio::time::sleep(timeout);
    tokio::select! {
        result = condition.wait_until_met(&state, &account) => result,
        () = state.wait_for_shutdown() => Err(Problem::new(ProblemKind::ShuttingDown, "It was told to end, so nothing more will come.")),
        () = timer => condition.resolve_timeout(&state, &account, timeout).await,
    }
    .map(Json)
}

fn parse_request_condition(
    query: FilterQuery<RequestWaitParams>,
    account: &Account,
    state: &SharedState,
) -> Result<WaitCondition, Problem> {
    let FilterQuery { pattern, params } = query;
    let count = params.count.unwrap_or(1);
    let since = parse_cursor(&account.journal, params.since.as_deref())?;
    require_journal(&account.journal)?;
    let max_entries = account.journal.limits().max_entries;
    if count > max_entries {
        return Err(Problem::invalid(format!(
            "count must be at most {max_entries}, since the journal keeps no more requests (--journal-entries); {count} was sent."
        )));
    }
    let pattern = Box::new(parse_pattern(pattern, state)?);
    Ok(WaitCondition::Requests { pattern, count, since })
}

/// The condition that ends a wait.
enum WaitCondition {
    Requests { pattern: Box<RequestPattern>, count: usize, since: Option<Cursor> },
    Ticket(TicketExpectation),
}

impl WaitCondition {
    async fn wait_until_met(
        &self,
        state: &SharedState,
        account: &Arc<Account>,
    ) -> Result<WaitResult, Problem> {
        let (pattern, count, since) = match self {
            Self::Requests { pattern, count, since } => (pattern, *count, *since),
            Self::Ticket(ticket) => return ticket.wait_until_met(state, account).await,
        };
        // Only sequence numbers: a wait keeps no entries in memory that the journal has evicted.
        let (mut cursor, mut matched) = (since, Vec::new());
        let entries = account.journal.wait_for(|journal| {
            let slice = journal.slice_since(cursor);
            cursor = Some(slice.end);
            let cleared = journal.cleared_through();
            matched.retain(|seq| *seq > cleared);
            let matching = slice.entries.iter().filter(|entry| pattern.matches(&entry.entry));
            matched.extend(matching.map(|entry| entry.seq).take(count - matched.len()));
            (matched.len() == count).then(|| journal.entries_by_seq(&matched))
        });
        let entries = entries.await.ok_or_else(|| account_removed_problem(account))?;
        if entries.len() == count {
            Ok(build_wait_result(account, &entries))
        } else {
            Err(dropped_entries_problem(count))
        }
    }

    /// Checks the condition once more after the timeout. Explains why it is not met.
    async fn resolve_timeout(
        &self,
        state: &SharedState,
        account: &Arc<Account>,
        timeout: Duration,
    ) -> Result<WaitResult, Problem> {
        let (text, near_misses) = match self {
            Self::Requests { pattern, count, since } => {
                let slice = account.journal.read_since(*since).await;
                let matching = slice.entries.iter().filter(|entry| pattern.matches(&entry.entry));
                let matching: Vec<_> = matching.take(*count).cloned().collect();
                if matching.len() == *count {
                    return Ok(build_wait_result(account, &matching));
                }
                let count = CountExpectation { at_least: *count as u64, at_most: None };
                explain_verdict(count.evaluate(
                    pattern,
                    &slice,
                    &SearchDeadline::new(EVALUATION_TIMEOUT),
                )?)
            }
            Self::Ticket(expectation) => {
                let ticket = expectation.fetch_ticket(state, account).await?;
                if expectation.is_met(ticket.as_ref()) {
                    return Ok(expectation.build_result(account, ticket).await);
                }
                (expectation.describe_difference(ticket.as_ref()), Vec::new())
            }
        };
        let detail = format!("WaitResult {}. {text}", clock::format_duration(timeout));
        Err(Problem::new(ProblemKind::WaitTimeout, detail).with_near_misses(near_misses))
    }
}

/// Builds the result of matching requests.
fn build_wait_result(account: &Account, entries: &[SequencedEntry]) -> WaitResult {
    let last_seq = entries.last().map_or(0, |last| last.seq);
    let requests = entries
        .iter()
        .map(|entry| to_journal_entry(&account.journal, entry.seq, &entry.entry))
        .collect();
    let cursor = account.journal.cursor_after(last_seq).to_string();
    WaitResult { requests: Some(requests), ticket: None, cursor }
}

/// Reports that all requests came, but the journal has evicted some.
fn dropped_entries_problem(count: usize) -> Problem {
    let detail = format!(
        "The {count} requests have come, but the journal no longer holds all of them: it keeps so many as --journal-entries and --journal-bytes say. Wait for fewer at a time, or raise these."
    );
    Problem::new(ProblemKind::JournalTruncated, detail)
}

fn account_removed_problem(account: &Account) -> Problem {
    AccountError::NotFound(account.name.to_string()).into()
}

impl TicketExpectation {
    async fn wait_until_met(
        &self,
        state: &SharedState,
        account: &Arc<Account>,
    ) -> Result<WaitResult, Problem> {
        loop {
            let last_seen = account.change_counter.current();
            let ticket = self.fetch_ticket(state, account).await?;
            if self.is_met(ticket.as_ref()) {
                return Ok(self.build_result(account, ticket).await);
            }
            account.change_counter.wait_for_change(last_seen).await;
        }
    }

    async fn build_result(&self, account: &Account, ticket: Option<Value>) -> WaitResult {
        let cursor = account.journal.read_since(None).await.end.to_string();
        WaitResult { requests: None, ticket: Some(ticket.unwrap_or_default()), cursor }
    }

    async fn fetch_ticket(
        &self,
        state: &SharedState,
        account: &Arc<Account>,
    ) -> Result<Option<Value>, Problem> {
        let lease = state.accounts.lease(account).await?;
        Ok(tickets::fetch_ticket(&lease, &state.public_url, &account.settings().zone, self.id)
            .await?)
    }
}
