//! Exports the journal as HAR 1.2, the format of the network tools of browsers.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::extract::AccountPath;
use super::journal_page::{JournalPage, to_journal_entry};
use super::problem::Problem;
use super::query::{FilterQuery, PageParams};
use crate::api::auth;
use crate::api::state::SharedState;
use crate::journal::{Entry, Journal, RecordedHeaders, SequencedEntry};

/// The characters of a query that are sent as they are: those that need no escape, and the brackets of names.
const QUERY_ESCAPES: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'[').remove(b']');

/// Exports the requests of an account as a HAR document, the oldest first, with the filters of the list. It has what the
/// journal has: credentials are redacted, and a body is rebuilt from its fields. If more requests follow, `comment` has
/// the cursor.
#[utoipa::path(get, path = "/accounts/{account}/requests/har", tag = "journal", operation_id = "exportHar",
    params(AccountPath, FilterQuery<PageParams>),
    responses((status = 200, body = Object, description = "The HAR document"), Problem))]
pub(crate) async fn export(
    State(state): State<SharedState>,
    AccountPath { account }: AccountPath,
    parts: Parts,
    query: FilterQuery<PageParams>,
) -> Result<Json<Value>, Problem> {
    let journal = &account.journal;
    let page = JournalPage::read(journal, query, &state, |_| true).await?;
    let secrets = auth::extract_all_secrets(&parts.uri, &parts.headers);
    let base_url = state.own_urls.base_url_for(&parts, &secrets).to_string();
    let entries = page
        .entries
        .iter()
        .map(|SequencedEntry { seq, entry }| to_har_entry(journal, *seq, entry, &base_url));
    let mut log = json!({
        "version": "1.2",
        "creator": { "name": "omnidesk-mock", "version": env!("CARGO_PKG_VERSION") },
        "entries": entries.collect::<Vec<Value>>(),
    });
    if page.has_more {
        log["comment"] = format!("More requests follow: since={}", page.cursor).into();
    }
    Ok(Json(json!({ "log": log })))
}

fn to_har_entry(journal: &Journal, seq: u64, entry: &Entry, base_url: &str) -> Value {
    let shown = to_journal_entry(journal, seq, entry);
    let query = flatten(&shown.query);
    // The host that the client used, unless its header is redacted or missing.
    let host = entry.headers.get("host").filter(|host| !host.is_empty() && !host.contains('('));
    let origin = host.map_or_else(|| base_url.to_owned(), |host| format!("http://{host}"));
    let mut url = format!("{origin}{}", shown.path);
    for (number, (name, value)) in query.iter().enumerate() {
        url.push(if number == 0 { '?' } else { '&' });
        url.extend(utf8_percent_encode(name, QUERY_ESCAPES));
        url.push('=');
        url.extend(utf8_percent_encode(value, QUERY_ESCAPES));
    }
    let mut request = json!({
        "method": shown.method,
        "url": url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": to_har_headers(&entry.headers),
        "queryString": to_pairs(&query),
        "headersSize": -1,
        "bodySize": -1,
    });
    if let Some(body) = body_of(entry) {
        request["postData"] = body;
    }
    let text = match &shown.response_body {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        body => body.to_string(),
    };
    // HAR has no response without a status; the tools of browsers write 0.
    let status = shown.status.unwrap_or_default();
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let response = json!({
        "status": status,
        "statusText": reason.unwrap_or_default(),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": to_har_headers(&entry.response_headers),
        "content": {
            "size": text.len(),
            "mimeType": entry.response_headers.get("content-type").unwrap_or_default(),
            "text": text,
        },
        "redirectURL": entry.response_headers.get("location").unwrap_or_default(),
        "headersSize": -1,
        "bodySize": -1,
    });
    let mut har = json!({
        "startedDateTime": shown.real_at,
        "time": shown.duration_ms,
        "request": request,
        "response": response,
        "cache": {},
        "timings": { "send": 0, "wait": shown.duration_ms, "receive": 0 },
    });
    har["_operation"] = shown.operation.into();
    har["_seq"] = seq.into();
    har
}

/// Rebuilds the body, None without one: JSON as it was, a form as its fields.
fn body_of(entry: &Entry) -> Option<Value> {
    let media_type = entry.headers.get("content-type").unwrap_or_default();
    if let Some(text) = &entry.input.undecoded_body {
        return Some(json!({ "mimeType": media_type, "text": text }));
    }
    let body = &entry.input.fields.body;
    if body.is_empty() {
        return None;
    }
    if media_type.to_ascii_lowercase().contains("json") {
        return Some(
            json!({ "mimeType": media_type, "text": Value::Object(body.clone()).to_string() }),
        );
    }
    Some(json!({ "mimeType": media_type, "params": to_pairs(&flatten(body)) }))
}

fn to_har_headers(headers: &RecordedHeaders) -> Vec<Value> {
    headers.iter().map(|(name, value)| name_and_value(name, value)).collect()
}

fn name_and_value(name: &str, value: &str) -> Value {
    json!({ "name": name, "value": value })
}

fn to_pairs(fields: &[(String, String)]) -> Vec<Value> {
    fields.iter().map(|(name, value)| name_and_value(name, value)).collect()
}

/// Returns the fields as a form sends them: `actions[0][value]`.
fn flatten(fields: &Map<String, Value>) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (name, value) in fields {
        flatten_value(name.clone(), value, &mut pairs);
    }
    pairs
}

fn flatten_value(path: String, value: &Value, pairs: &mut Vec<(String, String)>) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                flatten_value(format!("{path}[{index}]"), item, pairs);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                flatten_value(format!("{path}[{name}]"), value, pairs);
            }
        }
        Value::String(text) => pairs.push((path, text.clone())),
        scalar => pairs.push((path, scalar.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_flattened_by_their_brackets() {
        let fields = json!({
            "a": "x", "b": 7, "c": [1, "y"], "d": { "e": [{ "f": true }] }, "g": [], "h": null,
        });
        let pairs = flatten(fields.as_object().expect("an object"));
        let pairs: Vec<String> =
            pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(pairs, ["a=x", "b=7", "c[0]=1", "c[1]=y", "d[e][0][f]=true", "h=null"]);
    }
}
