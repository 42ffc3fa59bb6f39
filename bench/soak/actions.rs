//! Takes the actions of `actions.json`, step by step.
//!
//! An action has a weight, the clients that may use it (`shared`, `exclusive`: others would get unexpected responses,
//! `fault`: it needs fault rules, too), the number of its tickets, and choices, of which one is taken. A step sends a
//! request: `send` waits for the response, `begin` and `raw` leave it to a later `receive`, `faulty` is a request under
//! a fault rule. Then it checks the response (`status`, `expect` by JSON pointer, `error`, `problem`), changes the
//! expected tickets (`set`, `create`, `delete`, `take`, `restore`, `forget`), and compares them with the server's.

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

type Placeholders = Vec<(String, String)>;

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
        let status = u16::try_from(step["status"].as_u64().unwrap_or(200))?;
        let (mut body, mut saved) = (Value::Null, Vec::new());
        for (name, value) in step.as_object().context("a step is an object")? {
            let text = value.as_str().map(fill).unwrap_or_default();
            let entries = || {
                let entries = value.as_object().into_iter().flatten();
                entries.map(|(name, value)| (fill(name), fill(value.as_str().unwrap_or_default())))
            };
            match &**name {
                "when" if text == "false" => break,
                "when" | "status" | "key" | "host" | "long" | "failure" | "steps" => (),
                "raw" => {
                    let length = usize::try_from(step["long"].as_u64().unwrap_or(0))?;
                    open = Some(client.send_apart(&text.replace("{long}", &"x".repeat(length)))?);
                }
                "begin" => open = Some(client.send_apart(&encode(account, step, &text, fill))?),
                "receive" => {
                    let mut connection = open.take().context("no request has begun")?;
                    if text == "head" {
                        let actual = connection.receive_head()?.status;
                        ensure!(actual == status, "status {actual} of a stream");
                        continue;
                    }
                    body = connection.receive()?.expect(status)?;
                    let is_closed = text != "last" || connection.wait_for_close()?;
                    ensure!(is_closed, "the connection stays open");
                }
                "send" => body = client.expect(&encode(account, step, &text, fill), status)?,
                "faulty" => {
                    let response = client.send_unchecked(&encode(account, step, &text, fill));
                    check_faulty(response, step, status)?;
                }
                "account" => {
                    let options = serde_json::from_str(&fill(&value.to_string()))?;
                    let mut temporary = Account::create(client, &options, "temporary")?;
                    temporary.snapshots.clone_from(&account.snapshots);
                    temporary.snapshots.insert("own".to_owned(), account.tickets.clone());
                    let empty = Tickets { next_id: 1, ..Tickets::default() };
                    temporary.snapshots.insert("empty".to_owned(), empty);
                    let ids = temporary.select(client, None);
                    let outer = values
                        .iter()
                        .map(|(name, value)| (name.replacen('{', "{outer.", 1), value.clone()));
                    let outer: Vec<_> = outer.collect();
                    take_steps(client, &mut temporary, &ids, &step["steps"], &outer)?;
                }
                "expect_exclusive" if !account.is_exclusive => (),
                "expect" | "expect_exclusive" => {
                    for (pointer, expected) in entries() {
                        let is_equal = read(&body, &pointer) == expected;
                        ensure!(is_equal, "{pointer} is not {expected:?}: {body}");
                    }
                }
                "error" => {
                    let message = body["message"].as_str().unwrap_or_default();
                    let is_expected = body["status"] == "error" && message.contains(&text);
                    ensure!(is_expected, "no {text:?}: {body}");
                }
                "problem" => {
                    ensure!(body["type"] == format!("/docs/control#{text}"), "no {text}: {body}");
                }
                "set" => {
                    entries().for_each(|(field, value)| account.tickets.set(ids, &field, &value));
                }
                "create" => account.add_created(body["ticketID"].as_u64(), text)?,
                "delete" => account.tickets.by_id.retain(|id, _| !ids.contains(id)),
                "take" => drop(account.snapshots.insert(text, account.tickets.clone())),
                "restore" => {
                    let tickets = account.snapshots.get(&text).unwrap_or(&account.initial_tickets);
                    account.tickets = tickets.clone();
                }
                "forget" => drop(account.snapshots.remove(&text)),
                "compare" => {
                    account.tickets.check(ids[0], body.pointer(&text).context("no ticket")?)?;
                }
                "check" => {
                    let item = client.expect(&account.key().get_ticket(ids[0]), 200)?;
                    account.tickets.check(ids[0], &item["item"])?;
                }
                "compare_all" => account.check_tickets(client)?,
                "save" => saved.extend(
                    entries().map(|(name, pointer)| (format!("{{{name}}}"), read(&body, &pointer))),
                ),
                _ => bail!("a step has no field {name}"),
            }
        }
        values.extend(saved);
    }
    Ok(())
}

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
