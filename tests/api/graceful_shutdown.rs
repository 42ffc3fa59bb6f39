//! Graceful shutdown: running requests finish, new connections are refused, idle connections are closed.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::support::client::{ApiClient, DEV_KEY, JsonResponse};
use crate::support::control::Account;
use crate::support::files;
use crate::support::process::{RunningProcess, build_command, send_signal};
use crate::support::raw::{PendingRequest, RawConnection, wait_until_not_listening};
use crate::support::server::Server;
use crate::support::ticket::NEW_TICKET_FORM;
use crate::support::wait::{poll_until, with_timeout};

#[tokio::test]
async fn shutdown_completes_and_persists_running_request() {
    let data = files::create_temp_dir();
    let path = data.path().to_str().expect("the path is UTF-8");
    let server = Server::start_with_args(&["--data", path]);
    let base = server.base_url.clone();
    let pending = PendingRequest::start_ticket_creation(&base, DEV_KEY, NEW_TICKET_FORM).await;

    let stop = tokio::task::spawn_blocking(move || server.stop());
    wait_until_not_listening(&base).await;
    let response = pending.finish().await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(stop.await.expect("the server exits").exit_code, Some(0));

    let server = Server::start_with_args(&["--data", path]);
    assert_eq!(server.get("/api/v2/ticket/1").await.status, 200);
}

/// A service manager often signals the process and its group, so that the signal arrives twice.
#[tokio::test]
async fn duplicate_sigterm_still_shuts_down_gracefully() {
    let mut server = RunningProcess::spawn_server(&[]);
    let base = server.base_url();
    let pending = PendingRequest::start_ticket_creation(&base, DEV_KEY, NEW_TICKET_FORM).await;
    for _ in 0..2 {
        send_signal(server.pid(), "-TERM");
    }
    wait_until_not_listening(&base).await;
    assert_eq!(pending.finish().await.status, 200, "the running request finishes");
    assert_eq!(server.wait_for_exit().exit_code, Some(0));
}

async fn ready_status(base: &str) -> u16 {
    let request = ApiClient::new(base).request_without_key("GET", "/_control/ready");
    request.send().await.expect("the server responds").status().as_u16()
}

#[tokio::test]
async fn server_serves_requests_during_the_drain_delay_but_is_not_ready() {
    let mut server = RunningProcess::spawn_server(&["--drain-delay", "1h"]);
    let base = server.base_url();
    let client = ApiClient::new(&base);
    assert_eq!(ready_status(&base).await, 200);
    send_signal(server.pid(), "-TERM");
    poll_until("the server to be not ready", async || ready_status(&base).await == 503).await;
    let not_ready = JsonResponse::fetch(client.request_without_key("GET", "/_control/ready")).await;
    assert_eq!(not_ready.body["type"], "/docs/control#shutting-down", "{not_ready:?}");
    let health = client.request_without_key("GET", "/_control/health").send().await;
    assert_eq!(health.expect("the server responds").status(), 200);
    let created = client.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await;
    assert_eq!(created.status, 200, "{created:?}");
    let wait = "/_control/accounts/dev/wait?ticket=1&timeout=1m";
    assert_eq!(client.get(wait).await.status, 200, "waits go on");
    let pending = PendingRequest::start_ticket_creation(&base, DEV_KEY, NEW_TICKET_FORM).await;
    // Duplicates of the first signal are ignored for a second.
    poll_until("the server to stop listening", async || {
        send_signal(server.pid(), "-TERM");
        TcpStream::connect(base.trim_start_matches("http://")).await.is_err()
    })
    .await;
    assert_eq!(pending.finish().await.status, 200, "the running request finishes");
    assert_eq!(server.wait_for_exit().exit_code, Some(0));
}

#[test]
fn shutdown_follows_the_drain_delay() {
    for (arguments, variables) in [
        (&["--drain-delay", "50ms"][..], &[][..]),
        (&[], &[("OMNIDESK_MOCK_DRAIN_DELAY", "50ms")]),
        (&["--drain-delay", "0s"], &[]),
    ] {
        let common = ["serve", "--listen", "127.0.0.1:0", "--ephemeral"];
        let mut command = build_command(&[&common, arguments].concat());
        let mut server = RunningProcess::spawn(command.envs(variables.iter().copied()));
        server.base_url();
        let ended = server.stop();
        assert_eq!(ended.exit_code, Some(0), "{ended:?}");
        let is_delayed = ended.stderr.contains("not ready any more; the shutdown starts in 50ms");
        assert_eq!(is_delayed, !arguments.contains(&"0s"), "{ended:?}");
    }
    let refused = RunningProcess::spawn_server(&["--drain-delay", "2h"]).wait_for_exit();
    assert!(refused.stderr.contains("must be from 0s to 1h"), "{refused:?}");
}

/// Sends a request without reading the response.
async fn send_without_reading(
    account: &Account,
    method: &str,
    path: &str,
    body: &str,
) -> RawConnection {
    let mut stream = RawConnection::open(&account.client.base_url).await;
    let (key, length) = (&account.client.api_key, body.len());
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\napiKey: {key}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.send(head.as_bytes()).await;
    stream
}

