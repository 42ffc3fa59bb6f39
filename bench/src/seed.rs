//! Writes the seed: accounts whose tickets are as large as those of an ordinary help desk.

use crate::prelude::*;

pub const API_KEY: &str = "bench-key-0123456789";

/// Ticket `id` has the status at index `id` modulo their number. The same holds for priorities.
pub const STATUSES: [&str; 6] = ["new", "open", "pending", "holding", "solved", "closed"];
pub const PRIORITIES: [&str; 4] = ["low", "medium", "high", "urgent"];

pub fn api_key(account: u32) -> String {
    if account == 0 { API_KEY.to_owned() } else { format!("{API_KEY}-{account:04}") }
}

/// Writes a seed of accounts with this number of tickets each. The same arguments give the same bytes.
pub fn write(file: &Path, accounts: u32, tickets: u32) -> Result<()> {
    let tickets = (1..=tickets).map(ticket).collect::<Vec<_>>().join(",");
    let accounts = (0..accounts).map(|number| {
        let account = include_str!("account.json").replace("{key}", &api_key(number));
        format!("\"bench-{number}\":{}", account.replace("{tickets}", &tickets))
    });
    let accounts = accounts.collect::<Vec<_>>().join(",");
    Ok(fs::write(file, format!("{{\"accounts\":{{{accounts}}}}}"))?)
}

fn ticket(id: u32) -> String {
    let status = STATUSES[id as usize % STATUSES.len()];
    let (day, hour, minute) = (id / 1440 % 28 + 1, id / 60 % 24, id % 60);
    let date = format!("2026-01-{day:02} {hour:02}:{minute:02}:00");
    let closed_at = if status == "closed" { format!("\"{date}\"") } else { "null".to_owned() };
    let values = [
        ("{id}", id.to_string()),
        ("{floor}", (id % 40).to_string()),
        ("{status}", status.to_owned()),
        ("{priority}", PRIORITIES[id as usize % PRIORITIES.len()].to_owned()),
        ("{date}", date),
        ("{closed_at}", closed_at),
        ("{event}", (2 * id).to_string()),
        ("{note}", (2 * id + 1).to_string()),
    ];
    let template = include_str!("ticket.json").to_owned();
    values.iter().fold(template, |text, (name, value)| text.replace(name, value))
}
