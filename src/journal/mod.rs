//! The request journal: records, matches and verifies requests. Does no I/O.

mod change;
mod entry;
mod expression;
mod pattern;
mod redact;
mod ring;
mod verdict;
mod warning;

pub(crate) use change::{ChangeKind, ChangeSet, RowChange, WithChanges};
pub(crate) use entry::{AppliedFault, Entry, KeyFingerprint, RecordedInput};
pub(crate) use expression::{BoundedRegex, SearchDeadline, SearchError};
pub(crate) use pattern::{
    Difference, FieldMatcher, RequestPattern, StatusMatcher, ValueMatcher, WarningMatcher,
};
pub(crate) use redact::{HIDDEN, ends_with_key_label, redact_json, redact_text, redact_words};
pub(crate) use ring::{Cursor, Journal, JournalLimits, JournalSlice, PendingEntry};
pub(crate) use verdict::{CountExpectation, NearMiss, OrderExpectation, Verdict};
pub(crate) use warning::{Warning, WarningKind};