/// Faults that block each operation, and the expected start and end of the response on shutdown.
fn blocking_faults() -> [(&'static str, &'static str, &'static str, Value, [&'static str; 2]); 5] {
    let complete = ["HTTP/1.1 200 ", "}"];
    let list_path = "/api/v2/ticket";
    [
        ("create", "POST", list_path, json!({ "delay": "5m" }), complete),
        ("get", "GET", "/api/v2/ticket/1", json!({ "delay": "5m" }), complete),
        ("list", "GET", list_path, json!({ "dribble": "10s" }), complete),
        ("update", "PUT", "/api/v2/ticket/1", json!({ "delay": "5m", "when": "after" }), complete),
        ("delete", "DELETE", "/api/v2/ticket/1", json!({ "hang": "5m" }), ["", ""]),
    ]
}

/// Sends a request for each fault, and waits until all faults have been applied.
async fn start_blocked_requests(account: &Account) -> Vec<(RawConnection, [&'static str; 2])> {
    let mut streams = Vec::new();
    for (operation, method, path, effect, expected) in blocking_faults() {
        let rule = json!({ "operation": operation, "effect": effect });
        let created = account.send_control_json("POST", "/faults", &rule).await;
        assert_eq!(created.status, 201, "{}", created.body);
        let body = match operation {
            "create" => NEW_TICKET_FORM,
            "update" => "title=Changed",
            _ => "",
        };
        streams.push((send_without_reading(account, method, path, body).await, expected));
    }
    poll_until("all faults", async || {
        let rules = account.send_control("GET", "/faults").await.body;
        let rules = rules["faults"].as_array().expect("rules").clone();
        rules.iter().all(|rule| rule["applied"] == 1)
    })
    .await;
    streams
}

/// Opens a wait and a stream, which occupy both wait slots.
async fn occupy_wait_slots(account: &Account) -> (RawConnection, RawConnection) {
    let path = |rest: &str| format!("/_control/accounts/{}{rest}", account.name);
    let mut stream = send_without_reading(account, "GET", &path("/requests/stream"), "").await;
    stream.expect_bytes(b"HTTP/1.1 200").await;
    let occupied = async {
        loop {
            let wait = path("/wait?operation=deleteMulti&timeout=5m");
            let wait = send_without_reading(account, "GET", &wait, "").await;
            // The wait gets 429 if the probe below holds the last slot at that moment; then retry.
            while !wait.is_readable() {
                let probe =
                    account.send_control("GET", "/wait?operation=deleteMulti&timeout=1ms").await;
                if probe.status == 429 {
                    return wait;
                }
            }
        }
    };
    (with_timeout("a wait in the last slot", occupied).await, stream)
}

#[tokio::test]
async fn shutdown_ends_delayed_requests_waits_and_streams() {
    let data = files::create_temp_dir();
    let arguments =
        ["--data", data.path().to_str().expect("the path is UTF-8"), "--max-waits", "2"];
    let server = Server::start_with_args(&arguments);
    let base = server.base_url.clone();
    let dev = Account::new(&server, "dev", DEV_KEY);
    let other = Account::create(&server, &json!({ "name": "other" })).await;
    let keys = (dev.client.api_key.clone(), other.client.api_key.clone());
    assert_eq!(dev.client.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await.status, 200);
    let blocked = start_blocked_requests(&dev).await;
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
    for (stream, [begin, end]) in blocked {
        let received = stream.read_to_end().await.text();
        assert!(received.starts_with(begin) && received.ends_with(end), "{begin:?}: {received:?}");
        assert_eq!(received.is_empty(), begin.is_empty(), "{received:?}");
    }
    let (wait, stream) = (wait.read_to_end().await.text(), stream.read_to_end().await.text());
    assert!(
        wait.starts_with("HTTP/1.1 503 ") && wait.contains("/docs/control#shutting-down"),
        "{wait:?}"
    );
    assert!(stream.ends_with("\r\n0\r\n\r\n"), "{stream:?}");
    assert_eq!(stop.await.expect("the server exits").exit_code, Some(0));

    let server = Server::start_with_args(&arguments);
    let total = async |key: &str| {
        server.with_key(key).get("/api/v2/ticket").await.body["itemTotal"].clone()
    };
    assert_eq!(
        (total(&keys.0).await, total(&keys.1).await),
        (2.into(), 2.into()),
        "all writes are stored"
    );
    let changed = server.get("/api/v2/ticket/1").await.body;
    assert_eq!(changed["item"]["title"], "Changed", "{changed}");
}

#[tokio::test]
async fn idle_connection_does_not_delay_shutdown() {
    let server = Server::start();
    let idle = RawConnection::open(&server.base_url).await;
    assert_eq!(server.get("/api/v2/ticket").await.status, 200);
    let start = Instant::now();
    assert_eq!(server.stop().exit_code, Some(0));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    drop(idle);
}

#[tokio::test]
async fn stuck_request_delays_shutdown_for_a_bounded_time() {
    let server = Server::start();
    let headers = format!("apiKey: {DEV_KEY}\r\nContent-Type: application/json\r\n");
    let stuck =
        PendingRequest::start_post(&server.base_url, ("/api/v2/ticket", &headers), "", 1_000_000)
            .await;
    let start = Instant::now();
    assert_eq!(server.stop().exit_code, Some(0));
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
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
