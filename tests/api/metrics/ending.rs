//! A server that has been told to end says so to whoever can still ask.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::PATIENCE;
use crate::drain::{Begun, no_longer_listens};
use crate::fixtures::NEW_TICKET;
use crate::program::run;
use crate::raw;
use crate::support::{DEV_KEY, Server};

/// A request that lacks its last line.
async fn half(base: &str, path: &str) -> TcpStream {
    let mut stream = raw::connect(base).await;
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    stream.write_all(head.as_bytes()).await.expect("it is sent");
    stream
}

/// What comes once the last line has come; nothing where the connection was closed before.
async fn rest(mut stream: TcpStream) -> String {
    // It may be closed already.
    let _ = stream.write_all(b"\r\n").await;
    let mut read = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut read)).await.expect("the connection ends");
    String::from_utf8_lossy(&read).into_owned()
}

#[tokio::test]
async fn ready_says_that_it_ends_and_health_that_it_runs() {
    let server = Server::start();
    let base = server.base.clone();
    let (mut ready, mut health) = (Vec::new(), Vec::new());
    for _ in 0..8 {
        ready.push(half(&base, "/_control/ready").await);
        health.push(half(&base, "/_control/health").await);
    }
    // One that has been served is idle.
    let mut idle = raw::connect(&base).await;
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
    let held = Begun::create(&base, DEV_KEY, NEW_TICKET).await;

    let stop = tokio::task::spawn_blocking(move || server.stop());
    no_longer_listens(&base).await;
    for (asked, status, word) in [(ready, " 503 ", "/docs/control#ending"), (health, " 200 ", "ok")]
    {
        let mut answers = Vec::new();
        for stream in asked {
            answers.push(rest(stream).await);
        }
        answers.retain(|answer| !answer.is_empty());
        assert!(!answers.is_empty(), "{word}: somebody was heard");
        for answer in answers {
            let top = answer.lines().next().unwrap_or_default();
            assert!(top.contains(status) && answer.contains(word), "{answer}");
        }
    }
    let mut left = Vec::new();
    let closed = timeout(PATIENCE, idle.read_to_end(&mut left)).await;
    assert!(closed.is_ok(), "an idle connection is closed while a request runs");
    assert_eq!(held.finish().await.status, 200);
    assert_eq!(stop.await.expect("it ends").code(), Some(0));
}

#[tokio::test]
async fn the_command_does_not_take_a_server_that_ends_for_ready() {
    let server = Server::start();
    let base = server.base.clone();
    assert_eq!(run(&["ready", "--url", &base]).code, Some(0));
    let held = Begun::create(&base, DEV_KEY, NEW_TICKET).await;
    let stop = tokio::task::spawn_blocking(move || server.stop());
    no_longer_listens(&base).await;
    let ready = run(&["ready", "--url", &base, "--timeout", "200ms"]);
    assert_ne!(ready.code, Some(0), "{ready:?}");
    assert!(ready.stderr.contains(&base), "{ready:?}");
    assert_eq!(held.finish().await.status, 200);
    let ended = timeout(Duration::from_secs(20), stop).await.expect("it ends in time");
    assert_eq!(ended.expect("it ends").code(), Some(0));
}
