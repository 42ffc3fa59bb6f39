//! A recorded request as code: a command, the bodies of control requests, and tests in four languages.

use omnidesk_mock_client::types::JournalEntry;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::components::shell_quote;
use crate::contract::{InputSource, Operation};

/// A text to copy.
pub(super) struct Snippet {
    pub(super) title: &'static str,
    pub(super) text: String,
}

/// A request in the form in which the examples send it.
struct Call<'a> {
    method: &'a str,
    path: &'a str,
    /// Names with brackets, and values as text.
    pairs: Vec<(String, String)>,
    /// Whether the fields go into the query.
    is_query: bool,
    status: u16,
    message: Option<&'a str>,
    test_name: String,
}

/// Returns the request in all forms. `key` is the text for the secret in the command.
pub(super) fn snippets(
    entry: &JournalEntry,
    operation: Option<&Operation>,
    base_url: &str,
    key: &str,
) -> Vec<Snippet> {
    let call = Call::new(entry, operation);
    let snippet = |title, text| Snippet { title, text };
    vec![
        snippet("curl", call.to_curl(base_url, key)),
        snippet("verify: body for POST …/verify", pretty(&verification(entry))),
        snippet("wait: path of the control API", wait_path(entry)),
        snippet("pytest", call.to_pytest()),
        snippet("Node: node:test", call.to_node()),
        snippet("JUnit 5", call.to_junit()),
        snippet("Rust", call.to_rust()),
    ]
}

impl<'a> Call<'a> {
    /// Renders each field as a line, with a quoted name and value.
    fn to_lines(&self, render: impl Fn(&str, &str) -> String) -> String {
        self.pairs.iter().fold(String::new(), |lines, (name, value)| lines + &render(name, value))
    }

    fn new(entry: &'a JournalEntry, operation: Option<&Operation>) -> Self {
        let path_fields: Vec<&str> = operation
            .into_iter()
            .flat_map(|operation| (operation.path_fields)())
            .map(|field| field.name)
            .collect();
        let mut pairs = Vec::new();
        for (name, value) in
            entry.fields.iter().filter(|(name, _)| !path_fields.contains(&name.as_str()))
        {
            flatten(name, value, &mut pairs);
        }
        let name = entry.operation.as_deref().unwrap_or("request");
        Self {
            method: &entry.method,
            path: &entry.path,
            pairs,
            is_query: operation
                .is_none_or(|operation| operation.input_source == InputSource::Query),
            status: entry.status.unwrap_or(200),
            message: entry.response_body["message"].as_str(),
            test_name: to_snake_case(name),
        }
    }

    fn to_curl(&self, base_url: &str, key: &str) -> String {
        let mut parts = vec!["curl".to_owned()];
        if self.method != "GET" {
            parts.push(format!("-X {}", self.method));
        }
        if self.is_query && !self.pairs.is_empty() {
            parts.push("-G".to_owned());
        }
        parts.push(format!("-H {}", shell_quote(&format!("apiKey: {key}"))));
        for (name, value) in &self.pairs {
            parts.push(format!("--data-urlencode {}", shell_quote(&format!("{name}={value}"))));
        }
        parts.push(shell_quote(&format!("{base_url}{}", self.path)));
        parts.join(" \\\n  ")
    }

    fn to_pytest(&self) -> String {
        let argument = if self.is_query { "params" } else { "data" };
        let pairs = self
            .pairs
            .iter()
            .map(|(name, value)| format!("            ({}, {}),\n", quote(name), quote(value)));
        let fields = if self.pairs.is_empty() {
            String::new()
        } else {
            format!("        {argument}=[\n{}        ],\n", pairs.collect::<String>())
        };
        let message = self.message.map_or_else(String::new, |message| {
            format!("    assert response.json()[\"message\"] == {}\n", quote(message))
        });
        format!(
            "import os\n\nimport requests\n\n\ndef test_{name}():\n    response = requests.request(\n        {method},\n        os.environ[\"OMNIDESK_BASE_URL\"] + {path},\n        headers={{\"apiKey\": os.environ[\"OMNIDESK_API_KEY\"]}},\n{fields}    )\n    assert response.status_code == {status}, response.text\n{message}",
            name = self.test_name,
            method = quote(self.method),
            path = quote(self.path),
            status = self.status,
        )
    }

