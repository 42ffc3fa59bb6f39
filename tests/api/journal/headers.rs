//! Headers, the query, undecoded bodies and the HAR export: what was sent, without secrets.

use serde_json::{Value, json};

use super::helpers::{seq_numbers, unmatched_journal};
use crate::support::client::JsonResponse;
use crate::support::control::{Account, expect_array};
use crate::support::seed::{ACME_KEY, SeededServer, acme_seed, serve_seed, ticket_fixture};

fn start_server() -> (SeededServer, Account) {
    let server = serve_seed(&acme_seed([7, 8, 9].map(ticket_fixture)));
    let acme = Account::acme(&server);
    (server, acme)
}

#[tokio::test]
async fn headers_are_recorded_without_credentials() {
    let (server, acme) = start_server();
    // The second request is served from the cache.
    for _ in 0..2 {
        let request = server
            .request("GET", "/api/v2/ticket/7")
            .header("User-Agent", "desk/2")
            .header("X-Trace", "a")
            .header("X-Trace", "b")
            .header("Idempotency-Key", "order-7")
            .header("Cookie", "session=secret-1")
            .header("X-Auth-Token", "secret-2")
            .header("Referer", format!("http://desk.test/?apiKey={ACME_KEY}"))
            .header("X-Own", ACME_KEY)
            .header("X-Path", format!("/a/{ACME_KEY}/b"))
            .header("X-Words", format!("a {ACME_KEY}"))
            .header(format!("X-{ACME_KEY}"), "1")
            .header("X-Auth", "secret-4")
            .header("X-Passwd", "secret-5")
            .header("X-Session-Id", "secret-6")
            .header("Subscription-Key", "secret-7")
            .header("X-Custom", "Basic secret-8")
            .header("X-Note", "apikey secret-9")
            .header("X-Longer", format!("{ACME_KEY}-2"));
        assert_eq!(JsonResponse::fetch(request).await.status, 200);
        let entry = acme.latest_entry().await;
        let headers = &entry["headers"];
        for (name, expected) in [
            ("user-agent", "desk/2"),
            ("x-trace", "a, b"),
            ("idempotency-key", "order-7"),
            ("cookie", "(redacted)"),
            ("x-auth-token", "(redacted)"),
            ("apikey", "(redacted)"),
            ("referer", "http://desk.test/?apiKey=(redacted)"),
            ("(redacted)", "1"),
            ("x-auth", "(redacted)"),
            ("x-passwd", "(redacted)"),
            ("x-session-id", "(redacted)"),
            ("subscription-key", "(redacted)"),
            ("x-custom", "Basic (redacted)"),
            ("x-note", "apikey (redacted)"),
            ("x-own", "(redacted)"),
            ("x-path", "/a/(redacted)/b"),
            ("x-words", "a (redacted)"),
            ("x-longer", &format!("{ACME_KEY}-2")),
        ] {
            assert_eq!(headers[name], expected, "{name}: {entry}");
        }
        assert_eq!(entry.get("headers_omitted"), None, "{entry}");
        assert!(!entry.to_string().contains("secret-"), "{entry}");
    }
    let request = server
        .request_without_key("GET", "/api/v2/ticket")
        .header("Authorization", "Bearer secret-3");
    assert_eq!(JsonResponse::fetch(request.header("X-Trace", "c")).await.status, 401);
    let unmatched = unmatched_journal(&server, &[]).await;
    assert_eq!(unmatched["requests"][0]["headers"]["x-trace"], "c", "{unmatched}");
    assert_eq!(unmatched["requests"][0]["headers"]["authorization"], "(redacted)", "{unmatched}");
}

#[tokio::test]
async fn many_headers_are_bounded() {
    let (server, acme) = start_server();
    let mut request = server.request("GET", "/api/v2/ticket/7").header("a-first", "1");
    for number in 0..90 {
        request = request.header(format!("x-{number}"), "v".repeat(100));
    }
    assert_eq!(JsonResponse::fetch(request).await.status, 200);
    let entry = acme.latest_entry().await;
    assert_eq!(entry["headers_omitted"], true, "{entry}");
    assert!(entry["headers"].to_string().len() < 8192, "{entry}");
}

