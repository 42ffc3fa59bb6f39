//! Everywhere that a secret can be sent. Each holds a word that is nowhere else, so that one can look for it.

use serde_json::json;

use super::answers::Asked;

/// What every secret holds, in lower case.
pub(super) const MARK: &str = "canary";
/// A key of the seed.
pub(super) const SEED: &str = "_Canary-of-the-seed-5f1d7c0b9e";
/// A key that was made by the control API.
pub(super) const MADE: &str = "_Canary-that-was-made-a1b2c3d4e5";
/// The key of --api-key.
pub(super) const GIVEN: &str = "_Canary-that-was-given-9f8e7d6c5b";
/// The token of the control API.
pub(super) const TOKEN: &str = "_Canary-of-the-control-0a9b8c7d6e";
/// A key that nobody has, until it makes an account.
pub(super) const UNKNOWN: &str = "_Canary-that-is-unknown-1029384756";
/// A token that is wrong.
pub(super) const WRONG: &str = "_Canary-that-is-wrong-5647382910";
pub(super) const ALL: [&str; 6] = [SEED, MADE, GIVEN, TOKEN, UNKNOWN, WRONG];
/// A key of the seed that nobody looks for.
pub(super) const PLAIN: &str = "plain-key-0123456789";

/// Puts a secret into a request.
pub(super) type Way = fn(Asked, &str) -> Asked;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// Places of a secret, so that no answer repeats it.
pub(super) const AS_A_SECRET: &[(&str, Way)] = &[
    ("a header", |asked, secret| asked.with("apiKey", secret)),
    ("a header twice", |asked, secret| asked.with("apiKey", secret).with("apiKey", secret)),
    ("another key beside it", |asked, secret| asked.with("apiKey", secret).with("apiKey", PLAIN)),
    ("Authorization", |asked, secret| asked.instead("Authorization", format!("apikey {secret}"))),
    ("a token", |asked, secret| asked.instead("Authorization", format!("Bearer {secret}"))),
    ("a password", |asked, secret| {
        asked.instead("Authorization", format!("Basic {secret}")).with("apiKey", PLAIN)
    }),
    ("no scheme", |asked, secret| asked.instead("Authorization", secret).with("apiKey", PLAIN)),
    ("the query", |asked, secret| asked.asking(&format!("apiKey={secret}"))),
    ("the query, and another key", |asked, secret| {
        asked.asking(&format!("apiKey={secret}")).with("apiKey", PLAIN)
    }),
    ("the query in another case", |asked, secret| {
        asked.asking(&format!("apikey={secret}&APIKEY[]={secret}")).with("apiKey", PLAIN)
    }),
    ("other headers", |asked, secret| {
        let asked = asked.with("Cookie", format!("apiKey={secret}; token={secret}"));
        let asked =
            asked.with("User-Agent", secret).with("Referer", format!("http://a/?k={secret}"));
        let asked = asked.with("X-Api-Key", secret).with("X-Auth-Token", secret);
        let asked = asked.with("Proxy-Authorization", format!("Bearer {secret}"));
        asked.with("X-Forwarded-For", secret).with("Via", secret).with("apiKey", PLAIN)
    }),
    ("JSON", |asked, secret| {
        let body = json!({ "apiKey": secret, "ApiKey": { "deep": [secret] } });
        asked.with("apiKey", PLAIN).sending(JSON, body.to_string())
    }),
    ("a form", |asked, secret| {
        asked.with("apiKey", PLAIN).sending(FORM, format!("apiKey={secret}&APIKEY[a]={secret}"))
    }),
    ("parts", |asked, secret| {
        let body = format!(
            "--edge\r\nContent-Disposition: form-data; name=\"apiKey\"\r\n\r\n{secret}\r\n--edge--\r\n"
        );
        asked.with("apiKey", PLAIN).sending("multipart/form-data; boundary=edge", body)
    }),
    ("broken JSON", |asked, secret| {
        asked.with("apiKey", secret).sending(JSON, format!("{{\"apiKey\": \"{secret}"))
    }),
    ("a broken form", |asked, secret| {
        asked.with("apiKey", secret).sending(FORM, format!("apiKey={secret}&a=%zz&apiKey[=%ff"))
    }),
    ("broken parts", |asked, secret| {
        let body = format!("--edge\r\nContent-Disposition: {secret}\r\n\r\n{secret}");
        asked.with("apiKey", secret).sending("multipart/form-data; boundary=edge", body)
    }),
    ("a wrong method", |asked, secret| {
        Asked { method: "PATCH".to_owned(), ..asked }.with("apiKey", secret)
    }),
    ("a question for the head", |asked, secret| {
        Asked { method: "HEAD".to_owned(), ..asked }.with("apiKey", secret)
    }),
];

