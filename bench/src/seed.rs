//! Writes the seed: accounts whose tickets are as large as those of an ordinary help desk.

use std::{
    fmt::Display,
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use serde_json::{Value, json};

use crate::BenchResult;

/// The key of the account in the seed.
pub const API_KEY: &str = "bench-key-0123456789";

/// The name of that account.
pub const ACCOUNT: &str = "bench";

/// Ticket `id` has the status at index `id` modulo their number. The same holds for priorities.
pub const STATUSES: [&str; 6] = ["new", "open", "pending", "holding", "solved", "closed"];
pub const PRIORITIES: [&str; 4] = ["low", "medium", "high", "urgent"];

/// Writes a seed of one account as JSON. The same number of tickets gives the same bytes.
pub fn write(file: &Path, tickets: u32) -> BenchResult<()> {
    write_accounts(file, &[(ACCOUNT, API_KEY)], tickets)
}

/// Writes a seed of several accounts, given by name and key, with this number of tickets each.
pub fn write_accounts(
    file: &Path,
    accounts: &[(impl Display, impl Display)],
    tickets: u32,
) -> BenchResult<()> {
    let mut writer = BufWriter::new(File::create(file)?);
    for (index, (name, key)) in accounts.iter().enumerate() {
        let separator = if index == 0 { "{\"accounts\":{" } else { "," };
        write!(writer, "{separator}\"{name}\":")?;
        serde_json::to_writer(&mut writer, &account(&key.to_string(), tickets))?;
    }
    writer.write_all(b"}}")?;
    Ok(writer.flush()?)
}

fn account(key: &str, tickets: u32) -> Value {
    let tickets: Vec<_> = (1..=tickets).map(ticket).collect();
    json!({
        "keys": [{ "key": key, "name": "bench", "permissions": "all" }],
        "brands": [{ "id": 1, "name": "MyBrand" }],
        "channels": [{ "id": 1, "name": "e-mail", "icon": "e-mail" }],
        "groups": [{ "id": 10003, "name": "Service" }],
        "users": [{ "id": 254, "name": "marleen" }],
        "tickets": tickets,
    })
}

fn ticket(id: u32) -> Value {
    let floor = id % 40;
    let status = STATUSES[id as usize % STATUSES.len()];
    let date = date(id);
    json!({
        "id": id,
        "title": format!(
            "Printer {id} on floor {floor} of the main building stops half-way through every \
             double-sided document since the update of last week"
        ),
        "from": format!("customer{id}@example.test"),
        "from_name": format!("Customer Number {id}"),
        "to": "desk@example.test",
        "to_name": "Service Desk",
        "direction": "inbound",
        "brand_id": 1,
        "channel_id": 1,
        "assigned_group_id": 10003,
        "status": status,
        "priority": PRIORITIES[id as usize % PRIORITIES.len()],
        "created_at": date,
        "last_update": date,
        "last_update_customer": date,
        "closed_at": (status == "closed").then_some(&date),
        "timeline": [event(id, &date), note(id, &date)],
    })
}

fn event(ticket: u32, date: &str) -> Value {
    json!({
        "type": "event",
        "id": 2 * ticket,
        "item_type": "assigned_group_id",
        "item_type_id": "10003",
        "description": "Assigned to Service",
        "initiated_by": "trigger: Assign to service",
        "created_at": date,
    })
}

fn note(ticket: u32, date: &str) -> Value {
    json!({
        "type": "note",
        "id": (2 * ticket + 1).to_string(),
        "status_new": "open",
        "user_id": 254,
        "user_name": "marleen",
        "content": "Called back; the customer will try the other tray.",
        "created_at": date,
    })
}

/// A date in January 2026 that increases with the ticket's id.
fn date(id: u32) -> String {
    let (day, hour, minute) = (id / 1440 % 28 + 1, id / 60 % 24, id % 60);
    format!("2026-01-{day:02} {hour:02}:{minute:02}:00")
}
