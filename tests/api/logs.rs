//! What the program tells about each request, and that it never tells a key.

use serde_json::Value;
use tokio::io::AsyncWriteExt;

use crate::control::answer;
use crate::fixtures::{self, KEY, NEW_TICKET, acme, ticket};
use crate::program::{Finished, Running, Stream, command};
use crate::raw::{connect, exchange, head, read, request};
use crate::support::Client;

/// A server on the seed of `acme`, and the file that holds the seed.
fn serve(arguments: &[&str]) -> (Running, tempfile::TempDir) {
    let folder = fixtures::folder();
    let seed = fixtures::file(&folder, "seed.json", &acme([ticket(7)]).to_string());
    (Running::serve(&[&["--seed", &seed], arguments].concat()), folder)
}

async fn visit(base: &str) {
    let key = format!("apiKey: {KEY}\r\n");
    assert_eq!(exchange(base, &head("GET", "/api/v2/ticket/7", &key)).await.status, 200);
    assert_eq!(exchange(base, &head("DELETE", "/api/v2/ticket/999", &key)).await.status, 400);
    assert_eq!(exchange(base, &head("GET", "/api/v2/nothing", &key)).await.status, 404);
}

/// The lines about requests: each of them has a method.
fn request_lines(finished: &Finished) -> Vec<&str> {
    assert_eq!(finished.code, Some(0), "{finished:?}");
    finished.stderr.lines().filter(|line| line.contains("GET") || line.contains("DELETE")).collect()
}

#[tokio::test]
async fn there_is_one_line_a_request() {
    let (mut running, _folder) = serve(&[]);
    visit(&running.base()).await;
    let finished = running.stop();
    let lines = request_lines(&finished);
    assert_eq!(lines.len(), 3, "{finished:?}");
    for (line, words) in lines.iter().zip([
        &["GET", "/api/v2/ticket/{ticketID}", "acme", "200"][..],
        &["DELETE", "/api/v2/ticket/{ticketID}", "acme", "400"],
        &["GET", "404"],
    ]) {
        for word in words {
            assert!(line.contains(word), "{word} is in {line}");
        }
        assert!(line.contains("ms") || line.contains("µs"), "the time is in {line}");
        assert!(!line.contains('\u{1b}'), "no colours where nobody sees them: {line:?}");
    }
    assert!(!finished.stdout.contains("/api/v2/ticket/{"), "{finished:?}");
}

#[tokio::test]
async fn what_is_refused_before_it_is_understood_has_a_line_too() {
    let (mut running, _folder) = serve(&["--max-connections", "1"]);
    let base = running.base();
    let mut held = connect(&base).await;
    let crowded = exchange(&base, &head("GET", "/api/v2/ticket", "")).await;
    assert_eq!(crowded.status, 503, "{crowded:?}");
    running.wait_for(|_, line| line.contains("INFO") && line.contains("--max-connections"));
    held.write_all(b"no HTTP\r\n\r\n").await.expect("it reads");
    assert_eq!(read(held).await.status, 400);
    running.wait_for(|_, line| line.contains("INFO") && line.contains("no HTTP/1.1 request"));
    assert_eq!(running.stop().code, Some(0));
}

#[tokio::test]
async fn the_lines_can_be_json() {
    let (mut running, _folder) = serve(&["--log", "json"]);
    visit(&running.base()).await;
    let finished = running.stop();
    for line in finished.stderr.lines() {
        let parsed = serde_json::from_str::<Value>(line);
        assert!(parsed.is_ok_and(|value| value.is_object()), "{line}");
    }
    let lines = request_lines(&finished);
    assert_eq!(lines.len(), 3, "{finished:?}");
    let first: Value = serde_json::from_str(lines[0]).expect("JSON");
    let fields = first.get("fields").unwrap_or(&first);
    assert_eq!(fields["method"], "GET", "{first}");
    assert_eq!(fields["route"], "/api/v2/ticket/{ticketID}", "{first}");
    assert_eq!(fields["account"], "acme", "{first}");
    assert_eq!(fields["status"], 200, "{first}");
    let has_time =
        fields.as_object().expect("an object").iter().any(|(name, value)| {
            value.is_number() && (name.ends_with("ms") || name.ends_with("us"))
        });
    assert!(has_time, "{first}");
}

