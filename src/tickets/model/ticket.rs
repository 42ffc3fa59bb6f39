//! Ticket values and changes. Pure: no HTTP, no SQL, no clock.

use super::named_enum::named_enum;

named_enum! {
    /// The documented statuses.
    enum Status {
        New = "new",
        Open = "open",
        Pending = "pending",
        Holding = "holding",
        Solved = "solved",
        Closed = "closed",
    }
    /// The API's names, in the documented order.
    NAMES
}

impl Status {
    /// Unfinished statuses (our choice, after the name of `solveUnfinishedTickets`).
    pub(crate) const UNFINISHED: &[Self] = &[Self::New, Self::Open, Self::Pending, Self::Holding];
}

named_enum! {
    /// The documented priorities.
    enum Priority {
        Low = "low",
        Medium = "medium",
        High = "high",
        Urgent = "urgent",
    }
    /// The API's names, in the documented order.
    NAMES
}

named_enum! {
    /// The documented directions.
    enum Direction {
        Inbound = "inbound",
        Outbound = "outbound",
    }
    /// The API's names.
    NAMES
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
    LinkCustomer {
        id: i64,
        external_primary_id: String,
    },
    UnlinkCustomer,
}

impl TicketChange {
    /// Returns whether it changes an indexed text.
    pub(crate) const fn affects_search_index(&self) -> bool {
        matches!(self, Self::Title(_))
    }
}
