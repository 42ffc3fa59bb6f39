//! The query of a wait: for requests, or for a ticket.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde_json::Value;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

use super::duration::parse_duration;
use super::problem::Problem;
use super::query::{FilterQuery, MAX_PAGE_SIZE, QueryParams, parse_number, query_pairs};
use crate::api::state::SharedState;
use crate::contract::{API_KEY_NAME, quote_value};
use crate::tickets;

/// The default timeout of a wait.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
/// The maximum timeout of a wait (arbitrary).
const MAX_TIMEOUT: Duration = Duration::from_mins(5);

/// The query of a wait: for requests, or for a ticket.
pub(super) enum WaitQuery {
    Requests(FilterQuery<RequestWaitParams>),
    Ticket { expectation: TicketExpectation, timeout: Duration },
}

impl WaitQuery {
    /// Returns how long to wait.
    pub(super) fn timeout(&self) -> Duration {
        match self {
            Self::Requests(query) => query.params.timeout.unwrap_or(DEFAULT_TIMEOUT),
            Self::Ticket { timeout, .. } => *timeout,
        }
    }

    /// Parses a query with `ticket`.
    fn parse_ticket(id: i64, pairs: &[(String, String)]) -> Result<Self, Problem> {
        let mut expectation = TicketExpectation { id, deleted: false, columns: Vec::new() };
        let mut timeout = None;
        for (name, value) in pairs {
            match name.as_str() {
                "ticket" | API_KEY_NAME => {}
                "timeout" => timeout = Some(value),
                "deleted" if value == "true" => expectation.deleted = true,
                "deleted" => return Err(Problem::invalid("deleted must be true.")),
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
                        "A ticket has no column {sent}; it has {known}. There are deleted and timeout, too; other filters do not go with ticket."
                    )));
                }
            }
        }
        if expectation.deleted && !expectation.columns.is_empty() {
            return Err(Problem::invalid("A ticket that is deleted has no columns."));
        }
        let timeout =
            timeout.map(|text| parse_duration("timeout", text, MAX_TIMEOUT)).transpose()?;
        Ok(Self::Ticket { expectation, timeout: timeout.unwrap_or(DEFAULT_TIMEOUT) })
    }
}

impl FromRequestParts<SharedState> for WaitQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &SharedState) -> Result<Self, Problem> {
        let pairs = query_pairs(&parts.uri).collect::<Result<Vec<_>, Problem>>()?;
        match pairs.iter().find(|(name, _)| name == "ticket") {
            Some((_, id)) => Self::parse_ticket(parse_ticket_id(id)?, &pairs),
            None => FilterQuery::parse(&parts.uri).map(Self::Requests),
        }
    }
}

impl IntoParams for WaitQuery {
    fn into_params(parameter_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let mut parameters = FilterQuery::<RequestWaitParams>::into_params(&parameter_in);
        parameters.extend(TicketExpectation::into_params(parameter_in));
        parameters
    }
}

/// The parameters of a wait for requests, beside their filters.
#[derive(Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RequestWaitParams {
    /// A cursor: only entries after it.
    #[param(value_type = String, required = false)]
    pub(super) since: Option<String>,
    /// The number of requests, at most the journal's capacity.
    #[param(value_type = u64, required = false, minimum = 1, maximum = 1000)]
    pub(super) count: Option<usize>,
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
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TicketExpectation {
    /// The id of a ticket to wait for instead.
    #[param(rename = "ticket", required = false)]
    pub(super) id: i64,
    /// With `ticket`: `true` waits until the ticket is deleted.
    #[param(required = false)]
    deleted: bool,
    #[param(ignore)]
    columns: Vec<ColumnExpectation>,
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
        Problem::invalid(format!("ticket must be the id of a ticket; {sent} was sent."))
    })
}

impl TicketExpectation {
    /// Returns whether the ticket is as expected; None if it does not exist.
    pub(super) fn is_met(&self, ticket: Option<&Value>) -> bool {
        match ticket {
            None => self.deleted,
            Some(ticket) => {
                !self.deleted && self.columns.iter().all(|expected| expected.is_met(ticket))
            }
        }
    }

    /// Describes how the ticket differs.
    pub(super) fn describe_difference(&self, ticket: Option<&Value>) -> String {
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
