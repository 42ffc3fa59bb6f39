//! Connections on which nobody asks for anything: closed in silence after a while, but never while a request runs.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::talk::{next, rest, say, soon, stays_silent};
use super::{
    CONTROL, ITEM, JSON, LIST, URLENCODED, asking, one, sending, server, staying, tickets, total,
    unharmed,
};
use crate::fixtures::{NEW_TICKET, Seeded};

/// Longer than every time that the servers here give their clients.
const LONG: &str = "1500ms";
const LONG_TIME: Duration = Duration::from_millis(1_500);

/// A server that has little patience for anything.
fn hasty() -> Seeded {
    server(&[
        "--idle-timeout",
        "200ms",
        "--header-timeout",
        "200ms",
        "--body-timeout",
        "200ms",
        "--send-timeout",
        "200ms",
        "--answer-timeout",
        "1s",
    ])
}

fn own(rest: &str) -> String {
    format!("{CONTROL}/acme/{rest}")
}

async fn provoke(server: &Seeded, rule: &Value) {
    let bytes = sending("POST", &own("faults"), JSON, rule.to_string().as_bytes());
    let made = one("a fault", &server.base, &bytes).await;
    assert_eq!(made.status, 201, "{rule}: {made:?}");
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_silence() {
    let server = server(&["--idle-timeout", "200ms"]);
    let before = tickets(&server.base).await;
    let all = (0..30).map(async |at| {
        let requests = at % 3;
        let mut stream = say(&server.base, b"").await;
        for _ in 0..requests {
            tokio::io::AsyncWriteExt::write_all(&mut stream, &staying("GET", LIST, ""))
                .await
                .expect("it is open");
            assert_eq!(next(&mut stream).await.status, 200);
        }
        let mut last = Vec::new();
        let ended = soon("the end", stream.read_to_end(&mut last)).await;
        assert_eq!(ended.expect("it is closed in order"), 0, "after {requests}: {last:?}");
    });
    join_all(all).await;
    unharmed(&server.base, &before).await;
}

#[tokio::test]
async fn a_connection_is_idle_after_a_body_that_nobody_read() {
    let server = hasty();
    let path = "/api/v2/nothing";
    let mut stream = say(&server.base, &staying("POST", path, "Content-Length: 9\r\n")).await;
    // It comes when the answer is there and waits for it.
    stays_silent("the answer waits for the body", &stream, Duration::from_millis(50)).await;
    tokio::io::AsyncWriteExt::write_all(&mut stream, b"unread=me").await.expect("it is open");
    assert_eq!(next(&mut stream).await.status, 404);
    let mut last = Vec::new();
    let ended = soon("the end", stream.read_to_end(&mut last)).await;
    assert_eq!(ended.expect("it is closed in order"), 0, "{}", String::from_utf8_lossy(&last));
}

#[tokio::test]
async fn a_connection_that_is_used_again_and_again_stays() {
    let server = server(&["--idle-timeout", "1s"]);
    let mut stream = say(&server.base, b"").await;
    // In all for longer than one that is idle may be there.
    for _ in 0..6 {
        stays_silent("a pause", &stream, Duration::from_millis(250)).await;
        tokio::io::AsyncWriteExt::write_all(&mut stream, &staying("GET", LIST, ""))
            .await
            .expect("it is open");
        assert_eq!(next(&mut stream).await.status, 200);
    }
}

#[tokio::test]
async fn a_wait_is_as_long_as_it_was_asked_to_be() {
    let server = hasty();
    for wanted in ["operation=ticket.delete", "ticket=7&status=closed"] {
        let path = own(&format!("wait?{wanted}&timeout={LONG}"));
        let answer = one(wanted, &server.base, &asking("GET", &path, "")).await;
        assert_eq!(answer.status, 409, "{wanted}: {answer:?}");
        assert!(answer.body.contains("/docs/control#wait-over"), "{wanted}: {answer:?}");
    }
}

/// Reads until the text has come.
async fn read_to(stream: &mut TcpStream, text: &str) {
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains(text) {
        let mut some = [0; 4096];
        let count = soon(text, stream.read(&mut some)).await.expect("it is open");
        assert!(count > 0, "{text} comes: {:?}", String::from_utf8_lossy(&heard));
        heard.extend(&some[..count]);
    }
}

#[tokio::test]
async fn a_stream_stays_while_nothing_happens() {
    let server = hasty();
    let path = own("requests/stream");
    let mut stream = say(&server.base, &staying("GET", &path, "")).await;
    read_to(&mut stream, "\r\n\r\n").await;
    let wait = own(&format!("wait?operation=ticket.delete&timeout={LONG}"));
    let wait = one("a wait", &server.base, &asking("GET", &wait, "")).await;
    assert_eq!(wait.status, 409, "{wait:?}");
    let made = sending("POST", LIST, URLENCODED, NEW_TICKET.as_bytes());
    assert_eq!(one("a ticket", &server.base, &made).await.status, 200);
    read_to(&mut stream, "ticket.create").await;
}

#[tokio::test]
async fn a_delay_is_as_long_as_it_was_asked_to_be() {
    for when in ["before", "after"] {
        let server = hasty();
        provoke(&server, &json!({ "effect": { "delay": LONG, "when": when } })).await;
        let bytes = sending("POST", LIST, URLENCODED, NEW_TICKET.as_bytes());
        let read = asking("GET", ITEM, "");
        let (made, read) =
            tokio::join!(one("a ticket", &server.base, &bytes), one("read", &server.base, &read));
        assert_eq!((made.status, read.status), (200, 200), "{when}: {made:?}, {read:?}");
        let calm = one("calm", &server.base, &asking("DELETE", &own("faults"), "")).await;
        assert_eq!(calm.status, 204);
        assert_eq!(total(&server.base).await, 2, "{when}");
    }
}

#[tokio::test]
async fn a_request_that_hangs_does_so_as_long_as_it_was_asked_to() {
    for effect in [json!({ "hang": "30s" }), json!({ "lose_answer": "hang" })] {
        let server = hasty();
        provoke(&server, &json!({ "effect": effect })).await;
        let bytes = sending("POST", LIST, URLENCODED, NEW_TICKET.as_bytes());
        let stream = say(&server.base, &bytes).await;
        stays_silent(&effect.to_string(), &stream, LONG_TIME).await;
        let reset = one("a reset", &server.base, &asking("POST", &own("reset"), "")).await;
        assert_eq!(reset.status, 204, "{reset:?}");
        drop(stream);
        assert_eq!(total(&server.base).await, 1, "{effect}");
    }
}

#[tokio::test]
async fn a_dripping_answer_comes_to_its_end() {
    let server = hasty();
    let drip = json!({ "operation": "ticket.create", "effect": { "drip": "30ms" } });
    provoke(&server, &drip).await;
    let bytes = sending("POST", LIST, URLENCODED, NEW_TICKET.as_bytes());
    let answers = rest(say(&server.base, &bytes).await).await;
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(answers[0].body.ends_with('}'), "it is whole: {answers:?}");
}
