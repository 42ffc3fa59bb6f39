//! Requests of any kind, a few in a row, against the whole router: none is a defect of the server, each answer has
//! its envelope, and the account can be used afterwards.

#![no_main]

mod ask;
mod words;

use std::sync::LazyLock;
use std::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use omnidesk_mock::fuzzing::{FuzzResponse, FuzzServer, parse_fixture};
use serde_json::{Value, json};

use ask::Ask;

const SEED: &str = include_str!("seed.yaml");
const KEY: &str = "acme-key-0123456789";
const OTHER: &str = "other-key-0123456789";
/// A client that does not wait for long: waits, streams and delays are left.
const SHORT: Duration = Duration::from_millis(100);
/// Nothing that is asked for afterwards takes longer.
const LONG: Duration = Duration::from_secs(8);

/// One for all runs, since its router takes longer to make than a run.
static SERVER: LazyLock<FuzzServer> =
    LazyLock::new(|| FuzzServer::open(SEED).expect("the seed is good"));

#[derive(Debug, Arbitrary)]
struct Session {
    first: Ask,
    more: [Option<Ask>; 4],
}

fuzz_target!(|session: Session| {
    as_new();
    let before = export();
    let (mut is_provoked, mut is_refused, mut is_own) = (false, true, true);
    for ask in [Some(session.first)].into_iter().chain(session.more).flatten() {
        let Ask { method, target, headers, body } = ask;
        is_own &= headers.iter().any(|(name, value)| name == "apiKey" && value == KEY.as_bytes());
        let answer = SERVER.send((&method, &target), &headers, body, SHORT);
        // Whoever leaves may have been heard.
        is_refused &= answer.as_ref().is_some_and(|answer| answer.status >= 400);
        let Some(answer) = answer else { continue };
        let is_fault = method == "POST" && target.contains("/faults") && answer.status == 201;
        is_provoked |= is_fault;
        if !is_provoked {
            proper(&method, &target, &answer);
        }
    }
    if is_refused && !is_provoked {
        assert_eq!(export(), before, "a refused request has changed something");
    }
    usable(is_own);
});

/// No answer tells of a defect, and each is in its envelope.
fn proper(method: &str, target: &str, answer: &FuzzResponse) {
    let text = String::from_utf8_lossy(&answer.body);
    let said = format!("{method} {target}: {} {} {text}", answer.status, answer.content_type);
    assert!((200..500).contains(&answer.status), "{said}");
    if method == "HEAD" || answer.status == 204 {
        return;
    }
    let path = target.split('?').next().unwrap_or_default();
    let is_under = |place: &str| {
        path == place || path.strip_prefix(place).is_some_and(|rest| rest.starts_with('/'))
    };
    let is_json = |name: &str| {
        answer.content_type == name && serde_json::from_slice::<Value>(&answer.body).is_ok()
    };
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let says = |field: &str| body[field].as_str().is_some_and(|text| !text.is_empty());
    if is_under("/_control") {
        if answer.status >= 400 {
            assert!(
                is_json("application/problem+json") && body["status"] == answer.status,
                "{said}"
            );
            assert!(says("type") && says("title") && says("detail"), "{said}");
        } else {
            let is_text = ["text/plain", "text/event-stream", "application/openmetrics-text"];
            let is_text = is_text.iter().any(|name| answer.content_type.starts_with(name));
            assert!(is_text || is_json("application/json"), "{said}");
        }
    } else if answer.status >= 400 {
        // A page that a foreign host asks for says so in plain words.
        let is_page = answer.status == 403
            && answer.content_type.starts_with("text/plain")
            && !is_under("/api");
        assert!(is_page || is_json("application/json"), "{said}");
        assert!(is_page || (body["status"] == "error" && says("message")), "{said}");
    } else if is_under("/api") {
        assert!(answer.status == 200 && is_json("application/json") && says("type"), "{said}");
    }
}

fn control(method: &str, path: &str, body: &Value) -> FuzzResponse {
    let target = format!("/_control{path}");
    let headers = [("content-type".to_owned(), b"application/json".to_vec())];
    let body = if body.is_null() { Vec::new() } else { body.to_string().into() };
    let answer = SERVER.send((method, &target), &headers, body, LONG);
    answer.unwrap_or_else(|| panic!("{method} {target} is not answered"))
}

