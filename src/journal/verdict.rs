//! Whether what a test expects has happened; and if not, what came nearest, in words for a person.

use std::fmt::{self, Write};
use std::time::Duration;

use super::expression::{Deadline, GivenUp};
use super::pattern::{answered, cut};
use super::{Difference, Entry, Pattern, View};
use crate::clock;

/// The most near misses, and the most matching requests, that an explanation shows.
const MOST_SHOWN: usize = 5;

/// How many requests are expected; both bounds included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) at_least: u64,
    pub(crate) at_most: Option<u64>,
}

impl fmt::Display for Count {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.at_least, self.at_most) {
            (0, Some(0)) => write!(out, "no request"),
            (least, Some(most)) if least == most => write!(out, "exactly {}", requests(least)),
            (0, Some(most)) => write!(out, "at most {}", requests(most)),
            (least, None) => write!(out, "at least {}", requests(least)),
            (least, Some(most)) => write!(out, "from {least} to {}", requests(most)),
        }
    }
}

fn requests(number: u64) -> String {
    if number == 1 { "1 request".to_owned() } else { format!("{number} requests") }
}

/// Requests that are expected one after the other. Others may come between.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) patterns: Vec<Pattern>,
    /// How long after the one before each comes at least, by the account's clock.
    pub(crate) apart: Duration,
}

/// A request that is nearly as expected.
#[derive(Clone, Debug)]
pub(crate) struct Miss {
    pub(crate) number: u64,
    pub(crate) operation: Option<&'static str>,
    pub(crate) differences: Vec<Difference>,
    /// The request in a line.
    line: String,
}

impl Miss {
    /// How far away it is.
    fn distance(&self) -> (bool, usize) {
        (self.is_other(), self.differences.len())
    }

    /// Whether it is another operation, which is further away than any other difference.
    fn is_other(&self) -> bool {
        self.differences.iter().any(|one| one.what == "operation")
    }
}

/// What became of an expectation.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It holds, by these requests.
    Holds(Vec<u64>),
    /// It does not, and why.
    Fails { text: String, misses: Vec<Miss> },
    /// It cannot be known: entries that would tell have been dropped.
    Unknown(String),
}

impl Count {
    /// Whether as many requests are as asked for as are expected.
    ///
    /// # Errors
    /// When that cannot be told in time.
    pub(crate) fn judge(
        self,
        pattern: &Pattern,
        view: &View,
        deadline: &Deadline,
    ) -> Result<Verdict, GivenUp> {
        let mut found = Vec::new();
        for (number, entry) in &view.entries {
            if pattern.judges(*number, entry, deadline)? {
                found.push(*number);
            }
        }
        let number = found.len() as u64;
        let too_many = self.at_most.is_some_and(|most| number > most);
        if !too_many && view.truncated && (self.at_most.is_some() || number < self.at_least) {
            return Ok(Verdict::Unknown(format!(
                "Expected {self}: {pattern}.\nFound {number}, but the journal no longer holds all that came before: it keeps so many as --journal-entries and --journal-bytes say."
            )));
        }
        if !too_many && number >= self.at_least {
            return Ok(Verdict::Holds(found));
        }
        let misses = if too_many { Vec::new() } else { misses(pattern, &view.entries, deadline)? };
        let mut text = format!("Expected {self}: {pattern}.\n");
        let all = requests(view.entries.len() as u64);
        text += &match number {
            _ if view.entries.is_empty() => "No request came at all.".to_owned(),
            0 => ["Found none among ", &all, "."].concat(),
            _ => ["Found ", &number.to_string(), " among ", &all, ":"].concat(),
        };
        text += &matching(&found, view);
        text += &explained(&misses);
        Ok(Verdict::Fails { text, misses })
    }
}

impl Order {
    /// Whether requests as asked for came in this order.
    ///
    /// # Errors
    /// When that cannot be told in time.
    pub(crate) fn judge(&self, view: &View, deadline: &Deadline) -> Result<Verdict, GivenUp> {
        let mut found: Vec<u64> = Vec::new();
        // In the order in which they came, where the journal has that in which they were answered.
        let mut entries = view.entries.clone();
        entries.sort_by_key(|(number, entry)| (entry.real_at, *number));
        let mut rest = &entries[..];
        let mut before: Option<&Entry> = None;
        for pattern in &self.patterns {
            let Some(index) = first(pattern, rest, deadline)? else {
                return self.missing(&found, pattern, rest, (view, deadline));
            };
            let (number, entry) = &rest[index];
            if let Some(before) = before
                && let Some(text) = self.too_early(before, entry)
            {
                let text = format!("{}\n{}\n{text}", self.expected(), said(*number, entry));
                return Ok(Verdict::Fails { text, misses: Vec::new() });
            }
            found.push(*number);
            before = Some(entry);
            rest = &rest[index + 1..];
        }
        Ok(Verdict::Holds(found))
    }

    fn expected(&self) -> String {
        let lines = self.patterns.iter().enumerate();
        let lines: Vec<String> =
            lines.map(|(index, pattern)| format!("  {}. {pattern}", index + 1)).collect();
        format!("Expected in this order:\n{}", lines.join("\n"))
    }

