//! A stop lets running requests finish, takes no new ones, and does not wait for idle connections.

use std::time::{Duration, Instant};

use futures_util::FutureExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::control::Account;
use crate::fixtures::{self, NEW_TICKET};
use crate::program::Running;
use crate::raw;
use crate::support::{DEV_KEY, Server};

/// Longer than a server takes to end, so that a stuck one fails its test instead of holding it.
const PATIENCE: Duration = Duration::from_mins(1);

/// A request whose head the server has read, and whose body it waits for.
pub(crate) struct Begun {
    stream: TcpStream,
    body: String,
}

impl Begun {
    /// A creation of a ticket.
    pub(crate) async fn create(base: &str, key: &str, body: &str) -> Self {
        let kind = "application/x-www-form-urlencoded";
        let headers = format!("apiKey: {key}\r\nContent-Type: {kind}\r\n");
        Self::post(base, ("/api/v2/ticket", &headers), body, body.len()).await
    }

    /// Sends a head, and waits until the server has read it and asks for the body.
    pub(crate) async fn post(
        base: &str,
        (path, headers): (&str, &str),
        body: &str,
        length: usize,
    ) -> Self {
        let mut stream = raw::connect(base).await;
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\
             Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.expect("the server reads");
        let mut interim = [0; 25];
        stream.read_exact(&mut interim).await.expect("the server asks for the body");
        assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
        Self { stream, body: body.to_owned() }
    }

    /// Sends the body and reads the answer.
    pub(crate) async fn finish(mut self) -> raw::Answer {
        self.stream.write_all(self.body.as_bytes()).await.expect("the server still reads");
        raw::read(self.stream).await
    }
}

/// Waits until the server takes no more connections.
pub(crate) async fn no_longer_listens(base: &str) {
    let address = base.strip_prefix("http://").expect("a plain address");
    let closing = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(8), closing).await.expect("it takes no more");
}

#[tokio::test]
async fn a_running_request_finishes_and_is_kept() {
    let data = fixtures::folder();
    let path = data.path().to_str().expect("the path is text");
    let server = Server::with(&["--data", path]);
    let base = server.base.clone();
    let begun = Begun::create(&base, DEV_KEY, NEW_TICKET).await;

    let stop = tokio::task::spawn_blocking(move || server.stop());
    no_longer_listens(&base).await;
    let answer = begun.finish().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(stop.await.expect("it ends").code(), Some(0));

    let server = Server::with(&["--data", path]);
    assert_eq!(server.get("/api/v2/ticket/1").await.status, 200);
}

/// Who ends a process often signals its group as well, so that the signal comes twice.
#[tokio::test]
async fn a_signal_that_comes_twice_at_once_ends_it_in_order() {
    let mut server = Running::serve(&[]);
    let base = server.base();
    let begun = Begun::create(&base, DEV_KEY, NEW_TICKET).await;
    let id = server.id().to_string();
    for _ in 0..2 {
        let sent = std::process::Command::new("kill").args(["-TERM", &id]).status();
        assert!(sent.expect("kill runs").success());
    }
    no_longer_listens(&base).await;
    assert_eq!(begun.finish().await.status, 200, "the running request finishes");
    assert_eq!(server.finish().code, Some(0));
}

/// A request that goes out and is not answered yet.
async fn asked(account: &Account, method: &str, path: &str, body: &str) -> TcpStream {
    let mut stream = raw::connect(&account.client.base).await;
    let (key, length) = (&account.client.key, body.len());
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\napiKey: {key}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(head.as_bytes()).await.expect("the server reads");
    stream
}

/// All that comes until the connection ends; how it ends does not matter.
async fn heard(mut stream: TcpStream) -> String {
    let mut read = Vec::new();
    let reading = stream.read_to_end(&mut read);
    // A connection that is broken has nothing more to say.
    let _ = tokio::time::timeout(PATIENCE, reading).await.expect("the connection ends");
    String::from_utf8_lossy(&read).into_owned()
}

/// Rules that hold each operation up, and how the answer begins and ends when the server ends meanwhile.
fn held_up() -> [(&'static str, &'static str, &'static str, Value, [&'static str; 2]); 5] {
    let good = ["HTTP/1.1 200 ", "}"];
    let index = "/api/v2/ticket";
    [
        ("create", "POST", index, json!({ "delay": "5m" }), good),
        ("get", "GET", "/api/v2/ticket/1", json!({ "delay": "5m" }), good),
        ("list", "GET", index, json!({ "drip": "10s" }), good),
        ("update", "PUT", "/api/v2/ticket/1", json!({ "delay": "5m", "when": "after" }), good),
        ("delete", "DELETE", "/api/v2/ticket/1", json!({ "hang": "5m" }), ["", ""]),
    ]
}