#[tokio::test]
async fn query_is_shown_apart_from_the_body() {
    let (server, acme) = start_server();
    server.send_form("DELETE", "/api/v2/ticket/multi?ticketIDs[]=8&page=2", "ticketIDs[]=9").await;
    let entry = acme.latest_entry().await;
    assert_eq!(entry["query"], json!({ "ticketIDs": ["8"], "page": "2" }), "{entry}");
    assert_eq!(entry["fields"], json!({ "ticketIDs": ["9"], "page": "2" }), "{entry}");
    server.get(&format!("/api/v2/ticket?status=new&apiKey={ACME_KEY}")).await;
    let entry = acme.latest_entry().await;
    assert_eq!(entry["query"], json!({ "status": "new" }), "{entry}");
    server.send_form("PUT", "/api/v2/ticket/7", "title=x").await;
    assert_eq!(acme.latest_entry().await["query"], json!({}));
}

#[tokio::test]
async fn beginning_of_an_undecoded_body_is_recorded() {
    let (server, acme) = start_server();
    let send = async |content_type: &str, body: Vec<u8>| {
        let request = server.request("POST", "/api/v2/ticket").header("content-type", content_type);
        let reply = JsonResponse::fetch(request.body(body)).await;
        assert!(reply.status >= 400, "{}", reply.body);
        let entry = acme.latest_entry().await;
        assert!(!entry.to_string().contains(ACME_KEY), "{entry}");
        entry["undecoded_body"].clone()
    };
    let json = "application/json";
    let cases = [
        (json, "{\"title\": \"x\",}".to_owned(), "{\"title\": \"x\",}".to_owned()),
        ("text/xml", "<a/>".to_owned(), "<a/>".to_owned()),
        ("multipart/form-data; boundary=x", "nothing".to_owned(), "nothing".to_owned()),
        ("application/x-www-form-urlencoded", "a=%zz".to_owned(), "a=%zz".to_owned()),
        (json, "x".repeat(10_000), "x".repeat(256)),
        (json, format!("{{\"a\":\"{ACME_KEY}\"x"), "{\"a\":\"(redacted)\"x".to_owned()),
        (json, format!("{}{ACME_KEY}", "x".repeat(250)), format!("{}(redac", "x".repeat(250))),
    ];
    for (content_type, body, expected) in cases {
        assert_eq!(send(content_type, body.clone().into()).await, expected, "{body}");
    }
    let utf16: Vec<u8> =
        format!("{{\"{ACME_KEY}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(send(json, utf16).await, "(redacted)");
    let escaped = ACME_KEY.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02x}"));
    assert_eq!(send(json, format!("{{{escaped}").into()).await, "(redacted)");
    // A plain key beside a hidden one does not reveal the hidden one.
    assert_eq!(send(json, format!("{{{ACME_KEY} {escaped}").into()).await, "(redacted)");
    assert_eq!(send("application/x-www-form-urlencoded", b"title=x".to_vec()).await, Value::Null);
}

#[tokio::test]
async fn requests_are_filtered_and_verified_by_headers_and_path() {
    let (server, acme) = start_server();
    for (number, path) in ["/7", "/8", "/multi", ""].into_iter().enumerate() {
        let request = server.request("GET", &format!("/api/v2/ticket{path}?page=1"));
        JsonResponse::fetch(request.header("X-Trace", format!("t{number}"))).await;
    }
    for (filter, expected) in [
        (("path", "/api/v2/ticket/7"), &[1][..]),
        (("path", "/api/v2/ticket"), &[4]),
        (("path", "/api/v2/ticket/7?page=1"), &[]),
        (("header.x-trace", "t1"), &[2]),
        (("header.X-Trace", "t2"), &[3]),
        (("header.x-other", "t1"), &[]),
    ] {
        assert_eq!(seq_numbers(&acme.entries(&[filter]).await), expected, "{filter:?}");
    }
    for (pattern, expected) in [
        (json!({ "path": { "matches": "ticket/[0-9]+$" } }), &[1, 2][..]),
        (json!({ "headers": { "X-TRACE": { "matches": "^t[13]$" } } }), &[2, 4]),
        (
            json!({ "headers": { "x-trace": { "present": true } }, "path": "/api/v2/ticket/8" }),
            &[2],
        ),
        (json!({ "headers": { "x-trace": "t0", "x-other": { "absent": true } } }), &[1]),
    ] {
        let verdict = acme.verify(&pattern).await;
        assert_eq!(verdict.body["requests"], json!(expected), "{pattern}: {}", verdict.body);
    }
    let verdict =
        acme.verify(&json!({ "headers": { "x-trace": "t9" }, "path": "/api/v2/ticket/7" })).await;
    assert_eq!(verdict.status, 409);
    let nearest = &verdict.body["near_misses"][0];
    assert_eq!(nearest["seq"], 1, "{}", verdict.body);
    let expected =
        json!([{ "attribute": "header x-trace", "expected": "\"t9\"", "actual": "\"t0\"" }]);
    assert_eq!(nearest["differences"], expected);
    for (body, expected) in [
        (
            json!({ "headers": { "a b": "x" } }),
            "headers: \"a b\" is not a header name; send a name such as user-agent.",
        ),
        (
            json!({ "headers": { "a": null } }),
            "headers: a must not be null; to match requests without it, send {\"absent\": true}.",
        ),
        (
            json!({ "path": { "matches": "(" } }),
            "path: matches must be a valid regular expression: unclosed group.",
        ),
        (
            json!({ "path": { "like": "x" } }),
            "path must be a value, or an object with one of equals, matches, present and absent, not \"like\"; to compare with an object, use equals.",
        ),
        (
            json!({ "headers": { "apikey": ACME_KEY } }),
            "headers: apikey must not be an API key: the journal redacts keys. Use key with the name of the key.",
        ),
    ] {
        let reply = acme.verify(&body).await;
        assert_eq!(reply.status, 400, "{}", reply.body);
        assert_eq!(reply.body["detail"], expected, "{}", reply.body);
    }
    let twice = acme.send_control("GET", "/requests?field.a=1&field.a=2").await;
    assert_eq!(twice.status, 400, "{}", twice.body);
}

