//! Takes the actions of `actions.json`, step by step.
//!
//! An action has a weight, the clients that may use it (`shared`, `exclusive`: others would get unexpected responses,
//! `fault`: it needs fault rules, too), the number of its tickets, and choices, of which one is taken. A step sends a
//! request: `send` waits for the response, `begin` and `raw` leave it to a later `receive`, `faulty` is a request under a
//! fault rule. Then it checks the response (`status`, `expect` by JSON pointer, `error`, `problem`), changes the
//! expected tickets (`set`, `create`, `delete`, `take`, `restore`, `forget`), and compares them with the server's.

use std::sync::LazyLock;

use omnidesk_mock_bench::prelude::*;

use crate::{
    account::{Account, STATUS, TITLE, Tickets},
    client::Client,
};

/// They create about as many tickets as they delete.
pub(crate) static ACTIONS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("actions.json")).expect("actions.json is a JSON array")
});

/// The actions for an account with too few tickets, and with too many.
pub(crate) const CREATE: usize = 0;
pub(crate) const DELETE_MULTI: usize = 1;

/// Names in braces, and the texts that replace them.
type Placeholders = Vec<(String, String)>;

/// Returns the index of a random action, by weight.
pub(crate) fn choose(client: &mut Client, is_exclusive: bool, with_faults: bool) -> usize {
    let weight = |action: &Value| match action["use"].as_str() {
        Some("exclusive") if !is_exclusive => 0,
        Some("fault") if !is_exclusive || !with_faults => 0,
        _ => action["weight"].as_u64().unwrap_or(0),
    };
    let mut number = client.random.u64(..ACTIONS.iter().map(weight).sum::<u64>());
    let chosen = ACTIONS.iter().position(|action| {
        let is_chosen = number < weight(action);
        number = number.saturating_sub(weight(action));
        is_chosen
    });
    chosen.unwrap_or(CREATE)
}

pub(crate) fn perform(client: &mut Client, account: &mut Account, index: usize) -> Result<()> {
    let action = &ACTIONS[index];
    let ids = account.select(client, action["tickets"].as_str());
    let steps = client.pick(action["choices"].as_array().context("no choices")?);
    take_steps(client, account, &ids, steps, &[])
}

/// The placeholders of an action on these tickets.
fn placeholders(client: &mut Client, account: &mut Account, ids: &[u64]) -> Placeholders {
    let texts: Vec<_> = ids.iter().map(u64::to_string).collect();
    let status = (*client.pick(&STATUSES)).to_owned();
    let snapshot = *client.pick(&["before", "after.2"]);
    let has_snapshot = account.snapshots.contains_key(snapshot);
    let tickets = &account.tickets.by_id;
    let current_title = ids.first().map_or("", |id| &tickets[id][TITLE]).to_uppercase();
    let with_status = tickets.values().filter(|ticket| ticket[STATUS] == status).count();
    let values = [
        ("id", texts.first().cloned().unwrap_or_default()),
        ("ids", texts.join(",")),
        ("ticketIDs", format!("ticketIDs[]={}", texts.join("&ticketIDs[]="))),
        ("count", format!("{} ticket{}", ids.len(), if ids.len() == 1 { "" } else { "s" })),
        ("current_title", current_title.replace(' ', "+")),
        ("tickets", tickets.len().to_string()),
        ("tickets_with_status", with_status.to_string()),
        ("status", status),
        ("final_status", (*client.pick(&STATUSES[4..])).to_owned()),
        ("priority", (*client.pick(&PRIORITIES)).to_owned()),
        ("account", account.name.clone()),
        ("control", format!("{ACCOUNTS}/{}", account.name)),
        ("read_only_key", account.read_only_key.clone()),
        ("snapshots", account.snapshots.len().to_string()),
        ("snapshot", snapshot.to_owned()),
        ("has_snapshot", has_snapshot.to_string()),
        ("lacks_snapshot", (!has_snapshot).to_string()),
        ("title", account.next_title()),
    ];
    values.map(|(name, value)| (format!("{{{name}}}"), value)).into()
}

