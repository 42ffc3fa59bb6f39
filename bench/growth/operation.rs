//! The measured operations and their targets.

use crate::generated_ticket::{ABSENT_WORD, COMMON_WORD, RARE_WORD};

/// The default views of an account.
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
    GetItem,
    ListNewest,
    ListByStatus,
    /// Its index in [`VIEWS`].
    ListView(usize),
    Create,
    SearchRareWord,
    SearchAbsentWord,
    SearchCommonWord,
    SearchCommonWordCached,
    ListFarPage,
    SetStatus,
    Delete,
    Reset,
    ReadAfterReset,
    ResetAndRead,
}

/// A group of operations, in the order of their measurement.
#[derive(Clone, Copy)]
pub(crate) enum Phase {
    Reads,
    Writes,
    Resets,
}

/// A limit of the median latency.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    None,
    /// At the largest size, at most this multiple of the latency at the smallest.
    MaxRatio(f64),
    /// At every size, at most this number of milliseconds.
    MaxMilliseconds(f64),
    /// At this number of tickets, at most this number of milliseconds.
    MaxMillisecondsAt(u32, f64),
}

impl Operation {
    /// The operations in the order of their measurement. A reset is measured together with the read after it. `Delete`
    /// needs the tickets as they were filled, so it comes before `SetStatus`.
    pub(crate) fn measured() -> impl Iterator<Item = Self> {
        let views = (0..VIEWS.len()).map(Self::ListView);
        let reads = [
            Self::SearchRareWord,
            Self::SearchAbsentWord,
            Self::SearchCommonWord,
            Self::SearchCommonWordCached,
            Self::ListFarPage,
        ];
        let writes = [Self::Create, Self::Delete, Self::SetStatus, Self::Reset];
        let first = [Self::GetItem, Self::ListNewest, Self::ListByStatus];
        first.into_iter().chain(views).chain(reads).chain(writes)
    }

    pub(crate) fn phase(self) -> Phase {
        match self {
            Self::Create | Self::Delete | Self::SetStatus => Phase::Writes,
            Self::Reset | Self::ReadAfterReset | Self::ResetAndRead => Phase::Resets,
            _ => Phase::Reads,
        }
    }

    /// Whether it changes or returns at most a page of tickets.
    pub(crate) fn is_small(self) -> bool {
        matches!(self.phase(), Phase::Reads) || self == Self::Create
    }

    /// The query of a list, in an account of this number of tickets.
    pub(crate) fn query(self, tickets: usize) -> String {
        match self {
            Self::ListByStatus => "?status=open".to_owned(),
            Self::ListView(index) => format!("?applyView={}", VIEWS[index]),
            Self::SearchRareWord => format!("?query={RARE_WORD}"),
            Self::SearchAbsentWord => format!("?query={ABSENT_WORD}"),
            Self::SearchCommonWord | Self::SearchCommonWordCached => {
                format!("?query={COMMON_WORD}")
            }
            Self::ListFarPage => format!("?itemStart={}", tickets / 10 * 9),
            _ => String::new(),
        }
    }

    pub(crate) fn name(self) -> String {
        let name = match self {
            Self::GetItem => "GET item",
            Self::ListNewest => "newest 15",
            Self::ListByStatus => "status=open",
            Self::ListView(index) => return format!("applyView={}", VIEWS[index]),
            Self::Create => "create",
            Self::SearchRareWord => "query, a rare word",
            Self::SearchAbsentWord => "query, an absent word",
            Self::SearchCommonWord => "query, a common word",
            Self::SearchCommonWordCached => "query, a common word, cached",
            Self::ListFarPage => "itemStart at 90 %",
            Self::SetStatus => "setStatus of 1,000",
            Self::Delete => "delete 1,000",
            Self::Reset => "reset",
            Self::ReadAfterReset => "first GET item after a reset",
            Self::ResetAndRead => "reset and first GET item",
        };
        name.to_owned()
    }

    pub(crate) fn target(self) -> Target {
        match self {
            Self::GetItem
            | Self::ListNewest
            | Self::ListByStatus
            | Self::ListView(_)
            | Self::Create => Target::MaxRatio(1.5),
            Self::SearchRareWord => Target::MaxMilliseconds(5.0),
            Self::SearchAbsentWord => Target::MaxMilliseconds(2.0),
            Self::SearchCommonWord => Target::MaxMilliseconds(40.0),
            Self::SearchCommonWordCached => Target::MaxMilliseconds(1.0),
            Self::ListFarPage => Target::MaxMilliseconds(12.0),
            Self::SetStatus | Self::Delete => Target::MaxMilliseconds(60.0),
            Self::Reset | Self::ResetAndRead => Target::MaxMillisecondsAt(10_000, 5.0),
            Self::ReadAfterReset => Target::None,
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
            Self::MaxRatio(max) => format!("ratio {max}"),
            Self::MaxMilliseconds(max) => format!("{max} ms"),
            Self::MaxMillisecondsAt(tickets, max) => format!("{max} ms at {tickets}"),
        }
    }

    /// Whether the latencies, by number of tickets in ascending order, meet the target. None if that cannot be decided.
    pub(crate) fn is_met(self, latencies: &[(u32, f64)]) -> Option<bool> {
        match self {
            Self::None => None,
            Self::MaxRatio(max) => ratio(latencies).map(|ratio| ratio <= max),
            Self::MaxMilliseconds(max) => {
                Some(latencies.iter().all(|(_, latency)| *latency <= max))
            }
            Self::MaxMillisecondsAt(size, max) => latencies
                .iter()
                .find(|(tickets, _)| *tickets == size)
                .map(|(_, latency)| *latency <= max),
        }
    }
}

/// The latency at the largest size divided by that at the smallest.
pub(crate) fn ratio(latencies: &[(u32, f64)]) -> Option<f64> {
    match latencies {
        [(_, first), .., (_, last)] => Some(last / first),
        _ => None,
    }
}
