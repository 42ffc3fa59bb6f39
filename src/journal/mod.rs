//! What clients asked an account, and what came of it. Pure, but for who waits for news.

mod change;
mod entry;
mod expression;
mod pattern;
mod redact;
mod ring;
mod verdict;
mod warning;

pub(crate) use change::{Changed, Did, Row, Rows};
pub(crate) use entry::{Asked, Entry, Fault, KeyMark};
pub(crate) use expression::{Deadline, Expression, GivenUp};
pub(crate) use pattern::{Condition, Difference, FieldRule, Pattern, StatusRule, WarningRule};
pub(crate) use redact::{HIDDEN, is_labelled, redact_json, redact_text, redact_words};
pub(crate) use ring::{Bounds, Cursor, Journal, Place, View};
pub(crate) use verdict::{Count, Miss, Order, Verdict};
pub(crate) use warning::{Warning, WarningKind};
