//! Log output: one line per request, and never an API key.

use serde_json::Value;

use crate::support::client::ApiClient;
use crate::support::control::fetch_response;
use crate::support::files;
use crate::support::process::{OutputStream, ProcessOutput, RunningProcess, build_command};
use crate::support::raw::{RawConnection, build_raw_head, build_raw_request, exchange};
use crate::support::seed::{ACME_KEY, acme_seed, ticket_fixture};
use crate::support::ticket::{NEW_TICKET_FORM, URLENCODED};

/// Starts a server from the seed of `acme`; the directory holds the seed file.
fn serve_acme(arguments: &[&str]) -> (RunningProcess, tempfile::TempDir) {
    let folder = files::create_temp_dir();
    let seed = files::write_file(&folder, "seed.json", &acme_seed([ticket_fixture(7)]).to_string());
    (RunningProcess::spawn_server(&[&["--seed", &seed], arguments].concat()), folder)
}

async fn send_sample_requests(base: &str) {
    let key = format!("apiKey: {ACME_KEY}\r\n");
    assert_eq!(exchange(base, &build_raw_head("GET", "/api/v2/ticket/7", &key)).await.status, 200);
    assert_eq!(
        exchange(base, &build_raw_head("DELETE", "/api/v2/ticket/999", &key)).await.status,
        400
    );
    assert_eq!(exchange(base, &build_raw_head("GET", "/api/v2/nothing", &key)).await.status, 404);
}

/// Returns the log lines that contain a method, one per request.
fn request_lines(finished: &ProcessOutput) -> Vec<&str> {
    assert_eq!(finished.exit_code, Some(0), "{finished:?}");
    finished.stderr.lines().filter(|line| line.contains("GET") || line.contains("DELETE")).collect()
}

#[tokio::test]
async fn each_request_logs_one_line() {
    let (mut running, _folder) = serve_acme(&[]);
    send_sample_requests(&running.base_url()).await;
    let finished = running.stop();
    let lines = request_lines(&finished);
    assert_eq!(lines.len(), 3, "{finished:?}");
    for (line, words) in lines.iter().zip([
        &["GET", "/api/v2/ticket/{ticketID}", "acme", "200"][..],
        &["DELETE", "/api/v2/ticket/{ticketID}", "acme", "400"],
        &["GET", "404"],
    ]) {
        for word in words {
            assert!(line.contains(word), "{word} is missing in {line}");
        }
        assert!(line.contains("ms") || line.contains("µs"), "the duration is missing in {line}");
        assert!(!line.contains('\u{1b}'), "no colors if stderr is not a terminal: {line:?}");
    }
    assert!(!finished.stdout.contains("/api/v2/ticket/{"), "{finished:?}");
}

#[tokio::test]
async fn log_has_the_reason_of_each_authentication_failure() {
    let token = "a-control-token";
    let (mut running, _folder) = serve_acme(&["--control-token", token]);
    let client = ApiClient::new(&running.base_url());
    for (path, header, value, status, reason) in [
        ("/api/v2/ticket/7", "Accept", "*/*", 401, "missing-api-key"),
        ("/api/v2/ticket/7", "Authorization", "Bearer nothing", 401, "misplaced-api-key"),
        ("/api/v2/ticket/7", "apiKey", "nothing-known", 401, "unknown-api-key"),
        ("/api/v2/ticket/7?apiKey=b", "apiKey", "nothing-known", 400, "conflicting-api-keys"),
        ("/_control/accounts", "Accept", "*/*", 401, "invalid-token"),
        ("/_control/metrics", "Accept", "*/*", 401, "invalid-token"),
        ("/_control/accounts", "Authorization", "Bearer wrong-token", 401, "invalid-token"),
        ("/_control/accounts", "Authorization", token, 401, "invalid-token"),
        (
            "/_control/accounts/self",
            "Authorization",
            "Bearer a-control-token",
            401,
            "invalid-api-key",
        ),
    ] {
        let request = client.request_without_key("GET", path).header(header, value);
        let response = request.send().await.expect("the server responds");
        assert_eq!(response.status(), status, "{path} {header}: {value}");
        let reason = format!("status={status} reason=\"{reason}\"");
        running
            .wait_for_line(|stream, line| stream == OutputStream::Stderr && line.contains(&reason));
    }
    let finished = running.stop();
    assert!(!finished.stderr.contains("nothing-known") && !finished.stderr.contains(token));
}