/// The same in the control API alone, where other names are those of secrets as well.
pub(super) const TO_THE_CONTROL_API: &[(&str, Way)] = &[
    ("a key to be imported", |asked, secret| {
        let keys = json!([{ "key": secret, "name": "n", "permissions": "all" }]);
        asked.sending(JSON, json!({ "accounts": { "x": { "keys": keys } } }).to_string())
    }),
    ("a token in JSON", |asked, secret| {
        asked.sending(JSON, json!({ "token": secret }).to_string())
    }),
    ("a key that is none", |asked, secret| {
        asked.sending(JSON, json!({ "api_key": format!("{secret} {secret}") }).to_string())
    }),
    // The last, since an unknown key is known from then on.
    ("a key to be made", |asked, secret| {
        asked.sending(JSON, json!({ "api_key": secret }).to_string())
    }),
];

/// Where the control API asks for the name of a key: that of one which opens something is not repeated. Of any other
/// text nobody knows that it is meant as one.
pub(super) const AS_THE_NAME_OF_A_KEY: &[(&str, Way)] = &[
    ("a key to look for", |asked, secret| asked.asking(&format!("key={secret}"))),
    ("a key of a pattern", |asked, secret| {
        asked.sending(JSON, json!({ "key": secret }).to_string())
    }),
    ("a key of a rule", |asked, secret| {
        asked.sending(JSON, json!({ "key": secret, "effect": { "reset": true } }).to_string())
    }),
];

fn field(asked: Asked, secret: &str, name: &str, value: &str) -> Asked {
    let body = json!({ name: value.replace("{}", secret) }).to_string();
    asked.with("apiKey", secret).sending(JSON, body)
}

/// Places in the control API where it stands inside of a longer name; elsewhere that is a text as any other.
pub(super) const INSIDE_OF_A_NAME: &[(&str, Way)] = &[
    ("a name", |asked, secret| {
        field(asked, secret, "name", &format!("../{{}}{}", "x".repeat(100)))
    }),
    ("a snapshot", |asked, secret| field(asked, secret, "from", "snapshot:acme/{}")),
];

/// Places of anything: who sends it there besides may be told what is wrong with it, and nothing may keep it.
pub(super) const AS_ANYTHING: &[(&str, Way)] = &[
    ("a search", |asked, secret| {
        asked
            .asking(&format!("query={secret}&from=a:{secret}&applyView={secret}"))
            .with("apiKey", secret)
    }),
    ("a filter", |asked, secret| {
        asked.asking(&format!("operation={secret}")).with("apiKey", secret)
    }),
    ("a status", |asked, secret| asked.asking(&format!("status={secret}")).with("apiKey", secret)),
    ("a place", |asked, secret| asked.asking(&format!("since={secret}")).with("apiKey", secret)),
    ("a ticket", |asked, secret| asked.asking(&format!("ticket={secret}")).with("apiKey", secret)),
    ("a field to wait for", |asked, secret| {
        asked.asking(&format!("field.title={secret}")).with("apiKey", secret)
    }),
    ("a parameter", |asked, secret| {
        asked.asking(&format!("{secret}=1&a[{secret}]=2")).with("apiKey", secret)
    }),
    ("a type", |asked, secret| asked.with("apiKey", secret).sending(secret, secret)),
    ("an encoding", |asked, secret| {
        asked.with("Content-Encoding", secret).with("apiKey", secret).sending(JSON, "{}")
    }),
    ("an event", |asked, secret| asked.with("Last-Event-ID", secret).with("apiKey", secret)),
    ("a host", |asked, secret| asked.instead("Host", secret).with("apiKey", secret)),
    ("an origin", |asked, secret| asked.with("Origin", secret).with("apiKey", secret)),
    ("a condition", |asked, secret| {
        asked.with("If-None-Match", secret).with("Range", secret).with("apiKey", secret)
    }),
    ("an origin of an account", |asked, secret| field(asked, secret, "from", "account:{}")),
    ("a seed", |asked, secret| field(asked, secret, "from", "seed:{}")),
    ("a clock", |asked, secret| field(asked, secret, "mode", "{}")),
    ("a time", |asked, secret| field(asked, secret, "by", "{}")),
    ("an operation", |asked, secret| field(asked, secret, "operation", "{}")),
    ("a preset", |asked, secret| field(asked, secret, "preset", "{}")),
    ("a choice", |asked, secret| field(asked, secret, "list_type", "{}")),
    ("a status of a ticket", |asked, secret| field(asked, secret, "status", "{}")),
    ("ids", |asked, secret| field(asked, secret, "ticketIDs", "{}")),
    ("a name of a field", |asked, secret| {
        asked
            .with("apiKey", secret)
            .sending(JSON, json!({ secret: { secret: [secret] } }).to_string())
    }),
    ("a pattern", |asked, secret| {
        let body = json!({ "fields": { "title": secret }, "count": { "at_least": 9_999 } });
        asked.with("apiKey", secret).sending(JSON, body.to_string())
    }),
    ("an account to be imported", |asked, secret| {
        let body = json!({ "accounts": { secret: {}, "x": { "time_zone": secret } } });
        asked.with("apiKey", secret).sending(JSON, body.to_string())
    }),
];

/// Requests that are none, or stop in the middle; each goes over a connection of its own.
pub(super) fn broken(secret: &str) -> Vec<Vec<u8>> {
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
