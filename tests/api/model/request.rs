//! One Ticket API request as fields; its random encoding must not matter.

use reqwest::RequestBuilder;
use reqwest::multipart::Form;
use serde_json::{Map, Value, json};

use crate::support::client::{ApiClient, JsonResponse};

#[derive(Clone, Copy, Debug)]
pub(crate) enum BodyEncoding {
    Multipart,
    Urlencoded,
    Json,
}

#[derive(Clone, Debug)]
pub(crate) enum FieldValue {
    Text(String),
    List(Vec<String>),
    /// Type and value of each action.
    Actions(Vec<(String, String)>),
}

/// A request; `id` is in the path if the operation has one.
#[derive(Clone, Debug)]
pub(crate) struct TicketRequest {
    pub(crate) operation: &'static str,
    pub(crate) id: Option<String>,
    pub(crate) fields: Vec<(&'static str, FieldValue)>,
    pub(crate) encoding: BodyEncoding,
}

impl TicketRequest {
    pub(crate) fn field(&self, name: &str) -> Option<&FieldValue> {
        self.fields.iter().find(|(key, _)| *key == name).map(|(_, field)| field)
    }

    /// Returns the text of a field; an empty text counts as missing.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.field(name) {
            Some(FieldValue::Text(text)) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    pub(crate) async fn send(&self, client: &ApiClient) -> JsonResponse {
        JsonResponse::fetch(self.build_request(client)).await
    }

    /// Builds the HTTP request for this client.
    pub(crate) fn build_request(&self, client: &ApiClient) -> RequestBuilder {
        let ((method, path), pairs) = (self.method_and_path(), self.form_pairs());
        if method == "GET" {
            return client.request(method, &format!("{path}?{}", encode_pairs(&pairs)));
        }
        let request = client.request(method, &path);
        match self.encoding {
            BodyEncoding::Multipart => {
                let parts = pairs.into_iter();
                request.multipart(
                    parts.fold(Form::new(), |form, (name, value)| form.text(name, value)),
                )
            }
            BodyEncoding::Urlencoded => request
                .header("content-type", "application/x-www-form-urlencoded")
                .body(encode_pairs(&pairs)),
            BodyEncoding::Json => request.json(&self.json_body()),
        }
    }

    fn method_and_path(&self) -> (&'static str, String) {
        let id = percent_encode(self.id.as_deref().unwrap_or_default());
        let (method, path) = match self.operation {
            "list" => ("GET", String::new()),
            "create" => ("POST", String::new()),
            "get" => ("GET", format!("/{id}")),
            "update" => ("PUT", format!("/{id}")),
            "delete" => ("DELETE", format!("/{id}")),
            "deleteMulti" => ("DELETE", "/multi".to_owned()),
            "solveUnfinishedTickets" => ("PUT", "/solveUnfinishedTickets".to_owned()),
            method => ("POST", format!("/{method}")),
        };
        (method, format!("/api/v2/ticket{path}"))
    }

    fn form_pairs(&self) -> Vec<(String, String)> {
        let pairs = self.fields.iter().flat_map(|(name, field)| match field {
            FieldValue::Text(text) => vec![((*name).to_owned(), text.clone())],
            FieldValue::List(items) => {
                items.iter().map(|item| (format!("{name}[]"), item.clone())).collect()
            }
            FieldValue::Actions(actions) => {
                actions.iter().enumerate().flat_map(action_pairs).collect()
            }
        });
        pairs.collect()
    }

    fn json_body(&self) -> Value {
        let fields = self.fields.iter().map(|(name, field)| {
            let value = match field {
                FieldValue::Text(text) => to_json_value(name, text),
                FieldValue::List(items) => {
                    items.iter().map(|item| parse_number_or_text(item)).collect()
                }
                FieldValue::Actions(actions) => actions
                    .iter()
                    .map(|(kind, value)| json!({ "actionType": kind, "value": value }))
                    .collect(),
            };
            ((*name).to_owned(), value)
        });
        Value::Object(fields.collect::<Map<_, _>>())
    }
}

fn action_pairs((index, (kind, value)): (usize, &(String, String))) -> [(String, String); 2] {
    [
        (format!("actions[{index}][actionType]"), kind.clone()),
        (format!("actions[{index}][value]"), value.clone()),
    ]
}

/// Sends number fields as JSON numbers if the text is a number.
fn to_json_value(name: &str, text: &str) -> Value {
    match name {
        "brandID" | "channelID" | "assignedGroupID" | "formID" | "ticketID" => {
            parse_number_or_text(text)
        }
        _ => text.into(),
    }
}

fn parse_number_or_text(text: &str) -> Value {
    match text.parse::<u64>() {
        Ok(number) if number.to_string() == text => number.into(),
        _ => text.into(),
    }
}

fn encode_pairs(pairs: &[(String, String)]) -> String {
    let pairs = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", percent_encode(name), percent_encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn percent_encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
