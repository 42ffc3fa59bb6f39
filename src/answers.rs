//! Rendered answers, kept until their account changes.
//!
//! An answer carries the version that its account had *before* it was read. A change moves the version
//! before it is acknowledged, so who asks after an acknowledged change never gets an older answer.

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

/// The most bytes that all kept answers take together (chosen).
const CAPACITY: u64 = 24 * 1024 * 1024;
/// What an entry takes beside its texts, roughly.
const OVERHEAD: u64 = 160;

/// Whose answer, to what: an account's serial number and the target of a `GET` request without the key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    pub(crate) account: u64,
    pub(crate) target: Box<str>,
}

/// Until when an answer is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Age {
    /// The account's version before the answer was read.
    pub(crate) version: u64,
    /// The account's second at that time, where the answer depends on the time; else 0.
    pub(crate) second: i64,
}

#[derive(Clone, Debug)]
struct Kept {
    age: Age,
    body: Bytes,
}

#[derive(Clone, Debug)]
struct ByBytes;

impl Weighter<Question, Kept> for ByBytes {
    fn weight(&self, question: &Question, kept: &Kept) -> u64 {
        question.target.len() as u64 + kept.body.len() as u64 + OVERHEAD
    }
}

/// The kept answers, bounded by their bytes.
#[derive(Debug)]
pub(crate) struct Answers(Cache<Question, Kept, ByBytes>);

impl Answers {
    /// None yet.
    pub(crate) fn new() -> Self {
        let usual = usize::try_from(CAPACITY / 2048).unwrap_or(usize::MAX);
        Self(Cache::with_weighter(usual, CAPACITY, ByBytes))
    }

    pub(crate) fn get(&self, question: &Question, now: Age) -> Option<Bytes> {
        let kept = self.0.get(question)?;
        let timeless = kept.age.second == 0;
        let right = kept.age.version == now.version && (timeless || kept.age.second == now.second);
        right.then_some(kept.body)
    }

    pub(crate) fn keep(&self, question: Question, age: Age, body: Bytes) {
        self.0.insert(question, Kept { age, body });
    }
}
