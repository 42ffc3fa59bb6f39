//! The criteria and the page of a ticket list. Pure; the store turns them into SQL.

use serde::Deserialize;

use super::view::{ConditionOperator, ViewCondition, ViewConditions};
use crate::clock::Zone;

/// The criteria of a list.
#[derive(Clone, Debug, Default)]
pub(crate) struct TicketFilter {
    pub(crate) view: ViewConditions,
    pub(crate) columns: ColumnFilter,
    /// A substring of the search texts, or the id.
    pub(crate) query: Option<String>,
    /// Excludes tickets closed before this stored (UTC) date.
    pub(crate) archived_before: Option<String>,
    /// The time zone that views compare dates in.
    pub(crate) zone: Zone,
}

/// The criteria on single columns, under the names of their parameters.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct ColumnFilter {
    /// One of the documented statuses.
    pub(crate) status: Option<String>,
}

impl TicketFilter {
    /// Returns whether the query may scan all tickets and compare long texts.
    pub(crate) fn is_expensive(&self) -> bool {
        let is_plain = |condition: &ViewCondition| {
            matches!(condition.operator, ConditionOperator::Equals | ConditionOperator::NotEquals)
        };
        self.query.is_some() || !self.view.any.is_empty() || !self.view.conditions().all(is_plain)
    }
}

/// The requested page of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageRequest {
    pub(crate) start: u64,
    pub(crate) limit: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(operator: ConditionOperator) -> ViewCondition {
        ViewCondition { column: "title".to_owned(), operator, value: Some("x".to_owned()) }
    }

    fn all(operators: &[ConditionOperator]) -> ViewConditions {
        ViewConditions { all: operators.iter().copied().map(condition).collect(), any: Vec::new() }
    }

    #[test]
    fn query_is_expensive_if_it_may_scan_all_tickets() {
        use ConditionOperator::{
            Contains, Equals, GreaterThan, IsEmpty, IsNotEmpty, LessThan, NotContains, NotEquals,
        };
        let any_equals = ViewConditions { all: Vec::new(), any: vec![condition(Equals)] };
        for (view, query, expected) in [
            (all(&[]), None, false),
            (all(&[Equals]), None, false),
            (all(&[NotEquals]), None, false),
            (all(&[Equals, NotEquals]), None, false),
            (all(&[]), Some("x"), true),
            (all(&[Equals]), Some("x"), true),
            (any_equals, None, true),
            (all(&[Contains]), None, true),
            (all(&[NotContains]), None, true),
            (all(&[GreaterThan]), None, true),
            (all(&[LessThan]), None, true),
            (all(&[IsEmpty]), None, true),
            (all(&[IsNotEmpty]), None, true),
            (all(&[Equals, Contains]), None, true),
        ] {
            let text = format!("{view:?} {query:?}");
            let filter =
                TicketFilter { view, query: query.map(str::to_owned), ..TicketFilter::default() };
            assert_eq!(filter.is_expensive(), expected, "{text}");
        }
        // Indexed criteria that every list may have.
        let usual = TicketFilter {
            columns: ColumnFilter { status: Some("open".to_owned()) },
            archived_before: Some("2026-07-01 10:00:00".to_owned()),
            ..TicketFilter::default()
        };
        assert!(!usual.is_expensive());
    }
}
