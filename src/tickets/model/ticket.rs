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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_api_in_the_documented_order() {
        assert_eq!(Status::NAMES, ["new", "open", "pending", "holding", "solved", "closed"]);
        assert_eq!(Priority::NAMES, ["low", "medium", "high", "urgent"]);
        assert_eq!(Direction::NAMES, ["inbound", "outbound"]);
        let unfinished: Vec<&str> = Status::UNFINISHED.iter().map(|status| status.name()).collect();
        assert_eq!(unfinished, ["new", "open", "pending", "holding"]);
    }

    #[test]
    fn only_a_title_affects_the_search_index() {
        let link = TicketChange::LinkCustomer { id: 1, external_primary_id: "1".to_owned() };
        for (change, expected) in [
            (TicketChange::Title(String::new()), true),
            (TicketChange::Status(Status::New), false),
            (TicketChange::Priority(Priority::Low), false),
            (TicketChange::AssignedGroup(1), false),
            (TicketChange::AssignedUser(1), false),
            (link, false),
            (TicketChange::UnlinkCustomer, false),
        ] {
            assert_eq!(change.affects_search_index(), expected, "{change:?}");
        }
    }
}
