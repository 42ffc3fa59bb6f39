//! Clients that ask for much and do not read it: an answer of which nothing can be sent is given up after a while.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::talk::{next, pause, say, soon, until};
use super::{CONTROL, ITEM, LIST, asking, one, staying};
use crate::fixtures::{Seeded, acme, serve_with, ticket};

/// Notes of the ticket, each as long as one can be: together far more than the buffers of a connection hold.
const NOTES: usize = 1_400;

/// A server whose ticket 7 is a long story.
fn server(flags: &[&str]) -> Seeded {
    let text = "\u{1f5a8}".repeat(1_000);
    let note = |id: usize| json!({ "type": "note", "id": id.to_string(), "content": text, "created_at": "2026-02-01 09:00:00" });
    let mut ticket = ticket(7);
    ticket["timeline"] = (1..=NOTES).map(note).collect::<Vec<Value>>().into();
    serve_with(&acme([ticket]), &[&["--ephemeral"][..], flags].concat())
}

/// A connection with little room for what has not been read.
async fn narrow(base: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a size");
    let address = base.strip_prefix("http://").expect("a plain address");
    socket.connect(address.parse().expect("an address")).await.expect("the server accepts")
}

/// A connection over which this has been asked, and of whose answers only the first bytes are read.
async fn stalled(base: &str, asked: &[u8]) -> TcpStream {
    until("a place", async || {
        let mut stream = narrow(base).await;
        stream.write_all(asked).await.expect("it is sent");
        let mut head = [0; 12];
        // One that finds no place may be closed before it is told so.
        let is_told = stream.read_exact(&mut head).await.is_ok();
        (is_told && head == *b"HTTP/1.1 200").then_some(stream)
    })
    .await
}

/// Asks on a connection of its own until there is a place for it, and gives how often there was none.
async fn until_let_in(base: &str) -> usize {
    let mut refused = 0;
    let asked = asking("GET", &format!("{LIST}?itemLimit=1"), "");
    let let_in = until("a place", async || match one("a place", base, &asked).await.status {
        200 => Some(()),
        status => {
            assert_eq!(status, 503);
            refused += 1;
            None
        }
    });
    let_in.await;
    refused
}

#[tokio::test]
async fn large_answers_that_are_not_read_are_given_up() {
    let server = server(&["--send-timeout", "300ms", "--max-connections", "1"]);
    for count in [1, 20] {
        let mut stream = stalled(&server.base, &staying("GET", ITEM, "").repeat(count)).await;
        // It has the only place for as long as the server tries.
        assert!(until_let_in(&server.base).await > 0, "{count}");
        let mut read = Vec::new();
        let _ = soon("the end", stream.read_to_end(&mut read)).await;
        assert!(read.len() < NOTES * 4_000, "{count}: it is not whole: {} bytes", read.len());
    }
    let whole = until("the place is free", async || {
        let answer = one("the whole", &server.base, &asking("GET", ITEM, "")).await;
        (answer.status == 200).then_some(answer)
    });
    assert!(whole.await.body.len() > NOTES * 4_000);
}

/// Reads to the end, slowly: in all for much longer than any of the server's times.
async fn slowly(mut stream: TcpStream) -> Vec<u8> {
    let (mut read, mut part) = (Vec::new(), vec![0; 1024 * 1024]);
    loop {
        match soon("a part", stream.read(&mut part)).await.expect("it is open") {
            0 => return read,
            count => read.extend_from_slice(&part[..count]),
        }
        pause(Duration::from_millis(25)).await;
    }
}

#[tokio::test]
async fn a_large_answer_that_is_read_slowly_comes_whole() {
    let time = "400ms";
    let flags = ["--header-timeout", time, "--body-timeout", time, "--idle-timeout", time];
    let server = server(&[&flags[..], &["--send-timeout", "2s"]].concat());
    // Another request waits behind it.
    let asked = [staying("GET", ITEM, ""), asking("GET", "/docs", "")].concat();
    let read = slowly(say(&server.base, &asked).await).await;
    assert!(read.len() > NOTES * 4_000, "it is whole: {} bytes", read.len());
    let answers = read.windows(9).filter(|part| part == b"HTTP/1.1 ").count();
    assert_eq!(answers, 2);
}

#[tokio::test]
async fn a_stream_that_is_not_read_is_given_up() {
    let server = super::server(&["--send-timeout", "300ms", "--max-connections", "2"]);
    let path = format!("{CONTROL}/acme/requests/stream");
    let _stalled = stalled(&server.base, &staying("GET", &path, "")).await;
    let mut busy = say(&server.base, b"").await;
    let filler = "x".repeat(60_000);
    let asked = staying("GET", &format!("{LIST}?x={filler}"), "").repeat(20);
    until("the stream is given up", async || {
        busy.write_all(&asked).await.expect("it is open");
        for _ in 0..20 {
            assert_eq!(next(&mut busy).await.status, 200);
        }
        let other = one("another", &server.base, &asking("GET", LIST, "")).await;
        (other.status == 200).then_some(())
    })
    .await;
}
