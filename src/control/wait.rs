//! Long polling: waits for requests or the state of a ticket. Notifications wake it; it misses nothing.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use super::extract::{AccountParams, AccountPath};
use super::pattern::{FilterQuery, parse_pattern};
use super::problem::{Problem, ProblemKind};
use super::requests::{MAX_PAGE_SIZE, parse_cursor, require_journal, to_journal_entry};
use super::verify::{EVALUATION_TIMEOUT, explain_verdict};
use super::wire::Waited;
use crate::accounts::{Account, AccountError};
use crate::api::auth;
use crate::api::state::SharedState;
use crate::clock;
use crate::contract::quote_value;
use crate::journal::{CountExpectation, Cursor, Entry, RequestPattern, SearchDeadline};
use crate::tickets;

/// The default timeout of a wait.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
/// The maximum timeout of a wait (arbitrary).
const MAX_TIMEOUT: Duration = Duration::from_mins(5);

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
    params(AccountParams, super::extract::FilterParams, super::extract::WaitParams),
    responses((status = 200, body = Waited, description = "It has happened"), Problem))]
pub(super) async fn wait(
    State(state): State<SharedState>,
    AccountPath(account): AccountPath,
    uri: Uri,
) -> Result<Json<Waited>, Problem> {
    let (condition, timeout) = match TicketExpectation::parse(&uri)? {
        Some((ticket, timeout)) => (WaitCondition::Ticket(ticket), timeout),
        None => parse_request_wait(&uri, &account, &state)?,
    };
    let _permit = acquire_wait_permit(&account)?;
    let timer = tokio::time::sleep(timeout);
    tokio::select! {
        result = condition.wait_until_met(&state, &account) => result,
        () = state.wait_for_shutdown() => Err(Problem::new(ProblemKind::Ending, "It was told to end, so nothing more will come.")),
        () = timer => condition.resolve_timeout(&state, &account, timeout).await,
    }
    .map(Json)
}