    fn too_early(&self, before: &Entry, entry: &Entry) -> Option<String> {
        let passed = entry.at.duration_since(before.at).unsigned_abs();
        let is_early = entry.at < before.at || passed < self.apart;
        (is_early && !self.apart.is_zero()).then(|| {
            let (passed, apart) = (clock::words(passed), clock::words(self.apart));
            format!("It came {passed} after the one before, by the account's clock, and {apart} were expected.")
        })
    }

    fn missing(
        &self,
        found: &[u64],
        pattern: &Pattern,
        rest: &[(u64, std::sync::Arc<Entry>)],
        (view, deadline): (&View, &Deadline),
    ) -> Result<Verdict, GivenUp> {
        let place = found.len() + 1;
        if view.truncated {
            return Ok(Verdict::Unknown(format!(
                "{}\nNumber {place} was not found, but the journal no longer holds all that came before: it keeps so many as --journal-entries and --journal-bytes say.",
                self.expected()
            )));
        }
        let misses = misses(pattern, rest, deadline)?;
        let mut text = self.expected();
        for (index, number) in found.iter().enumerate() {
            let _ = write!(text, "\nNumber {} is request {number}.", index + 1);
        }
        if view.entries.is_empty() {
            text += "\nNo request came at all.";
        } else if found.is_empty() {
            text += "\nNumber 1 did not come.";
        } else {
            let _ = write!(text, "\nNumber {place} did not come after that.");
        }
        if let Some(index) = first(pattern, &view.entries, deadline)? {
            let (number, _) = &view.entries[index];
            let _ = write!(text, " One came before: request {number}.");
        }
        text += &explained(&misses);
        Ok(Verdict::Fails { text, misses })
    }
}

/// The first request that is as asked for.
fn first(
    pattern: &Pattern,
    entries: &[(u64, std::sync::Arc<Entry>)],
    deadline: &Deadline,
) -> Result<Option<usize>, GivenUp> {
    for (index, (number, entry)) in entries.iter().enumerate() {
        if pattern.judges(*number, entry, deadline)? {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

/// The requests that came nearest, the nearest first.
///
/// # Errors
/// When the time is over.
pub(super) fn misses(
    pattern: &Pattern,
    entries: &[(u64, std::sync::Arc<Entry>)],
    deadline: &Deadline,
) -> Result<Vec<Miss>, GivenUp> {
    // Only the nearest are held on to: each difference repeats what was asked for.
    let mut misses: Vec<Miss> = Vec::new();
    for (number, entry) in entries {
        deadline.check()?;
        let differences = pattern.differences(entry);
        if differences.is_empty() {
            continue;
        }
        let miss =
            Miss { number: *number, operation: entry.operation, differences, line: String::new() };
        let index = misses.partition_point(|other| other.distance() <= miss.distance());
        misses.insert(index, miss);
        misses.truncate(MOST_SHOWN);
    }
    // Other operations help only where this one was not asked for at all.
    if misses.first().is_some_and(|first| !first.is_other()) {
        misses.retain(|miss| !miss.is_other());
    }
    for miss in &mut misses {
        if let Some((number, entry)) = entries.iter().find(|(number, _)| *number == miss.number) {
            miss.line = said(*number, entry);
        }
    }
    Ok(misses)
}

fn matching(found: &[u64], view: &View) -> String {
    let mut text = String::new();
    let shown = view.entries.iter().filter(|(number, _)| found.contains(number));
    for (number, entry) in shown.take(MOST_SHOWN) {
        let _ = write!(text, "\n  {}", said(*number, entry));
    }
    if found.len() > MOST_SHOWN {
        let _ = write!(text, "\n  and {} more", found.len() - MOST_SHOWN);
    }
    text
}

fn explained(misses: &[Miss]) -> String {
    if misses.is_empty() {
        return String::new();
    }
    if misses.iter().all(Miss::is_other) {
        let lines: Vec<String> = misses.iter().map(|miss| format!("\n  {}", miss.line)).collect();
        return format!("\nOther operations were asked for, such as:{}", lines.concat());
    }
    let mut text = "\nNearest misses:".to_owned();
    for miss in misses {
        let _ = write!(text, "\n  {}", miss.line);
        for Difference { what, wanted, was } in &miss.differences {
            let _ = write!(text, "\n    {what}: expected {wanted}, was {was}");
        }
    }
    text
}

/// A request in a line.
fn said(number: u64, entry: &Entry) -> String {
    let asked = match entry.operation {
        Some(operation) => operation.to_owned(),
        None => format!("{} {}", entry.method, cut(&entry.path)),
    };
    let answered = match entry.status {
        Some(_) => format!("answered {}", answered(entry.status)),
        None => "not answered".to_owned(),
    };
    let fields = cut(&serde_json::to_string(&entry.asked.fields).unwrap_or_default());
    let mut line = format!("request {number}: {asked} {fields}, {answered}");
    for warning in entry.all_warnings() {
        let _ = write!(line, "\n      {}: {warning}", warning.kind.name());
    }
    line
}
