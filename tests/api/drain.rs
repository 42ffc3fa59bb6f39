//! A stop lets running requests finish, takes no new ones, and does not wait for idle connections.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fixtures::{self, NEW_TICKET};
use crate::program::Running;
use crate::raw;
use crate::support::{DEV_KEY, Server};

/// Sends a head, and waits until the server has read it and asks for the body.
async fn begin(base: &str, length: usize) -> TcpStream {
    let mut stream = raw::connect(base).await;
    let head = raw::head(
        "POST",
        "/api/v2/ticket",
        &format!(
            "apiKey: {DEV_KEY}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {length}\r\nExpect: 100-continue\r\n"
        ),
    );
    stream.write_all(&head).await.expect("the server reads");
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.expect("the server asks for the body");
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

#[tokio::test]
async fn a_running_request_finishes_and_is_kept() {
    let data = fixtures::folder();
    let path = data.path().to_str().expect("the path is text");
    let server = Server::with(&["--data", path]);
    let base = server.base.clone();
    let mut stream = begin(&base, NEW_TICKET.len()).await;

    let stop = tokio::task::spawn_blocking(move || server.stop());
    let address = base.strip_prefix("http://").expect("a plain address");
    let closing = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(8), closing).await.expect("it takes no more");
    stream.write_all(NEW_TICKET.as_bytes()).await.expect("the server still reads");
    let answer = raw::read(stream).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(stop.await.expect("it ends").code(), Some(0));

    let server = Server::with(&["--data", path]);
    assert_eq!(server.get("/api/v2/ticket/1").await.status, 200);
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_the_server() {
    let server = Server::start();
    let idle = raw::connect(&server.base).await;
    assert_eq!(server.get("/api/v2/ticket").await.status, 200);
    let begun = Instant::now();
    assert_eq!(server.stop().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    drop(idle);
}

#[tokio::test]
async fn a_request_that_never_ends_holds_the_server_for_a_bounded_time() {
    let server = Server::start();
    let stuck = begin(&server.base, 1_000_000).await;
    let begun = Instant::now();
    assert_eq!(server.stop().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    drop(stuck);
}

#[test]
fn a_server_that_is_told_to_end_as_soon_as_it_is_ready_ends_well() {
    for signal in ["-TERM", "-INT"] {
        for _ in 0..5 {
            let mut running = Running::serve(&[]);
            running.base();
            let finished = running.signal(signal);
            assert_eq!(finished.code, Some(0), "{signal}: {finished:?}");
        }
    }
}
