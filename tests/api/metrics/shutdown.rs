//! Responses of a server that is shutting down.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::TIMEOUT;
use crate::graceful_shutdown::{PendingRequest, wait_until_not_listening};
use crate::support::client::DEV_KEY;
use crate::support::process::run_to_exit;
use crate::support::raw;
use crate::support::server::Server;
use crate::support::ticket::NEW_TICKET_FORM;

/// Sends a request without its last line.
async fn send_incomplete_request(base: &str, path: &str) -> TcpStream {
    let mut stream = raw::connect(base).await;
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    stream.write_all(head.as_bytes()).await.expect("the partial request is sent");
    stream
}

/// Sends the last line and returns the response; empty if the connection was closed before.
async fn complete_and_read(mut stream: TcpStream) -> String {
    // The connection may be closed already.
    let _ = stream.write_all(b"\r\n").await;
    let mut received = Vec::new();
    let _ = timeout(TIMEOUT, stream.read_to_end(&mut received)).await.expect("the connection ends");
    String::from_utf8_lossy(&received).into_owned()
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
    let mut idle = raw::connect(&base).await;
    idle.write_all(b"GET /_control/ready HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .expect("the request is sent");
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.expect("the server responds");
    assert_eq!(&first, b"HTTP/1.1 200");
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
    let mut received = Vec::new();
    let closed = timeout(TIMEOUT, idle.read_to_end(&mut received)).await;
    assert!(closed.is_ok(), "an idle connection is closed while a request runs");
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
