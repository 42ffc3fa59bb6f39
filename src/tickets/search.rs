//! Which tickets a list is about: views and their conditions. Pure; the store turns them into SQL.

use serde::Deserialize;

use super::{columns, dates};
use crate::clock::Zone;

/// What a condition compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Operation {
    Equals,
    NotEquals,
    Contains,
    NotContains,
    GreaterThan,
    LessThan,
    IsEmpty,
    IsNotEmpty,
}

impl Operation {
    /// The words in a view (documented: `equals`; the others are chosen).
    pub(crate) const NAMES: &[&str] = &[
        "equals",
        "not_equals",
        "contains",
        "not_contains",
        "greater_than",
        "less_than",
        "is_empty",
        "is_not_empty",
    ];

    /// Whether it compares the whole value, in contrast to a part of it.
    pub(crate) const fn compares(self) -> bool {
        matches!(self, Self::Equals | Self::NotEquals | Self::GreaterThan | Self::LessThan)
    }

    /// Whether it compares with a value at all.
    pub(crate) const fn needs_value(self) -> bool {
        !matches!(self, Self::IsEmpty | Self::IsNotEmpty)
    }
}

/// One condition of a view: a column of the ticket, a comparison, a value.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Condition {
    pub(crate) fact: String,
    pub(crate) operation: Operation,
    #[serde(default)]
    pub(crate) value: Option<String>,
    /// The stored dates that are shown with this value in them, or as it; None where the column itself tells.
    #[serde(skip)]
    pub(crate) dates: Option<Vec<String>>,
}

/// The conditions of a view: all of the first, and one of the second unless there is none.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Conditions {
    #[serde(default)]
    pub(crate) all: Vec<Condition>,
    #[serde(default)]
    pub(crate) any: Vec<Condition>,
}

impl Conditions {
    /// Each of them.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.all.iter().chain(&self.any)
    }

    /// Each of them, to complete.
    pub(crate) fn conditions_mut(&mut self) -> impl Iterator<Item = &mut Condition> {
        self.all.iter_mut().chain(&mut self.any)
    }
}

/// What a list leaves out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) view: Conditions,
    /// One of the documented statuses.
    pub(crate) status: Option<String>,
    /// Anywhere in the searched texts, or the id.
    pub(crate) query: Option<String>,
    /// Leaves out what was closed before this date, as it is stored.
    pub(crate) archived_before: Option<String>,
    /// The zone that views compare dates in.
    pub(crate) zone: Zone,
}

impl Filter {
    /// Whether each ticket may have to be looked at, and compared with long texts.
    pub(crate) fn may_take_long(&self) -> bool {
        let conditions = self.view.all.iter().chain(&self.view.any);
        let is_plain = |condition: &Condition| {
            matches!(condition.operation, Operation::Equals | Operation::NotEquals)
        };
        self.query.is_some() || !self.view.any.is_empty() || !conditions.into_iter().all(is_plain)
    }
}

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    pub(crate) start: u64,
    pub(crate) limit: u64,
}

/// The slugs of the views that every account has.
pub(crate) const BUILT_IN: &[&str] = &[
    "all",
    "unassigned",
    "new",
    "open",
    "pending",
    "holding",
    "solved",
    "closed",
    "unsolved",
    "urgent",
];

/// The conditions of a built-in view (all chosen: the documents name no slug).
pub(crate) fn built_in(slug: &str) -> Option<Conditions> {
    let all = match slug {
        "all" => Vec::new(),
        "unassigned" => vec![equals("assigned_group_id", "0"), equals("assigned_user_id", "0")],
        "unsolved" => vec![differs("status", "solved"), differs("status", "closed")],
        "urgent" => vec![equals("priority", "urgent")],
        status if BUILT_IN.contains(&status) => vec![equals("status", status)],
        _ => return None,
    };
    Some(Conditions { all, any: Vec::new() })
}

fn equals(fact: &str, value: &str) -> Condition {
    Condition {
        fact: fact.to_owned(),
        operation: Operation::Equals,
        value: Some(value.to_owned()),
        dates: None,
    }
}

fn differs(fact: &str, value: &str) -> Condition {
    Condition { operation: Operation::NotEquals, ..equals(fact, value) }
}

impl Condition {
    /// Whether it says that a ticket has no group, or no user.
    pub(crate) fn is_of_nobody(&self) -> bool {
        let is_assignment = matches!(self.fact.as_str(), "assigned_group_id" | "assigned_user_id");
        let is_nobody = self.value.as_deref() == Some("0");
        is_assignment && is_nobody && self.operation == Operation::Equals
    }

    /// Whether it compares a date with a text, as it is shown.
    pub(crate) fn is_of_shown_date(&self) -> bool {
        let is_of_text = matches!(
            self.operation,
            Operation::Equals | Operation::NotEquals | Operation::Contains | Operation::NotContains
        );
        is_of_text
            && columns::is_date(&self.fact)
            && self.moment().is_none()
            && self.value.as_ref().is_some_and(|value| !value.is_empty())
    }

    /// The stored date that it compares dates with where its value is one in UTC, whatever the zone. A part of a date, as
    /// it is shown, has no zone.
    pub(crate) fn moment(&self) -> Option<&str> {
        let is_compared = self.operation.compares() && columns::is_date(&self.fact);
        self.value.as_deref().filter(|_| is_compared).and_then(dates::moment)
    }

    /// Whether a date that is shown so is what it asks for, or, where it asks for others, what it leaves out.
    pub(crate) fn is_about(&self, shown: &str) -> bool {
        let value = self.value.as_deref().unwrap_or_default();
        match self.operation {
            Operation::Contains | Operation::NotContains => shown.contains(value),
            _ => shown == value,
        }
    }

    /// What is wrong with it, if anything: a value that is missing, or that its column cannot be compared with.
    pub(crate) fn problem(&self) -> Option<String> {
        let column = columns::named(&self.fact)?;
        if !self.operation.needs_value() {
            return None;
        }
        let Some(value) = &self.value else {
            return Some("needs a value".to_owned());
        };
        if !self.operation.compares() {
            return None;
        }
        if column.shape.is_number() && value.parse::<i64>().is_err() {
            return Some(format!("must be a whole number, since {} is one", self.fact));
        }
        (column.shape.is_date() && !dates::is_comparable(value)).then(|| {
            format!(
                "must be a date that exists, since {} is one: as YYYY-MM-DD HH:MM:SS, with a Z at its end for UTC, or the \
                 beginning of one, such as YYYY-MM-DD",
                self.fact
            )
        })
    }
}
