//! Fuzzes the router with short sequences of requests: no response is a server error, each response has its envelope,
//! and the account is usable afterwards.

#![no_main]

mod random_request;
mod words;

use std::sync::LazyLock;
use std::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use omnidesk_mock::fuzzing::{FuzzResponse, FuzzServer, parse_fixture};
use serde_json::{Value, json};

use random_request::RandomRequest;

const SEED: &str = include_str!("seed.yaml");
const KEY: &str = "acme-key-0123456789";
const OTHER_KEY: &str = "other-key-0123456789";
/// The timeout of fuzzed requests. It ends waits, streams and delays.
const FUZZ_TIMEOUT: Duration = Duration::from_millis(100);
/// The timeout of the requests of the checks.
const CHECK_TIMEOUT: Duration = Duration::from_secs(8);

/// The server for all runs: its creation takes longer than a run.
static SERVER: LazyLock<FuzzServer> =
    LazyLock::new(|| FuzzServer::open(SEED).expect("the seed is valid"));

#[derive(Debug, Arbitrary)]
struct Session {
    first: RandomRequest,
    more: [Option<RandomRequest>; 4],
}

fuzz_target!(|session: Session| {
    recreate_accounts();
    let before = export();
    let (mut has_faults, mut all_rejected, mut all_have_key) = (false, true, true);
    for request in [Some(session.first)].into_iter().chain(session.more).flatten() {
        let RandomRequest { method, target, headers, body } = request;
        all_have_key &=
            headers.iter().any(|(name, value)| name == "apiKey" && value == KEY.as_bytes());
        let response = SERVER.send((&method, &target), &headers, body, FUZZ_TIMEOUT);
        // After a timeout the server may have processed the request.
        all_rejected &= response.as_ref().is_some_and(|response| response.status >= 400);
        let Some(response) = response else { continue };
        let is_new_fault = method == "POST" && target.contains("/faults") && response.status == 201;
        has_faults |= is_new_fault;
        if !has_faults {
            assert_valid_response(&method, &target, &response);
        }
    }
    if all_rejected && !has_faults {
        assert_eq!(export(), before, "a rejected request changed the account");
    }
    assert_account_usable(all_have_key);
});

/// Asserts that the response is no server error and has the envelope of its API.
fn assert_valid_response(method: &str, target: &str, response: &FuzzResponse) {
    let text = String::from_utf8_lossy(&response.body);
    let summary =
        format!("{method} {target}: {} {} {text}", response.status, response.content_type);
    assert!((200..500).contains(&response.status), "{summary}");
    if method == "HEAD" || response.status == 204 {
        return;
    }
    let path = target.split('?').next().unwrap_or_default();
    let is_below = |prefix: &str| {
        path == prefix || path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'))
    };
    let is_json = |name: &str| {
        response.content_type == name && serde_json::from_slice::<Value>(&response.body).is_ok()
    };
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let has_text = |field: &str| body[field].as_str().is_some_and(|text| !text.is_empty());
    if is_below("/_control") {
        if response.status >= 400 {
            assert!(
                is_json("application/problem+json") && body["status"] == response.status,
                "{summary}"
            );
            assert!(has_text("type") && has_text("title") && has_text("detail"), "{summary}");
        } else {
            let is_text = ["text/plain", "text/event-stream", "application/openmetrics-text"];
            let is_text = is_text.iter().any(|name| response.content_type.starts_with(name));
            assert!(is_text || is_json("application/json"), "{summary}");
        }
    } else if response.status >= 400 {
        // A page request with a foreign host is rejected as plain text.
        let is_page = response.status == 403
            && response.content_type.starts_with("text/plain")
            && !is_below("/api");
        assert!(is_page || is_json("application/json"), "{summary}");
        assert!(is_page || (body["status"] == "error" && has_text("message")), "{summary}");
    } else if is_below("/api") {
        assert!(
            response.status == 200 && is_json("application/json") && has_text("type"),
            "{summary}"
        );
    }
}

fn control(method: &str, path: &str, body: &Value) -> FuzzResponse {
    let target = format!("/_control{path}");
    let headers = [("content-type".to_owned(), b"application/json".to_vec())];
    let body = if body.is_null() { Vec::new() } else { body.to_string().into() };
    let response = SERVER.send((method, &target), &headers, body, CHECK_TIMEOUT);
    response.unwrap_or_else(|| panic!("no response to {method} {target}"))
}

