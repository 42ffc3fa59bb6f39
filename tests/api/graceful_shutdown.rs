//! A stop lets running requests finish, takes no new ones, and does not wait for idle connections.

use std::time::{Duration, Instant};

use futures_util::FutureExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::control_client::Account;
use crate::fixtures::{self, NEW_TICKET_FORM};
use crate::process::RunningProcess;
use crate::raw_http;
use crate::support::{DEV_KEY, Server};

/// Longer than a server takes to end, so that a stuck one fails its test instead of holding it.
const TEST_TIMEOUT: Duration = Duration::from_mins(1);

/// A request whose head the server has read, and whose body it waits for.
pub(crate) struct PendingRequest {
    stream: TcpStream,
    body: String,
}

impl PendingRequest {
    /// A creation of a ticket.
    pub(crate) async fn start_ticket_creation(base: &str, key: &str, body: &str) -> Self {
        let kind = "application/x-www-form-urlencoded";
        let headers = format!("apiKey: {key}\r\nContent-Type: {kind}\r\n");
        Self::start_post(base, ("/api/v2/ticket", &headers), body, body.len()).await
    }

    /// Sends a head, and waits until the server has read it and asks for the body.
    pub(crate) async fn start_post(
        base: &str,
        (path, headers): (&str, &str),
        body: &str,
        length: usize,
    ) -> Self {
        let mut stream = raw_http::connect(base).await;
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\
             Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.expect("the server reads");
        let mut interim = [0; 25];
        stream.read_exact(&mut interim).await.expect("the server asks for the body");
        assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
        Self { stream, body: body.to_owned() }
    }

    /// Sends the body and reads the answer.
    pub(crate) async fn finish(mut self) -> raw_http::RawResponse {
        self.stream.write_all(self.body.as_bytes()).await.expect("the server still reads");
        raw_http::read_raw_response(self.stream).await
    }
}

/// Waits until the server takes no more connections.
pub(crate) async fn wait_until_not_listening(base: &str) {
    let address = base.strip_prefix("http://").expect("a plain address");
    let closing = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(8), closing).await.expect("it takes no more");
}

#[tokio::test]
async fn shutdown_completes_and_persists_running_request() {
    let data = fixtures::create_temp_dir();
    let path = data.path().to_str().expect("the path is text");
    let server = Server::start_with_args(&["--data", path]);
    let base = server.base_url.clone();
    let begun = PendingRequest::start_ticket_creation(&base, DEV_KEY, NEW_TICKET_FORM).await;

    let stop = tokio::task::spawn_blocking(move || server.stop());
    wait_until_not_listening(&base).await;
    let answer = begun.finish().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(stop.await.expect("it ends").code(), Some(0));

    let server = Server::start_with_args(&["--data", path]);
    assert_eq!(server.get("/api/v2/ticket/1").await.status, 200);
}

/// Who ends a process often signals its group as well, so that the signal comes twice.
#[tokio::test]
async fn duplicate_sigterm_still_shuts_down_gracefully() {
    let mut server = RunningProcess::spawn_server(&[]);
    let base = server.base_url();
    let begun = PendingRequest::start_ticket_creation(&base, DEV_KEY, NEW_TICKET_FORM).await;
    let id = server.pid().to_string();
    for _ in 0..2 {
        let sent = std::process::Command::new("kill").args(["-TERM", &id]).status();
        assert!(sent.expect("kill runs").success());
    }
    wait_until_not_listening(&base).await;
    assert_eq!(begun.finish().await.status, 200, "the running request finishes");
    assert_eq!(server.wait_for_exit().exit_code, Some(0));
}

/// A request that goes out and is not answered yet.
async fn send_without_reading(
    account: &Account,
    method: &str,
    path: &str,
    body: &str,
) -> TcpStream {
    let mut stream = raw_http::connect(&account.client.base_url).await;
    let (key, length) = (&account.client.api_key, body.len());
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\napiKey: {key}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(head.as_bytes()).await.expect("the server reads");
    stream
}

/// All that comes until the connection ends; how it ends does not matter.
async fn read_until_close(mut stream: TcpStream) -> String {
    let mut read = Vec::new();
    let reading = stream.read_to_end(&mut read);
    // A connection that is broken has nothing more to say.
    let _ = tokio::time::timeout(TEST_TIMEOUT, reading).await.expect("the connection ends");
    String::from_utf8_lossy(&read).into_owned()
}

/// Rules that hold each operation up, and how the answer begins and ends when the server ends meanwhile.
fn blocking_faults() -> [(&'static str, &'static str, &'static str, Value, [&'static str; 2]); 5] {
    let good = ["HTTP/1.1 200 ", "}"];
    let index = "/api/v2/ticket";
    [
        ("create", "POST", index, json!({ "delay": "5m" }), good),
        ("get", "GET", "/api/v2/ticket/1", json!({ "delay": "5m" }), good),
        ("list", "GET", index, json!({ "drip": "10s" }), good),
        ("update", "PUT", "/api/v2/ticket/1", json!({ "delay": "5m", "when": "after" }), good),
        ("delete", "DELETE", "/api/v2/ticket/1", json!({ "hang": "5m" }), ["", ""]),
    ]
}

