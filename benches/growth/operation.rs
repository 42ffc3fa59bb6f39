//! What is measured, and what is aimed at.

use crate::ticket::{ABSENT, COMMON, RARE};

/// The views that every account has.
pub(crate) const VIEWS: [&str; 10] = [
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

/// In the order of the report.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    Item,
    Newest,
    Status,
    /// Its place in [`VIEWS`].
    View(usize),
    Create,
    Rare,
    Absent,
    Common,
    CommonAgain,
    FarDown,
    SetStatus,
    Delete,
    Reset,
    AfterReset,
    ResetAndRead,
}

/// What operations have in common, in the order in which they are measured.
#[derive(Clone, Copy)]
pub(crate) enum Phase {
    Reads,
    Writes,
    Resets,
}

/// What a time may be.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    None,
    /// At the largest size, so many times that at the smallest.
    Times(f64),
    /// At every size, so many milliseconds.
    AtMost(f64),
    /// At this size, so many milliseconds.
    At(u32, f64),
}

impl Operation {
    /// Those that are measured, in order. A reset is measured together with what comes after it. What is deleted has
    /// to be as it was filled, so a status is changed later.
    pub(crate) fn steps() -> impl Iterator<Item = Self> {
        let reads = [Self::Rare, Self::Absent, Self::Common, Self::CommonAgain, Self::FarDown];
        let writes = [Self::Create, Self::Delete, Self::SetStatus, Self::Reset];
        let views = (0..VIEWS.len()).map(Self::View);
        [Self::Item, Self::Newest, Self::Status].into_iter().chain(views).chain(reads).chain(writes)
    }

    pub(crate) fn phase(self) -> Phase {
        match self {
            Self::Create | Self::Delete | Self::SetStatus => Phase::Writes,
            Self::Reset | Self::AfterReset | Self::ResetAndRead => Phase::Resets,
            _ => Phase::Reads,
        }
    }

    /// Whether it is about no more tickets than a page has.
    pub(crate) fn is_small(self) -> bool {
        matches!(self.phase(), Phase::Reads) || self == Self::Create
    }

    /// What a list asks for, in an account of so many tickets.
    pub(crate) fn query(self, tickets: usize) -> String {
        match self {
            Self::Status => "?status=open".to_owned(),
            Self::View(place) => format!("?applyView={}", VIEWS[place]),
            Self::Rare => format!("?query={RARE}"),
            Self::Absent => format!("?query={ABSENT}"),
            Self::Common | Self::CommonAgain => format!("?query={COMMON}"),
            Self::FarDown => format!("?itemStart={}", tickets / 10 * 9),
            _ => String::new(),
        }
    }

    pub(crate) fn name(self) -> String {
        let name = match self {
            Self::Item => "GET item",
            Self::Newest => "newest 15",
            Self::Status => "status=open",
            Self::View(place) => return format!("applyView={}", VIEWS[place]),
            Self::Create => "create",
            Self::Rare => "query, a rare word",
            Self::Absent => "query, an absent word",
            Self::Common => "query, a common word",
            Self::CommonAgain => "the same again",
            Self::FarDown => "itemStart at 90 %",
            Self::SetStatus => "setStatus of 1,000",
            Self::Delete => "delete 1,000",
            Self::Reset => "reset",
            Self::AfterReset => "first GET item after it",
            Self::ResetAndRead => "both together",
        };
        name.to_owned()
    }

    pub(crate) fn target(self) -> Target {
        match self {
            Self::Item | Self::Newest | Self::Status | Self::View(_) | Self::Create => {
                Target::Times(1.5)
            }
            Self::Rare => Target::AtMost(5.0),
            Self::Absent => Target::AtMost(2.0),
            Self::Common => Target::AtMost(40.0),
            Self::CommonAgain => Target::AtMost(1.0),
            Self::FarDown => Target::AtMost(12.0),
            Self::SetStatus | Self::Delete => Target::AtMost(60.0),
            Self::Reset | Self::ResetAndRead => Target::At(10_000, 5.0),
            Self::AfterReset => Target::None,
        }
    }
}

impl Phase {
    pub(crate) const COUNT: usize = 3;
}

impl Target {
    pub(crate) fn name(self) -> String {
        match self {
            Self::None => "-".to_owned(),
            Self::Times(most) => format!("ratio {most}"),
            Self::AtMost(most) => format!("{most} ms"),
            Self::At(size, most) => format!("{most} ms at {size}"),
        }
    }

    /// Whether these times of the sizes, from the smallest to the largest, are as they should be; nothing where that
    /// cannot be told.
    pub(crate) fn holds(self, times: &[(u32, f64)]) -> Option<bool> {
        match self {
            Self::None => None,
            Self::Times(most) => ratio(times).map(|ratio| ratio <= most),
            Self::AtMost(most) => Some(times.iter().all(|(_, time)| *time <= most)),
            Self::At(size, most) => {
                times.iter().find(|(of, _)| *of == size).map(|(_, time)| *time <= most)
            }
        }
    }
}

/// The time at the largest size, as a multiple of that at the smallest.
pub(crate) fn ratio(times: &[(u32, f64)]) -> Option<f64> {
    match times {
        [(_, first), .., (_, last)] => Some(last / first),
        _ => None,
    }
}
