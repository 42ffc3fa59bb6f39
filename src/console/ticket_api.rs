//! Calls operations of the Ticket API on behalf of a page.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::request::Parts;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::accounts::Account;
use crate::api::execute_for_console;
use crate::api::state::SharedState;
use crate::contract::InputSource;
use crate::control::{Problem, ProblemKind};
use crate::controllers::all_endpoints;

/// The Ticket API of an account, for one request of a browser.
pub(super) struct TicketApi<'a> {
    pub(super) state: &'a SharedState,
    pub(super) account: &'a Arc<Account>,
    /// The request of the browser, whose address the links in responses have.
    pub(super) parts: &'a Parts,
}

impl TicketApi<'_> {
    /// Executes an operation, such as `ticket.get`. Its fields go into the path, the query or the body, as documented.
    ///
    /// # Errors
    /// If the operation rejects them.
    pub(super) async fn call(
        &self,
        operation: &str,
        fields: &[(&str, String)],
    ) -> Result<Value, Problem> {
        let endpoint = all_endpoints().find(|endpoint| endpoint.operation.name == operation);
        let endpoint = endpoint
            .ok_or_else(|| Problem::invalid(format!("There is no operation {operation}.")))?;
        let operation = &endpoint.operation;
        let (mut path, mut pairs) = (operation.path.to_owned(), Vec::new());
        for (name, value) in fields {
            let (placeholder, encoded) = (format!("{{{name}}}"), encode(value));
            if path.contains(&placeholder) {
                path = path.replace(&placeholder, &encoded);
            } else {
                pairs.push(format!("{}={encoded}", encode(name)));
            }
        }
        let pairs = pairs.join("&");
        let is_query = operation.input_source == InputSource::Query;
        let (uri, body) =
            if is_query { (format!("{path}?{pairs}"), String::new()) } else { (path, pairs) };
        let mut request = Request::builder().method(operation.method.name()).uri(uri);
        if let Some(host) = self.parts.headers.get(HOST) {
            request = request.header(HOST, host);
        }
        if !body.is_empty() {
            request = request.header(
                CONTENT_TYPE,
                HeaderValue::from_static("application/x-www-form-urlencoded"),
            );
        }
        let mut request = request
            .body(Body::from(body))
            .map_err(|error| Problem::invalid(format!("{error}.")))?;
        // The address that a trusted proxy reports.
        *request.extensions_mut() = self.parts.extensions.clone();
        let response =
            execute_for_console(endpoint, SharedState::clone(self.state), self.account, request)
                .await;
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        if response.status.is_success() {
            return Ok(body);
        }
        let message =
            body["message"].as_str().unwrap_or("The server rejected the change.").to_owned();
        Err(Problem::new(ProblemKind::InvalidRequest, message))
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