/// Sends one known and one unknown secret key in every way, right and wrong.
async fn leak(base: &str, secret: &str) {
    for path in [
        format!("/api/v2/ticket?apiKey={secret}"),
        format!("/api/v2/ticket?apikey={secret}"),
        format!("/api/v2/ticket?query={secret}&apiKey=wrong-key-0123456789"),
        format!("/api/v2/ticket/7?apiKey={secret}&apiKey={secret}x"),
        format!("/api/v2/ticket/{secret}?apiKey={secret}"),
        format!("/api/v2/{secret}?apiKey={secret}"),
        format!("/{secret}?apiKey={secret}"),
        format!("/api/v2/ticket?apiKey={secret}&status=%zz"),
    ] {
        exchange(base, &head("GET", &path, "")).await;
    }
    for headers in [
        format!("apiKey: {secret}\r\n"),
        format!("apiKey: {secret}\r\napiKey: {secret}x\r\n"),
        format!("Authorization: apikey {secret}\r\n"),
        format!("Authorization: Bearer {secret}\r\n"),
        format!("X-Api-Key: {secret}\r\n"),
        format!("Cookie: apiKey={secret}\r\n"),
        format!("Referer: http://mock.test/?apiKey={secret}\r\n"),
        format!("apiKey : {secret}\r\n"),
    ] {
        exchange(base, &head("GET", "/api/v2/ticket/7", &headers)).await;
        exchange(base, &head("PATCH", "/api/v2/ticket/7", &headers)).await;
    }
    let body = format!("apiKey={secret}&{NEW_TICKET}");
    let urlencoded = "application/x-www-form-urlencoded";
    for content_type in
        [urlencoded, "application/json", "multipart/form-data; boundary=edge", "text/plain"]
    {
        exchange(base, &request("POST", "/api/v2/ticket", secret, content_type, body.as_bytes()))
            .await;
    }
}

fn tells_nothing(finished: &Finished) {
    let text = finished.text();
    let telling: Vec<&str> = text.lines().filter(|line| line.contains("canary")).collect();
    assert!(telling.is_empty(), "{telling:#?}");
}

#[tokio::test]
async fn a_key_that_is_sent_is_never_printed() {
    let canaries = ["canary-known-5f1d7c0b9e", "canary-unknown-2a8e6f4d1c"];
    for log in ["text", "json"] {
        let folder = fixtures::folder();
        let mut seed = acme([ticket(7)]);
        seed["accounts"]["acme"]["keys"][0]["key"] = canaries[0].into();
        let seed = fixtures::file(&folder, "seed.json", &seed.to_string());
        let fixed = ["--listen", "127.0.0.1:0", "--ephemeral", "--seed", &*seed, "--log", log];
        let mut running = Running::spawn(command(&fixed).env("RUST_LOG", "trace"));
        let base = running.base();
        for canary in canaries {
            leak(&base, canary).await;
        }
        let finished = running.stop();
        assert_eq!(finished.code, Some(0));
        tells_nothing(&finished);
    }
}

#[tokio::test]
async fn a_key_that_is_given_at_the_start_is_never_printed() {
    let canary = "canary-given-7c3b1e9f20";
    let mut running = Running::serve(&["--api-key", canary]);
    let base = running.base();
    leak(&base, canary).await;
    tells_nothing(&running.stop());

    let mut help = command(&["--help"]);
    tells_nothing(&Running::spawn(help.env("OMNIDESK_MOCK_API_KEY", canary)).finish());
}

