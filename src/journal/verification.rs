//! Verifies expectations against the journal, and explains a failure with near misses.

use std::collections::HashSet;
use std::fmt::{self, Write};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::bounded_regex::{EvaluationDeadline, EvaluationError};
use super::pattern::format_status;
use super::text::truncate_text;
use super::{AppliedFault, Difference, Entry, JournalSlice, RequestPattern, SequencedEntry};
use crate::clock;

/// Limit for the near misses, and for the matching requests, of a message.
const MAX_SHOWN_REQUESTS: usize = 5;

/// The expected number of requests; both bounds are inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CountExpectation {
    pub(crate) at_least: u64,
    pub(crate) at_most: Option<u64>,
}

impl fmt::Display for CountExpectation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.at_least, self.at_most) {
            (0, Some(0)) => write!(out, "no request"),
            (at_least, Some(at_most)) if at_least == at_most => {
                write!(out, "exactly {}", format_request_count(at_least))
            }
            (0, Some(at_most)) => write!(out, "at most {}", format_request_count(at_most)),
            (at_least, None) => write!(out, "at least {}", format_request_count(at_least)),
            (at_least, Some(at_most)) => {
                write!(out, "from {at_least} to {}", format_request_count(at_most))
            }
        }
    }
}

fn format_request_count(count: u64) -> String {
    if count == 1 { "1 request".to_owned() } else { format!("{count} requests") }
}

/// The expected order of requests. Others may come in between.
#[derive(Clone, Debug)]
pub(crate) struct OrderExpectation {
    pub(crate) patterns: Vec<RequestPattern>,
    /// Minimum time after the previous request, by the account's clock.
    pub(crate) min_interval: Duration,
}

/// A request that almost matches.
#[derive(Clone, Debug)]
pub(crate) struct NearMiss {
    pub(crate) seq: u64,
    pub(crate) operation: Option<&'static str>,
    pub(crate) account_time: Timestamp,
    pub(crate) system_time: Timestamp,
    pub(crate) differences: Vec<Difference>,
    /// The request in one line.
    summary: String,
}

impl NearMiss {
    /// Returns the sort key.
    fn distance(&self) -> (bool, usize) {
        (self.is_other_operation(), self.differences.len())
    }

    /// Returns whether the operation differs, which outweighs any other difference.
    fn is_other_operation(&self) -> bool {
        self.differences.iter().any(|difference| difference.attribute == "operation")
    }
}

/// The result of a verification.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// With the matching requests.
    Passed(Vec<u64>),
    /// With the reason.
    Failed { message: String, near_misses: Vec<NearMiss> },
    /// Unknown, since relevant entries may have been evicted.
    Inconclusive(String),
}

impl CountExpectation {
    /// Verifies the number of matching requests.
    ///
    /// # Errors
    /// On a timeout, or if a field is too long for its regular expression.
    pub(crate) fn evaluate(
        self,
        pattern: &RequestPattern,
        slice: &JournalSlice,
        deadline: &EvaluationDeadline,
    ) -> Result<Verdict, EvaluationError> {
        let mut matched = Vec::new();
        for SequencedEntry { seq, entry } in &slice.entries {
            if pattern.try_matches(*seq, entry, deadline)? {
                matched.push(*seq);
            }
        }
        let count = matched.len() as u64;
        let too_many = self.at_most.is_some_and(|at_most| count > at_most);
        if !too_many && slice.is_truncated && (self.at_most.is_some() || count < self.at_least) {
            return Ok(Verdict::Inconclusive(format!(
                "Expected {self}: {pattern}.\nFound {count}, but earlier requests were evicted from the journal. Raise --journal-entries or --journal-bytes."
            )));
        }
        if !too_many && count >= self.at_least {
            return Ok(Verdict::Passed(matched));
        }
        let near_misses = if too_many {
            Vec::new()
        } else {
            find_near_misses(pattern, &slice.entries, deadline)?
        };
        let mut message = format!("Expected {self}: {pattern}.\n");
        let total = format_request_count(slice.entries.len() as u64);
        message += &match count {
            _ if slice.entries.is_empty() => "No request was received.".to_owned(),
            0 => ["Found none among ", &total, "."].concat(),
            _ => ["Found ", &count.to_string(), " among ", &total, ":"].concat(),
        };
        message += &format_matches(&matched, slice);
        if too_many {
            message += &format_repetition(&matched, slice);
        }
        message += &format_near_misses(&near_misses);
        Ok(Verdict::Failed { message, near_misses })
    }
}