#[tokio::test]
async fn failed_verification_shows_when_requests_came_and_that_two_are_equal() {
    let (server, acme) = start_server();
    for title in ["x", "x", "y"] {
        server.send_form("PUT", "/api/v2/ticket/7", &format!("title={title}")).await;
    }
    let verdict = acme.verify(&json!({ "operation": "update", "count": { "exactly": 1 } })).await;
    let detail = verdict.body["detail"].as_str().expect("a text").to_owned();
    assert!(detail.contains("\n  request 1: ticket.update"), "{detail}");
    for (seq, previous) in [(2, 1), (3, 2)] {
        let (start, end) =
            (format!("  request {seq}, "), format!(" after request {previous}: ticket."));
        let is_line = |line: &str| line.starts_with(&start) && line.contains(&end);
        assert!(detail.lines().any(is_line), "{seq}: {detail}");
    }
    assert!(detail.contains("Requests 1 and 2 have the same fields, and came within "), "{detail}");
    let verdict = acme.verify(&json!({ "fields": { "title": "z" } })).await;
    for miss in expect_array(&verdict.body["near_misses"]) {
        for time in ["at", "real_at"] {
            assert!(miss[time].as_str().is_some_and(|text| text.ends_with('Z')), "{miss}");
        }
    }
    let different =
        acme.verify(&json!({ "fields": { "title": "y" }, "count": { "never": true } })).await;
    assert!(!different.body.to_string().contains("have the same fields"), "{}", different.body);
}

/// Sends a request without following a redirect.
async fn send_without_redirect(request: reqwest::RequestBuilder) {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client");
    let request = request.build().expect("a request");
    client.execute(request).await.expect("a response");
}