#[test]
fn a_key_that_cannot_be_used_is_not_printed_either() {
    let folder = fixtures::folder();
    let file = |name: &str, text: &str| fixtures::file(&folder, name, text);
    let seed = |key: &str| {
        format!(
            "accounts:\n  acme:\n    keys:\n      - {{ key: {key}, name: ci, permissions: all }}\n"
        )
    };
    for (at, bad) in
        ["'canary no key!'", "[canary-list]", "{ canary: map }", "\"canary"].iter().enumerate()
    {
        let seed = file(&format!("seed{at}.yaml"), &seed(bad));
        let finished = crate::program::run(&["seed", "check", &seed]);
        assert!(matches!(finished.code, Some(1..)), "{bad}: {finished:?}");
        tells_nothing(&finished);
    }
    for (at, bad) in
        ["\"canary no key!\"", "canary-bare", "[\"canary\", 7]", "\"canary"].iter().enumerate()
    {
        let config = file(&format!("mock{at}.toml"), &format!("api_key = {bad}\n"));
        let finished = Running::serve(&["--config", &config]).finish();
        assert!(matches!(finished.code, Some(1..)), "{bad}: {finished:?}");
        tells_nothing(&finished);
    }
    let finished = Running::serve(&["--api-key", "canary no key!"]).finish();
    assert!(matches!(finished.code, Some(1..)), "{finished:?}");
    tells_nothing(&finished);
}

#[tokio::test]
async fn the_start_is_quiet_about_anything_but_the_address() {
    let (mut running, _folder) = serve(&["--log", "json"]);
    running.base();
    let finished = running.stop();
    assert!(!finished.text().contains(KEY), "a key of a seed is not told: {finished:?}");
    for line in finished.stderr.lines() {
        let level = serde_json::from_str::<Value>(line).expect("JSON")["level"].clone();
        assert!(level != "ERROR" && level != "WARN", "{line}");
    }
    assert!(finished.stdout.starts_with("listening on "), "{finished:?}");
}

#[tokio::test]
async fn a_line_break_in_a_request_makes_no_second_line() {
    let (mut running, _folder) = serve(&[]);
    let base = running.base();
    let path = "/api/v2/nothing%0d%0aGET%20/api/v2/forged%20200";
    assert_eq!(exchange(&base, &head("GET", path, "")).await.status, 404);
    running.wait_for(|stream, line| stream == Stream::Err && line.contains("404"));
    let finished = running.stop();
    let forged = finished.stderr.lines().filter(|line| line.starts_with("GET /api/v2/forged"));
    assert_eq!(forged.count(), 0, "{finished:?}");
}

#[tokio::test]
async fn no_line_is_as_long_as_what_was_sent() {
    let (mut running, _folder) = serve(&[]);
    let base = running.base();
    let long = "X".repeat(20_000);
    let key = format!("apiKey: {KEY}\r\n");
    for (method, path) in [
        (long.clone(), "/api/v2/ticket/7".to_owned()),
        (long.clone(), "/nothing".to_owned()),
        (long.clone(), "/_control/accounts".to_owned()),
        (long.clone(), "/docs".to_owned()),
        ("PURGE".to_owned(), "/api/v2/ticket/7".to_owned()),
        ("GET".to_owned(), format!("/api/v2/ticket/{long}")),
        ("GET".to_owned(), format!("/{long}")),
    ] {
        let headers = format!("{key}X-Long: {long}\r\nUser-Agent: {long}\r\n");
        let answer = exchange(&base, &head(&method, &path, &headers)).await;
        assert!((400..500).contains(&answer.status), "{answer:?}");
        assert!(answer.body.len() < 1_000, "{answer:?}");
    }
    let client = Client::of(&base);
    for (method, path) in [(&*long, "/_control/accounts"), ("PATCH", &*format!("/_control/{long}"))]
    {
        let refused = answer(client.ask_without_key(method, path)).await;
        assert!([404, 405].contains(&refused.status), "{}", refused.body);
        assert!(refused.body.to_string().len() < 1_000, "{}", refused.body);
    }
    let journal = client.ask_without_key("GET", "/_control/accounts/acme/requests");
    let shown = answer(journal).await.body.to_string();
    assert!(shown.contains("\"method\":\"XXXX"), "{shown}");
    assert!(!shown.contains(&format!("\"method\":\"{}", "X".repeat(50))));
    let finished = running.stop();
    for line in finished.stderr.lines() {
        assert!(line.len() < 500, "{} bytes: {}", line.len(), &line[..200]);
    }
    assert_eq!(finished.stderr.matches("OTHER").count(), 6, "{finished:?}");
}