impl OrderExpectation {
    /// Verifies that matching requests came in this order. An evicted request can change which ones are successive, so
    /// their intervals are unknown if the journal is truncated.
    ///
    /// # Errors
    /// On a timeout, or if a field is too long for its regular expression.
    pub(crate) fn evaluate(
        &self,
        slice: &JournalSlice,
        deadline: &EvaluationDeadline,
    ) -> Result<Verdict, EvaluationError> {
        let mut matched: Vec<u64> = Vec::new();
        // Sorts by arrival: the journal is in the order of the responses.
        let mut entries = slice.entries.clone();
        entries.sort_by_key(|entry| (entry.entry.system_time, entry.seq));
        let mut remaining = &entries[..];
        let mut previous: Option<&Entry> = None;
        for pattern in &self.patterns {
            let Some(index) = find_first(pattern, remaining, deadline)? else {
                return self.explain_missing(&matched, pattern, remaining, slice, deadline);
            };
            let SequencedEntry { seq, entry } = &remaining[index];
            if let Some(previous) = previous
                && let Some(violation) = self.interval_violation(previous, entry)
            {
                if slice.is_truncated {
                    return Ok(self.unknown_intervals());
                }
                let message = format!(
                    "{}\n{}\n{violation}",
                    self.format_patterns(),
                    format_request(*seq, "", entry)
                );
                return Ok(Verdict::Failed { message, near_misses: Vec::new() });
            }
            matched.push(*seq);
            previous = Some(entry);
            remaining = &remaining[index + 1..];
        }
        if slice.is_truncated && matched.len() > 1 && !self.min_interval.is_zero() {
            return Ok(self.unknown_intervals());
        }
        Ok(Verdict::Passed(matched))
    }

    fn unknown_intervals(&self) -> Verdict {
        Verdict::Inconclusive(format!(
            "{}\nThe intervals are unknown, since earlier requests were evicted from the journal. Raise --journal-entries or --journal-bytes.",
            self.format_patterns()
        ))
    }

    fn format_patterns(&self) -> String {
        let patterns = self.patterns.iter().enumerate();
        let lines: Vec<String> =
            patterns.map(|(index, pattern)| format!("  {}. {pattern}", index + 1)).collect();
        format!("Expected in this order:\n{}", lines.join("\n"))
    }

    fn interval_violation(&self, previous: &Entry, entry: &Entry) -> Option<String> {
        let elapsed = entry.account_time.duration_since(previous.account_time).unsigned_abs();
        let is_too_early =
            entry.account_time < previous.account_time || elapsed < self.min_interval;
        (is_too_early && !self.min_interval.is_zero()).then(|| {
            let (elapsed, min_interval) = (clock::format_duration(elapsed), clock::format_duration(self.min_interval));
            format!("The request came {elapsed} after the previous request, by the account's clock; at least {min_interval} were expected.")
        })
    }

    fn explain_missing(
        &self,
        matched: &[u64],
        pattern: &RequestPattern,
        remaining: &[SequencedEntry],
        slice: &JournalSlice,
        deadline: &EvaluationDeadline,
    ) -> Result<Verdict, EvaluationError> {
        let position = matched.len() + 1;
        if slice.is_truncated {
            return Ok(Verdict::Inconclusive(format!(
                "{}\nNumber {position} was not found, but earlier requests were evicted from the journal. Raise --journal-entries or --journal-bytes.",
                self.format_patterns()
            )));
        }
        let near_misses = find_near_misses(pattern, remaining, deadline)?;
        let mut message = self.format_patterns();
        for (index, seq) in matched.iter().enumerate() {
            let _ = write!(message, "\nNumber {} is request {seq}.", index + 1);
        }
        if slice.entries.is_empty() {
            message += "\nNo request was received.";
        } else if matched.is_empty() {
            message += "\nNumber 1 was not received.";
        } else {
            let _ = write!(message, "\nNumber {position} was not received after that.");
        }
        if let Some(index) = find_first(pattern, &slice.entries, deadline)? {
            let _ = write!(
                message,
                " An earlier request matches: request {}.",
                slice.entries[index].seq
            );
        }
        message += &format_near_misses(&near_misses);
        Ok(Verdict::Failed { message, near_misses })
    }
}

