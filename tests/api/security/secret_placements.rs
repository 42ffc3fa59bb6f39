//! Every place in a request that can carry a secret. Each secret contains a unique marker to search for.

use serde_json::json;

use crate::support::raw::RawRequest;
use crate::support::ticket::{JSON, URLENCODED};

/// A part of every secret, in lower case.
pub(super) const CANARY_MARKER: &str = "canary";
/// An API key from the seed.
pub(super) const SEED_KEY: &str = "_Canary-of-the-seed-5f1d7c0b9e";
/// An API key created through the control API.
pub(super) const CREATED_KEY: &str = "_Canary-that-was-made-a1b2c3d4e5";
/// The key of `--api-key`.
pub(super) const FLAG_KEY: &str = "_Canary-that-was-given-9f8e7d6c5b";
/// The control token.
pub(super) const CONTROL_TOKEN: &str = "_Canary-of-the-control-0a9b8c7d6e";
/// An unknown API key, until it creates an account.
pub(super) const UNKNOWN_KEY: &str = "_Canary-that-is-unknown-1029384756";
/// An invalid control token.
pub(super) const WRONG_TOKEN: &str = "_Canary-that-is-wrong-5647382910";
pub(super) const ALL_SECRETS: [&str; 6] =
    [SEED_KEY, CREATED_KEY, FLAG_KEY, CONTROL_TOKEN, UNKNOWN_KEY, WRONG_TOKEN];
/// An API key from the seed that is not searched for.
pub(super) const NON_SECRET_KEY: &str = "plain-key-0123456789";

/// Adds a secret to a request.
pub(super) type SecretPlacement = fn(RawRequest, &str) -> RawRequest;

/// Credential placements; no response may contain the secret.
pub(super) const CREDENTIAL_PLACEMENTS: &[(&str, SecretPlacement)] = &[
    ("a header", |request, secret| request.with_header("apiKey", secret)),
    ("a header twice", |request, secret| {
        request.with_header("apiKey", secret).with_header("apiKey", secret)
    }),
    ("next to another key", |request, secret| {
        request.with_header("apiKey", secret).with_header("apiKey", NON_SECRET_KEY)
    }),
    ("Authorization", |request, secret| {
        request.set_header("Authorization", format!("apikey {secret}"))
    }),
    ("a token", |request, secret| request.set_header("Authorization", format!("Bearer {secret}"))),
    ("a password", |request, secret| {
        request
            .set_header("Authorization", format!("Basic {secret}"))
            .with_header("apiKey", NON_SECRET_KEY)
    }),
    ("Authorization without scheme", |request, secret| {
        request.set_header("Authorization", secret).with_header("apiKey", NON_SECRET_KEY)
    }),
    ("the query", |request, secret| request.with_query(&format!("apiKey={secret}"))),
    ("the query, and another key", |request, secret| {
        request.with_query(&format!("apiKey={secret}")).with_header("apiKey", NON_SECRET_KEY)
    }),
    ("the query in another case", |request, secret| {
        request
            .with_query(&format!("apikey={secret}&APIKEY[]={secret}"))
            .with_header("apiKey", NON_SECRET_KEY)
    }),
    ("other headers", |request, secret| {
        let request = request.with_header("Cookie", format!("apiKey={secret}; token={secret}"));
        let request = request
            .with_header("User-Agent", secret)
            .with_header("Referer", format!("http://a/?k={secret}"));
        let request = request.with_header("X-Api-Key", secret).with_header("X-Auth-Token", secret);
        let request = request.with_header("Proxy-Authorization", format!("Bearer {secret}"));
        request
            .with_header("X-Forwarded-For", secret)
            .with_header("Via", secret)
            .with_header("apiKey", NON_SECRET_KEY)
    }),
    ("the address", |request, secret| {
        let request = request.set_header("Host", secret).with_header("apiKey", secret);
        request.with_header("X-Forwarded-Proto", secret)
    }),
    ("the host of a proxy", |request, secret| {
        request.with_header("X-Forwarded-Host", secret).with_header("apiKey", secret)
    }),
    ("the path of a proxy", |request, secret| {
        let request = request.with_header("X-Forwarded-Prefix", format!("/a/{secret}"));
        request
            .set_header("Authorization", format!("Bearer {secret}"))
            .with_header("apiKey", secret)
    }),
    ("JSON", |request, secret| {
        let body = json!({ "apiKey": secret, "ApiKey": { "deep": [secret] } });
        request.with_header("apiKey", NON_SECRET_KEY).with_body(JSON, body.to_string())
    }),
    ("a form", |request, secret| {
        request
            .with_header("apiKey", NON_SECRET_KEY)
            .with_body(URLENCODED, format!("apiKey={secret}&APIKEY[a]={secret}"))
    }),
    ("multipart", |request, secret| {
        let body = format!(
            "--edge\r\nContent-Disposition: form-data; name=\"apiKey\"\r\n\r\n{secret}\r\n--edge--\r\n"
        );
        request
            .with_header("apiKey", NON_SECRET_KEY)
            .with_body("multipart/form-data; boundary=edge", body)
    }),
    ("broken JSON", |request, secret| {
        request.with_header("apiKey", secret).with_body(JSON, format!("{{\"apiKey\": \"{secret}"))
    }),
    ("a broken form", |request, secret| {
        request
            .with_header("apiKey", secret)
            .with_body(URLENCODED, format!("apiKey={secret}&a=%zz&apiKey[=%ff"))
    }),
    ("broken multipart", |request, secret| {
        let body = format!("--edge\r\nContent-Disposition: {secret}\r\n\r\n{secret}");
        request.with_header("apiKey", secret).with_body("multipart/form-data; boundary=edge", body)
    }),
    ("a wrong method", |request, secret| {
        RawRequest { method: "PATCH".to_owned(), ..request }.with_header("apiKey", secret)
    }),
    ("a HEAD request", |request, secret| {
        RawRequest { method: "HEAD".to_owned(), ..request }.with_header("apiKey", secret)
    }),
];

