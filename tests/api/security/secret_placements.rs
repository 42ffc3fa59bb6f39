//! Everywhere that a secret can be sent. Each holds a word that is nowhere else, so that one can look for it.

use serde_json::json;

use super::http_client::HttpRequest;

/// What every secret holds, in lower case.
pub(super) const CANARY_MARKER: &str = "canary";
/// A key of the seed.
pub(super) const SEED_KEY: &str = "_Canary-of-the-seed-5f1d7c0b9e";
/// A key that was made by the control API.
pub(super) const CREATED_KEY: &str = "_Canary-that-was-made-a1b2c3d4e5";
/// The key of --api-key.
pub(super) const FLAG_KEY: &str = "_Canary-that-was-given-9f8e7d6c5b";
/// The token of the control API.
pub(super) const CONTROL_TOKEN: &str = "_Canary-of-the-control-0a9b8c7d6e";
/// A key that nobody has, until it makes an account.
pub(super) const UNKNOWN_KEY: &str = "_Canary-that-is-unknown-1029384756";
/// A token that is wrong.
pub(super) const WRONG_TOKEN: &str = "_Canary-that-is-wrong-5647382910";
pub(super) const ALL_SECRETS: [&str; 6] =
    [SEED_KEY, CREATED_KEY, FLAG_KEY, CONTROL_TOKEN, UNKNOWN_KEY, WRONG_TOKEN];
/// A key of the seed that nobody looks for.
pub(super) const NON_SECRET_KEY: &str = "plain-key-0123456789";

/// Puts a secret into a request.
pub(super) type SecretPlacement = fn(HttpRequest, &str) -> HttpRequest;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// Places of a secret, so that no answer repeats it.
pub(super) const CREDENTIAL_PLACEMENTS: &[(&str, SecretPlacement)] = &[
    ("a header", |asked, secret| asked.with_header("apiKey", secret)),
    ("a header twice", |asked, secret| {
        asked.with_header("apiKey", secret).with_header("apiKey", secret)
    }),
    ("another key beside it", |asked, secret| {
        asked.with_header("apiKey", secret).with_header("apiKey", NON_SECRET_KEY)
    }),
    ("Authorization", |asked, secret| {
        asked.set_header("Authorization", format!("apikey {secret}"))
    }),
    ("a token", |asked, secret| asked.set_header("Authorization", format!("Bearer {secret}"))),
    ("a password", |asked, secret| {
        asked
            .set_header("Authorization", format!("Basic {secret}"))
            .with_header("apiKey", NON_SECRET_KEY)
    }),
    ("no scheme", |asked, secret| {
        asked.set_header("Authorization", secret).with_header("apiKey", NON_SECRET_KEY)
    }),
    ("the query", |asked, secret| asked.with_query(&format!("apiKey={secret}"))),
    ("the query, and another key", |asked, secret| {
        asked.with_query(&format!("apiKey={secret}")).with_header("apiKey", NON_SECRET_KEY)
    }),
    ("the query in another case", |asked, secret| {
        asked
            .with_query(&format!("apikey={secret}&APIKEY[]={secret}"))
            .with_header("apiKey", NON_SECRET_KEY)
    }),
    ("other headers", |asked, secret| {
        let asked = asked.with_header("Cookie", format!("apiKey={secret}; token={secret}"));
        let asked = asked
            .with_header("User-Agent", secret)
            .with_header("Referer", format!("http://a/?k={secret}"));
        let asked = asked.with_header("X-Api-Key", secret).with_header("X-Auth-Token", secret);
        let asked = asked.with_header("Proxy-Authorization", format!("Bearer {secret}"));
        asked
            .with_header("X-Forwarded-For", secret)
            .with_header("Via", secret)
            .with_header("apiKey", NON_SECRET_KEY)
    }),
    ("JSON", |asked, secret| {
        let body = json!({ "apiKey": secret, "ApiKey": { "deep": [secret] } });
        asked.with_header("apiKey", NON_SECRET_KEY).with_body(JSON, body.to_string())
    }),
    ("a form", |asked, secret| {
        asked
            .with_header("apiKey", NON_SECRET_KEY)
            .with_body(FORM, format!("apiKey={secret}&APIKEY[a]={secret}"))
    }),
    ("parts", |asked, secret| {
        let body = format!(
            "--edge\r\nContent-Disposition: form-data; name=\"apiKey\"\r\n\r\n{secret}\r\n--edge--\r\n"
        );
        asked
            .with_header("apiKey", NON_SECRET_KEY)
            .with_body("multipart/form-data; boundary=edge", body)
    }),
    ("broken JSON", |asked, secret| {
        asked.with_header("apiKey", secret).with_body(JSON, format!("{{\"apiKey\": \"{secret}"))
    }),
    ("a broken form", |asked, secret| {
        asked
            .with_header("apiKey", secret)
            .with_body(FORM, format!("apiKey={secret}&a=%zz&apiKey[=%ff"))
    }),
    ("broken parts", |asked, secret| {
        let body = format!("--edge\r\nContent-Disposition: {secret}\r\n\r\n{secret}");
        asked.with_header("apiKey", secret).with_body("multipart/form-data; boundary=edge", body)
    }),
    ("a wrong method", |asked, secret| {
        HttpRequest { method: "PATCH".to_owned(), ..asked }.with_header("apiKey", secret)
    }),
    ("a question for the head", |asked, secret| {
        HttpRequest { method: "HEAD".to_owned(), ..asked }.with_header("apiKey", secret)
    }),
];

