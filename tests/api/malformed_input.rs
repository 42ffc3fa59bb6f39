//! Malformed bodies and queries: each gets a clear error and changes nothing.

use crate::support::raw::{RawResponse, build_raw_head, build_raw_request, exchange};
use crate::support::seed::{self, ACME_KEY, SeededServer, acme_seed, ticket_fixture};
use crate::support::ticket::{self, JSON, MULTIPART, NEW_TICKET_FORM, URLENCODED};

/// A label, a content type, a body to reject, and words of which the message must contain one (in any case).
type RejectedBody<'case> = (&'case str, &'case str, Vec<u8>, &'case [&'case str]);

fn start_server() -> SeededServer {
    seed::serve_seed(&acme_seed([ticket_fixture(7), ticket_fixture(8)]))
}

fn assert_rejected(what: &str, response: &RawResponse, status: u16, words: &[&str]) {
    assert_eq!(response.status, status, "{what}: {response:?}");
    let message = response.error_message();
    assert!(message.len() < 2_000, "{what}: the message is too long: {} bytes", message.len());
    let lower = message.to_lowercase();
    let contains_word = words.iter().any(|word| lower.contains(&word.to_lowercase()));
    assert!(contains_word, "{what}: none of {words:?} is in {message:?}");
}

/// Sends each body to the create operation and asserts the rejection.
async fn assert_all_rejected(cases: Vec<RejectedBody<'_>>) {
    let server = start_server();
    let before = ticket::dump_tickets(&server).await;
    for (what, content_type, body, words) in cases {
        let bytes = build_raw_request("POST", "/api/v2/ticket", ACME_KEY, content_type, &body);
        assert_rejected(what, &exchange(&server.base_url, &bytes).await, 400, words);
    }
    assert_eq!(ticket::dump_tickets(&server).await, before);
}

/// Builds a multipart body of the required fields except the title, followed by these parts.
fn build_multipart(extra_parts: &str) -> Vec<u8> {
    let fields = [
        ("brandID", "1"),
        ("channelID", "1"),
        ("direction", "inbound"),
        ("from", "ada@example.test"),
        ("to", "desk@example.test"),
    ];
    let parts = fields.map(|(name, value)| build_part(&format!("name=\"{name}\""), value));
    let mut body = parts.concat();
    body += extra_parts;
    body += "--edge--\r\n";
    body.into_bytes()
}

fn build_part(disposition: &str, value: &str) -> String {
    format!("--edge\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{value}\r\n")
}

#[tokio::test]
async fn malformed_multipart_body_is_rejected() {
    let valid = build_multipart(&build_part("name=\"title\"", "Printer"));
    let many: String =
        (0..10_000).map(|index| build_part(&format!("name=\"field{index}\""), "1")).collect();
    let file_part = build_part("name=\"title\"; filename=\"title.txt\"", "Printer");
    let unnamed = build_part("filename=\"title.txt\"", "Printer");
    let mut not_utf8 = build_multipart("");
    not_utf8.truncate(not_utf8.len() - "--edge--\r\n".len());
    not_utf8.extend(
        b"--edge\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\n\xff\xfe\r\n--edge--\r\n",
    );
    assert_all_rejected(vec![
        ("no boundary", "multipart/form-data", valid.clone(), &["boundary"]),
        ("empty boundary", "multipart/form-data; boundary=", valid.clone(), &["boundary"]),
        (
            "another boundary",
            "multipart/form-data; boundary=other",
            valid.clone(),
            &["multipart", "brandID"],
        ),
        ("truncated in a value", MULTIPART, valid[..valid.len() - 14].to_vec(), &["multipart"]),
        ("truncated in a part header", MULTIPART, valid[..30].to_vec(), &["multipart"]),
        ("empty body", MULTIPART, Vec::new(), &["multipart", "brandID"]),
        ("a file for a text field", MULTIPART, build_multipart(&file_part), &["title"]),
        ("a part without a name", MULTIPART, build_multipart(&unnamed), &["name", "title"]),
        ("10,000 parts", MULTIPART, build_multipart(&many), &["8192"]),
        ("invalid UTF-8", MULTIPART, not_utf8, &["UTF-8"]),
        ("a NUL", MULTIPART, build_multipart(&build_part("name=\"title\"", "a\0b")), &["title"]),
    ])
    .await;
}

#[tokio::test]
async fn malformed_urlencoded_body_is_rejected() {
    let with_field = |field: &str| format!("{NEW_TICKET_FORM}&{field}").into_bytes();
    let without_title = NEW_TICKET_FORM.trim_end_matches("Printer");
    let with_title = |value: &str| format!("{without_title}{value}").into_bytes();
    let mut raw_bytes = with_title("");
    raw_bytes.extend(b"\xff\xfe");
    let nested = format!("a{}=1", "[a]".repeat(1_000));
    let many = (0..10_000).map(|index| format!("f{index}=1&")).collect::<Vec<_>>().concat();
    let long = "x".repeat(70_000);
    assert_all_rejected(vec![
        ("nested 1,000 deep", URLENCODED, with_field(&nested), &["deep", "depth", "nest"]),
        ("percent without hex digits", URLENCODED, with_title("%zz"), &["percent", "%zz", "title"]),
        ("percent at the end", URLENCODED, with_title("a%4"), &["percent", "%4", "title"]),
        ("escaped invalid UTF-8", URLENCODED, with_title("%FF%FE"), &["UTF-8"]),
        ("raw invalid UTF-8", URLENCODED, raw_bytes, &["UTF-8"]),
        ("invalid UTF-8 in a name", URLENCODED, with_field("%FF=1"), &["UTF-8"]),
        ("10,000 fields", URLENCODED, with_field(&many), &["8192"]),
        ("a NUL", URLENCODED, with_title("a%00b"), &["title"]),
        ("a long title", URLENCODED, with_title(&long), &["title"]),
        ("a list for a text field", URLENCODED, with_field("title[]=Printer"), &["title"]),
        ("a map for a text field", URLENCODED, with_field("title[a]=Printer"), &["title"]),
        ("empty body", URLENCODED, Vec::new(), &["brandID"]),
        (
            "JSON with the wrong content type",
            URLENCODED,
            b"{\"title\":\"Printer\"}".to_vec(),
            &["Content-Type: application/json"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn malformed_json_body_is_rejected() {
    let with_title = |title: &str| {
        format!(
            "{{\"brandID\":1,\"channelID\":1,\"direction\":\"inbound\",\"from\":\"ada@example.test\",\
             \"to\":\"desk@example.test\",\"title\":{title}}}"
        )
        .into_bytes()
    };
    let valid = with_title("\"Printer\"");
    let long = format!("\"{}\"", "x".repeat(70_000));
    let mut not_utf8 = with_title("\"");
    not_utf8.extend(b"\xff\"}");
    assert_all_rejected(vec![
        ("truncated", JSON, valid[..valid.len() - 5].to_vec(), &["JSON"]),
        ("empty", JSON, Vec::new(), &["JSON", "brandID"]),
        ("an array", JSON, b"[1, 2]".to_vec(), &["JSON", "object"]),
        ("a number", JSON, b"7".to_vec(), &["JSON", "object"]),
        ("null", JSON, b"null".to_vec(), &["JSON", "object", "brandID"]),
        ("two objects", JSON, b"{}{}".to_vec(), &["JSON"]),
        ("100,000 brackets", JSON, "[".repeat(100_000).into_bytes(), &["JSON", "deep", "nest"]),
        ("100,000 levels", JSON, "{\"a\":".repeat(100_000).into_bytes(), &["JSON", "deep", "nest"]),
        (
            "20 levels",
            JSON,
            with_title(&format!("{}{}", "[".repeat(20), "]".repeat(20))),
            &["deep", "nest", "depth", "title"],
        ),
        ("invalid UTF-8", JSON, not_utf8, &["UTF-8", "JSON"]),
        ("half a surrogate", JSON, with_title("\"\\ud800\""), &["JSON", "title"]),
        ("a NUL", JSON, with_title("\"a\\u0000b\""), &["title"]),
        ("a long title", JSON, with_title(&long), &["title"]),
        ("a number for a text field", JSON, with_title("7"), &["title"]),
        ("a boolean for a text field", JSON, with_title("true"), &["title"]),
        ("a number that is too large", JSON, with_title("1e999"), &["title", "JSON"]),
        ("urlencoded with the wrong content type", JSON, NEW_TICKET_FORM.into(), &["JSON"]),
    ])
    .await;
}

#[tokio::test]
async fn malformed_query_is_rejected() {
    let server = start_server();
    let before = ticket::dump_tickets(&server).await;
    let nested = format!("a{}=1", "[a]".repeat(1_000));
    let long = format!("query={}", "x".repeat(70_000));
    let cases: [(&str, &[&str]); 10] = [
        ("query=%zz", &["percent", "%zz", "query"]),
        ("query=%4", &["percent", "%4", "query"]),
        ("query=%FF", &["UTF-8"]),
        ("query=a%00b", &["query"]),
        ("query[]=a", &["query"]),
        ("query[a][b]=a", &["query"]),
        (&nested, &["deep", "depth", "nest"]),
        ("itemLimit=99999999999999999999", &["itemLimit"]),
        ("itemStart=%D9%A1", &["itemStart"]),
        (&long, &["query"]),
    ];
    for (query, words) in cases {
        let path = format!("/api/v2/ticket?{query}");
        let bytes = build_raw_head("GET", &path, &format!("apiKey: {ACME_KEY}\r\n"));
        let response = exchange(&server.base_url, &bytes).await;
        let what = &query[..query.len().min(60)];
        if query.len() > 60_000 && [414, 431].contains(&response.status) {
            continue;
        }
        assert_rejected(what, &response, 400, words);
    }
    assert_eq!(ticket::dump_tickets(&server).await, before);
}

#[tokio::test]
async fn unsupported_content_type_is_rejected() {
    let server = start_server();
    let before = ticket::dump_tickets(&server).await;
    for content_type in [
        "text/plain",
        "application/xml",
        "nonsense",
        "/",
        ";;;",
        "text/json/x",
        "multipart/mixed; boundary=edge",
    ] {
        let bytes = build_raw_request(
            "POST",
            "/api/v2/ticket",
            ACME_KEY,
            content_type,
            NEW_TICKET_FORM.as_bytes(),
        );
        let response = exchange(&server.base_url, &bytes).await;
        assert_rejected(
            content_type,
            &response,
            415,
            &[content_type, "content-type", "content type"],
        );
    }
    let mut bytes = build_raw_request(
        "POST",
        "/api/v2/ticket",
        ACME_KEY,
        "text/REPLACE",
        NEW_TICKET_FORM.as_bytes(),
    );
    let offset =
        bytes.windows(7).position(|window| window == b"REPLACE").expect("the placeholder exists");
    bytes.splice(offset..offset + 7, *b"\xff\xfe\xfd");
    assert_rejected(
        "non-ASCII content type",
        &exchange(&server.base_url, &bytes).await,
        415,
        &["content-type", "content type", "text/"],
    );
    assert_eq!(ticket::dump_tickets(&server).await, before);
}

#[tokio::test]
async fn conflicting_api_keys_in_one_request_are_rejected() {
    let server = start_server();
    let before = ticket::dump_tickets(&server).await;
    let wrong = "another-key-0123456789";
    for (path, headers) in [
        ("/api/v2/ticket/7", format!("apiKey: {ACME_KEY}\r\napiKey: {wrong}\r\n")),
        ("/api/v2/ticket/7", format!("apiKey: {wrong}\r\napiKey: {ACME_KEY}\r\n")),
        ("/api/v2/ticket/7", format!("apiKey: {ACME_KEY}\r\nAuthorization: apikey {wrong}\r\n")),
        ("/api/v2/ticket/7?apiKey=another-key-0123456789", format!("apiKey: {ACME_KEY}\r\n")),
    ] {
        let response = exchange(&server.base_url, &build_raw_head("DELETE", path, &headers)).await;
        assert_rejected(&headers, &response, 400, &["key"]);
        assert!(
            !response.body.contains(ACME_KEY) && !response.body.contains(wrong),
            "the response contains no key: {response:?}"
        );
    }
    let headers =
        format!("apiKey: {ACME_KEY}\r\napiKey: {ACME_KEY}\r\nAuthorization: apikey {ACME_KEY}\r\n");
    let path = format!("/api/v2/ticket/7?apiKey={ACME_KEY}");
    assert_eq!(
        exchange(&server.base_url, &build_raw_head("GET", &path, &headers)).await.status,
        200
    );
    assert_eq!(ticket::dump_tickets(&server).await, before);
}

#[tokio::test]
async fn malformed_http_is_rejected_and_changes_nothing() {
    let server = start_server();
    let before = ticket::dump_tickets(&server).await;
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"DELETE /api/v2/ticket/7 HTTP/9.9\r\napiKey: acme-key-0123456789\r\n\r\n",
        b"DELETE /api/v2/ticket/\xff HTTP/1.1\r\nHost: mock.test\r\nConnection: close\r\n\r\n",
        b"POST /api/v2/ticket HTTP/1.1\r\nHost: mock.test\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/v2/ticket HTTP/1.1\r\nHost: mock.test\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    ] {
        let response = exchange(&server.base_url, bytes).await;
        assert!((400..500).contains(&response.status) || response.status == 505, "{response:?}");
    }
    assert_eq!(ticket::dump_tickets(&server).await, before);
}