/// What is done between the runs has to work.
fn good(method: &str, path: &str, body: &Value) -> String {
    let answer = control(method, path, body);
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    assert!((200..300).contains(&answer.status), "{method} {path}: {} {text}", answer.status);
    text
}

/// The accounts as the seed has them, whatever the last run has done.
fn as_new() {
    let all = good("GET", "/accounts", &Value::Null);
    let all: Value = serde_json::from_str(&all).expect("JSON");
    for account in all["accounts"].as_array().expect("a list") {
        let name = account["account"].as_str().expect("a name");
        good("DELETE", &format!("/accounts/{name}"), &Value::Null);
    }
    good("DELETE", "/requests", &Value::Null);
    for (name, key) in [("acme", KEY), ("other", OTHER)] {
        good("POST", "/accounts", &json!({ "name": name, "from": format!("seed:{name}") }));
        good(
            "POST",
            &format!("/accounts/{name}/keys"),
            &json!({ "name": "client", "api_key": key }),
        );
    }
    let reader = json!({ "name": "reader", "api_key": "read-key-0123456789", "permissions": ["TICKET_READ"] });
    good("POST", "/accounts/acme/keys", &reader);
}

fn export() -> FuzzResponse {
    control("GET", "/accounts/acme/export", &Value::Null)
}

/// Whatever was done: without faults, budgets and strictness, and with a key, the account works. No key that all
/// requests carried is in the journal, wherever else they had it.
fn usable(is_own: bool) {
    if control("GET", "/accounts/acme", &Value::Null).status == 404 {
        // It was removed.
        return;
    }
    let own = |method: &str, path: &str, body: &Value| {
        good(method, &format!("/accounts/acme{path}"), body)
    };
    own("DELETE", "/faults", &Value::Null);
    own("PUT", "/rate-limits", &json!({}));
    own("PUT", "/strict", &json!({}));
    let journal = own("GET", "/requests", &Value::Null);
    assert!(!is_own || !journal.contains(KEY), "the journal holds a key: {journal}");
    let export = own("GET", "/export", &Value::Null);
    assert_eq!(parse_fixture(true, &export), Ok(()), "{export}");
    let key = own("POST", "/keys", &json!({ "name": "the last one" }));
    let key: Value = serde_json::from_str(&key).expect("JSON");
    let key = key["api_key"].as_str().expect("a key").to_owned();

    let ask = |method: &str, path: &str, body: &str| -> Value {
        let headers = [
            ("apiKey".to_owned(), key.clone().into()),
            ("content-type".to_owned(), b"application/json".to_vec()),
        ];
        let answer = SERVER.send((method, path), &headers, body.into(), LONG);
        let answer = answer.unwrap_or_else(|| panic!("{method} {path} is not answered"));
        assert_eq!(
            answer.status,
            200,
            "{method} {path}: {}",
            String::from_utf8_lossy(&answer.body)
        );
        serde_json::from_slice(&answer.body).expect("JSON")
    };
    let new = r#"{"brandID":1,"channelID":1,"direction":"inbound","from":"a","to":"b","title":"The last one"}"#;
    let made = ask("POST", "/api/v2/ticket", new);
    // The dialect says what it is called.
    let id = made.as_object().expect("an object").values().find_map(Value::as_u64).expect("an id");
    let found = ask("GET", "/api/v2/ticket?query=The+last+one&itemLimit=1", "");
    assert_eq!(found["items"][0]["id"], id, "{found}");
    let shown = ask("GET", &format!("/api/v2/ticket/{id}"), "");
    assert_eq!(shown["item"]["title"], "The last one", "{shown}");
    dated(&shown["item"]);
    own("POST", "/reset", &Value::Null);
    ask("GET", "/api/v2/ticket", "");
}

/// `YYYY-MM-DD HH:MM:SS`, whatever the clock says.
fn dated(ticket: &Value) {
    for column in ["created_at", "last_update"] {
        let date = ticket[column].as_str().expect("a date");
        let form = date.bytes().map(|byte| if byte.is_ascii_digit() { b'0' } else { byte });
        assert!(form.eq(*b"0000-00-00 00:00:00"), "{column}: {date}");
    }
}
