//! The request journal: records, matches and verifies requests. Does no I/O.

mod bounded_regex;
mod change_set;
mod entry;
mod headers;
mod pattern;
mod redact;
mod ring_buffer;
#[cfg(test)]
mod tests;
mod text;
mod verification;
mod warning;

pub(crate) use bounded_regex::{BoundedRegex, EvaluationDeadline, EvaluationError};
pub(crate) use change_set::{ChangeKind, ChangeSet, ColumnDiff, RowChange, WithChanges};
pub(crate) use entry::{AppliedFault, Entry, InputFields, KeyFingerprint, RecordedInput};
pub(crate) use headers::RecordedHeaders;
pub(crate) use pattern::{
    Difference, FieldMatcher, HeaderMatcher, RequestPattern, StatusMatcher, ValueMatcher,
    WarningMatcher,
};
pub(crate) use redact::{REDACTED, ends_with_key_label, redact_json, redact_text, redact_words};
pub(crate) use ring_buffer::{
    CURSOR_PATTERN, Cursor, Journal, JournalLimits, JournalSlice, PendingEntry, SequencedEntry,
};
pub(crate) use verification::{CountExpectation, NearMiss, OrderExpectation, Verdict};
pub(crate) use warning::{Warning, WarningKind};