/// Further credential placements in the control API.
pub(super) const CONTROL_API_PLACEMENTS: &[(&str, SecretPlacement)] = &[
    ("an imported key", |request, secret| {
        let keys = json!([{ "key": secret, "name": "n", "permissions": "all" }]);
        request.with_body(JSON, json!({ "accounts": { "x": { "keys": keys } } }).to_string())
    }),
    ("a token in JSON", |request, secret| {
        request.with_body(JSON, json!({ "token": secret }).to_string())
    }),
    ("an invalid key", |request, secret| {
        request.with_body(JSON, json!({ "api_key": format!("{secret} {secret}") }).to_string())
    }),
    // The last one: it makes an unknown key known.
    ("a created key", |request, secret| {
        request.with_body(JSON, json!({ "api_key": secret }).to_string())
    }),
];

/// Control API filters by key name or key. A valid API key must not be echoed; any other text cannot be recognized
/// as a secret.
pub(super) const KEY_FILTER_PLACEMENTS: &[(&str, SecretPlacement)] = &[
    ("a key filter", |request, secret| request.with_query(&format!("key={secret}"))),
    ("the key of a pattern", |request, secret| {
        request.with_body(JSON, json!({ "key": secret }).to_string())
    }),
    ("the key of a rule", |request, secret| {
        request.with_body(
            JSON,
            json!({ "key": secret, "effect": { "reset_connection": true } }).to_string(),
        )
    }),
];

fn with_json_field(request: RawRequest, secret: &str, name: &str, value: &str) -> RawRequest {
    let body = json!({ name: value.replace("{}", secret) }).to_string();
    request.with_header("apiKey", secret).with_body(JSON, body)
}

/// Control API placements inside a longer name, where the server treats the secret as ordinary text.
pub(super) const NAME_SUBSTRING_PLACEMENTS: &[(&str, SecretPlacement)] = &[
    ("a name", |request, secret| {
        with_json_field(request, secret, "name", &format!("../{{}}{}", "x".repeat(100)))
    }),
    ("a snapshot", |request, secret| with_json_field(request, secret, "from", "snapshot:acme/{}")),
];

