//! Queries that filter requests, such as `operation=…&field.NAME=VALUE`. The OpenAPI document is derived from them.

use std::collections::HashSet;

use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;
use omnidesk_mock_client::types;
use omnidesk_mock_client::types::StatusFilter;
use serde_json::{Map, Value};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

use super::pattern::did_you_mean;
use super::problem::Problem;
use crate::api::decode::parse_pairs;
use crate::api::state::SharedState;
use crate::contract::{API_KEY_NAME, quote_value};

/// The maximum number of requests in a response.
pub(super) const MAX_PAGE_SIZE: usize = 1000;
/// The prefix of a field's name.
const FIELD_PREFIX: &str = "field.";
/// The prefix of a header's name.
const HEADER_PREFIX: &str = "header.";

/// Parameters that a query may have.
pub(crate) trait QueryParams: Default + IntoParams {
    /// Sets the parameter with this name. Returns false if the name is unknown.
    fn set(&mut self, name: &str, value: &str) -> Result<bool, Problem>;
}

/// The filters of requests.
#[derive(Default, IntoParams)]
#[into_params(parameter_in = Query)]
struct RequestFilter {
    /// `ticket.setStatus`, or `setStatus`.
    #[param(value_type = String, required = false)]
    operation: Option<String>,
    /// The method.
    #[param(value_type = String, required = false)]
    method: Option<String>,
    /// The status of the response, a class such as `4xx`, or `none`. With `ticket`: the ticket's status.
    #[param(value_type = String, required = false)]
    status: Option<String>,
    /// The name of a key.
    #[param(value_type = String, required = false)]
    key: Option<String>,
    /// Whether the request changed data.
    #[param(value_type = bool, required = false)]
    changed: Option<bool>,
    /// Whether a fault was applied to the request.
    #[param(value_type = bool, required = false)]
    fault: Option<bool>,
    /// A kind of warning; or `any` or `none`, which ignore the kind `no-documented-way`.
    #[param(value_type = String, required = false)]
    warning: Option<String>,
    /// The path as it was sent, without the query.
    #[param(value_type = String, required = false)]
    path: Option<String>,
    /// OpenAPI cannot describe the names.
    #[param(ignore)]
    headers: Map<String, Value>,
    /// OpenAPI cannot describe the names.
    #[param(ignore)]
    fields: Map<String, Value>,
}

impl QueryParams for RequestFilter {
    fn set(&mut self, name: &str, value: &str) -> Result<bool, Problem> {
        let text = || Some(value.to_owned());
        match name {
            "operation" => self.operation = text(),
            "method" => self.method = text(),
            "status" => self.status = text(),
            "key" => self.key = text(),
            "changed" => self.changed = Some(parse_bool(name, value)?),
            "fault" => self.fault = Some(parse_bool(name, value)?),
            "warning" => self.warning = text(),
            "path" => self.path = text(),
            _ => {
                if let Some(field) = name.strip_prefix(FIELD_PREFIX) {
                    self.fields.insert(field.to_owned(), value.into());
                } else if let Some(header) = name.strip_prefix(HEADER_PREFIX) {
                    self.headers.insert(header.to_ascii_lowercase(), value.into());
                } else {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

impl RequestFilter {
    fn into_pattern(self) -> types::RequestPattern {
        types::RequestPattern {
            operation: self.operation,
            method: self.method,
            status: self.status.map(StatusFilter::Class),
            key: self.key,
            changed: self.changed,
            fault: self.fault,
            warning: self.warning,
            path: self.path.map(Value::from),
            headers: self.headers,
            fields: self.fields,
        }
    }
}

/// The page of a list.
#[derive(Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageParams {
    /// A cursor: only entries after it.
    #[param(value_type = String, required = false)]
    pub(super) since: Option<String>,
    /// The maximum number of entries.
    #[param(value_type = u64, required = false, minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

impl QueryParams for PageParams {
    fn set(&mut self, name: &str, value: &str) -> Result<bool, Problem> {
        match name {
            "since" => self.since = Some(value.to_owned()),
            "limit" => self.limit = Some(parse_number(name, value, MAX_PAGE_SIZE)?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl PageParams {
    /// Returns the maximum number of entries.
    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(MAX_PAGE_SIZE)
    }
}

/// The start of a stream.
#[derive(Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CursorParams {
    /// A cursor: only entries after it.
    #[param(value_type = String, required = false)]
    pub(crate) since: Option<String>,
}

impl QueryParams for CursorParams {
    fn set(&mut self, name: &str, value: &str) -> Result<bool, Problem> {
        if name != "since" {
            return Ok(false);
        }
        self.since = Some(value.to_owned());
        Ok(true)
    }
}

/// A pattern, and other parameters.
pub(crate) struct FilterQuery<T> {
    pub(crate) pattern: types::RequestPattern,
    pub(crate) params: T,
}

impl<T: QueryParams> FilterQuery<T> {
    /// Parses a query; rejects unknown and repeated parameters.
    pub(crate) fn parse(uri: &Uri) -> Result<Self, Problem> {
        let (mut filter, mut params) = (RequestFilter::default(), T::default());
        let mut names = HashSet::new();
        for pair in query_pairs(uri) {
            let (name, value) = pair?;
            // The API key that resolves `self`.
            if name == API_KEY_NAME {
                continue;
            }
            if names.contains(&name) {
                return Err(Problem::invalid(format!(
                    "{name} was sent more than once; send it once."
                )));
            }
            if !filter.set(&name, &value)? && !params.set(&name, &value)? {
                return Err(unknown_filter_problem::<T>(&name));
            }
            names.insert(name);
        }
        Ok(Self { pattern: filter.into_pattern(), params })
    }
}

impl<T: QueryParams> FromRequestParts<SharedState> for FilterQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &SharedState) -> Result<Self, Problem> {
        Self::parse(&parts.uri)
    }
}

impl<T: QueryParams> IntoParams for FilterQuery<T> {
    fn into_params(parameter_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let mut parameters = RequestFilter::into_params(&parameter_in);
        parameters.extend(T::into_params(parameter_in));
        parameters
    }
}

/// Decodes the names and values of a query.
pub(super) fn query_pairs(uri: &Uri) -> impl Iterator<Item = Result<(String, String), Problem>> {
    let pairs = parse_pairs(uri.query().unwrap_or_default().as_bytes());
    pairs.map(|pair| pair.map_err(|error| Problem::invalid(format!("{error}."))))
}

/// Parses a number from 1 to `max`.
pub(super) fn parse_number(name: &str, text: &str, max: usize) -> Result<usize, Problem> {
    let number = text.parse().ok().filter(|number| (1..=max).contains(number));
    number.ok_or_else(|| {
        let sent = quote_value(&text.into());
        Problem::invalid(format!("{name} must be a number from 1 to {max}; {sent} was sent."))
    })
}

fn parse_bool(name: &str, text: &str) -> Result<bool, Problem> {
    text.parse().map_err(|_| {
        let sent = quote_value(&text.into());
        Problem::invalid(format!("{name} must be true or false; {sent} was sent."))
    })
}

fn unknown_filter_problem<T: QueryParams>(name: &str) -> Problem {
    let parameters = FilterQuery::<T>::into_params(|| None);
    let known: Vec<&str> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    let hint = did_you_mean(name, known.iter().copied());
    let (known, sent) = (known.join(", "), quote_value(&name.into()));
    Problem::invalid(format!(
        "The filter {sent} does not exist; the filters are {known}, field.NAME for a field, and header.NAME for a header.{hint}"
    ))
}
