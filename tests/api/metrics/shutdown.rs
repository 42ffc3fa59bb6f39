//! Responses of a server that is shutting down.

use std::time::Duration;

use tokio::time::timeout;

use crate::support::client::DEV_KEY;
use crate::support::process::run_to_exit;
use crate::support::raw::{PendingRequest, RawConnection, wait_until_not_listening};
use crate::support::server::Server;
use crate::support::ticket::NEW_TICKET_FORM;

/// Sends a request without its last line.
async fn send_incomplete_request(base: &str, path: &str) -> RawConnection {
    let mut stream = RawConnection::open(base).await;
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    stream.send(head.as_bytes()).await;
    stream
}

/// Sends the last line and returns the response; empty if the connection was closed before.
async fn complete_and_read(mut stream: RawConnection) -> String {
    // The connection may be closed already.
    stream.try_send(b"\r\n").await;
    stream.read_to_end().await.text()
}

#[tokio::test]
async fn ready_gets_503_and_health_200_during_shutdown() {
    let server = Server::start();
    let base = server.base_url.clone();
    let (mut ready, mut health) = (Vec::new(), Vec::new());
    for _ in 0..8 {
        ready.push(send_incomplete_request(&base, "/_control/ready").await);
        health.push(send_incomplete_request(&base, "/_control/health").await);
    }
    // A connection without a pending request is idle.
    let mut idle = RawConnection::open(&base).await;
    idle.send(b"GET /_control/ready HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    idle.expect_bytes(b"HTTP/1.1 200").await;
    for _ in 0..20 {
        assert_eq!(
            server.get("/api/v2/ticket").await.status,
            200,
            "the server has time to read the partial requests"
        );
    }
    let pending = PendingRequest::start_ticket_creation(&base, DEV_KEY, NEW_TICKET_FORM).await;

    let stop = tokio::task::spawn_blocking(move || server.stop());
    wait_until_not_listening(&base).await;
    for (streams, status, word) in
        [(ready, " 503 ", "/docs/control#shutting-down"), (health, " 200 ", "ok")]
    {
        let mut responses = Vec::new();
        for stream in streams {
            responses.push(complete_and_read(stream).await);
        }
        responses.retain(|response| !response.is_empty());
        assert!(!responses.is_empty(), "{word}: at least one request gets a response");
        for response in responses {
            let status_line = response.lines().next().unwrap_or_default();
            assert!(status_line.contains(status) && response.contains(word), "{response}");
        }
    }
    // An idle connection is closed while a request runs.
    idle.read_to_end().await;
    assert_eq!(pending.finish().await.status, 200);
    assert_eq!(stop.await.expect("the server stops").exit_code, Some(0));
}

#[tokio::test]
async fn ready_command_fails_during_shutdown() {
    let server = Server::start();
    let base = server.base_url.clone();
    assert_eq!(run_to_exit(&["ready", "--url", &base]).exit_code, Some(0));
    let pending = PendingRequest::start_ticket_creation(&base, DEV_KEY, NEW_TICKET_FORM).await;
    let stop = tokio::task::spawn_blocking(move || server.stop());
    wait_until_not_listening(&base).await;
    let ready = run_to_exit(&["ready", "--url", &base, "--timeout", "200ms"]);
    assert_ne!(ready.exit_code, Some(0), "{ready:?}");
    assert!(ready.stderr.contains(&base), "{ready:?}");
    assert_eq!(pending.finish().await.status, 200);
    let result = timeout(Duration::from_secs(20), stop).await.expect("the server stops in time");
    assert_eq!(result.expect("the server stops").exit_code, Some(0));
}