#[tokio::test]
async fn rejected_connections_and_malformed_http_are_logged() {
    let (mut running, _folder) = serve_acme(&["--max-connections", "1"]);
    let base = running.base_url();
    let mut open_connection = RawConnection::open(&base).await;
    let over_limit = exchange(&base, &build_raw_head("GET", "/api/v2/ticket", "")).await;
    assert_eq!(over_limit.status, 503, "{over_limit:?}");
    running.wait_for_line(|_, line| line.contains("INFO") && line.contains("--max-connections"));
    open_connection.send(b"no HTTP\r\n\r\n").await;
    assert_eq!(open_connection.read_only_response().await.status, 400);
    running.wait_for_line(|_, line| line.contains("INFO") && line.contains("not valid HTTP/1.1"));
    assert_eq!(running.stop().exit_code, Some(0));
}

#[tokio::test]
async fn json_log_format_writes_one_object_per_line() {
    let (mut running, _folder) = serve_acme(&["--log", "json"]);
    send_sample_requests(&running.base_url()).await;
    let finished = running.stop();
    for line in finished.stderr.lines() {
        let parsed = serde_json::from_str::<Value>(line);
        assert!(parsed.is_ok_and(|value| value.is_object()), "{line}");
    }
    let lines = request_lines(&finished);
    assert_eq!(lines.len(), 3, "{finished:?}");
    let first: Value = serde_json::from_str(lines[0]).expect("the body is JSON");
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

/// Sends the secret in every place of a request, as a known and as an unknown key.
async fn send_secret_everywhere(base: &str, secret: &str) {
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
        exchange(base, &build_raw_head("GET", &path, "")).await;
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
        exchange(base, &build_raw_head("GET", "/api/v2/ticket/7", &headers)).await;
        exchange(base, &build_raw_head("PATCH", "/api/v2/ticket/7", &headers)).await;
    }
    let body = format!("apiKey={secret}&{NEW_TICKET_FORM}");
    for content_type in
        [URLENCODED, "application/json", "multipart/form-data; boundary=edge", "text/plain"]
    {
        exchange(
            base,
            &build_raw_request("POST", "/api/v2/ticket", secret, content_type, body.as_bytes()),
        )
        .await;
    }
}

fn assert_no_secret_in_output(finished: &ProcessOutput) {
    let text = finished.combined_output();
    let leaks: Vec<&str> = text.lines().filter(|line| line.contains("canary")).collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
}

#[tokio::test]
async fn log_never_contains_a_sent_api_key() {
    let canaries = ["canary-known-5f1d7c0b9e", "canary-unknown-2a8e6f4d1c"];
    for log in ["text", "json"] {
        let folder = files::create_temp_dir();
        let mut seed = acme_seed([ticket_fixture(7)]);
        seed["accounts"]["acme"]["keys"][0]["key"] = canaries[0].into();
        let seed = files::write_file(&folder, "seed.json", &seed.to_string());
        let arguments = ["--listen", "127.0.0.1:0", "--ephemeral", "--seed", &*seed, "--log", log];
        let mut running = RunningProcess::spawn(build_command(&arguments).env("RUST_LOG", "trace"));
        let base = running.base_url();
        for canary in canaries {
            send_secret_everywhere(&base, canary).await;
        }
        let finished = running.stop();
        assert_eq!(finished.exit_code, Some(0));
        assert_no_secret_in_output(&finished);
    }
}

#[tokio::test]
async fn output_never_contains_the_configured_api_key() {
    let canary = "canary-given-7c3b1e9f20";
    let mut running = RunningProcess::spawn_server(&["--api-key", canary]);
    let base = running.base_url();
    send_secret_everywhere(&base, canary).await;
    assert_no_secret_in_output(&running.stop());

    let mut help = build_command(&["--help"]);
    assert_no_secret_in_output(
        &RunningProcess::spawn(help.env("OMNIDESK_MOCK_API_KEY", canary)).wait_for_exit(),
    );
}