    fn to_node(&self) -> String {
        let pairs =
            self.to_lines(|name, value| format!("    [{}, {}],\n", quote(name), quote(value)));
        let (declaration, url, body) = match (self.pairs.is_empty(), self.is_query) {
            (true, _) => (String::new(), String::new(), String::new()),
            (false, true) => (
                format!("  const fields = new URLSearchParams([\n{pairs}  ]);\n"),
                " + `?${fields}`".to_owned(),
                String::new(),
            ),
            (false, false) => (
                format!("  const fields = new URLSearchParams([\n{pairs}  ]);\n"),
                String::new(),
                "    body: fields,\n".to_owned(),
            ),
        };
        let message = self.message.map_or_else(String::new, |message| {
            format!("  assert.equal((await response.json()).message, {});\n", quote(message))
        });
        format!(
            "import assert from \"node:assert/strict\";\nimport test from \"node:test\";\n\ntest({name}, async () => {{\n{declaration}  const response = await fetch(process.env.OMNIDESK_BASE_URL + {path}{url}, {{\n    method: {method},\n    headers: {{ apiKey: process.env.OMNIDESK_API_KEY }},\n{body}  }});\n  assert.equal(response.status, {status});\n{message}}});\n",
            name = quote(&self.test_name.replace('_', " ")),
            path = quote(self.path),
            method = quote(self.method),
            status = self.status,
        )
    }

    fn to_junit(&self) -> String {
        let encoded: Vec<String> = self
            .pairs
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect();
        let encoded = encoded.join("&");
        let (query, body) = match (encoded.is_empty(), self.is_query) {
            (true, _) => (String::new(), "HttpRequest.BodyPublishers.noBody()".to_owned()),
            (false, true) => {
                (format!("?{encoded}"), "HttpRequest.BodyPublishers.noBody()".to_owned())
            }
            (false, false) => {
                (String::new(), format!("HttpRequest.BodyPublishers.ofString({})", quote(&encoded)))
            }
        };
        let content_type = if body.contains("ofString") {
            "            .header(\"Content-Type\", \"application/x-www-form-urlencoded\")\n"
        } else {
            ""
        };
        let message = self.message.map_or_else(String::new, |message| {
            let json_text = Value::from(message).to_string();
            format!(
                "        assertTrue(response.body().contains({}), response.body());\n",
                quote(&json_text)
            )
        });
        format!(
            "import static org.junit.jupiter.api.Assertions.*;\n\nimport java.net.URI;\nimport java.net.http.*;\nimport org.junit.jupiter.api.Test;\n\nclass RecordedRequestTest {{\n    @Test\n    void {name}() throws Exception {{\n        var request = HttpRequest.newBuilder(URI.create(System.getenv(\"OMNIDESK_BASE_URL\") + {path}))\n            .header(\"apiKey\", System.getenv(\"OMNIDESK_API_KEY\"))\n{content_type}            .method({method}, {body})\n            .build();\n        var response = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());\n        assertEquals({status}, response.statusCode(), response.body());\n{message}    }}\n}}\n",
            name = to_camel_case(&self.test_name),
            path = quote(&format!("{}{query}", self.path)),
            method = quote(self.method),
            status = self.status,
        )
    }

    fn to_rust(&self) -> String {
        let pairs = self.to_lines(|name, value| {
            format!("        ({}, {}),\n", rust_quote(name), rust_quote(value))
        });
        let fields = match (self.pairs.is_empty(), self.is_query) {
            (true, _) => String::new(),
            (false, true) => format!("        .query(&[\n{pairs}        ])\n"),
            (false, false) => format!("        .form(&[\n{pairs}        ])\n"),
        };
        let message = self.message.map_or_else(String::new, |message| {
            format!("    let body: serde_json::Value = response.json().await.unwrap();\n    assert_eq!(body[\"message\"], {});\n", rust_quote(message))
        });
        format!(
            "use std::env::var;\n\n#[tokio::test]\nasync fn {name}() {{\n    let base_url = var(\"OMNIDESK_BASE_URL\").unwrap();\n    let api_key = var(\"OMNIDESK_API_KEY\").unwrap();\n    let response = reqwest::Client::new()\n        .request({method}.parse().unwrap(), base_url + {path})\n        .header(\"apiKey\", api_key)\n{fields}        .send()\n        .await\n        .unwrap();\n    assert_eq!(response.status(), {status});\n{message}}}\n",
            name = self.test_name,
            method = rust_quote(self.method),
            path = rust_quote(self.path),
            status = self.status,
        )
    }
}

