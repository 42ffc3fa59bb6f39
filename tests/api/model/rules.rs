//! What a request may hold, written down a second time and without the program's help.

use super::call::{Call, Field};

pub(crate) const STATUSES: [&str; 6] = ["new", "open", "pending", "holding", "solved", "closed"];
pub(crate) const PRIORITIES: [&str; 4] = ["low", "medium", "high", "urgent"];
const LARGEST: u64 = 9_007_199_254_740_991;

/// Why a request is refused; for the reader of a failure only.
pub(crate) type Refused = String;

pub(crate) fn number(text: &str) -> Result<u64, Refused> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = text.len() > 1 && text.starts_with('0');
    match text.parse() {
        Ok(number) if digits && !leading_zero && number <= LARGEST => Ok(number),
        _ => Err(format!("{text:?} is no whole number")),
    }
}

pub(crate) fn id(text: &str) -> Result<u64, Refused> {
    match number(text)? {
        0 => Err("an id is at least 1".to_owned()),
        id => Ok(id),
    }
}

pub(crate) fn one_of<'text>(text: &'text str, allowed: &[&str]) -> Result<&'text str, Refused> {
    if allowed.contains(&text) { Ok(text) } else { Err(format!("{text:?} is none of {allowed:?}")) }
}

pub(crate) fn required<'call>(call: &'call Call, name: &str) -> Result<&'call str, Refused> {
    call.text(name).ok_or_else(|| format!("{name} is missing"))
}

/// The number of an optional field.
pub(crate) fn optional_number(call: &Call, name: &str) -> Result<Option<u64>, Refused> {
    call.text(name).map(number).transpose()
}

/// The ids of `ticketIDs[]`.
pub(crate) fn listed_ids(call: &Call) -> Result<Vec<u64>, Refused> {
    match call.field("ticketIDs") {
        Some(Field::List(items)) if !items.is_empty() => {
            distinct(items.iter().map(|item| id(item)))
        }
        _ => Err("ticketIDs is missing".to_owned()),
    }
}

/// The ids of `TicketIDs`, with commas between them.
pub(crate) fn comma_ids(call: &Call) -> Result<Vec<u64>, Refused> {
    let text = required(call, "TicketIDs")?;
    distinct(text.split(',').map(|piece| id(piece.trim_matches(' '))))
}

fn distinct(ids: impl Iterator<Item = Result<u64, Refused>>) -> Result<Vec<u64>, Refused> {
    let ids: Vec<u64> = ids.collect::<Result<_, _>>()?;
    let repeated = ids.iter().enumerate().any(|(at, id)| ids[..at].contains(id));
    if repeated { Err("an id occurs twice".to_owned()) } else { Ok(ids) }
}

/// The actions of a batch, each with a value that its type allows.
pub(crate) fn actions(call: &Call) -> Result<&[(String, String)], Refused> {
    let Some(Field::Actions(actions)) = call.field("actions") else {
        return Err("actions is missing".to_owned());
    };
    if actions.is_empty() {
        return Err("actions is empty".to_owned());
    }
    for (kind, value) in actions {
        match kind.as_str() {
            "status" => _ = one_of(value, &STATUSES)?,
            "priority" => _ = one_of(value, &PRIORITIES)?,
            "assigned_group_id" | "assigned_user_id" => _ = number(value)?,
            "title" if !value.is_empty() => {}
            _ => return Err(format!("{kind:?} with {value:?} is no action")),
        }
    }
    Ok(actions)
}
