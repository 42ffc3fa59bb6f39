//! A ticket's vocabulary and what can be changed about it. Pure: no HTTP, no SQL, no clock.

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
    /// The words on the wire, in the documented order.
    pub(crate) const NAMES: &[&str] = &["new", "open", "pending", "holding", "solved", "closed"];
    /// Those that count as unfinished (chosen: the name of `solveUnfinishedTickets`).
    pub(crate) const UNFINISHED: &[&str] = &["new", "open", "pending", "holding"];

    pub(crate) const fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// The status with this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
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
    /// The words on the wire, in the documented order.
    pub(crate) const NAMES: &[&str] = &["low", "medium", "high", "urgent"];

    pub(crate) const fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// The priority with this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
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
    /// The words on the wire.
    pub(crate) const NAMES: &[&str] = &["inbound", "outbound"];

    pub(crate) const fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

/// A change of one column of a ticket. Each makes one event when it changes anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Status(Status),
    Priority(Priority),
    /// 0 takes the group away.
    AssignedGroup(i64),
    /// 0 takes the user away.
    AssignedUser(i64),
    Title(String),
    /// Links the customer with this id; the text is its external primary id.
    Customer(i64, String),
    /// Takes the customer away.
    NoCustomer,
}

/// A value as its column holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    Number(i64),
    Text(String),
}

impl Change {
    /// Whether searches look at what it changes.
    pub(crate) const fn is_searched(&self) -> bool {
        matches!(self, Self::Title(_))
    }

    /// The column that changes.
    pub(crate) const fn column(&self) -> &'static str {
        match self {
            Self::Status(_) => "status",
            Self::Priority(_) => "priority",
            Self::AssignedGroup(_) => "assigned_group_id",
            Self::AssignedUser(_) => "assigned_user_id",
            Self::Title(_) => "title",
            Self::Customer(..) | Self::NoCustomer => "customer_id",
        }
    }

    /// What the column holds afterwards.
    pub(crate) fn cell(&self) -> Cell {
        match self {
            Self::Status(status) => Cell::Text(status.name().to_owned()),
            Self::Priority(priority) => Cell::Text(priority.name().to_owned()),
            Self::Title(title) => Cell::Text(title.clone()),
            Self::AssignedGroup(id) | Self::AssignedUser(id) | Self::Customer(id, _) => {
                Cell::Number(*id)
            }
            Self::NoCustomer => Cell::Number(0),
        }
    }
}

impl Change {
    /// What a ticket that is changed holds afterwards, by its columns. None is null.
    pub(crate) fn outcome(&self, now: &str) -> Vec<(&'static str, Option<Cell>)> {
        let date = || Some(Cell::Text(now.to_owned()));
        let mut columns = vec![("last_update", date()), (self.column(), Some(self.cell()))];
        match self {
            // closed_at is set when the status becomes closed, and null again when it leaves it (chosen).
            Self::Status(Status::Closed) => columns.push(("closed_at", date())),
            Self::Status(_) => columns.push(("closed_at", None)),
            _ => {}
        }
        columns
    }
}

impl Cell {
    /// Whether it is this value of JSON.
    pub(crate) fn is(&self, value: &Value) -> bool {
        match self {
            Self::Number(number) => value.as_i64() == Some(*number),
            Self::Text(text) => value.as_str() == Some(text),
        }
    }
}

impl From<Cell> for Value {
    fn from(cell: Cell) -> Self {
        match cell {
            Cell::Number(number) => number.into(),
            Cell::Text(text) => text.into(),
        }
    }
}

/// What keeps texts apart that are searched as one.
const SEPARATOR: char = '\u{1f}';
/// Code points that are no letters, which stand for the separator and for themselves.
const MARKS: [char; 2] = ['\u{fdd0}', '\u{fdd1}'];

/// What a search looks through: the text in lower case, all of Unicode. No separator is in it, nor in what is searched
/// for.
pub(crate) fn searchable(text: &str) -> String {
    let has_separator = text.contains(SEPARATOR);
    if text.is_ascii() && !has_separator {
        return text.to_ascii_lowercase();
    }
    if has_separator || text.contains(MARKS) { lower(&escape(text)) } else { lower(text) }
}

/// Writes the separator and the marks as one to three of the second mark between two of the first, which nothing else
/// becomes and no part of anything else is.
fn escape(text: &str) -> String {
    let [edge, inner] = MARKS;
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        let times = match letter {
            SEPARATOR => 1,
            _ if letter == edge => 2,
            _ if letter == inner => 3,
            _ => {
                escaped.push(letter);
                continue;
            }
        };
        escaped.push(edge);
        escaped.extend(std::iter::repeat_n(inner, times));
        escaped.push(edge);
    }
    escaped
}

fn lower(text: &str) -> String {
    // Letter by letter: at a word's end the Greek sigma would become another one.
    text.chars()
        .flat_map(char::to_lowercase)
        .map(|letter| if letter == 'ς' { 'σ' } else { letter })
        .collect()
}

/// Several texts that a search looks through, kept apart so that no match spans two.
pub(crate) fn searchable_all(texts: &[&str]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| searchable(text)).collect();
    texts.join(SEPARATOR.encode_utf8(&mut [0; 4]))
}
