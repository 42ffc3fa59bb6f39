//! Fills the disk of an account, with sequential or with concurrent writes.

use std::collections::BTreeSet;

use crate::support::control::Account;
use crate::support::disk::{DISK_FULL_MESSAGE, assert_server_error};
use crate::support::ticket::{NEW_TICKET_FORM, dump_tickets, fetch_titles};

/// More tickets than rounds, since each round removes one.
pub(super) const TICKET_COUNT: usize = 60;
const MAX_ROUNDS: usize = TICKET_COUNT - 2;
const BATCH_FORM: &str = "TicketIDs=1&actions[0][actionType]=priority";
const WRITER_COUNT: usize = 16;
/// More writes than the free space of any test allows.
const MAX_WRITES_PER_WRITER: usize = 2000;

/// Returns a write of each kind. Each of them changes the ticket.
fn writes_of_each_kind(round: usize) -> Vec<(&'static str, String, String)> {
    let path = |path: &str| format!("/api/v2/ticket{path}");
    let is_even = round.is_multiple_of(2);
    let (status, priority, batched) =
        if is_even { ("open", "high", "urgent") } else { ("pending", "low", "medium") };
    vec![
        ("POST", path(""), NEW_TICKET_FORM.to_owned()),
        ("PUT", path("/1"), format!("title=Round+{round}")),
        ("POST", path("/setStatus"), format!("status={status}&ticketIDs[]=1")),
        ("POST", path("/setPriority"), format!("priority={priority}&ticketIDs[]=1")),
        ("POST", path("/batch"), format!("{BATCH_FORM}&actions[0][value]={batched}")),
        ("DELETE", path(&format!("/{}", round + 2)), String::new()),
    ]
}

/// Writes to the account, which has `TICKET_COUNT` tickets, until every kind of write is rejected. Asserts that both
/// accounts remain readable. Returns the id of the newest ticket and a dump of the tickets.
pub(super) async fn write_until_full(account: &Account, other: &Account) -> (u64, String) {
    let mut newest = u64::try_from(TICKET_COUNT).expect("a number");
    let other_tickets = dump_tickets(&other.client).await;
    for round in 0..MAX_ROUNDS {
        let before = dump_tickets(&account.client).await;
        let mut accepted = 0;
        for (method, path, body) in writes_of_each_kind(round) {
            let reply = account.client.send_form(method, &path, &body).await;
            if reply.status == 200 {
                // A write that sets the current value needs no disk space.
                accepted += usize::from(!path.contains("set") && !path.contains("batch"));
                newest = reply.body["ticketID"].as_u64().unwrap_or(newest);
            } else {
                assert_server_error(&reply, DISK_FULL_MESSAGE, &format!("{method} {path} {body}"));
            }
        }
        assert_eq!(dump_tickets(&other.client).await, other_tickets);
        if accepted == 0 {
            assert_eq!(
                dump_tickets(&account.client).await,
                before,
                "a rejected write changed a ticket"
            );
            return (newest, before);
        }
    }
    panic!("the disk did not fill up");
}

/// Runs concurrent writers until each was rejected three times. Returns the acknowledged titles.
pub(super) async fn write_concurrently_until_full(account: &Account) -> BTreeSet<String> {
    let writers = (0..WRITER_COUNT).map(|writer| tokio::spawn(run_writer(account.clone(), writer)));
    let mut acknowledged = BTreeSet::new();
    for writer in writers.collect::<Vec<_>>() {
        acknowledged.append(&mut writer.await.expect("the writer does not panic"));
    }
    acknowledged
}

async fn run_writer(account: Account, writer: usize) -> BTreeSet<String> {
    let (mut accepted, mut rejections) = (BTreeSet::new(), 0);
    for number in 0..MAX_WRITES_PER_WRITER {
        let title = format!("{writer}-{number}-{}", "x".repeat(number * 7 % 900));
        let body = NEW_TICKET_FORM.replace("Printer", &title);
        let reply = account.client.send_form("POST", "/api/v2/ticket", &body).await;
        if reply.status == 200 {
            accepted.insert(title);
            continue;
        }
        assert_server_error(&reply, DISK_FULL_MESSAGE, &title);
        rejections += 1;
        if rejections == 3 {
            return accepted;
        }
    }
    panic!("the disk did not fill up");
}

/// Returns the titles of all tickets, which must differ.
pub(super) async fn fetch_distinct_titles(account: &Account) -> BTreeSet<String> {
    let by_id = fetch_titles(&account.client).await;
    let count = by_id.len();
    let titles: BTreeSet<String> = by_id.into_values().collect();
    assert_eq!(titles.len(), count, "two tickets have the same title");
    titles
}
