//! More connections than there may be: those beyond are told so and closed, and let in again once one has gone.

use futures_util::future::join_all;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::talk::{next, one, rest, say, talk, until};
use super::{
    CONTROL, JSON, LIST, MULTIPART, PATHS, TOO_MANY, URLENCODED, asking, parts, sending, server,
    staying, total,
};
use crate::fixtures::{NEW_TICKET, Seeded};
use crate::raw::Answer;

const MOST: usize = 3;

/// A server all of whose connections are taken, and those.
async fn full(flags: &[&str]) -> (Seeded, Vec<TcpStream>) {
    let server = server(&[&["--max-connections", "3"][..], flags].concat());
    let mut all = Vec::new();
    for _ in 0..MOST {
        let mut stream = say(&server.base, &staying("GET", LIST, "")).await;
        assert_eq!(next(&mut stream).await.status, 200);
        all.push(stream);
    }
    (server, all)
}

fn turned_away(what: &str, path: &str, answer: &Answer) {
    TOO_MANY.check(what, path, answer);
    assert!(answer.head.contains("retry-after: 1"), "{what}: {answer:?}");
}

/// Those who are in are served.
async fn go_on(all: &mut [TcpStream]) {
    for stream in all {
        stream.write_all(&staying("GET", LIST, "")).await.expect("it is open");
        let answer = next(stream).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

/// Asks until there is a place.
async fn until_let_in(base: &str, bytes: &[u8]) -> Answer {
    until("a place", async || {
        let answer = one("a place", base, bytes).await;
        (answer.status != 503).then_some(answer)
    })
    .await
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_in_its_envelope() {
    let (server, mut all) = full(&[]).await;
    for path in PATHS.into_iter().chain(["/_control/health", "/openapi.json"]) {
        let answer = one(path, &server.base, &asking("GET", path, "")).await;
        turned_away(path, path, &answer);
        go_on(&mut all).await;
    }
}

#[tokio::test]
async fn what_is_turned_away_changes_nothing() {
    let (server, mut all) = full(&[]).await;
    let large = "x".repeat(200_000);
    for (path, bytes) in [
        (LIST, sending("POST", LIST, URLENCODED, NEW_TICKET.as_bytes())),
        (LIST, sending("POST", LIST, MULTIPART, &parts("note", "x"))),
        (LIST, sending("POST", LIST, MULTIPART, &parts("note", &large))),
        (CONTROL, sending("POST", CONTROL, JSON, b"{}")),
    ] {
        for _ in 0..10 {
            let answer = one(path, &server.base, &bytes).await;
            turned_away(path, path, &answer);
        }
    }
    go_on(&mut all).await;
    drop(all);
    let list = until_let_in(&server.base, &asking("GET", LIST, "")).await;
    assert!(list.body.contains("\"itemTotal\":1"), "{list:?}");
}

#[tokio::test]
async fn the_place_of_one_that_has_gone_is_free() {
    let (server, mut all) = full(&[]).await;
    for _ in 0..5 {
        turned_away("full", LIST, &one("full", &server.base, &asking("GET", LIST, "")).await);
        all.pop();
        let mut stream = until("a place", async || {
            let mut stream = say(&server.base, &staying("GET", LIST, "")).await;
            (next(&mut stream).await.status == 200).then_some(stream)
        })
        .await;
        go_on(std::slice::from_mut(&mut stream)).await;
        all.push(stream);
        go_on(&mut all).await;
    }
}

#[tokio::test]
async fn many_too_many_at_once_are_all_told_so() {
    let (server, mut all) = full(&[]).await;
    let bytes = [LIST, CONTROL].map(|path| (path, asking("GET", path, "")));
    let many = (0..50).map(async |at| {
        let (path, bytes) = &bytes[at % 2];
        turned_away(path, path, &one(path, &server.base, bytes).await);
    });
    join_all(many).await;
    go_on(&mut all).await;
}

#[tokio::test]
async fn hundreds_too_many_at_once_are_told_so_or_closed() {
    let (server, mut all) = full(&[]).await;
    let bytes = sending("POST", LIST, URLENCODED, NEW_TICKET.as_bytes());
    let many = (0..400).map(async |_| {
        for answer in talk(&server.base, &bytes).await {
            turned_away("one of hundreds", LIST, &answer);
        }
    });
    join_all(many).await;
    go_on(&mut all).await;
    drop(all);
    let list = until_let_in(&server.base, &asking("GET", LIST, "")).await;
    assert!(list.body.contains("\"itemTotal\":1"), "{list:?}");
}

#[tokio::test]
async fn one_too_many_that_says_nothing_is_closed() {
    let (server, mut all) = full(&[]).await;
    let many = (0..20).map(async |at| {
        // Nothing, or too little to be a request.
        let bytes = &b"GET /api"[..at % 3 * 4];
        for answer in rest(say(&server.base, bytes).await).await {
            assert_eq!(answer.status, 503, "{answer:?}");
        }
    });
    join_all(many).await;
    go_on(&mut all).await;
}

#[tokio::test]
async fn places_that_slow_clients_had_are_free_again() {
    let time = "300ms";
    let server = server(&[
        "--max-connections",
        "3",
        "--header-timeout",
        time,
        "--body-timeout",
        time,
        "--idle-timeout",
        time,
    ]);
    let body = "Content-Type: application/json\r\nContent-Length: 100\r\n";
    let head = [b"GET /api/v2".to_vec(), asking("POST", LIST, body), Vec::new()];
    let slow = head.iter().map(async |head| say(&server.base, head).await);
    let slow = join_all(slow).await;
    until_let_in(&server.base, &asking("GET", LIST, "")).await;
    drop(slow);
    assert_eq!(until_let_in(&server.base, &asking("GET", CONTROL, "")).await.status, 200);
}

#[tokio::test]
async fn exactly_as_many_as_there_may_be_are_let_in() {
    let server = server(&["--max-connections", "50"]);
    let many = (0..50).map(async |_| {
        let mut stream = say(&server.base, &staying("GET", LIST, "")).await;
        assert_eq!(next(&mut stream).await.status, 200);
        stream
    });
    let mut all = join_all(many).await;
    turned_away("the 51st", LIST, &one("51", &server.base, &asking("GET", LIST, "")).await);
    go_on(&mut all).await;
    // One that ends by itself leaves its place.
    let mut last = all.pop().expect("there are some");
    last.write_all(&asking("GET", LIST, "")).await.expect("it is open");
    assert_eq!(rest(last).await.len(), 1);
    let again = until("a place", async || {
        let answers = talk(&server.base, &asking("GET", LIST, "")).await;
        (answers[0].status == 200).then_some(())
    });
    again.await;
    drop(all);
    until_let_in(&server.base, &asking("GET", LIST, "")).await;
    assert_eq!(total(&server.base).await, 1);
}
