//! Actions on the journal: verify, wait, event stream.

use omnidesk_mock_bench::{BenchResult, connection::Connection};
use serde_json::{Value, json};

use crate::{account::Account, check::check_equal, paced_client::PacedClient, random::Random};

/// The timeout of a wait for a request that is never sent, and that of the other waits.
const SHORT_TIMEOUT: &str = "20ms";
const LONG_TIMEOUT: &str = "10s";

/// Sets a title that no other request has.
fn update_title(
    client: &mut PacedClient,
    account: &mut Account,
    id: u32,
    title: &str,
) -> BenchResult<()> {
    let update = account.with_form("PUT", &format!("/{id}"), &format!("title={title}"));
    client.expect(&update, 200)?;
    account.tickets.set_title(id, title);
    Ok(())
}

/// Verifies a request that was sent, and one that was not.
pub(crate) fn verify(
    client: &mut PacedClient,
    account: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    let (id, title) = (account.tickets.pick_id(random), account.next_title());
    // No key has this name, so the response contains no requests, but the cursor at the end of the journal.
    let page = client.expect(&account.control("GET", "/requests?key=nobody"), 200)?;
    update_title(client, account, id, &title)?;
    let expectation = |title: &str| {
        json!({
            "operation": "ticket.update",
            "fields": { "title": title, "ticketID": id.to_string() },
            "count": { "exactly": 1 },
            "since": page["cursor"],
        })
    };
    let request = |title: &str| account.control_with_json("POST", "/verify", &expectation(title));
    check_equal("count", client.expect(&request(&title), 200)?["count"].as_u64(), Some(1))?;
    client.expect_problem(&request("was-never-sent"), 409, "verification-failed")
}

/// Sends a wait without reading its response.
fn start_wait(
    client: &mut PacedClient,
    account: &Account,
    query: &str,
    timeout: &str,
) -> BenchResult<Connection> {
    let mut connection = client.open_connection()?;
    connection.send(&account.control("GET", &format!("/wait?{query}&timeout={timeout}")))?;
    Ok(connection)
}

pub(crate) fn wait_for_request(
    client: &mut PacedClient,
    account: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    let (id, title) = (account.tickets.pick_id(random), account.next_title());
    let query = format!("operation=ticket.update&field.title={title}");
    let mut wait = start_wait(client, account, &query, LONG_TIMEOUT)?;
    update_title(client, account, id, &title)?;
    let found = wait.receive()?.expect_status(200)?;
    check_equal("title", found["requests"][0]["fields"]["title"].as_str(), Some(&*title))
}

pub(crate) fn wait_for_ticket(
    client: &mut PacedClient,
    account: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    let (id, title) = (account.tickets.pick_id(random), account.next_title());
    if random.is_once_in(4) {
        let query = format!("ticket={id}&deleted=true");
        let mut wait = start_wait(client, account, &query, LONG_TIMEOUT)?;
        client.expect(&account.without_body("DELETE", &format!("/{id}")), 200)?;
        account.tickets.by_id.remove(&id);
        let body = wait.receive()?.expect_status(200)?;
        return check_equal("ticket", &body["ticket"], &Value::Null);
    }
    let query = format!("ticket={id}&title={title}");
    let mut wait = start_wait(client, account, &query, LONG_TIMEOUT)?;
    update_title(client, account, id, &title)?;
    account.tickets.check_item(id, &wait.receive()?.expect_status(200)?["ticket"])
}

pub(crate) fn wait_until_timeout(
    client: &mut PacedClient,
    account: &mut Account,
    _: &mut Random,
) -> BenchResult<()> {
    let query = "operation=ticket.update&field.title=was-never-sent";
    let mut wait = start_wait(client, account, query, SHORT_TIMEOUT)?;
    let problem = wait.receive()?.expect_status(409)?;
    check_equal("problem type", problem["type"].as_str(), Some("/docs/control#wait-timeout"))
}

/// Opens the event stream, and disconnects after the head of the response.
pub(crate) fn open_stream(
    client: &mut PacedClient,
    account: &mut Account,
    _: &mut Random,
) -> BenchResult<()> {
    let mut connection = client.open_connection()?;
    connection.send(&account.control("GET", "/requests/stream"))?;
    check_equal("status of the stream", connection.receive_status()?, 200)
}
