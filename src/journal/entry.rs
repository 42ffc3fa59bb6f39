//! One request, as the journal keeps it.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Rows, Warning};

/// The longest body of an answer that is kept, in bytes (chosen).
const LARGEST_BODY: usize = 64 * 1024;
/// The most memory that the fields of one request may take, in bytes (chosen).
const LARGEST_FIELDS: usize = 256 * 1024;
/// What a value takes beside its text, roughly, in bytes.
const VALUE: usize = 96;

/// What a request asked for, decoded.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Asked {
    /// Path, query and body together, without the key.
    pub(crate) fields: Map<String, Value>,
    /// Whether there were too many to keep.
    pub(crate) left_out: bool,
    pub(crate) warnings: Vec<Warning>,
    weight: usize,
}

impl Asked {
    /// Nothing.
    pub(crate) fn nothing() -> Arc<Self> {
        static NOTHING: LazyLock<Arc<Asked>> = LazyLock::new(Arc::default);
        Arc::clone(&NOTHING)
    }

    /// What a request asked for; of very much only that it was.
    pub(crate) fn new(fields: Map<String, Value>, warnings: Vec<Warning>) -> Self {
        let mut weight = fields.iter().map(|(name, value)| name.len() + weight(value)).sum();
        let left_out = weight > LARGEST_FIELDS;
        let fields = if left_out { Map::new() } else { fields };
        let warnings: Vec<Warning> = warnings.into_iter().map(Warning::short).collect();
        if left_out {
            weight = 0;
        }
        weight += warnings.iter().map(Warning::weight).sum::<usize>();
        Self { fields, left_out, warnings, weight }
    }
}

fn weight(value: &Value) -> usize {
    VALUE
        + match value {
            Value::String(text) => text.len(),
            Value::Array(entries) => entries.iter().map(weight).sum(),
            Value::Object(fields) => {
                fields.iter().map(|(name, value)| name.len() + weight(value)).sum()
            }
            _ => 0,
        }
}

/// The fault that was applied to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The rule's id.
    pub(crate) id: u64,
    /// The name of the effect.
    pub(crate) effect: &'static str,
}

/// What tells the key of a request from other texts, without being it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyMark {
    /// The SHA-256 of its text.
    pub(crate) digest: [u8; 32],
    /// How long the text is, in bytes.
    pub(crate) length: usize,
}

/// A request and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// By the account's clock.
    pub(crate) at: Timestamp,
    /// By the machine's.
    pub(crate) real_at: Timestamp,
    /// None where nothing serves the path or the method.
    pub(crate) operation: Option<&'static str>,
    pub(crate) method: Cow<'static, str>,
    /// As it was sent, without the query.
    pub(crate) path: Arc<str>,
    pub(crate) asked: Arc<Asked>,
    /// Those that are not about what was asked, but how or when.
    pub(crate) warnings: Vec<Warning>,
    /// The name of the key.
    pub(crate) key: Option<Arc<str>>,
    /// Of a known key: whoever shows the answer takes its text out by this.
    pub(crate) key_mark: Option<KeyMark>,
    /// None where there was no answer.
    pub(crate) status: Option<u16>,
    /// Empty where it is too long to keep.
    pub(crate) body: Bytes,
    pub(crate) body_left_out: bool,
    /// Until the answer was ready.
    pub(crate) duration: Duration,
    pub(crate) fault: Option<Fault>,
    pub(crate) rows: Rows,
}

impl Entry {
    /// A request that has come, by the account's clock and by the machine's; all else is still to be noted.
    pub(crate) fn begun(
        (at, real_at): (Timestamp, Timestamp),
        method: Cow<'static, str>,
        path: &str,
    ) -> Self {
        Self {
            at,
            real_at,
            operation: None,
            method,
            path: path.into(),
            asked: Asked::nothing(),
            warnings: Vec::new(),
            key: None,
            key_mark: None,
            status: None,
            body: Bytes::new(),
            body_left_out: false,
            duration: Duration::ZERO,
            fault: None,
            rows: Rows::default(),
        }
    }

    /// What was answered.
    pub(crate) fn answer(&mut self, status: u16, body: &Bytes) {
        self.status = Some(status);
        self.body_left_out = body.len() > LARGEST_BODY;
        if !self.body_left_out {
            self.body = body.clone();
        }
    }

    /// All warnings, those about how and when first.
    pub(crate) fn all_warnings(&self) -> impl Iterator<Item = &Warning> {
        self.warnings.iter().chain(&self.asked.warnings)
    }

    /// About how much memory it takes, in bytes. What it shares with others counts for each.
    pub(super) fn weight(&self) -> usize {
        size_of::<Self>()
            + self.path.len()
            + self.asked.weight
            + self.warnings.iter().map(Warning::weight).sum::<usize>()
            + self.body.len()
            + self.rows.weight()
    }
}
