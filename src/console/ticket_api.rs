//! Calls operations of the Ticket API on behalf of a page.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::request::Parts;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::accounts::{Account, AccountError, generate_secret};
use crate::api::execute_for_console;
use crate::api::state::SharedState;
use crate::contract::{InputSource, MediaType};
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
        let (mut path, mut others) = (operation.path.to_owned(), Vec::new());
        for (name, value) in fields {
            let placeholder = format!("{{{name}}}");
            if path.contains(&placeholder) {
                path = path.replace(&placeholder, &encode(value));
            } else {
                others.push((*name, value.as_str()));
            }
        }
        let (query, body) = match operation.input_source {
            InputSource::Query => (format!("?{}", urlencode(&others)), None),
            _ if others.is_empty() => (String::new(), None),
            _ => (String::new(), Some(encode_body(operation.documented_media_type, &others)?)),
        };
        let mut request =
            Request::builder().method(operation.method.name()).uri(format!("{path}{query}"));
        if let Some(host) = self.parts.headers.get(HOST) {
            request = request.header(HOST, host);
        }
        let (content_type, body) = body.unwrap_or_default();
        if !content_type.is_empty() {
            request = request.header(CONTENT_TYPE, content_type);
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

/// Encodes a body as the operation documents it: in a strict account, another encoding is rejected. Returns the content
/// type and the text.
fn encode_body(
    documented: Option<MediaType>,
    fields: &[(&str, &str)],
) -> Result<(String, String), Problem> {
    if documented != Some(MediaType::Multipart) {
        return Ok((MediaType::Urlencoded.name().to_owned(), urlencode(fields)));
    }
    // Random, so that no value contains it.
    let boundary = generate_secret().map_err(AccountError::from)?;
    let part = |(name, value): &(&str, &str)| {
        format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        )
    };
    let parts: Vec<String> = fields.iter().map(part).collect();
    let content_type = format!("{}; boundary={boundary}", MediaType::Multipart.name());
    Ok((content_type, format!("{}--{boundary}--\r\n", parts.concat())))
}

fn urlencode(fields: &[(&str, &str)]) -> String {
    let pairs = fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