/// Arbitrary placements: the response may echo the secret in an error, but the server must not store it.
pub(super) const ARBITRARY_PLACEMENTS: &[(&str, SecretPlacement)] = &[
    ("a search", |request, secret| {
        request
            .with_query(&format!("query={secret}&from=a:{secret}&applyView={secret}"))
            .with_header("apiKey", secret)
    }),
    ("a filter", |request, secret| {
        request.with_query(&format!("operation={secret}")).with_header("apiKey", secret)
    }),
    ("a status", |request, secret| {
        request.with_query(&format!("status={secret}")).with_header("apiKey", secret)
    }),
    ("a cursor", |request, secret| {
        request.with_query(&format!("since={secret}")).with_header("apiKey", secret)
    }),
    ("a ticket", |request, secret| {
        request.with_query(&format!("ticket={secret}")).with_header("apiKey", secret)
    }),
    ("a field of a wait", |request, secret| {
        request.with_query(&format!("field.title={secret}")).with_header("apiKey", secret)
    }),
    ("a parameter", |request, secret| {
        request.with_query(&format!("{secret}=1&a[{secret}]=2")).with_header("apiKey", secret)
    }),
    ("a type", |request, secret| request.with_header("apiKey", secret).with_body(secret, secret)),
    ("an encoding", |request, secret| {
        request
            .with_header("Content-Encoding", secret)
            .with_header("apiKey", secret)
            .with_body(JSON, "{}")
    }),
    ("an event", |request, secret| {
        request.with_header("Last-Event-ID", secret).with_header("apiKey", secret)
    }),
    ("a host", |request, secret| request.set_header("Host", secret).with_header("apiKey", secret)),
    ("an origin", |request, secret| {
        request.with_header("Origin", secret).with_header("apiKey", secret)
    }),
    ("conditional headers", |request, secret| {
        request
            .with_header("If-None-Match", secret)
            .with_header("Range", secret)
            .with_header("apiKey", secret)
    }),
    ("an account to copy", |request, secret| {
        with_json_field(request, secret, "from", "account:{}")
    }),
    ("a seed", |request, secret| with_json_field(request, secret, "from", "seed:{}")),
    ("a clock", |request, secret| with_json_field(request, secret, "mode", "{}")),
    ("a duration", |request, secret| with_json_field(request, secret, "by", "{}")),
    ("an operation", |request, secret| with_json_field(request, secret, "operation", "{}")),
    ("a preset", |request, secret| with_json_field(request, secret, "preset", "{}")),
    ("a dialect setting", |request, secret| with_json_field(request, secret, "list_type", "{}")),
    ("a status of a ticket", |request, secret| with_json_field(request, secret, "status", "{}")),
    ("ids", |request, secret| with_json_field(request, secret, "ticketIDs", "{}")),
    ("a field name", |request, secret| {
        request
            .with_header("apiKey", secret)
            .with_body(JSON, json!({ secret: { secret: [secret] } }).to_string())
    }),
    ("a pattern", |request, secret| {
        let body = json!({ "fields": { "title": secret }, "count": { "at_least": 9_999 } });
        request.with_header("apiKey", secret).with_body(JSON, body.to_string())
    }),
    ("an imported account", |request, secret| {
        let body = json!({ "accounts": { secret: {}, "x": { "time_zone": secret } } });
        request.with_header("apiKey", secret).with_body(JSON, body.to_string())
    }),
];

/// Malformed or incomplete requests; each is sent over its own connection.
pub(super) fn malformed_requests(secret: &str) -> Vec<Vec<u8>> {
    let form = |body: &str, length: usize| {
        format!(
            "POST /api/v2/ticket HTTP/1.1\r\nHost: a\r\napiKey: {secret}\r\nContent-Type: {URLENCODED}\r\n\
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
