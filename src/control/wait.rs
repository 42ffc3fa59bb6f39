//! Long polling: waits for requests or the state of a ticket. Notifications wake it, and it misses no change.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use omnidesk_mock_client::types::WaitResult;
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::openapi::path::{Parameter, ParameterIn};

use super::duration::parse_duration;
use super::extract::AccountPath;
use super::journal_page::{check_journal_enabled, parse_cursor, to_journal_entry};
use super::pattern::parse_pattern;
use super::problem::{Problem, ProblemKind};
use super::query::{FilterQuery, MAX_PAGE_SIZE, QueryParams, parse_number, query_pairs};
use super::verify::{EVALUATION_TIMEOUT, explain_verdict};
use crate::accounts::{Account, AccountError};
use crate::api::auth;
use crate::api::state::SharedState;
use crate::clock;
use crate::contract::{API_KEY_NAME, quote_value};
use crate::journal::{
    CountExpectation, Cursor, EvaluationDeadline, RequestPattern, SequencedEntry,
};
use crate::tickets;

/// The default timeout of a wait.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
/// The maximum timeout of a wait (arbitrary).
const MAX_TIMEOUT: Duration = Duration::from_mins(5);

/// Acquires a permit for a wait or a stream. Dropping it releases it.
pub(super) fn acquire_wait_permit(account: &Account) -> Result<OwnedSemaphorePermit, Problem> {
    Arc::clone(&account.wait_permits).try_acquire_owned().map_err(|_| {
        let detail = format!(
            "The account has {} open waits and streams, the maximum (--max-waits).",
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
        WaitQuery::Requests(query) => parse_request_condition(*query, &account, &state)?,
        WaitQuery::Ticket { expectation, .. } => WaitCondition::Ticket(expectation),
    };
    let _permit = acquire_wait_permit(&account)?;
    let timer = tokio::time::sleep(timeout);
    tokio::select! {
        result = condition.wait_until_met(&state, &account) => result,
        () = state.wait_for_shutdown() => Err(Problem::new(ProblemKind::ShuttingDown, "The server accepts no more requests.")),
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
    check_journal_enabled(&account.journal)?;
    let max_entries = account.journal.limits().max_entries;
    if count > max_entries {
        return Err(Problem::invalid(format!(
            "count must be at most {max_entries}, the capacity of the journal (--journal-entries); {count} was sent."
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
            let slice = journal.slice_since(cursor).without_console();
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
            Err(evicted_entries_problem(count))
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
                let slice = account.journal.read_since(*since).await.without_console();
                let matching = slice.entries.iter().filter(|entry| pattern.matches(&entry.entry));
                let matching: Vec<_> = matching.take(*count).cloned().collect();
                if matching.len() == *count {
                    return Ok(build_wait_result(account, &matching));
                }
                let count = CountExpectation { at_least: *count as u64, at_most: None };
                explain_verdict(count.evaluate(
                    pattern,
                    &slice,
                    &EvaluationDeadline::new(EVALUATION_TIMEOUT),
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
        let detail =
            format!("The condition was not met within {}. {text}", clock::format_duration(timeout));
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

/// Reports that all requests arrived, but the journal has evicted some of them.
fn evicted_entries_problem(count: usize) -> Problem {
    let detail = format!(
        "The {count} requests arrived, but the journal has evicted some of them. Wait for fewer requests at a time, or raise --journal-entries or --journal-bytes."
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
        Ok(tickets::fetch_ticket(&lease, &self.base_url, &account.settings().zone, self.id).await?)
    }
}

/// The query of a wait: for requests, or for a ticket.
pub(super) enum WaitQuery {
    Requests(Box<FilterQuery<RequestWaitParams>>),
    Ticket { expectation: TicketExpectation, timeout: Duration },
}

impl WaitQuery {
    /// Returns how long to wait.
    fn timeout(&self) -> Duration {
        match self {
            Self::Requests(query) => query.params.timeout.unwrap_or(DEFAULT_TIMEOUT),
            Self::Ticket { timeout, .. } => *timeout,
        }
    }

    /// Parses a query with `ticket`.
    fn parse_ticket(
        id: i64,
        pairs: &[(String, String)],
        base_url: String,
    ) -> Result<Self, Problem> {
        let mut expectation =
            TicketExpectation { id, deleted: false, columns: Vec::new(), base_url };
        let mut timeout = None;
        for (name, value) in pairs {
            match name.as_str() {
                "ticket" | API_KEY_NAME => {}
                "timeout" => timeout = Some(value),
                "deleted" if value == "true" => expectation.deleted = true,
                "deleted" => {
                    let sent = quote_value(&value.as_str().into());
                    return Err(Problem::invalid(format!(
                        "deleted must be true; {sent} was sent."
                    )));
                }
                column if tickets::ticket_column_names().contains(&column) => {
                    tickets::validate_column_value(column, value)
                        .map_err(|violation| Problem::invalid(violation.to_string()))?;
                    let (column, value) = (column.to_owned(), value.clone());
                    expectation.columns.push(ColumnExpectation { column, value });
                }
                name => {
                    let known = tickets::ticket_column_names().join(", ");
                    let sent = quote_value(&name.into());
                    return Err(Problem::invalid(format!(
                        "A ticket has no column {sent}; it has {known}. Besides these, ticket can be combined only with deleted and timeout."
                    )));
                }
            }
        }
        if expectation.deleted && !expectation.columns.is_empty() {
            return Err(Problem::invalid(
                "deleted cannot be combined with columns: a deleted ticket has none.",
            ));
        }
        let timeout =
            timeout.map(|text| parse_duration("timeout", text, MAX_TIMEOUT)).transpose()?;
        Ok(Self::Ticket { expectation, timeout: timeout.unwrap_or(DEFAULT_TIMEOUT) })
    }
}

impl FromRequestParts<SharedState> for WaitQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &SharedState) -> Result<Self, Problem> {
        let pairs = query_pairs(&parts.uri).collect::<Result<Vec<_>, Problem>>()?;
        match pairs.iter().find(|(name, _)| name == "ticket") {
            Some((_, id)) => {
                let secrets = auth::extract_all_secrets(&parts.uri, &parts.headers);
                let base_url = state.own_urls.base_url_for(&*parts, &secrets).to_string();
                Self::parse_ticket(parse_ticket_id(id)?, &pairs, base_url)
            }
            None => FilterQuery::parse(&parts.uri).map(Box::new).map(Self::Requests),
        }
    }
}

impl utoipa::IntoParams for WaitQuery {
    fn into_params(parameter_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let mut parameters = FilterQuery::<RequestWaitParams>::into_params(&parameter_in);
        parameters.extend(TicketExpectation::into_params(parameter_in));
        parameters
    }
}

/// The parameters of a wait for requests, without the filters.
#[derive(Default, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RequestWaitParams {
    /// A cursor: only entries after it.
    #[param(value_type = String, required = false)]
    since: Option<String>,
    /// The number of requests, at most the journal's capacity.
    #[param(value_type = u64, required = false, minimum = 1, maximum = 1000)]
    count: Option<usize>,
    /// The timeout: `5s` by default, at most `5m`.
    #[param(value_type = String, required = false)]
    timeout: Option<Duration>,
}

impl QueryParams for RequestWaitParams {
    fn set(&mut self, name: &str, value: &str) -> Result<bool, Problem> {
        match name {
            "since" => self.since = Some(value.to_owned()),
            "count" => self.count = Some(parse_number(name, value, MAX_PAGE_SIZE)?),
            "timeout" => self.timeout = Some(parse_duration(name, value, MAX_TIMEOUT)?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// The expected state of a ticket.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TicketExpectation {
    /// The id of a ticket to wait for, instead of requests.
    #[param(rename = "ticket", required = false)]
    id: i64,
    /// With `ticket`: `true` waits until the ticket is deleted.
    #[param(required = false)]
    deleted: bool,
    #[param(ignore)]
    columns: Vec<ColumnExpectation>,
    /// The base URL of the links in the ticket.
    #[param(ignore)]
    base_url: String,
}

/// The expected value of a column, as text.
struct ColumnExpectation {
    column: String,
    value: String,
}

impl ColumnExpectation {
    fn is_met(&self, ticket: &Value) -> bool {
        column_text(&ticket[&self.column]) == self.value
    }
}

fn parse_ticket_id(text: &str) -> Result<i64, Problem> {
    text.parse().ok().filter(|id| *id > 0).ok_or_else(|| {
        let sent = quote_value(&text.into());
        Problem::invalid(format!(
            "ticket must be a ticket id, a whole number from 1; {sent} was sent."
        ))
    })
}

impl TicketExpectation {
    /// Returns whether the ticket is as expected. The ticket is None if it does not exist.
    fn is_met(&self, ticket: Option<&Value>) -> bool {
        match ticket {
            None => self.deleted,
            Some(ticket) => {
                !self.deleted && self.columns.iter().all(|expected| expected.is_met(ticket))
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
        let differences = self.columns.iter().filter(|expected| !expected.is_met(ticket));
        let differences = differences.map(|ColumnExpectation { column, value }| {
            let (expected, actual) =
                (quote_value(&value.as_str().into()), quote_value(&ticket[column]));
            format!("{column} is {actual}, not {expected}")
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