/// Sends a control request that must succeed, and returns the body.
fn control_ok(method: &str, path: &str, body: &Value) -> String {
    let response = control(method, path, body);
    let text = String::from_utf8_lossy(&response.body).into_owned();
    assert!((200..300).contains(&response.status), "{method} {path}: {} {text}", response.status);
    text
}

/// Recreates the accounts from the seed.
fn recreate_accounts() {
    let list = control_ok("GET", "/accounts", &Value::Null);
    let list: Value = serde_json::from_str(&list).expect("JSON");
    for account in list["accounts"].as_array().expect("a list") {
        let name = account["account"].as_str().expect("a name");
        control_ok("DELETE", &format!("/accounts/{name}"), &Value::Null);
    }
    control_ok("DELETE", "/requests", &Value::Null);
    for (name, key) in [("acme", KEY), ("other", OTHER_KEY)] {
        control_ok("POST", "/accounts", &json!({ "name": name, "from": format!("seed:{name}") }));
        control_ok(
            "POST",
            &format!("/accounts/{name}/keys"),
            &json!({ "name": "client", "api_key": key }),
        );
    }
    let reader = json!({ "name": "reader", "api_key": "read-key-0123456789", "permissions": ["TICKET_READ"] });
    control_ok("POST", "/accounts/acme/keys", &reader);
}

fn export() -> FuzzResponse {
    control("GET", "/accounts/acme/export", &Value::Null)
}

/// Asserts that the account works after its faults, rate limits and strict mode are removed, and that the journal does
/// not contain the key if every request had it in its header.
fn assert_account_usable(all_have_key: bool) {
    if control("GET", "/accounts/acme", &Value::Null).status == 404 {
        // A request removed the account.
        return;
    }
    let send_control = |method: &str, path: &str, body: &Value| {
        control_ok(method, &format!("/accounts/acme{path}"), body)
    };
    send_control("DELETE", "/faults", &Value::Null);
    send_control("PUT", "/rate-limits", &json!({}));
    send_control("PUT", "/strict", &json!({}));
    let journal = send_control("GET", "/requests", &Value::Null);
    assert!(!all_have_key || !journal.contains(KEY), "the journal contains the key: {journal}");
    let export = send_control("GET", "/export", &Value::Null);
    assert_eq!(parse_fixture(true, &export), Ok(()), "{export}");
    let key = send_control("POST", "/keys", &json!({ "name": "the last one" }));
    let key: Value = serde_json::from_str(&key).expect("JSON");
    let key = key["api_key"].as_str().expect("a key").to_owned();

    let send = |method: &str, path: &str, body: &str| -> Value {
        let headers = [
            ("apiKey".to_owned(), key.clone().into()),
            ("content-type".to_owned(), b"application/json".to_vec()),
        ];
        let response = SERVER.send((method, path), &headers, body.into(), CHECK_TIMEOUT);
        let response = response.unwrap_or_else(|| panic!("no response to {method} {path}"));
        assert_eq!(
            response.status,
            200,
            "{method} {path}: {}",
            String::from_utf8_lossy(&response.body)
        );
        serde_json::from_slice(&response.body).expect("JSON")
    };
    let new = r#"{"brandID":1,"channelID":1,"direction":"inbound","from":"a","to":"b","title":"The last one"}"#;
    let created = send("POST", "/api/v2/ticket", new);
    // The dialect determines the name of the id.
    let id =
        created.as_object().expect("an object").values().find_map(Value::as_u64).expect("an id");
    let found = send("GET", "/api/v2/ticket?query=The+last+one&itemLimit=1", "");
    assert_eq!(found["items"][0]["id"], id, "{found}");
    let item = send("GET", &format!("/api/v2/ticket/{id}"), "");
    assert_eq!(item["item"]["title"], "The last one", "{item}");
    assert_date_format(&item["item"]);
    send_control("POST", "/reset", &Value::Null);
    send("GET", "/api/v2/ticket", "");
}

/// Asserts that dates have the format `YYYY-MM-DD HH:MM:SS`, with any clock.
fn assert_date_format(ticket: &Value) {
    for column in ["created_at", "last_update"] {
        let date = ticket[column].as_str().expect("a date");
        let pattern = date.bytes().map(|byte| if byte.is_ascii_digit() { b'0' } else { byte });
        assert!(pattern.eq(*b"0000-00-00 00:00:00"), "{column}: {date}");
    }
}
