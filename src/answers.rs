//! Rendered answers, kept until what they show changes.
//!
//! A question carries the version that its account, or its ticket, had *before* the answer is read. A change moves the
//! version before it is acknowledged, so who asks after an acknowledged change asks another question, and never gets
//! an older answer. Those who ask the same at the same time wait for one answer.

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Weighter};

use crate::accounts::Terms;
use crate::journal::Asked;

/// The most bytes that all kept answers take together (chosen).
const CAPACITY: u64 = 32 * 1024 * 1024;
/// What an entry takes beside its texts, roughly: most of it is what was asked for.
const OVERHEAD: u64 = 1024;

/// Whose answer, to what, and when; as long as a request is there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Asking<'a> {
    /// The account's serial number.
    pub(crate) account: u64,
    /// The version of the account, or of the one ticket that is asked for.
    pub(crate) version: u64,
    /// The account's second, where the answer depends on the time as well; else 0.
    pub(crate) second: i64,
    pub(crate) path: &'a str,
    /// Without the key.
    pub(crate) query: Cow<'a, str>,
}

/// The same, kept. It has the same fields in the same order, and so the same hash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    account: u64,
    version: u64,
    second: i64,
    path: Box<str>,
    query: Box<str>,
}

impl From<Asking<'_>> for Question {
    fn from(asking: Asking<'_>) -> Self {
        let Asking { account, version, second, path, query } = asking;
        Self { account, version, second, path: path.into(), query: query.into() }
    }
}

impl Equivalent<Question> for Asking<'_> {
    fn equivalent(&self, question: &Question) -> bool {
        let Question { account, version, second, path, query } = question;
        (self.account, self.version, self.second) == (*account, *version, *second)
            && *self.path == **path
            && *self.query == **query
    }
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
        let texts = question.path.len() + question.query.len() + answer.body.len();
        texts as u64 + OVERHEAD
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

    /// The kept answer.
    pub(crate) fn kept(&self, asking: &Asking<'_>) -> Option<Answer> {
        self.0.get(asking)
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

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, RandomState};

    use super::*;

    #[test]
    fn what_is_asked_is_found_by_what_was_kept() {
        let asking = |path, query: &'static str| Asking {
            account: 1,
            version: 2,
            second: 3,
            path,
            query: query.into(),
        };
        let hasher = RandomState::new();
        let all = [asking("/a", "b"), asking("/ab", ""), asking("/a", ""), asking("/", "ab")];
        for one in &all {
            let kept = Question::from(one.clone());
            assert_eq!(hasher.hash_one(one), hasher.hash_one(&kept));
            let found: Vec<_> = all.iter().filter(|other| (*other).equivalent(&kept)).collect();
            assert_eq!(found, [one]);
        }
    }
}
