//! Views: named lists of conditions on tickets. Pure; the store turns the conditions into SQL.

use serde::Deserialize;

use super::named_enum::named_enum;
use super::{columns, dates};

named_enum! {
    /// A comparison operator.
    enum ConditionOperator {
        Equals = "equals",
        NotEquals = "not_equals",
        Contains = "contains",
        NotContains = "not_contains",
        GreaterThan = "greater_than",
        LessThan = "less_than",
        IsEmpty = "is_empty",
        IsNotEmpty = "is_not_empty",
    }
    /// The names in a view (`equals` is documented; the others are our choice).
    NAMES
}

impl ConditionOperator {
    /// Returns whether it compares the whole value instead of a part.
    pub(crate) const fn compares_whole_value(self) -> bool {
        matches!(self, Self::Equals | Self::NotEquals | Self::GreaterThan | Self::LessThan)
    }

    /// Returns whether it takes a value.
    pub(crate) const fn needs_value(self) -> bool {
        !matches!(self, Self::IsEmpty | Self::IsNotEmpty)
    }
}

/// One condition of a view.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ViewCondition {
    /// A ticket column.
    #[serde(rename = "fact")]
    pub(crate) column: String,
    #[serde(rename = "operation")]
    pub(crate) operator: ConditionOperator,
    #[serde(default)]
    pub(crate) value: Option<String>,
}

/// The conditions of a view: a ticket must meet every `all`, and one `any` unless it is empty.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct ViewConditions {
    #[serde(default)]
    pub(crate) all: Vec<ViewCondition>,
    #[serde(default)]
    pub(crate) any: Vec<ViewCondition>,
}

impl ViewConditions {
    /// Iterates over both lists.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = &ViewCondition> {
        self.all.iter().chain(&self.any)
    }
}

/// The slugs of the views that every account has.
pub(crate) const BUILT_IN_VIEWS: &[&str] = &[
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

/// Returns a built-in view's conditions (our choice; the documents name no slug).
pub(crate) fn built_in_view(slug: &str) -> Option<ViewConditions> {
    let all = match slug {
        "all" => Vec::new(),
        "unassigned" => vec![equals("assigned_group_id", "0"), equals("assigned_user_id", "0")],
        "unsolved" => vec![not_equals("status", "solved"), not_equals("status", "closed")],
        "urgent" => vec![equals("priority", "urgent")],
        status if BUILT_IN_VIEWS.contains(&status) => vec![equals("status", status)],
        _ => return None,
    };
    Some(ViewConditions { all, any: Vec::new() })
}

fn equals(column: &str, value: &str) -> ViewCondition {
    ViewCondition {
        column: column.to_owned(),
        operator: ConditionOperator::Equals,
        value: Some(value.to_owned()),
    }
}

fn not_equals(column: &str, value: &str) -> ViewCondition {
    ViewCondition { operator: ConditionOperator::NotEquals, ..equals(column, value) }
}

impl ViewCondition {
    /// Returns whether it selects tickets with no group, or no user.
    pub(crate) fn is_unassigned(&self) -> bool {
        let is_assignee_column =
            matches!(self.column.as_str(), "assigned_group_id" | "assigned_user_id");
        let is_zero = self.value.as_deref() == Some("0");
        is_assignee_column && is_zero && self.operator == ConditionOperator::Equals
    }

    /// Returns whether it compares a date's local form as text.
    pub(crate) fn compares_displayed_date(&self) -> bool {
        let compares_text = matches!(
            self.operator,
            ConditionOperator::Equals
                | ConditionOperator::NotEquals
                | ConditionOperator::Contains
                | ConditionOperator::NotContains
        );
        compares_text
            && columns::is_date_column(&self.column)
            && self.utc_date().is_none()
            && self.value.as_ref().is_some_and(|value| !value.is_empty())
    }

    /// Returns the stored date if the value is a full UTC date and is compared as a whole. A substring is compared with
    /// the local form, which has no zone.
    pub(crate) fn utc_date(&self) -> Option<&str> {
        let is_compared =
            self.operator.compares_whole_value() && columns::is_date_column(&self.column);
        self.value.as_deref().filter(|_| is_compared).and_then(dates::parse_utc_date)
    }

    /// Matches a displayed date, reading `not_equals` as `equals` and `not_contains` as `contains`.
    pub(crate) fn matches_ignoring_negation(&self, displayed: &str) -> bool {
        let value = self.value.as_deref().unwrap_or_default();
        match self.operator {
            ConditionOperator::Contains | ConditionOperator::NotContains => {
                displayed.contains(value)
            }
            _ => displayed == value,
        }
    }

    /// Returns an error message if the value is missing or the column cannot be compared with it.
    pub(crate) fn validation_error(&self) -> Option<String> {
        let column = columns::find_ticket_column(&self.column)?;
        if !self.operator.needs_value() {
            return None;
        }
        let Some(value) = &self.value else {
            return Some("is required for this operation".to_owned());
        };
        if !self.operator.compares_whole_value() {
            return None;
        }
        if column.data_type.is_number() && value.parse::<i64>().is_err() {
            return Some(format!("must be a whole number, because {} is a number", self.column));
        }
        (column.data_type.is_date() && !dates::is_comparable_date(value)).then(|| {
            format!(
                "must be a valid date, because {} is a date: YYYY-MM-DD HH:MM:SS, optionally followed by Z for UTC, or a \
                 prefix such as YYYY-MM-DD",
                self.column
            )
        })
    }
}
