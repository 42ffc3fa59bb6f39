//! Going back happens all at once: whoever asks meanwhile sees one world or the other, and never a mixture.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use reqwest::header::DATE;
use serde_json::{Value, json};

use crate::control::Account;
use crate::fixtures::{KEY, NEW_TICKET, acme, folder, serve_with, ticket};
use crate::support::Client;

const READERS: usize = 8;
const TURNS: usize = 20;
/// What an answer depends on in different ways: on the tickets, on the clock, on the dialect.
const PATHS: [&str; 4] = [
    "/api/v2/ticket?itemStart=0",
    "/api/v2/ticket?status=closed",
    "/api/v2/ticket/7?getTicketHistory=true",
    "/api/v2/ticket/999?getTicketHistory=false",
];

/// All that an answer says: its status, its date, its body.
type Said = (u16, String, String);

async fn said(client: &Client, path: &str) -> Said {
    let response = client.ask("GET", path).send().await.expect("the server answers");
    let status = response.status().as_u16();
    let date = response.headers()[DATE].to_str().expect("text").to_owned();
    (status, date, response.text().await.expect("the body arrives"))
}

/// Makes a world that differs from every other in all that it shows, and keeps it as a snapshot.
async fn make(account: &Account, name: &str, date: &str, unknown: u16) -> Vec<Said> {
    let clock = json!({ "mode": "frozen", "at": date });
    let dialect = json!({ "list_type": name, "unknown_ticket_status": unknown });
    for (path, body) in [("/clock", clock), ("/dialect", dialect)] {
        assert_eq!(account.control_with("PUT", path, &body).await.status, 200);
    }
    let body = NEW_TICKET.replace("Printer", name);
    assert_eq!(account.client.form("POST", "/api/v2/ticket", &body).await.status, 200);
    let body = format!("status=closed&title={name}");
    assert_eq!(account.client.form("PUT", "/api/v2/ticket/7", &body).await.status, 200);
    assert_eq!(account.control("PUT", &format!("/snapshots/{name}")).await.status, 201);
    join_all(PATHS.iter().map(|path| said(&account.client, path))).await
}

/// Reads until the turns are over; each answer is that of one of the worlds. A field that no operation has makes
/// each request a new one, to which no answer is kept.
async fn read(client: &Client, worlds: &[Vec<Said>; 2], over: &AtomicBool) {
    let mut fresh = 0;
    while !over.load(Ordering::Relaxed) {
        for (number, path) in PATHS.iter().enumerate() {
            fresh += 1;
            let path = format!("{path}&fresh={fresh}");
            let now = said(client, &path).await;
            let known = worlds.iter().any(|world| world[number] == now);
            assert!(known, "{path}: {now:?} is of neither world: {worlds:#?}");
        }
    }
}

/// Goes to and fro; what is asked after the acknowledgement is of the new world.
async fn turn(account: &Account, worlds: &[Vec<Said>; 2], over: &AtomicBool) {
    for number in 0..TURNS {
        let name = ["one", "other"][number % 2];
        let restored = account.control("POST", &format!("/snapshots/{name}/restore")).await;
        assert_eq!(restored.status, 204, "{}", restored.body);
        for (path, expected) in PATHS.iter().zip(&worlds[number % 2]) {
            assert_eq!(said(&account.client, path).await, *expected, "{path} in {name}");
        }
    }
    over.store(true, Ordering::Relaxed);
}

async fn to_and_fro(ephemeral: bool) {
    let data = folder();
    let path = data.path().to_str().expect("the path is text");
    let server = serve_with(&acme([ticket(7), ticket(8)]), &["--data", path]);
    let wanted: Value = json!({ "ephemeral": ephemeral });
    let account = Account::make(&server, &wanted).await;
    let one = make(&account, "one", "2026-03-02T00:00:00Z", 400).await;
    let worlds = [one, make(&account, "other", "2026-04-20T00:00:00Z", 404).await];
    let over = AtomicBool::new(false);
    let readers = join_all((0..READERS).map(|_| read(&account.client, &worlds, &over)));
    tokio::join!(turn(&account, &worlds, &over), readers);
}

#[tokio::test]
async fn whoever_reads_during_a_restore_sees_one_world_or_the_other() {
    to_and_fro(true).await;
    to_and_fro(false).await;
}

#[tokio::test]
async fn a_state_that_was_just_read_and_written_is_kept() {
    let data = folder();
    let path = data.path().to_str().expect("the path is text");
    let server = serve_with(&acme((1..=20).map(ticket)), &["--data", path]);
    let account = Account::known(&server, "acme", KEY);
    for number in 0..40 {
        for status in ["new", "open", "closed"] {
            server.get(&format!("/api/v2/ticket?status={status}&itemStart={number}")).await;
        }
        let title = format!("title={number}");
        assert_eq!(server.form("PUT", "/api/v2/ticket/7", &title).await.status, 200);
        let kept = account.control("PUT", &format!("/snapshots/{}", number % 3)).await;
        assert!([200, 201].contains(&kept.status), "{number}: {}", kept.body);
    }
}