/// The same in the control API alone, where other names are those of secrets as well.
pub(super) const CONTROL_API_PLACEMENTS: &[(&str, SecretPlacement)] = &[
    ("a key to be imported", |asked, secret| {
        let keys = json!([{ "key": secret, "name": "n", "permissions": "all" }]);
        asked.with_body(JSON, json!({ "accounts": { "x": { "keys": keys } } }).to_string())
    }),
    ("a token in JSON", |asked, secret| {
        asked.with_body(JSON, json!({ "token": secret }).to_string())
    }),
    ("a key that is none", |asked, secret| {
        asked.with_body(JSON, json!({ "api_key": format!("{secret} {secret}") }).to_string())
    }),
    // The last, since an unknown key is known from then on.
    ("a key to be made", |asked, secret| {
        asked.with_body(JSON, json!({ "api_key": secret }).to_string())
    }),
];

/// Where the control API asks for the name of a key: that of one which opens something is not repeated. Of any other
/// text nobody knows that it is meant as one.
pub(super) const KEY_FILTER_PLACEMENTS: &[(&str, SecretPlacement)] = &[
    ("a key to look for", |asked, secret| asked.with_query(&format!("key={secret}"))),
    ("a key of a pattern", |asked, secret| {
        asked.with_body(JSON, json!({ "key": secret }).to_string())
    }),
    ("a key of a rule", |asked, secret| {
        asked.with_body(JSON, json!({ "key": secret, "effect": { "reset": true } }).to_string())
    }),
];

fn with_json_field(asked: HttpRequest, secret: &str, name: &str, value: &str) -> HttpRequest {
    let body = json!({ name: value.replace("{}", secret) }).to_string();
    asked.with_header("apiKey", secret).with_body(JSON, body)
}

/// Places in the control API where it stands inside of a longer name; elsewhere that is a text as any other.
pub(super) const NAME_SUBSTRING_PLACEMENTS: &[(&str, SecretPlacement)] = &[
    ("a name", |asked, secret| {
        with_json_field(asked, secret, "name", &format!("../{{}}{}", "x".repeat(100)))
    }),
    ("a snapshot", |asked, secret| with_json_field(asked, secret, "from", "snapshot:acme/{}")),
];

