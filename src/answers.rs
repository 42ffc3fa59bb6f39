//! Rendered answers, kept until their account changes.
//!
//! A question carries the version that its account had *before* the answer is read. A change moves the version
//! before it is acknowledged, so who asks after an acknowledged change asks another question, and never gets an
//! older answer. Those who ask the same at the same time wait for one answer.

use std::future::Future;

use std::sync::Arc;

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::accounts::Terms;
use crate::journal::Asked;

/// The most bytes that all kept answers take together (chosen).
const CAPACITY: u64 = 24 * 1024 * 1024;
/// What an entry takes beside its texts, roughly.
const OVERHEAD: u64 = 160;

/// Whose answer, to what, and when.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    /// The account's serial number.
    pub(crate) account: u64,
    /// The account's version.
    pub(crate) version: u64,
    /// The account's second, where the answer depends on the time as well; else 0.
    pub(crate) second: i64,
    /// The target of the request, without the key.
    pub(crate) target: Box<str>,
}

/// A rendered answer, and the terms of the world that it comes from.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) body: Bytes,
    /// What was asked for, as the journal has it.
    pub(crate) asked: Arc<Asked>,
    pub(crate) terms: Arc<Terms>,
}

#[derive(Clone, Debug)]
struct ByBytes;

impl Weighter<Question, Answer> for ByBytes {
    fn weight(&self, question: &Question, answer: &Answer) -> u64 {
        question.target.len() as u64 + answer.body.len() as u64 + OVERHEAD
    }
}

/// The kept answers, bounded by their bytes.
#[derive(Debug)]
pub(crate) struct Answers(Cache<Question, Answer, ByBytes>);

impl Answers {
    /// None yet.
    pub(crate) fn new() -> Self {
        let usual = usize::try_from(CAPACITY / 2048).unwrap_or(usize::MAX);
        Self(Cache::with_weighter(usual, CAPACITY, ByBytes))
    }

    /// The kept answer, or else the one that `find` finds, which is kept.
    ///
    /// # Errors
    /// Those of `find`; an error is not kept.
    pub(crate) async fn get<E>(
        &self,
        question: &Question,
        find: impl Future<Output = Result<Answer, E>>,
    ) -> Result<Answer, E> {
        self.0.get_or_insert_async(question, find).await
    }
}