fn take_steps(
    client: &mut Client,
    account: &mut Account,
    ids: &[u64],
    steps: &Value,
    outer: &[(String, String)],
) -> Result<()> {
    let mut values = placeholders(client, account, ids);
    values.extend_from_slice(outer);
    let mut open = None;
    for step in steps.as_array().context("no steps")? {
        let fill = |text: &str| {
            values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
        };
        let text = |name: &str| step[name].as_str().map(fill);
        let status = u16::try_from(step["status"].as_u64().unwrap_or(200))?;
        let mut body = Value::Null;
        if text("when").as_deref() == Some("false") {
            continue;
        }
        if let Some(raw) = text("raw") {
            let length = step["long"].as_u64().unwrap_or(0);
            let long = "x".repeat(usize::try_from(length)?);
            open = Some(client.send_apart(&raw.replace("{long}", &long))?);
            continue;
        } else if let Some(line) = text("begin") {
            open = Some(client.send_apart(&encode(account, step, &line, fill))?);
            continue;
        } else if let Some(part) = step["receive"].as_str() {
            let mut connection = open.take().context("no request has begun")?;
            if part == "head" {
                let actual = connection.receive_head()?.status;
                ensure!(actual == status, "status {actual} of a stream");
                continue;
            }
            body = connection.receive()?.expect(status)?;
            ensure!(part != "last" || connection.wait_for_close()?, "the connection stays open");
        } else if let Some(line) = text("faulty") {
            let response = client.send_unchecked(&encode(account, step, &line, fill));
            check_faulty(response, step, status)?;
        } else if step["account"].is_object() {
            let options = serde_json::from_str(&fill(&step["account"].to_string()))?;
            let mut temporary = Account::create(client, &options, "temporary")?;
            temporary.snapshots.clone_from(&account.snapshots);
            temporary.snapshots.insert("own".to_owned(), account.tickets.clone());
            let empty = Tickets { next_id: 1, ..Tickets::default() };
            temporary.snapshots.insert("empty".to_owned(), empty);
            let ids = temporary.select(client, None);
            let outer = |(name, value): &(String, String)| {
                (name.replacen('{', "{outer.", 1), value.clone())
            };
            let outer: Vec<_> = values.iter().map(outer).collect();
            take_steps(client, &mut temporary, &ids, &step["steps"], &outer)?;
        } else if let Some(line) = text("send") {
            body = client.expect(&encode(account, step, &line, fill), status)?;
        }

        let entries = |name: &str| step[name].as_object().into_iter().flatten();
        let if_exclusive = entries("expect_exclusive").filter(|_| account.is_exclusive);
        for (pointer, expected) in entries("expect").chain(if_exclusive) {
            let expected = expected.as_str().map(fill).context("an expectation is a text")?;
            ensure!(read(&body, &fill(pointer)) == expected, "no {pointer} {expected:?}: {body}");
        }
        if let Some(words) = text("error") {
            let message = body["message"].as_str().unwrap_or_default();
            ensure!(body["status"] == "error" && message.contains(&words), "no {words:?}: {body}");
        }
        if let Some(problem) = text("problem") {
            ensure!(body["type"] == format!("/docs/control#{problem}"), "no {problem}: {body}");
        }
        for (field, value) in entries("set") {
            account.tickets.set(ids, field, &fill(value.as_str().unwrap_or_default()));
        }
        if let Some(title) = text("create") {
            account.add_created(body["ticketID"].as_u64(), title)?;
        }
        if step["delete"] == true {
            account.tickets.by_id.retain(|id, _| !ids.contains(id));
        }
        if let Some(name) = text("take") {
            account.snapshots.insert(name, account.tickets.clone());
        }
        if let Some(name) = text("restore") {
            let tickets = account.snapshots.get(&name).unwrap_or(&account.initial_tickets);
            account.tickets = tickets.clone();
        }
        if let Some(name) = text("forget") {
            account.snapshots.remove(&name);
        }
        if let Some(pointer) = text("compare") {
            account.tickets.check(ids[0], body.pointer(&pointer).context("no ticket")?)?;
        }
        if step["check"] == true {
            let item = client.expect(&account.key().get_ticket(ids[0]), 200)?;
            account.tickets.check(ids[0], &item["item"])?;
        }
        if step["compare_all"] == true {
            account.check_tickets(client)?;
        }
        let saved = entries("save").map(|(name, pointer)| {
            let pointer = pointer.as_str().map(fill).unwrap_or_default();
            (format!("{{{name}}}"), read(&body, &pointer))
        });
        let saved: Vec<_> = saved.collect();
        values.extend(saved);
    }
    Ok(())
}

/// Encodes the request that a line describes.
fn encode(account: &Account, step: &Value, line: &str, fill: impl Fn(&str) -> String) -> String {
    let api_key = step["key"].as_str().map_or_else(|| account.api_key.clone(), &fill);
    let mut request = Requests(&api_key).line(line);
    if let Some(host) = step["host"].as_str() {
        request = request.replacen("localhost", host, 1);
    }
    request.replacen("apiKey: \r\n", "", 1)
}

/// The text of a value in a response body; of an array, if the pointer ends with `#`, its length.
pub(crate) fn read(body: &Value, pointer: &str) -> String {
    if let Some(array) = pointer.strip_suffix("/#") {
        let array = body.pointer(array).and_then(Value::as_array);
        return array.map_or(0, Vec::len).to_string();
    }
    match body.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        value => value.unwrap_or(&Value::Null).to_string(),
    }
}

/// Checks the response to an update under a fault rule.
fn check_faulty(result: io::Result<Response>, step: &Value, status: u16) -> Result<()> {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let is_expected = match (&result, step["failure"].as_str()) {
        (Ok(response), None) => response.expect(status).is_ok(),
        (Ok(response), Some("malformed")) => {
            response.status == status && response.expect(status).is_err()
        }
        (Err(error), Some("disconnect")) => {
            [BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof].contains(&error.kind())
        }
        _ => false,
    };
    ensure!(is_expected, "{:?} after {step}", result.map(|response| response.status));
    Ok(())
}