#[test]
fn error_for_invalid_api_key_does_not_print_it() {
    let folder = files::create_temp_dir();
    let file = |name: &str, text: &str| files::write_file(&folder, name, text);
    let seed = |key: &str| {
        format!(
            "accounts:\n  acme:\n    keys:\n      - {{ key: {key}, name: ci, permissions: all }}\n"
        )
    };
    for (index, invalid) in
        ["'canary no key!'", "[canary-list]", "{ canary: map }", "\"canary"].iter().enumerate()
    {
        let seed = file(&format!("seed{index}.yaml"), &seed(invalid));
        let finished = crate::support::process::run_to_exit(&["seed", "check", &seed]);
        assert!(matches!(finished.exit_code, Some(1..)), "{invalid}: {finished:?}");
        assert_no_secret_in_output(&finished);
    }
    for (index, invalid) in
        ["\"canary no key!\"", "canary-bare", "[\"canary\", 7]", "\"canary"].iter().enumerate()
    {
        let config = file(&format!("mock{index}.toml"), &format!("api_key = {invalid}\n"));
        let finished = RunningProcess::spawn_server(&["--config", &config]).wait_for_exit();
        assert!(matches!(finished.exit_code, Some(1..)), "{invalid}: {finished:?}");
        assert_no_secret_in_output(&finished);
    }
    let finished = RunningProcess::spawn_server(&["--api-key", "canary no key!"]).wait_for_exit();
    assert!(matches!(finished.exit_code, Some(1..)), "{finished:?}");
    assert_no_secret_in_output(&finished);
}

#[tokio::test]
async fn startup_logs_no_warnings_and_no_keys() {
    let (mut running, _folder) = serve_acme(&["--log", "json"]);
    running.base_url();
    let finished = running.stop();
    assert!(
        !finished.combined_output().contains(ACME_KEY),
        "a seed key is not printed: {finished:?}"
    );
    for line in finished.stderr.lines() {
        let level = serde_json::from_str::<Value>(line).expect("the body is JSON")["level"].clone();
        assert!(level != "ERROR" && level != "WARN", "{line}");
    }
    assert!(finished.stdout.starts_with("listening on "), "{finished:?}");
}

#[tokio::test]
async fn line_break_in_path_cannot_forge_a_log_line() {
    let (mut running, _folder) = serve_acme(&[]);
    let base = running.base_url();
    let path = "/api/v2/nothing%0d%0aGET%20/api/v2/forged%20200";
    assert_eq!(exchange(&base, &build_raw_head("GET", path, "")).await.status, 404);
    running.wait_for_line(|stream, line| stream == OutputStream::Stderr && line.contains("404"));
    let finished = running.stop();
    let forged = finished.stderr.lines().filter(|line| line.starts_with("GET /api/v2/forged"));
    assert_eq!(forged.count(), 0, "{finished:?}");
}

#[tokio::test]
async fn log_line_length_is_bounded() {
    let (mut running, _folder) = serve_acme(&[]);
    let base = running.base_url();
    let long = "X".repeat(20_000);
    let key = format!("apiKey: {ACME_KEY}\r\n");
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
        let response = exchange(&base, &build_raw_head(&method, &path, &headers)).await;
        assert!((400..500).contains(&response.status), "{response:?}");
        assert!(response.body.len() < 1_000, "{response:?}");
    }
    let client = ApiClient::new(&base);
    for (method, path) in [(&*long, "/_control/accounts"), ("PATCH", &*format!("/_control/{long}"))]
    {
        let refused = fetch_response(client.request_without_key(method, path)).await;
        assert!([404, 405].contains(&refused.status), "{}", refused.body);
        assert!(refused.body.to_string().len() < 1_000, "{}", refused.body);
    }
    let journal = client.request_without_key("GET", "/_control/accounts/acme/requests");
    let journal = fetch_response(journal).await.body.to_string();
    assert!(journal.contains("\"method\":\"XXXX"), "{journal}");
    assert!(!journal.contains(&format!("\"method\":\"{}", "X".repeat(50))));
    let finished = running.stop();
    for line in finished.stderr.lines() {
        assert!(line.len() < 500, "{} bytes: {}", line.len(), &line[..200]);
    }
    assert_eq!(finished.stderr.matches("OTHER").count(), 6, "{finished:?}");
}
