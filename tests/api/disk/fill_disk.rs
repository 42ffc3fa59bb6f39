//! Using up the room of an account, in small changes one after the other, and in many at once.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{DISK_FULL_MESSAGE, assert_server_error, dump_tickets};
use crate::control_client::Account;
use crate::fixtures::NEW_TICKET_FORM;

/// More tickets than rounds, since each round removes one.
pub(super) const TICKET_COUNT: usize = 20;
const MAX_ROUNDS: usize = TICKET_COUNT - 2;
const BATCH_FORM: &str = "TicketIDs=1&actions[0][actionType]=priority";
const WRITER_COUNT: usize = 16;
/// More than fits into what any test leaves.
const MAX_WRITES_PER_WRITER: usize = 2000;

/// Changes of every kind, each of which really changes something.
fn writes_of_each_kind(round: usize) -> Vec<(&'static str, String, String)> {
    let path = |path: &str| format!("/api/v2/ticket{path}");
    let even = round.is_multiple_of(2);
    let (status, priority, batched) =
        if even { ("open", "high", "urgent") } else { ("pending", "low", "medium") };
    vec![
        ("POST", path(""), NEW_TICKET_FORM.to_owned()),
        ("PUT", path("/1"), format!("title=Round+{round}")),
        ("POST", path("/setStatus"), format!("status={status}&ticketIDs[]=1")),
        ("POST", path("/setPriority"), format!("priority={priority}&ticketIDs[]=1")),
        ("POST", path("/batch"), format!("{BATCH_FORM}&actions[0][value]={batched}")),
        ("DELETE", path(&format!("/{}", round + 2)), String::new()),
    ]
}

/// Changes the account, which has `TICKETS` tickets, until every kind of change is refused. Meanwhile and then both
/// accounts can be read. Gives the id of the newest ticket, and all that the account shows.
pub(super) async fn write_until_full(account: &Account, other: &Account) -> (u64, String) {
    let mut newest = u64::try_from(TICKET_COUNT).expect("a number");
    let others = dump_tickets(other).await;
    for round in 0..MAX_ROUNDS {
        let before = dump_tickets(account).await;
        let mut taken = 0;
        for (method, path, body) in writes_of_each_kind(round) {
            let reply = account.client.send_form(method, &path, &body).await;
            if reply.status == 200 {
                // What sets to what is set already is taken without any room.
                taken += usize::from(!path.contains("set") && !path.contains("batch"));
                newest = reply.body["ticketID"].as_u64().unwrap_or(newest);
            } else {
                assert_server_error(&reply, DISK_FULL_MESSAGE, &format!("{method} {path} {body}"));
            }
        }
        assert_eq!(dump_tickets(other).await, others);
        if taken == 0 {
            assert_eq!(dump_tickets(account).await, before, "what was refused changed nothing");
            return (newest, before);
        }
    }
    panic!("there was room without an end");
}

/// Many writers at once, each until it was refused for the third time. Gives the titles that were acknowledged.
pub(super) async fn write_concurrently_until_full(account: &Account) -> BTreeSet<String> {
    let writers = (0..WRITER_COUNT).map(|writer| tokio::spawn(run_writer(account.clone(), writer)));
    let mut acknowledged = BTreeSet::new();
    for writer in writers.collect::<Vec<_>>() {
        acknowledged.append(&mut writer.await.expect("a writer ends well"));
    }
    acknowledged
}

async fn run_writer(account: Account, writer: usize) -> BTreeSet<String> {
    let (mut taken, mut refusals) = (BTreeSet::new(), 0);
    for number in 0..MAX_WRITES_PER_WRITER {
        let title = format!("{writer}-{number}-{}", "x".repeat(number * 7 % 900));
        let body = NEW_TICKET_FORM.replace("Printer", &title);
        let reply = account.client.send_form("POST", "/api/v2/ticket", &body).await;
        if reply.status == 200 {
            taken.insert(title);
            continue;
        }
        assert_server_error(&reply, DISK_FULL_MESSAGE, &title);
        refusals += 1;
        if refusals == 3 {
            return taken;
        }
    }
    panic!("there was room without an end");
}

/// The titles of all tickets.
pub(super) async fn fetch_titles(account: &Account) -> BTreeSet<String> {
    let list = account.client.get("/api/v2/ticket?itemLimit=9999").await;
    assert_eq!(list.status, 200, "{}", list.body);
    let items = list.body["items"].as_array().expect("items");
    let title = |item: &Value| item["title"].as_str().expect("a title").to_owned();
    let titles: BTreeSet<String> = items.iter().map(title).collect();
    assert_eq!(titles.len(), items.len(), "no ticket is there twice");
    titles
}
