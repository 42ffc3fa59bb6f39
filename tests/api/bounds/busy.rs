//! An account that is busy: whoever would wait for it too long is told so, and what was not begun is never done.

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::task::JoinHandle;

use super::talk::{next, say, until};
use super::{BUSY, CONTROL, ITEM, JSON, LIST, URLENCODED, asking, json, one, sending, staying};
use crate::fixtures::{KEY, NEW_TICKET, Seeded, acme, serve_with, ticket};
use crate::raw::Answer;

/// So many tickets are imported that it takes much longer than a request may wait.
const MANY: u64 = 6_000;
/// How long that is.
const PATIENCE: [&str; 2] = ["--answer-timeout", "20ms"];

fn own(rest: &str) -> String {
    format!("{CONTROL}/acme/{rest}")
}

fn create() -> Vec<u8> {
    sending("POST", LIST, URLENCODED, NEW_TICKET.as_bytes())
}

/// Begins a large import into the account.
fn import(server: &Seeded) -> JoinHandle<Answer> {
    let row = json!({ "title": "Imported", "status": "open" });
    let rows = vec![row; usize::try_from(MANY).expect("it is small")];
    let fixture = json!({ "accounts": { "any": { "tickets": rows } } });
    let bytes = sending("POST", &own("import"), JSON, fixture.to_string().as_bytes());
    let base = server.base.clone();
    tokio::spawn(async move { one("an import", &base, &bytes).await })
}

/// Sends a request and says whether it was done. What is not done is refused as busy.
async fn is_done(base: &str, path: &str, request: &[u8]) -> bool {
    let answer = one(path, base, request).await;
    if answer.status >= 300 {
        BUSY.check(path, path, &answer);
    }
    answer.status < 300
}

/// Waits until the import has the account for itself: one read after the other is turned away then; a single one may
/// be on a machine with much to do. No two reads are alike, since an answer that was given before may be kept.
async fn until_busy(server: &Seeded, import: &JoinHandle<Answer>) {
    let (mut number, mut in_a_row) = (0, 0);
    until("a busy account", async || {
        assert!(!import.is_finished(), "it takes longer than a request may wait");
        number += 1;
        let read = asking("GET", &format!("{LIST}?itemStart={number}"), "");
        in_a_row = if is_done(&server.base, LIST, &read).await { 0 } else { in_a_row + 1 };
        (in_a_row == 3).then_some(())
    })
    .await;
}

/// Asks until the account is not busy any more.
async fn patiently(base: &str, bytes: &[u8]) -> Answer {
    until("the account is free", async || {
        let answer = one("an account", base, bytes).await;
        (answer.status != 503).then_some(answer)
    })
    .await
}

async fn items(server: &Seeded) -> u64 {
    let list = patiently(&server.base, &asking("GET", &format!("{LIST}?itemLimit=1"), "")).await;
    json("a list", &list)["itemTotal"].as_u64().expect("a number")
}

/// What has begun is finished, however long it takes.
async fn finished(import: JoinHandle<Answer>) {
    let imported = import.await.expect("it does not panic");
    assert_eq!(imported.status, 200, "{imported:?}");
}

#[tokio::test]
async fn what_could_not_begin_is_told_so_and_never_done() {
    let server = super::server(&PATIENCE);
    let import = import(&server);
    until_busy(&server, &import).await;
    let rename = sending("PUT", ITEM, URLENCODED, b"title=Renamed");
    let (mut made, mut renamed, mut busy) = (0, false, 0);
    while !import.is_finished() {
        let is_made = is_done(&server.base, LIST, &create()).await;
        let is_renamed = is_done(&server.base, ITEM, &rename).await;
        made += u64::from(is_made);
        renamed |= is_renamed;
        busy += u64::from(!is_made) + u64::from(!is_renamed);
    }
    finished(import).await;
    assert!(busy > 0, "the account was busy");
    assert_eq!(items(&server).await, 1 + MANY + made);
    let item = patiently(&server.base, &asking("GET", ITEM, "")).await;
    assert_eq!(item.body.contains("Renamed"), renamed, "{item:?}");
}

/// Asks the control API over and over until it is told that the account is busy, and gives how often it was done before.
async fn until_refused(
    server: &Seeded,
    import: &JoinHandle<Answer>,
    method: &str,
    path: impl Fn(usize) -> String,
) -> usize {
    for done in 0.. {
        let path = path(done);
        assert!(!import.is_finished(), "{method} {path}: it is not told that the account is busy");
        if !is_done(&server.base, &path, &asking(method, &path, "")).await {
            return done;
        }
    }
    unreachable!("an import ends")
}

#[tokio::test]
async fn what_the_control_api_could_not_begin_is_told_so_and_never_done() {
    let server = super::server(&PATIENCE);
    let import = import(&server);
    until_busy(&server, &import).await;
    let name = |number: usize| own(&format!("snapshots/s{number}"));
    let taken = until_refused(&server, &import, "PUT", name).await;
    until_refused(&server, &import, "GET", |_| own("export")).await;
    until_refused(&server, &import, "POST", |_| own("reset")).await;
    finished(import).await;
    assert_eq!(items(&server).await, 1 + MANY, "nothing was reset");
    let shown = patiently(&server.base, &asking("GET", &own("snapshots"), "")).await;
    let shown = json("snapshots", &shown);
    assert_eq!(shown["snapshots"].as_array().map(Vec::len), Some(taken), "{shown}");
}

#[tokio::test]
async fn a_connection_that_was_told_so_goes_on() {
    let server = super::server(&PATIENCE);
    let import = import(&server);
    until_busy(&server, &import).await;
    let headers = format!("Content-Type: {URLENCODED}\r\nContent-Length: {}\r\n", NEW_TICKET.len());
    let create = [&staying("POST", LIST, &headers), NEW_TICKET.as_bytes()].concat();
    let mut stream = say(&server.base, b"").await;
    until("it is done", async || {
        stream.write_all(&create).await.expect("it is open");
        let answer = next(&mut stream).await;
        assert!([200, 503].contains(&answer.status), "{answer:?}");
        (answer.status == 200).then_some(())
    })
    .await;
    finished(import).await;
    assert_eq!(items(&server).await, 2 + MANY);
}

#[tokio::test]
async fn others_are_served_while_an_account_is_busy() {
    let server = super::server(&[]);
    let made = one("another", &server.base, &sending("POST", CONTROL, JSON, b"{}")).await;
    let made = json("another", &made);
    let key = made["api_key"].as_str().expect("a key");
    let other = String::from_utf8(create()).expect("text").replace(KEY, key).into_bytes();
    let import = import(&server);
    let mut asked = 0;
    while !import.is_finished() {
        let answer = one("another account", &server.base, &other).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        asked += 1;
    }
    assert!(asked > 0);
    finished(import).await;
    assert_eq!(items(&server).await, 1 + MANY);
}

#[tokio::test]
async fn a_read_that_takes_too_long_is_given_up() {
    let many: Vec<Value> = (1..=4_000).map(ticket).collect();
    let server = serve_with(&acme(many), &["--ephemeral", "--answer-timeout", "10ms"]);
    let all = asking("GET", &format!("{LIST}?itemLimit=4000"), "");
    for _ in 0..5 {
        BUSY.check("all", LIST, &one("all", &server.base, &all).await);
    }
    let item = patiently(&server.base, &asking("GET", ITEM, "")).await;
    assert_eq!(item.status, 200, "{item:?}");
    assert_eq!(patiently(&server.base, &create()).await.status, 200);
    assert_eq!(items(&server).await, 4_001);
}
