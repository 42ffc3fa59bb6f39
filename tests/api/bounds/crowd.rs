//! Hundreds of clients that are slow in every way at once, beside one that is not.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::{join_all, try_join_all};

use super::talk::{rest, say, soon};
use super::{
    CONTROL, JSON, LIST, TOO_SLOW, URLENCODED, asking, one, sending, server, total, unharmed,
};
use crate::clients::can_run;
use crate::fixtures::NEW_TICKET;
use crate::raw::Answer;

const CLIENTS: usize = 300;

/// What a slow client begins and never ends, and what it is told, and below which path.
fn slow(number: usize) -> (Vec<u8>, Option<&'static str>) {
    let form = format!("Content-Type: {URLENCODED}\r\nContent-Length: 1000\r\n");
    let chunks = format!("Content-Type: {JSON}\r\nTransfer-Encoding: chunked\r\n");
    match number % 9 {
        0 => (b"POST /api/v2/ti".to_vec(), None),
        1 => (asking("POST", LIST, "X-Slow: 1")[..100].to_vec(), Some(LIST)),
        2 => (format!("POST {CONTROL} HTTP/1.1\r\nHost: loc").into_bytes(), Some(CONTROL)),
        3 => ([&asking("POST", LIST, &form), &b"title=Slow"[..]].concat(), Some(LIST)),
        4 => (asking("POST", LIST, &chunks), Some(LIST)),
        5 => ([&asking("POST", CONTROL, &chunks), &b"1\r\n{\r\n"[..]].concat(), Some(CONTROL)),
        _ => (Vec::new(), None),
    }
}

/// Those in a head or a body are told that they are too slow, and those who are idle nothing.
fn check(number: usize, answers: &[Answer]) {
    let what = format!("client {number}");
    match (number % 9, answers) {
        (0..6, [answer]) => TOO_SLOW.check(&what, slow(number).1.unwrap_or_default(), answer),
        (6.., []) => {}
        _ => panic!("{what}: {answers:?}"),
    }
}

#[tokio::test]
async fn a_client_goes_on_beside_hundreds_that_do_not() {
    let time = "1s";
    let server =
        server(&["--header-timeout", time, "--body-timeout", time, "--idle-timeout", time]);
    let before = super::tickets(&server.base).await;
    let slow_ones = (0..CLIENTS).map(async |number| say(&server.base, &slow(number).0).await);
    let slow_ones = join_all(slow_ones).await;
    let left = AtomicUsize::new(CLIENTS);
    let heard = slow_ones.into_iter().map(async |stream| {
        let answers = rest(stream).await;
        left.fetch_sub(1, Ordering::Relaxed);
        answers
    });
    let normal = async {
        let mut made = Vec::new();
        // As long as any of them is there, and some time more.
        while left.load(Ordering::Relaxed) > 0 || made.len() < 20 {
            let bytes = sending("POST", LIST, URLENCODED, NEW_TICKET.as_bytes());
            let created = one("a ticket", &server.base, &bytes).await;
            assert_eq!(created.status, 200, "{created:?}");
            let shown = one("a list", &server.base, &asking("GET", LIST, "")).await;
            assert_eq!(shown.status, 200, "{shown:?}");
            made.push(created);
        }
        made.len() as u64
    };
    let (heard, made) = tokio::join!(join_all(heard), normal);
    for (number, answers) in heard.iter().enumerate() {
        check(number, answers);
    }
    assert_eq!(total(&server.base).await, 1 + made, "the slow ones made none");
    let reset = format!("{CONTROL}/acme/reset");
    assert_eq!(one("a reset", &server.base, &asking("POST", &reset, "")).await.status, 204);
    unharmed(&server.base, &before).await;
}

/// As many as wait on any Linux; more than libraries ask for by default.
const BURST: usize = 1_000;

#[tokio::test]
async fn a_burst_of_connections_waits_for_a_server_that_is_held_up() {
    let server = server(&["--idle-timeout", "200ms"]);
    let id = server.id().to_string();
    assert!(can_run("kill", &["-STOP", &id]), "the server is held up");
    let address = server.base.trim_start_matches("http://");
    let burst = try_join_all((0..BURST).map(|_| tokio::net::TcpStream::connect(address)));
    let burst = soon("all connections", burst).await.expect("the kernel takes them");
    assert!(can_run("kill", &["-CONT", &id]), "the server goes on");
    // None sends anything, so the kernel tries none again: one that was lost would stay open.
    for answers in join_all(burst.into_iter().map(rest)).await {
        assert!(answers.is_empty(), "idle connections are closed in silence: {answers:?}");
    }
}
