//! Regular expressions that a test sends. One match takes a bounded time, whatever the expression and the value are.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use crate::clock::Stopwatch;

/// How much memory a compiled one may take, in bytes (chosen: `\w` is 64 KiB of it).
const LARGEST: usize = 256 * 1024;
/// The size from which on an expression may look at less, in bytes (chosen).
const SMALL: usize = 4 * 1024;
/// How much larger the next size is that is tried.
const STEP: usize = 8;
/// The product of a compiled expression and the value that it looks at, in bytes times bytes (chosen). The worst takes
/// 0.3 seconds for it (measured: `([ab]{1,50}){1,20}y`, 128 KiB, takes 36 µs for each byte).
const WORK: usize = 1 << 30;
/// How deep its groups may nest (chosen).
const DEEPEST: u32 = 50;
/// The memory that a search may take to be quick, in bytes (chosen).
const CACHE: usize = 1024 * 1024;

/// An expression, and how much it may look at.
#[derive(Clone, Debug)]
pub(crate) struct Expression {
    regex: Regex,
    /// The longest value that it looks at, in bytes.
    longest: usize,
}

impl Expression {
    /// Compiles a text.
    ///
    /// # Errors
    /// When it is none, or too large.
    pub(crate) fn new(text: &str) -> Result<Self, regex::Error> {
        let mut size = SMALL;
        loop {
            let mut builder = RegexBuilder::new(text);
            let builder = builder.size_limit(size).dfa_size_limit(CACHE).nest_limit(DEEPEST);
            match builder.build() {
                Ok(regex) => return Ok(Self { regex, longest: WORK / size }),
                Err(regex::Error::CompiledTooBig(_)) if size < LARGEST => size *= STEP,
                Err(error) => return Err(error),
            }
        }
    }

    /// As it was written.
    pub(crate) fn as_str(&self) -> &str {
        self.regex.as_str()
    }

    /// The longest value that it looks at, in bytes. The larger the expression, the less that is: 4 KiB at least.
    pub(crate) const fn longest(&self) -> usize {
        self.longest
    }

    /// Whether it matches a plain value, or an entry of a list. It matches nothing that is too long for it.
    pub(super) fn matches(&self, value: &Value) -> bool {
        length(value) <= self.longest && self.finds(value)
    }

    fn finds(&self, value: &Value) -> bool {
        match value {
            Value::Array(entries) => entries.iter().any(|entry| self.finds(entry)),
            value => plain(value).is_some_and(|text| self.regex.is_match(&text)),
        }
    }
}

/// How many bytes an expression would look at.
pub(super) fn length(value: &Value) -> usize {
    match value {
        Value::Array(entries) => entries.iter().map(length).sum(),
        value => plain(value).map_or(0, |text| text.len()),
    }
}

/// A plain value as text.
pub(super) fn plain(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(text.into()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string().into()),
        _ => None,
    }
}

/// How long a search through a journal may take.
#[derive(Debug)]
pub(crate) struct Deadline {
    watch: Stopwatch,
    time: Duration,
}

/// Why a search was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GivenUp {
    /// It took longer than this.
    TooSlow(Duration),
    /// A field is too long for an expression, in bytes.
    TooLong { request: u64, field: String, length: usize, longest: usize },
}

impl Deadline {
    /// So long from now on.
    pub(crate) fn after(time: Duration) -> Self {
        Self { watch: Stopwatch::start(), time }
    }

    /// Asked before each step; a step takes a bounded time.
    pub(crate) fn check(&self) -> Result<(), GivenUp> {
        if self.watch.elapsed() < self.time { Ok(()) } else { Err(GivenUp::TooSlow(self.time)) }
    }
}

impl fmt::Display for GivenUp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSlow(time) => write!(
                out,
                "Looking through the journal took longer than {}, so it was given up. Ask for an operation as well, use smaller regular expressions or equals, or begin at a later cursor (since)",
                crate::clock::words(*time)
            ),
            Self::TooLong { request, field, length, longest } => write!(
                out,
                "Field {field} of request {request} has {length} bytes, and this regular expression looks at {longest} at most: the larger it is when it is compiled, the fewer. Use a smaller one, equals or present, or ask for what tells that request apart"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::{Deadline, Expression, GivenUp, LARGEST, SMALL, WORK};

    #[test]
    fn the_larger_an_expression_is_the_less_it_looks_at() {
        let longest = |text: &str| Expression::new(text).map(|expression| expression.longest());
        assert_eq!(longest("^Printer"), Ok(WORK / SMALL));
        assert!(longest("([ab]{1,50}){1,20}y").is_ok_and(|longest| longest <= 16 * 1024));
        assert!(longest(r"\w+\s\w+\s\w+").is_ok_and(|longest| longest >= WORK / LARGEST));
        assert!(matches!(longest(r"\w{1,1000}"), Err(regex::Error::CompiledTooBig(_))));
        assert!(longest(&format!("{}a{}", "(".repeat(60), ")".repeat(60))).is_err());
    }

    #[test]
    fn what_is_too_long_is_not_looked_at_and_lists_count_as_a_whole() {
        let expression = Expression::new("([ab]{1,50}){1,20}y?").expect("an expression");
        let longest = expression.longest();
        assert!(expression.matches(&json!("a".repeat(longest))));
        assert!(!expression.matches(&json!("a".repeat(longest + 1))));
        assert!(expression.matches(&json!(["x", "a"])));
        assert!(!expression.matches(&json!(vec!["a".repeat(longest / 2); 3])));
    }

    #[test]
    fn a_deadline_passes() {
        assert_eq!(Deadline::after(Duration::from_hours(1)).check(), Ok(()));
        let none = Duration::ZERO;
        assert_eq!(Deadline::after(none).check(), Err(GivenUp::TooSlow(none)));
    }
}
