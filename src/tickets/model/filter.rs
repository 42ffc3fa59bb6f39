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
