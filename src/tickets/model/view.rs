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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OPERATORS: [ConditionOperator; 8] = [
        ConditionOperator::Equals,
        ConditionOperator::NotEquals,
        ConditionOperator::Contains,
        ConditionOperator::NotContains,
        ConditionOperator::GreaterThan,
        ConditionOperator::LessThan,
        ConditionOperator::IsEmpty,
        ConditionOperator::IsNotEmpty,
    ];

    fn condition(column: &str, operator: ConditionOperator, value: Option<&str>) -> ViewCondition {
        ViewCondition { column: column.to_owned(), operator, value: value.map(str::to_owned) }
    }

    /// Returns the operators for which a property of a condition is true.
    fn operators_with(
        column: &str,
        value: &str,
        property: impl Fn(&ViewCondition) -> bool,
    ) -> Vec<ConditionOperator> {
        let has_property =
            |operator: &ConditionOperator| property(&condition(column, *operator, Some(value)));
        OPERATORS.into_iter().filter(has_property).collect()
    }

    #[test]
    fn built_in_view_has_its_conditions() {
        let describe = |slug: &str| {
            let conditions = built_in_view(slug)?;
            assert!(conditions.any.is_empty(), "{slug}");
            let text = |condition: &ViewCondition| {
                let ViewCondition { column, operator, value } = condition;
                format!("{column} {} {}", operator.name(), value.as_deref().unwrap_or_default())
            };
            Some(conditions.all.iter().map(text).collect::<Vec<_>>())
        };
        for (slug, expected) in [
            ("all", &[][..]),
            ("unassigned", &["assigned_group_id equals 0", "assigned_user_id equals 0"]),
            ("new", &["status equals new"]),
            ("open", &["status equals open"]),
            ("pending", &["status equals pending"]),
            ("holding", &["status equals holding"]),
            ("solved", &["status equals solved"]),
            ("closed", &["status equals closed"]),
            ("unsolved", &["status not_equals solved", "status not_equals closed"]),
            ("urgent", &["priority equals urgent"]),
        ] {
            assert!(BUILT_IN_VIEWS.contains(&slug), "{slug}");
            assert_eq!(describe(slug).expect("a built-in view"), expected, "{slug}");
        }
        assert_eq!(BUILT_IN_VIEWS.len(), 10);
        for unknown in ["", "Open", "low", "high", "deleted", "1"] {
            assert_eq!(describe(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn conditions_of_both_lists_are_iterated() {
        let conditions: ViewConditions = serde_json::from_value(json!({
            "any": [{ "fact": "to", "operation": "is_empty" }],
            "all": [{ "fact": "from", "operation": "contains", "value": "a" }],
        }))
        .expect("a view");
        let columns: Vec<&str> = conditions.conditions().map(|one| one.column.as_str()).collect();
        assert_eq!(columns, ["from", "to"]);
    }

    #[test]
    fn unassigned_is_a_comparison_of_an_assignee_with_zero() {
        for column in ["assigned_group_id", "assigned_user_id"] {
            let operators = operators_with(column, "0", ViewCondition::is_unassigned);
            assert_eq!(operators, [ConditionOperator::Equals], "{column}");
        }
        for (column, value) in [
            ("assigned_user_id", Some("7")),
            ("assigned_user_id", Some("00")),
            ("assigned_group_id", None),
            ("customer_id", Some("0")),
        ] {
            let condition = condition(column, ConditionOperator::Equals, value);
            assert!(!condition.is_unassigned(), "{condition:?}");
        }
    }

    #[test]
    fn date_with_z_is_a_stored_date_if_it_is_compared_as_a_whole() {
        use ConditionOperator::{Equals, GreaterThan, LessThan, NotEquals};
        let stored = |condition: &ViewCondition| {
            condition.utc_date().inspect(|date| assert_eq!(*date, "2026-07-01 10:00:00")).is_some()
        };
        let operators = operators_with("created_at", "2026-07-01 10:00:00Z", stored);
        assert_eq!(operators, [Equals, NotEquals, GreaterThan, LessThan]);
        for (column, value) in [
            ("created_at", "2026-07-01 10:00:00"),
            ("created_at", "2026-07-01Z"),
            ("created_at", ""),
            ("title", "2026-07-01 10:00:00Z"),
        ] {
            assert!(operators_with(column, value, stored).is_empty(), "{column} {value}");
        }
        assert_eq!(condition("created_at", Equals, None).utc_date(), None);
    }

    #[test]
    fn displayed_date_is_compared_as_text() {
        use ConditionOperator::{Contains, Equals, NotContains, NotEquals};
        for (column, value, expected) in [
            ("created_at", "2026-07-01 10:00:00", &[Equals, NotEquals, Contains, NotContains][..]),
            ("closed_at", "2026", &[Equals, NotEquals, Contains, NotContains]),
            // A UTC date is compared as stored, but its text occurs in no displayed date.
            ("created_at", "2026-07-01 10:00:00Z", &[Contains, NotContains]),
            ("created_at", "", &[]),
            ("title", "2026-07-01 10:00:00", &[]),
        ] {
            let operators = operators_with(column, value, ViewCondition::compares_displayed_date);
            assert_eq!(operators, expected, "{column} {value}");
        }
        assert!(!condition("created_at", Equals, None).compares_displayed_date());
    }

    #[test]
    fn displayed_date_matches_as_a_whole_or_in_part() {
        const DATE: &str = "2026-07-01 10:00:00";
        for operator in [ConditionOperator::Equals, ConditionOperator::NotEquals] {
            for (value, expected) in [(DATE, true), ("2026-07-01", false), ("", false)] {
                let condition = condition("created_at", operator, Some(value));
                assert_eq!(condition.matches_ignoring_negation(DATE), expected, "{condition:?}");
            }
        }
        for operator in [ConditionOperator::Contains, ConditionOperator::NotContains] {
            for (value, expected) in [(DATE, true), ("07-01 1", true), ("11", false)] {
                let condition = condition("created_at", operator, Some(value));
                assert_eq!(condition.matches_ignoring_negation(DATE), expected, "{condition:?}");
            }
        }
    }

    #[test]
    fn value_must_be_comparable_with_its_column() {
        use ConditionOperator::{
            Contains, Equals, GreaterThan, IsEmpty, IsNotEmpty, LessThan, NotContains, NotEquals,
        };
        const MISSING: Option<&str> = Some("is required for this operation");
        const NUMBER: Option<&str> =
            Some("must be a whole number, because customer_id is a number");
        const FLAG: Option<&str> =
            Some("must be a whole number, because show_timeline is a number");
        const DATE: Option<&str> = Some(
            "must be a valid date, because closed_at is a date: YYYY-MM-DD HH:MM:SS, optionally followed by Z for \
             UTC, or a prefix such as YYYY-MM-DD",
        );
        const WHOLE: &[ConditionOperator] = &[Equals, NotEquals, GreaterThan, LessThan];
        const PARTS: &[ConditionOperator] = &[Contains, NotContains];
        const UNARY: &[ConditionOperator] = &[IsEmpty, IsNotEmpty];
        for (column, operators, value, expected) in [
            ("title", WHOLE, None, MISSING),
            ("title", PARTS, None, MISSING),
            ("title", UNARY, None, None),
            ("title", WHOLE, Some("any"), None),
            ("title", WHOLE, Some(""), None),
            ("customer_id", WHOLE, Some("7"), None),
            ("customer_id", WHOLE, Some("-7"), None),
            ("customer_id", WHOLE, Some("seven"), NUMBER),
            ("customer_id", WHOLE, Some("7.5"), NUMBER),
            ("customer_id", WHOLE, Some(""), NUMBER),
            ("customer_id", WHOLE, None, MISSING),
            ("customer_id", PARTS, Some("seven"), None),
            ("customer_id", UNARY, None, None),
            ("customer_id", UNARY, Some("seven"), None),
            ("show_timeline", WHOLE, Some("yes"), FLAG),
            // A text of digits is compared as text.
            ("channel_account_id", WHOLE, Some("seven"), None),
            ("closed_at", WHOLE, Some("2026-07-01 10:00:00"), None),
            ("closed_at", WHOLE, Some("2026-07-01 10:00:00Z"), None),
            ("closed_at", WHOLE, Some("2026-07"), None),
            ("closed_at", WHOLE, Some("7"), DATE),
            ("closed_at", WHOLE, Some(""), DATE),
            ("closed_at", PARTS, Some("T00"), None),
            ("closed_at", UNARY, None, None),
            // Another rule rejects an unknown column.
            ("no_column", WHOLE, None, None),
        ] {
            for operator in operators {
                let condition = condition(column, *operator, value);
                assert_eq!(condition.validation_error().as_deref(), expected, "{condition:?}");
            }
        }
    }
}