/// Returns the verification that expects a request like this one.
fn verification(entry: &JournalEntry) -> Value {
    let mut pattern = Map::new();
    if let Some(operation) = &entry.operation {
        pattern.insert("operation".to_owned(), operation.as_str().into());
    } else {
        pattern.insert("method".to_owned(), entry.method.as_str().into());
        pattern.insert("path".to_owned(), entry.path.as_str().into());
    }
    let is_scalar = |value: &&Value| !value.is_array() && !value.is_object();
    let fields: Map<String, Value> = entry
        .fields
        .iter()
        .filter(|(_, value)| is_scalar(value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if !fields.is_empty() {
        pattern.insert("fields".to_owned(), fields.into());
    }
    if let Some(status) = entry.status {
        pattern.insert("status".to_owned(), status.into());
    }
    pattern.insert("count".to_owned(), json!({ "exactly": 1 }));
    pattern.into()
}

/// Returns the path of a wait for a request like this one.
fn wait_path(entry: &JournalEntry) -> String {
    let mut parameters = Vec::new();
    match &entry.operation {
        Some(operation) => parameters.push(format!("operation={operation}")),
        None => parameters.push(format!("path={}", encode(&entry.path))),
    }
    for (name, value) in &entry.fields {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Array(_) | Value::Object(_) => continue,
            other => other.to_string(),
        };
        parameters.push(format!("field.{}={}", encode(name), encode(&text)));
    }
    format!("/_control/accounts/self/wait?{}&timeout=10s", parameters.join("&"))
}

/// Flattens a value to pairs with brackets, as a form sends them.
fn flatten(name: &str, value: &Value, pairs: &mut Vec<(String, String)>) {
    match value {
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                let name = if value.is_object() {
                    format!("{name}[{index}]")
                } else {
                    format!("{name}[]")
                };
                flatten(&name, value, pairs);
            }
        }
        Value::Object(fields) => {
            for (field, value) in fields {
                flatten(&format!("{name}[{field}]"), value, pairs);
            }
        }
        Value::String(text) => pairs.push((name.to_owned(), text.clone())),
        Value::Null => pairs.push((name.to_owned(), String::new())),
        other => pairs.push((name.to_owned(), other.to_string())),
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Quotes a text for Python, JavaScript and Java, which all read the escapes of JSON.
fn quote(text: &str) -> String {
    Value::from(text).to_string()
}

/// Quotes a text for Rust.
fn rust_quote(text: &str) -> String {
    format!("{text:?}")
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// Converts `ticket.setStatus` to `ticket_set_status`.
fn to_snake_case(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            words.push('_');
        }
        words.push(if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' });
    }
    words
}

fn to_camel_case(name: &str) -> String {
    let mut parts = name.split('_').filter(|part| !part.is_empty());
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |mut joined, part| {
        let mut letters = part.chars();
        joined.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        joined.push_str(letters.as_str());
        joined
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_code_can_be_parsed_with_every_text() {
        let texts = ["plain", "it's \"quoted\" {braces} \\ \n \t \u{7} ü 日本 \u{1F600}"];
        for (text, is_query) in texts.into_iter().flat_map(|text| [(text, true), (text, false)]) {
            let call = Call {
                method: "POST",
                path: "/api/v2/ticket",
                pairs: vec![("title".to_owned(), text.to_owned())],
                is_query,
                status: 200,
                message: Some(text),
                test_name: "ticket_create".to_owned(),
            };
            let code = call.to_rust();
            assert!(syn::parse_file(&code).is_ok(), "{code}");
        }
    }

    #[test]
    fn names_of_tests_are_words() {
        assert_eq!(to_snake_case("ticket.setStatus"), "ticket_set_status");
        assert_eq!(to_camel_case("ticket_set_status"), "ticketSetStatus");
    }

    #[test]
    fn nested_values_become_pairs_with_brackets() {
        let mut pairs = Vec::new();
        let value = json!([{ "actionType": "title", "value": "a b" }, { "value": 2 }]);
        flatten("actions", &value, &mut pairs);
        flatten("TicketIDs", &json!([1, 2]), &mut pairs);
        let pairs: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            pairs,
            [
                "actions[0][actionType]=title",
                "actions[0][value]=a b",
                "actions[1][value]=2",
                "TicketIDs[]=1",
                "TicketIDs[]=2"
            ]
        );
    }
}