/// Returns the index of the first match.
fn find_first(
    pattern: &RequestPattern,
    entries: &[SequencedEntry],
    deadline: &EvaluationDeadline,
) -> Result<Option<usize>, EvaluationError> {
    for (index, SequencedEntry { seq, entry }) in entries.iter().enumerate() {
        if pattern.try_matches(*seq, entry, deadline)? {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

/// Returns the near misses, nearest first.
///
/// # Errors
/// On a timeout.
pub(super) fn find_near_misses(
    pattern: &RequestPattern,
    entries: &[SequencedEntry],
    deadline: &EvaluationDeadline,
) -> Result<Vec<NearMiss>, EvaluationError> {
    // Bounds the memory: each difference repeats the expected value.
    let mut near_misses: Vec<NearMiss> = Vec::new();
    for SequencedEntry { seq, entry } in entries {
        deadline.check()?;
        let differences = pattern.differences(entry);
        if differences.is_empty() {
            continue;
        }
        let miss = NearMiss {
            seq: *seq,
            operation: entry.operation,
            account_time: entry.account_time,
            system_time: entry.system_time,
            differences,
            summary: String::new(),
        };
        let index = near_misses.partition_point(|other| other.distance() <= miss.distance());
        near_misses.insert(index, miss);
        near_misses.truncate(MAX_SHOWN_REQUESTS);
    }
    // Other operations help only if no request has the expected one.
    if near_misses.first().is_some_and(|first| !first.is_other_operation()) {
        near_misses.retain(|miss| !miss.is_other_operation());
    }
    for miss in &mut near_misses {
        if let Some(index) = entries.iter().position(|entry| entry.seq == miss.seq) {
            miss.summary = format_request_at(entries, index);
        }
    }
    Ok(near_misses)
}

fn format_matches(matched: &[u64], slice: &JournalSlice) -> String {
    let mut text = String::new();
    let indexes = (0..slice.entries.len()).filter(|at| matched.contains(&slice.entries[*at].seq));
    for index in indexes.take(MAX_SHOWN_REQUESTS) {
        let _ = write!(text, "\n  {}", format_request_at(&slice.entries, index));
    }
    if matched.len() > MAX_SHOWN_REQUESTS {
        let _ = write!(text, "\n  and {} more", matched.len() - MAX_SHOWN_REQUESTS);
    }
    text
}

fn format_near_misses(near_misses: &[NearMiss]) -> String {
    if near_misses.is_empty() {
        return String::new();
    }
    if near_misses.iter().all(NearMiss::is_other_operation) {
        let lines: Vec<String> =
            near_misses.iter().map(|miss| format!("\n  {}", miss.summary)).collect();
        return format!("\nRequests of other operations were received, such as:{}", lines.concat());
    }
    let mut text = "\nNear misses:".to_owned();
    for miss in near_misses {
        let _ = write!(text, "\n  {}", miss.summary);
        for Difference { attribute, expected, actual } in &miss.differences {
            let _ = write!(text, "\n    {attribute}: expected {expected}, was {actual}");
        }
    }
    text
}

/// The longest time between two equal requests that a client probably repeats by itself (arbitrary).
const MAX_REPETITION_INTERVAL: SignedDuration = SignedDuration::from_secs(60);

/// Points to two matching requests with the same input, which a client may have repeated by itself.
fn format_repetition(matched: &[u64], slice: &JournalSlice) -> String {
    let matched: HashSet<u64> = matched.iter().copied().collect();
    let is_match = |entry: &&SequencedEntry| matched.contains(&entry.seq);
    let entries: Vec<&SequencedEntry> = slice.entries.iter().filter(is_match).collect();
    let repetition = entries.windows(2).find_map(|pair| {
        let [first, second] = pair else { return None };
        let interval = second.entry.system_time.duration_since(first.entry.system_time);
        let is_same = first.entry.operation == second.entry.operation
            && first.entry.method == second.entry.method
            && first.entry.path == second.entry.path
            && first.entry.input.fields == second.entry.input.fields;
        (is_same && interval <= MAX_REPETITION_INTERVAL)
            .then_some((first.seq, second.seq, interval))
    });
    repetition.map_or_else(String::new, |(first, second, interval)| {
        let interval = clock::format_signed_duration(interval);
        format!("\nRequests {first} and {second} have the same fields, and came within {interval}: the client may repeat requests by itself.")
    })
}

/// Formats a request, with the time after the one before it in the journal.
fn format_request_at(entries: &[SequencedEntry], index: usize) -> String {
    let SequencedEntry { seq, entry } = &entries[index];
    let Some(previous) = index.checked_sub(1).map(|index| &entries[index]) else {
        return format_request(*seq, "", entry);
    };
    let interval = entry.system_time.duration_since(previous.entry.system_time);
    let interval = clock::format_signed_duration(interval.max(SignedDuration::ZERO));
    format_request(*seq, &format!(", {interval} after request {}", previous.seq), entry)
}

/// Formats a request, and its warnings. `when` follows its number.
fn format_request(seq: u64, when: &str, entry: &Entry) -> String {
    let target = match entry.operation {
        Some(operation) => operation.to_owned(),
        None => format!("{} {}", entry.method, truncate_text(&entry.path)),
    };
    let response = match entry.status {
        Some(_) => format!("status {}", format_status(entry.status)),
        None => "no response".to_owned(),
    };
    let fields =
        truncate_text(&serde_json::to_string(&entry.input.fields.merge()).unwrap_or_default());
    let mut line = format!("request {seq}{when}: {target} {fields}, {response}");
    if let Some(AppliedFault { rule_id, effect }) = entry.fault {
        let _ = write!(line, ", fault {rule_id}: {effect}");
    }
    for warning in entry.all_warnings() {
        let _ = write!(line, "\n      {}: {warning}", warning.kind.name());
    }
    line
}
