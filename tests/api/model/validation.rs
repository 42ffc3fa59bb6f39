//! Validation rules of the model, independent of the server's code.

use super::request::{FieldValue, TicketRequest};
use crate::support::ticket::{PRIORITIES, STATUSES};

const MAX_SAFE_INTEGER: u64 = 9_007_199_254_740_991;

/// Why a request is rejected; only for failure messages.
pub(crate) type RejectionReason = String;

pub(crate) fn parse_number(text: &str) -> Result<u64, RejectionReason> {
    let is_numeric = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let has_leading_zero = text.len() > 1 && text.starts_with('0');
    match text.parse() {
        Ok(number) if is_numeric && !has_leading_zero && number <= MAX_SAFE_INTEGER => Ok(number),
        _ => Err(format!("{text:?} is not a whole number")),
    }
}

pub(crate) fn parse_id(text: &str) -> Result<u64, RejectionReason> {
    match parse_number(text)? {
        0 => Err("an id is at least 1".to_owned()),
        id => Ok(id),
    }
}

pub(crate) fn require_allowed<'text>(
    text: &'text str,
    allowed: &[&str],
) -> Result<&'text str, RejectionReason> {
    if allowed.contains(&text) {
        Ok(text)
    } else {
        Err(format!("{text:?} is not one of {allowed:?}"))
    }
}

pub(crate) fn require_text<'request>(
    request: &'request TicketRequest,
    name: &str,
) -> Result<&'request str, RejectionReason> {
    request.text(name).ok_or_else(|| format!("{name} is missing"))
}

/// Returns the number of an optional field.
pub(crate) fn parse_optional_number(
    request: &TicketRequest,
    name: &str,
) -> Result<Option<u64>, RejectionReason> {
    request.text(name).map(parse_number).transpose()
}

/// Returns the ids of `ticketIDs[]`.
pub(crate) fn parse_id_list(request: &TicketRequest) -> Result<Vec<u64>, RejectionReason> {
    match request.field("ticketIDs") {
        Some(FieldValue::List(items)) if !items.is_empty() => {
            require_distinct(items.iter().map(|item| parse_id(item)))
        }
        _ => Err("ticketIDs is missing".to_owned()),
    }
}

/// Returns the comma-separated ids of `TicketIDs`.
pub(crate) fn parse_comma_separated_ids(
    request: &TicketRequest,
) -> Result<Vec<u64>, RejectionReason> {
    let text = require_text(request, "TicketIDs")?;
    require_distinct(text.split(',').map(|piece| parse_id(piece.trim_matches(' '))))
}

fn require_distinct(
    ids: impl Iterator<Item = Result<u64, RejectionReason>>,
) -> Result<Vec<u64>, RejectionReason> {
    let ids: Vec<u64> = ids.collect::<Result<_, _>>()?;
    let has_duplicate = ids.iter().enumerate().any(|(index, id)| ids[..index].contains(id));
    if has_duplicate { Err("an id occurs twice".to_owned()) } else { Ok(ids) }
}

/// Returns the actions of a batch; each value must be valid for its type.
pub(crate) fn parse_actions(
    request: &TicketRequest,
) -> Result<&[(String, String)], RejectionReason> {
    let Some(FieldValue::Actions(actions)) = request.field("actions") else {
        return Err("actions is missing".to_owned());
    };
    if actions.is_empty() {
        return Err("actions is empty".to_owned());
    }
    for (kind, value) in actions {
        match kind.as_str() {
            "status" => _ = require_allowed(value, &STATUSES)?,
            "priority" => _ = require_allowed(value, &PRIORITIES)?,
            "assigned_group_id" | "assigned_user_id" => _ = parse_number(value)?,
            "title" if !value.is_empty() => {}
            _ => return Err(format!("{kind:?} with {value:?} is not an action")),
        }
    }
    Ok(actions)
}
