//! A server that has been told to end says so to whoever can still ask.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::TIMEOUT;
use crate::fixtures::NEW_TICKET_FORM;
use crate::graceful_shutdown::{PendingRequest, wait_until_not_listening};
use crate::process::run_to_exit;
use crate::raw_http;
use crate::support::{DEV_KEY, Server};

/// A request that lacks its last line.
async fn send_incomplete_request(base: &str, path: &str) -> TcpStream {
    let mut stream = raw_http::connect(base).await;
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    stream.write_all(head.as_bytes()).await.expect("it is sent");
    stream
}

/// What comes once the last line has come; nothing where the connection was closed before.
async fn complete_and_read(mut stream: TcpStream) -> String {
    // It may be closed already.
    let _ = stream.write_all(b"\r\n").await;
    let mut read = Vec::new();
    let _ = timeout(TIMEOUT, stream.read_to_end(&mut read)).await.expect("the connection ends");
    String::from_utf8_lossy(&read).into_owned()
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
    // One that has been served is idle.
    let mut idle = raw_http::connect(&base).await;
    idle.write_all(b"GET /_control/ready HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .expect("it is sent");
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.expect("it is answered");
    assert_eq!(&first, b"HTTP/1.1 200");
    for _ in 0..20 {
        assert_eq!(
            server.get("/api/v2/ticket").await.status,
            200,
            "the server has read all of them"
        );
    }
    let held = PendingRequest::start_ticket_creation(&base, DEV_KEY, NEW_TICKET_FORM).await;

    let stop = tokio::task::spawn_blocking(move || server.stop());
    wait_until_not_listening(&base).await;
    for (asked, status, word) in [(ready, " 503 ", "/docs/control#ending"), (health, " 200 ", "ok")]
    {
        let mut answers = Vec::new();
        for stream in asked {
            answers.push(complete_and_read(stream).await);
        }
        answers.retain(|answer| !answer.is_empty());
        assert!(!answers.is_empty(), "{word}: somebody was heard");
        for answer in answers {
            let top = answer.lines().next().unwrap_or_default();
            assert!(top.contains(status) && answer.contains(word), "{answer}");
        }
    }
    let mut left = Vec::new();
    let closed = timeout(TIMEOUT, idle.read_to_end(&mut left)).await;
    assert!(closed.is_ok(), "an idle connection is closed while a request runs");
    assert_eq!(held.finish().await.status, 200);
    assert_eq!(stop.await.expect("it ends").code(), Some(0));
}

#[tokio::test]
async fn ready_command_fails_during_shutdown() {
    let server = Server::start();
    let base = server.base_url.clone();
    assert_eq!(run_to_exit(&["ready", "--url", &base]).exit_code, Some(0));
    let held = PendingRequest::start_ticket_creation(&base, DEV_KEY, NEW_TICKET_FORM).await;
    let stop = tokio::task::spawn_blocking(move || server.stop());
    wait_until_not_listening(&base).await;
    let ready = run_to_exit(&["ready", "--url", &base, "--timeout", "200ms"]);
    assert_ne!(ready.exit_code, Some(0), "{ready:?}");
    assert!(ready.stderr.contains(&base), "{ready:?}");
    assert_eq!(held.finish().await.status, 200);
    let ended = timeout(Duration::from_secs(20), stop).await.expect("it ends in time");
    assert_eq!(ended.expect("it ends").code(), Some(0));
}