/// Sends a request under each of the rules, and waits until all have been met.
async fn start_blocked_requests(account: &Account) -> Vec<(TcpStream, [&'static str; 2])> {
    let mut streams = Vec::new();
    for (operation, method, path, effect, expected) in blocking_faults() {
        let rule = json!({ "operation": operation, "effect": effect });
        let made = account.send_control_json("POST", "/faults", &rule).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let body = match operation {
            "create" => NEW_TICKET_FORM,
            "update" => "title=Changed",
            _ => "",
        };
        streams.push((send_without_reading(account, method, path, body).await, expected));
    }
    let met = async {
        loop {
            let rules = account.send_control("GET", "/faults").await.body;
            let rules = rules["faults"].as_array().expect("rules").clone();
            if rules.iter().all(|rule| rule["applied"] == 1) {
                break;
            }
        }
    };
    tokio::time::timeout(TEST_TIMEOUT, met).await.expect("all are met");
    streams
}

/// A wait and a stream that have taken the two places that there are.
async fn occupy_wait_slots(account: &Account) -> (TcpStream, TcpStream) {
    let path = |rest: &str| format!("/_control/accounts/{}{rest}", account.name);
    let mut stream = send_without_reading(account, "GET", &path("/requests/stream"), "").await;
    let mut first = [0; 12];
    stream.read_exact(&mut first).await.expect("it is answered");
    assert_eq!(&first, b"HTTP/1.1 200");
    let both = async {
        loop {
            let wait = path("/wait?operation=deleteMulti&timeout=5m");
            let wait = send_without_reading(account, "GET", &wait, "").await;
            // One that comes while a moment has the last place is turned away: it is tried once more.
            while wait.peek(&mut first).now_or_never().is_none() {
                let moment =
                    account.send_control("GET", "/wait?operation=deleteMulti&timeout=1ms").await;
                if moment.status == 429 {
                    return wait;
                }
            }
        }
    };
    (tokio::time::timeout(TEST_TIMEOUT, both).await.expect("both are there"), stream)
}

#[tokio::test]
async fn shutdown_ends_delayed_requests_waits_and_streams() {
    let data = fixtures::create_temp_dir();
    let arguments = ["--data", data.path().to_str().expect("the path is text"), "--max-waits", "2"];
    let server = Server::start_with_args(&arguments);
    let base = server.base_url.clone();
    let dev = Account::new(&server, "dev", DEV_KEY);
    let other = Account::create(&server, &json!({ "name": "other" })).await;
    let keys = (dev.client.api_key.clone(), other.client.api_key.clone());
    assert_eq!(dev.client.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await.status, 200);
    let held = start_blocked_requests(&dev).await;
    let (wait, stream) = occupy_wait_slots(&other).await;
    let write = PendingRequest::start_ticket_creation(&base, &keys.1, NEW_TICKET_FORM).await;
    let body = json!({ "accounts": { "x": { "tickets": [{ "id": 50, "title": "Imported" }] } } })
        .to_string();
    let import = ("/_control/accounts/other/import", "Content-Type: application/json\r\n");
    let import = PendingRequest::start_post(&base, import, &body, body.len()).await;

    let stop = tokio::task::spawn_blocking(move || server.stop());
    wait_until_not_listening(&base).await;
    assert_eq!(write.finish().await.status, 200);
    assert_eq!(import.finish().await.status, 200);
    for (stream, [begin, end]) in held {
        let received = read_until_close(stream).await;
        assert!(received.starts_with(begin) && received.ends_with(end), "{begin:?}: {received:?}");
        assert_eq!(received.is_empty(), begin.is_empty(), "{received:?}");
    }
    let (wait, stream) = (read_until_close(wait).await, read_until_close(stream).await);
    assert!(wait.starts_with("HTTP/1.1 503 ") && wait.contains("/docs/control#ending"), "{wait:?}");
    assert!(stream.ends_with("\r\n0\r\n\r\n"), "{stream:?}");
    assert_eq!(stop.await.expect("it ends").code(), Some(0));

    let server = Server::start_with_args(&arguments);
    let total = async |key: &str| {
        server.with_key(key).get("/api/v2/ticket").await.body["itemTotal"].clone()
    };
    assert_eq!(
        (total(&keys.0).await, total(&keys.1).await),
        (2.into(), 2.into()),
        "all of it is kept"
    );
    let changed = server.get("/api/v2/ticket/1").await.body;
    assert_eq!(changed["item"]["title"], "Changed", "{changed}");
}

#[tokio::test]
async fn idle_connection_does_not_delay_shutdown() {
    let server = Server::start();
    let idle = raw_http::connect(&server.base_url).await;
    assert_eq!(server.get("/api/v2/ticket").await.status, 200);
    let begun = Instant::now();
    assert_eq!(server.stop().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    drop(idle);
}

#[tokio::test]
async fn stuck_request_delays_shutdown_for_a_bounded_time() {
    let server = Server::start();
    let headers = format!("apiKey: {DEV_KEY}\r\nContent-Type: application/json\r\n");
    let stuck =
        PendingRequest::start_post(&server.base_url, ("/api/v2/ticket", &headers), "", 1_000_000)
            .await;
    let begun = Instant::now();
    assert_eq!(server.stop().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    drop(stuck);
}

#[test]
fn signal_right_after_startup_shuts_down_gracefully() {
    for signal in ["-TERM", "-INT"] {
        for _ in 0..5 {
            let mut running = RunningProcess::spawn_server(&[]);
            running.base_url();
            let finished = running.signal_and_wait(signal);
            assert_eq!(finished.exit_code, Some(0), "{signal}: {finished:?}");
        }
    }
}