fn parse_request_wait(
    uri: &Uri,
    account: &Account,
    state: &SharedState,
) -> Result<(WaitCondition, Duration), Problem> {
    let query = FilterQuery::parse(uri, &["since", "count", "timeout"])?;
    let count = query.parse_number("count", 1, MAX_PAGE_SIZE)?;
    let since = parse_cursor(&account.journal, query.param("since"))?;
    let timeout = parse_timeout(query.param("timeout"))?;
    require_journal(&account.journal)?;
    let max_entries = account.journal.limits().max_entries;
    if count > max_entries {
        return Err(Problem::invalid(format!(
            "count must be at most {max_entries}, since the journal keeps no more requests (--journal-entries); {count} was sent."
        )));
    }
    let pattern = Box::new(parse_pattern(query.pattern, state)?);
    Ok((WaitCondition::Requests { pattern, count, since }, timeout))
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
    ) -> Result<Waited, Problem> {
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
            let matching = slice.entries.iter().filter(|(_, entry)| pattern.matches(entry));
            matched.extend(matching.map(|(seq, _)| *seq).take(count - matched.len()));
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
    ) -> Result<Waited, Problem> {
        let (text, near_misses) = match self {
            Self::Requests { pattern, count, since } => {
                let slice = account.journal.read_since(*since).await;
                let matching = slice.entries.iter().filter(|(_, entry)| pattern.matches(entry));
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
        let detail = format!("Waited {}. {text}", clock::format_duration(timeout));
        Err(Problem::new(ProblemKind::WaitOver, detail).with_near_misses(near_misses))
    }
}

/// Builds the result of matching requests.
fn build_wait_result(account: &Account, entries: &[(u64, Arc<Entry>)]) -> Waited {
    let last_seq = entries.last().map_or(0, |(seq, _)| *seq);
    let requests = entries
        .iter()
        .map(|(seq, entry)| to_journal_entry(&account.journal, *seq, entry))
        .collect();
    let cursor = account.journal.cursor_after(last_seq).to_string();
    Waited { requests: Some(requests), ticket: None, cursor }
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

/// The expected state of a ticket.
struct TicketExpectation {
    id: i64,
    deleted: bool,
    /// Column names and their values as text.
    columns: Vec<(String, String)>,
}

impl TicketExpectation {
    /// Parses a query with `ticket`. Returns None if it has none.
    fn parse(uri: &Uri) -> Result<Option<(Self, Duration)>, Problem> {
        let pairs = crate::api::decode::parse_pairs(uri.query().unwrap_or_default().as_bytes());
        let pairs: Vec<(String, String)> = pairs
            .collect::<Result<_, _>>()
            .map_err(|error| Problem::invalid(format!("{error}.")))?;
        let Some((_, id)) = pairs.iter().find(|(name, _)| name == "ticket") else {
            return Ok(None);
        };
        let id = id.parse().ok().filter(|id| *id > 0).ok_or_else(|| {
            let sent = quote_value(&id.as_str().into());
            Problem::invalid(format!("ticket must be the id of a ticket; {sent} was sent."))
        })?;
        let mut expectation = Self { id, deleted: false, columns: Vec::new() };
        let mut timeout = None;
        for (name, value) in pairs {
            match name.as_str() {
                "ticket" | auth::API_KEY_NAME => {}
                "timeout" => timeout = Some(value),
                "deleted" if value == "true" => expectation.deleted = true,
                "deleted" => return Err(Problem::invalid("deleted must be true.")),
                column if tickets::ticket_column_names().contains(&column) => {
                    tickets::validate_column_value(column, &value)
                        .map_err(|violation| Problem::invalid(violation.to_string()))?;
                    expectation.columns.push((name, value));
                }
                _ => {
                    let known = tickets::ticket_column_names().join(", ");
                    let sent = quote_value(&name.into());
                    return Err(Problem::invalid(format!(
                        "A ticket has no column {sent}; it has {known}. There are deleted and timeout, too; other filters do not go with ticket."
                    )));
                }
            }
        }
        if expectation.deleted && !expectation.columns.is_empty() {
            return Err(Problem::invalid("A ticket that is deleted has no columns."));
        }
        Ok(Some((expectation, parse_timeout(timeout.as_deref())?)))
    }

    async fn wait_until_met(
        &self,
        state: &SharedState,
        account: &Arc<Account>,
    ) -> Result<Waited, Problem> {
        loop {
            let last_seen = account.change_counter.current();
            let ticket = self.fetch_ticket(state, account).await?;
            if self.is_met(ticket.as_ref()) {
                return Ok(self.build_result(account, ticket).await);
            }
            account.change_counter.wait_for_change(last_seen).await;
        }
    }

    async fn build_result(&self, account: &Account, ticket: Option<Value>) -> Waited {
        let cursor = account.journal.read_since(None).await.end.to_string();
        Waited { requests: None, ticket: Some(ticket.unwrap_or_default()), cursor }
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

    fn is_met(&self, ticket: Option<&Value>) -> bool {
        match ticket {
            None => self.deleted,
            Some(ticket) => {
                !self.deleted
                    && self.columns.iter().all(|(name, value)| column_text(&ticket[name]) == *value)
            }
        }
    }

    /// Describes how the ticket differs.
    fn describe_difference(&self, ticket: Option<&Value>) -> String {
        let id = self.id;
        let Some(ticket) = ticket else { return format!("Ticket {id} does not exist.") };
        if self.deleted {
            return format!("Ticket {id} still exists.");
        }
        let differences =
            self.columns.iter().filter(|(name, value)| column_text(&ticket[name]) != *value);
        let differences = differences.map(|(name, value)| {
            let (expected, actual) =
                (quote_value(&value.as_str().into()), quote_value(&ticket[name]));
            format!("{name} is {actual}, not {expected}")
        });
        format!("Ticket {id}: {}.", differences.collect::<Vec<_>>().join("; "))
    }
}

/// Formats a column's value as in a query; null is empty.
fn column_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        value => value.to_string(),
    }
}

fn parse_timeout(text: Option<&str>) -> Result<Duration, Problem> {
    let Some(text) = text else { return Ok(DEFAULT_TIMEOUT) };
    parse_duration("timeout", text, MAX_TIMEOUT)
}

/// Parses a duration from zero to `max`.
pub(super) fn parse_duration(name: &str, text: &str, max: Duration) -> Result<Duration, Problem> {
    let invalid = |what: &str| {
        let sent = quote_value(&text.into());
        Problem::invalid(format!("{name} {what}; {sent} was sent."))
    };
    let duration = clock::parse_duration(text).map_err(|what| invalid(&what))?;
    let duration = Duration::try_from(duration).map_err(|_| invalid("must not be negative"))?;
    if duration > max {
        return Err(invalid(&format!("must be at most {}", clock::format_duration(max))));
    }
    Ok(duration)
}
