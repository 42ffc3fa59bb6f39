//! What is measured, and what is aimed at.

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