/// Places of anything: who sends it there besides may be told what is wrong with it, and nothing may keep it.
pub(super) const ARBITRARY_PLACEMENTS: &[(&str, SecretPlacement)] = &[
    ("a search", |asked, secret| {
        asked
            .with_query(&format!("query={secret}&from=a:{secret}&applyView={secret}"))
            .with_header("apiKey", secret)
    }),
    ("a filter", |asked, secret| {
        asked.with_query(&format!("operation={secret}")).with_header("apiKey", secret)
    }),
    ("a status", |asked, secret| {
        asked.with_query(&format!("status={secret}")).with_header("apiKey", secret)
    }),
    ("a place", |asked, secret| {
        asked.with_query(&format!("since={secret}")).with_header("apiKey", secret)
    }),
    ("a ticket", |asked, secret| {
        asked.with_query(&format!("ticket={secret}")).with_header("apiKey", secret)
    }),
    ("a field to wait for", |asked, secret| {
        asked.with_query(&format!("field.title={secret}")).with_header("apiKey", secret)
    }),
    ("a parameter", |asked, secret| {
        asked.with_query(&format!("{secret}=1&a[{secret}]=2")).with_header("apiKey", secret)
    }),
    ("a type", |asked, secret| asked.with_header("apiKey", secret).with_body(secret, secret)),
    ("an encoding", |asked, secret| {
        asked
            .with_header("Content-Encoding", secret)
            .with_header("apiKey", secret)
            .with_body(JSON, "{}")
    }),
    ("an event", |asked, secret| {
        asked.with_header("Last-Event-ID", secret).with_header("apiKey", secret)
    }),
    ("a host", |asked, secret| asked.set_header("Host", secret).with_header("apiKey", secret)),
    ("an origin", |asked, secret| {
        asked.with_header("Origin", secret).with_header("apiKey", secret)
    }),
    ("a condition", |asked, secret| {
        asked
            .with_header("If-None-Match", secret)
            .with_header("Range", secret)
            .with_header("apiKey", secret)
    }),
    ("an origin of an account", |asked, secret| {
        with_json_field(asked, secret, "from", "account:{}")
    }),
    ("a seed", |asked, secret| with_json_field(asked, secret, "from", "seed:{}")),
    ("a clock", |asked, secret| with_json_field(asked, secret, "mode", "{}")),
    ("a time", |asked, secret| with_json_field(asked, secret, "by", "{}")),
    ("an operation", |asked, secret| with_json_field(asked, secret, "operation", "{}")),
    ("a preset", |asked, secret| with_json_field(asked, secret, "preset", "{}")),
    ("a choice", |asked, secret| with_json_field(asked, secret, "list_type", "{}")),
    ("a status of a ticket", |asked, secret| with_json_field(asked, secret, "status", "{}")),
    ("ids", |asked, secret| with_json_field(asked, secret, "ticketIDs", "{}")),
    ("a name of a field", |asked, secret| {
        asked
            .with_header("apiKey", secret)
            .with_body(JSON, json!({ secret: { secret: [secret] } }).to_string())
    }),
    ("a pattern", |asked, secret| {
        let body = json!({ "fields": { "title": secret }, "count": { "at_least": 9_999 } });
        asked.with_header("apiKey", secret).with_body(JSON, body.to_string())
    }),
    ("an account to be imported", |asked, secret| {
        let body = json!({ "accounts": { secret: {}, "x": { "time_zone": secret } } });
        asked.with_header("apiKey", secret).with_body(JSON, body.to_string())
    }),
];

/// Requests that are none, or stop in the middle; each goes over a connection of its own.
pub(super) fn malformed_requests(secret: &str) -> Vec<Vec<u8>> {
    let form = |body: &str, length: usize| {
        format!(
            "POST /api/v2/ticket HTTP/1.1\r\nHost: a\r\napiKey: {secret}\r\nContent-Type: {FORM}\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )
    };
    let long = "a".repeat(200_000);
    let texts = [
        format!("GET /api/v2/ticket?apiKey={secret}\r\n\r\n"),
        format!("GET /api/v2/ticket?apiKey={secret} HTTP/9.9\r\n\r\n"),
        format!("GET /api/v2/ticket HTTP/1.1\r\napiKey {secret}\r\n\r\n"),
        format!("GET /api/v2/ticket HTTP/1.1\r\napiKey : {secret}\r\n\r\n"),
        format!("GET /api/v2/ticket HTTP/1.1\r\napiKey: {secret}\0\r\n\r\n"),
        format!("GET /api/v2/ticket HTTP/1.1\r\napiKey: a\r\n {secret}\r\n\r\n"),
        format!("GET /api/v2/ticket HTTP/1.1\r\napiKey: {secret}\r\nX-Long: {long}\r\n\r\n"),
        format!("GET /api/v2/ticket?apiKey={secret}&query={long} HTTP/1.1\r\n\r\n"),
        format!(
            "GET http://{secret}:{secret}@localhost/api/v2/ticket HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        ),
        format!("{secret} {secret} {secret}\r\n\r\n"),
        format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{secret}"),
        format!("\u{16}\u{3}\u{1}{secret}\r\n\r\n"),
        format!(
            "POST /api/v2/ticket HTTP/1.1\r\nHost: a\r\napiKey: {secret}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na"
        ),
        format!(
            "POST /api/v2/ticket HTTP/1.1\r\nHost: a\r\napiKey: {secret}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{secret}\r\n"
        ),
        format!(
            "PUT /_control/accounts/acme/clock HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {secret}\r\nContent-Length: 50000000\r\nExpect: 100-continue\r\n\r\n"
        ),
        form(&format!("apiKey={secret}&title={long}"), 50_000_000),
        form(&format!("apiKey={secret}"), 1_000),
    ];
    texts.into_iter().map(String::into_bytes).collect()
}