#[tokio::test]
async fn journal_is_exported_as_har() {
    let (server, acme) = start_server();
    server.get("/api/v2/ticket?query=a%20b&status=new").await;
    server.send_form("PUT", "/api/v2/ticket/7", "title=x&status=solved").await;
    server
        .send_json(
            "POST",
            "/api/v2/ticket/setStatus",
            &json!({ "status": "open", "ticketIDs": [7] }),
        )
        .await;
    server
        .send_json(
            "POST",
            "/api/v2/ticket/setStatus",
            &json!({ "status": "open", "ticketIDs": [1234] }),
        )
        .await;
    let har = acme.send_control("GET", "/requests/har").await;
    assert_eq!(har.status, 200, "{}", har.body);
    let log = &har.body["log"];
    assert_eq!(
        (&log["version"], &log["creator"]["name"]),
        (&json!("1.2"), &json!("omnidesk-mock"))
    );
    let entries = expect_array(&log["entries"]);
    assert_eq!(entries.len(), 4);
    for entry in &entries {
        for member in ["startedDateTime", "time", "request", "response", "cache", "timings"] {
            assert!(entry.get(member).is_some(), "{member}: {entry}");
        }
        for member in [
            "method",
            "url",
            "httpVersion",
            "cookies",
            "headers",
            "queryString",
            "headersSize",
            "bodySize",
        ] {
            assert!(entry["request"].get(member).is_some(), "{member}: {entry}");
        }
        for member in [
            "status",
            "statusText",
            "httpVersion",
            "cookies",
            "headers",
            "content",
            "redirectURL",
            "headersSize",
            "bodySize",
        ] {
            assert!(entry["response"].get(member).is_some(), "{member}: {entry}");
        }
        assert!(!entry.to_string().contains(ACME_KEY), "{entry}");
    }
    let list = &entries[0]["request"];
    assert_eq!(list["url"], server.url("/api/v2/ticket?query=a%20b&status=new"));
    let pairs = json!([{ "name": "query", "value": "a b" }, { "name": "status", "value": "new" }]);
    assert_eq!(list["queryString"], pairs);
    assert_eq!(list.get("postData"), None);
    let form = &entries[1]["request"]["postData"];
    let params = expect_array(&form["params"]);
    assert!(params.contains(&json!({ "name": "title", "value": "x" })), "{form}");
    assert_eq!(form["mimeType"], "application/x-www-form-urlencoded", "{form}");
    let body: Value =
        serde_json::from_str(entries[2]["request"]["postData"]["text"].as_str().expect("a text"))
            .expect("JSON");
    assert_eq!(body, json!({ "status": "open", "ticketIDs": [7] }));
    assert_eq!(entries[3]["response"]["status"], 400);
    assert_eq!(entries[3]["response"]["content"]["mimeType"], "application/json");
    assert_eq!(entries[3]["response"]["statusText"], "Bad Request");
    let filtered = acme.send_control("GET", "/requests/har?operation=update").await;
    assert_eq!(expect_array(&filtered.body["log"]["entries"]).len(), 1);
    let effect = json!({ "status": 302, "headers": { "Location": "/login" }, "body": "moved" });
    acme.add_fault(&json!({ "effect": effect })).await;
    send_without_redirect(server.request("GET", "/api/v2/ticket")).await;
    let entry = acme.latest_entry().await;
    let expected = json!({
        "content-type": "text/plain; charset=utf-8", "location": "/login",
        "date": "Sun, 01 Mar 2026 12:00:00 GMT",
    });
    assert_eq!(entry["response_headers"], expected, "{entry}");
    let har = acme.send_control("GET", "/requests/har?fault=true").await;
    let response = &har.body["log"]["entries"][0]["response"];
    assert_eq!(response["redirectURL"], "/login", "{response}");
    assert_eq!(response["content"]["mimeType"], "text/plain; charset=utf-8", "{response}");
    assert_eq!(response["content"]["text"], "moved", "{response}");
    let page = acme.send_control("GET", "/requests/har?limit=1").await;
    assert!(
        page.body["log"]["comment"]
            .as_str()
            .is_some_and(|text| text.starts_with("More requests follow: since=")),
        "{}",
        page.body
    );
}

#[tokio::test]
async fn key_in_a_header_of_the_body_is_redacted_in_the_error() {
    let (server, acme) = start_server();
    let part = |head: &str| {
        format!(
            "--x\r\nContent-Disposition: form-data; name=\"title\"\r\n{head}\r\n\r\na\r\n--x--\r\n"
        )
    };
    let multipart = "multipart/form-data; boundary=x".to_owned();
    for (content_type, encoding, body) in [
        (format!("text/{ACME_KEY}"), None, "x".to_owned()),
        (format!("{ACME_KEY}/x"), None, "x".to_owned()),
        (format!("text/x+{ACME_KEY}"), None, "x".to_owned()),
        ("text/plain".to_owned(), Some(format!("gzip, {ACME_KEY}")), "x".to_owned()),
        (multipart.clone(), None, part(&format!("Content-Transfer-Encoding: {ACME_KEY}"))),
        (multipart, None, part(&format!("Content-Type: text/plain; charset={ACME_KEY}"))),
    ] {
        let mut request =
            server.request("PUT", "/api/v2/ticket/7").header("content-type", &content_type);
        if let Some(encoding) = encoding {
            request = request.header("content-encoding", encoding);
        }
        let reply = JsonResponse::fetch(request.body(body)).await;
        assert!(reply.status >= 400, "{}", reply.body);
        assert!(!reply.body.to_string().contains(ACME_KEY), "{content_type}: {}", reply.body);
        let entry = acme.latest_entry().await;
        assert!(!entry.to_string().contains(ACME_KEY), "{content_type}: {entry}");
    }
}
