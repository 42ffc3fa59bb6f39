//! Ticket values, changes and search text normalization. Pure: no HTTP, no SQL, no clock.

use serde::Deserialize;
use serde_json::Value;

/// The documented statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    New,
    Open,
    Pending,
    Holding,
    Solved,
    Closed,
}

impl Status {
    /// The API's names, in the documented order.
    pub(crate) const NAMES: &[&str] = &["new", "open", "pending", "holding", "solved", "closed"];
    /// Unfinished statuses (our choice, after the name of `solveUnfinishedTickets`).
    pub(crate) const UNFINISHED: &[&str] = &["new", "open", "pending", "holding"];

    pub(crate) const fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// Parses a status name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        serde_json::from_value(name.into()).ok()
    }
}

/// The documented priorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Priority {
    Low,
    Medium,
    High,
    Urgent,
}

impl Priority {
    /// The API's names, in the documented order.
    pub(crate) const NAMES: &[&str] = &["low", "medium", "high", "urgent"];

    pub(crate) const fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// Parses a priority name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        serde_json::from_value(name.into()).ok()
    }
}

/// The documented directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Direction {
    Inbound,
    Outbound,
}

impl Direction {
    /// The API's names.
    pub(crate) const NAMES: &[&str] = &["inbound", "outbound"];

    pub(crate) const fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

/// A change of one ticket column. Creates one timeline event if the value differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TicketChange {
    Status(Status),
    Priority(Priority),
    /// 0 unassigns the group.
    AssignedGroup(i64),
    /// 0 unassigns the user.
    AssignedUser(i64),
    Title(String),
    /// The customer's id and external primary id.
    LinkCustomer(i64, String),
    UnlinkCustomer,
}

/// A value of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ColumnValue {
    Number(i64),
    Text(String),
}

impl TicketChange {
    /// Returns whether it changes an indexed text.
    pub(crate) const fn affects_search_index(&self) -> bool {
        matches!(self, Self::Title(_))
    }

    /// Returns the changed column.
    pub(crate) const fn column(&self) -> &'static str {
        match self {
            Self::Status(_) => "status",
            Self::Priority(_) => "priority",
            Self::AssignedGroup(_) => "assigned_group_id",
            Self::AssignedUser(_) => "assigned_user_id",
            Self::Title(_) => "title",
            Self::LinkCustomer(..) | Self::UnlinkCustomer => "customer_id",
        }
    }

    /// Returns the column's new value.
    pub(crate) fn new_value(&self) -> ColumnValue {
        match self {
            Self::Status(status) => ColumnValue::Text(status.name().to_owned()),
            Self::Priority(priority) => ColumnValue::Text(priority.name().to_owned()),
            Self::Title(title) => ColumnValue::Text(title.clone()),
            Self::AssignedGroup(id) | Self::AssignedUser(id) | Self::LinkCustomer(id, _) => {
                ColumnValue::Number(*id)
            }
            Self::UnlinkCustomer => ColumnValue::Number(0),
        }
    }
}

impl TicketChange {
    /// Returns the new values of all affected columns; None is null.
    pub(crate) fn column_updates(&self, now: &str) -> Vec<(&'static str, Option<ColumnValue>)> {
        let date = || Some(ColumnValue::Text(now.to_owned()));
        let mut columns = vec![("last_update", date()), (self.column(), Some(self.new_value()))];
        match self {
            // closed_at is set when the status becomes closed, and null after any other (our choice).
            Self::Status(Status::Closed) => columns.push(("closed_at", date())),
            Self::Status(_) => columns.push(("closed_at", None)),
            _ => {}
        }
        columns
    }
}

impl ColumnValue {
    /// Compares with a JSON value.
    pub(crate) fn equals_json(&self, value: &Value) -> bool {
        match self {
            Self::Number(number) => value.as_i64() == Some(*number),
            Self::Text(text) => value.as_str() == Some(text),
        }
    }
}

impl From<ColumnValue> for Value {
    fn from(value: ColumnValue) -> Self {
        match value {
            ColumnValue::Number(number) => number.into(),
            ColumnValue::Text(text) => text.into(),
        }
    }
}

/// Separates texts that are searched as one.
const SEARCH_TEXT_SEPARATOR: char = '\u{1f}';
/// Unicode noncharacters that escape the separator and themselves.
const ESCAPE_NONCHARACTERS: [char; 2] = ['\u{fdd0}', '\u{fdd1}'];

/// Normalizes a searched text or a query: lower case in all of Unicode, with any separator escaped.
pub(crate) fn normalize_search_text(text: &str) -> String {
    let has_separator = text.contains(SEARCH_TEXT_SEPARATOR);
    if text.is_ascii() && !has_separator {
        return text.to_ascii_lowercase();
    }
    if has_separator || text.contains(ESCAPE_NONCHARACTERS) {
        fold_case(&escape_separator(text))
    } else {
        fold_case(text)
    }
}

/// Escapes the separator and the two escape characters as one to three `inner` between two `edge`. Escapes are unique,
/// and none is part of another text.
fn escape_separator(text: &str) -> String {
    let [edge, inner] = ESCAPE_NONCHARACTERS;
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        let times = match character {
            SEARCH_TEXT_SEPARATOR => 1,
            _ if character == edge => 2,
            _ if character == inner => 3,
            _ => {
                escaped.push(character);
                continue;
            }
        };
        escaped.push(edge);
        escaped.extend(std::iter::repeat_n(inner, times));
        escaped.push(edge);
    }
    escaped
}

fn fold_case(text: &str) -> String {
    // Per character: `str::to_lowercase` has another sigma at a word's end.
    text.chars()
        .flat_map(char::to_lowercase)
        .map(|character| if character == 'ς' { 'σ' } else { character })
        .collect()
}

/// Joins normalized texts with a separator, so that no match spans two.
pub(crate) fn join_search_texts(texts: &[&str]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| normalize_search_text(text)).collect();
    texts.join(SEARCH_TEXT_SEPARATOR.encode_utf8(&mut [0; 4]))
}