/// Sends a request under each of the rules, and waits until all have been met.
async fn hold_up(account: &Account) -> Vec<(TcpStream, [&'static str; 2])> {
    let mut streams = Vec::new();
    for (operation, method, path, effect, expected) in held_up() {
        let rule = json!({ "operation": operation, "effect": effect });
        let made = account.control_with("POST", "/faults", &rule).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let body = match operation {
            "create" => NEW_TICKET,
            "update" => "title=Changed",
            _ => "",
        };
        streams.push((asked(account, method, path, body).await, expected));
    }
    let met = async {
        loop {
            let rules = account.control("GET", "/faults").await.body;
            let rules = rules["faults"].as_array().expect("rules").clone();
            if rules.iter().all(|rule| rule["applied"] == 1) {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, met).await.expect("all are met");
    streams
}

/// A wait and a stream that have taken the two places that there are.
async fn wait_and_follow(account: &Account) -> (TcpStream, TcpStream) {
    let path = |rest: &str| format!("/_control/accounts/{}{rest}", account.name);
    let mut stream = asked(account, "GET", &path("/requests/stream"), "").await;
    let mut first = [0; 12];
    stream.read_exact(&mut first).await.expect("it is answered");
    assert_eq!(&first, b"HTTP/1.1 200");
    let both = async {
        loop {
            let wait = path("/wait?operation=deleteMulti&timeout=5m");
            let wait = asked(account, "GET", &wait, "").await;
            // One that comes while a moment has the last place is turned away: it is tried once more.
            while wait.peek(&mut first).now_or_never().is_none() {
                let moment =
                    account.control("GET", "/wait?operation=deleteMulti&timeout=1ms").await;
                if moment.status == 429 {
                    return wait;
                }
            }
        }
    };
    (tokio::time::timeout(PATIENCE, both).await.expect("both are there"), stream)
}

#[tokio::test]
async fn requests_of_every_kind_end_well_at_once() {
    let data = fixtures::folder();
    let arguments = ["--data", data.path().to_str().expect("the path is text"), "--max-waits", "2"];
    let server = Server::with(&arguments);
    let base = server.base.clone();
    let dev = Account::known(&server, "dev", DEV_KEY);
    let other = Account::make(&server, &json!({ "name": "other" })).await;
    let keys = (dev.client.key.clone(), other.client.key.clone());
    assert_eq!(dev.client.form("POST", "/api/v2/ticket", NEW_TICKET).await.status, 200);
    let held = hold_up(&dev).await;
    let (wait, stream) = wait_and_follow(&other).await;
    let write = Begun::create(&base, &keys.1, NEW_TICKET).await;
    let body = json!({ "accounts": { "x": { "tickets": [{ "id": 50, "title": "Imported" }] } } })
        .to_string();
    let import = ("/_control/accounts/other/import", "Content-Type: application/json\r\n");
    let import = Begun::post(&base, import, &body, body.len()).await;

    let stop = tokio::task::spawn_blocking(move || server.stop());
    no_longer_listens(&base).await;
    assert_eq!(write.finish().await.status, 200);
    assert_eq!(import.finish().await.status, 200);
    for (stream, [begin, end]) in held {
        let heard = heard(stream).await;
        assert!(heard.starts_with(begin) && heard.ends_with(end), "{begin:?}: {heard:?}");
        assert_eq!(heard.is_empty(), begin.is_empty(), "{heard:?}");
    }
    let (wait, stream) = (heard(wait).await, heard(stream).await);
    assert!(wait.starts_with("HTTP/1.1 503 ") && wait.contains("/docs/control#ending"), "{wait:?}");
    assert!(stream.ends_with("\r\n0\r\n\r\n"), "{stream:?}");
    assert_eq!(stop.await.expect("it ends").code(), Some(0));

    let server = Server::with(&arguments);
    let total = async |key: &str| {
        server.with_key(key).get("/api/v2/ticket").await.body["itemTotal"].clone()
    };
    assert_eq!(
        (total(&keys.0).await, total(&keys.1).await),
        (2.into(), 2.into()),
        "all of it is kept"
    );
    let changed = server.get("/api/v2/ticket/1").await.body;
    assert_eq!(changed["item"]["title"], "Changed", "{changed}");
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
    let headers = format!("apiKey: {DEV_KEY}\r\nContent-Type: application/json\r\n");
    let stuck = Begun::post(&server.base, ("/api/v2/ticket", &headers), "", 1_000_000).await;
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
