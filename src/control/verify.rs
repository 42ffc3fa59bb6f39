//! Whether what a test expects has happened.

use axum::Json;
use axum::extract::State;

use super::pattern::pattern;
use super::problem::{Kind, Problem};
use super::request::{Body, InAccount, Of};
use super::requests::{must_be_on, since};
use super::waiting::span;
use super::wire::{self, Difference, Miss, Verification, Verified};
use crate::journal::{self, Count, Deadline, Order, Verdict};
use crate::state::Shared;

/// The most patterns of one order (chosen).
const MOST_PATTERNS: usize = 100;
/// How long it may take to look through a journal (chosen).
pub(super) const LONGEST_WORK: std::time::Duration = std::time::Duration::from_secs(5);
/// The longest time that requests can be expected to be apart.
const LONGEST: std::time::Duration = std::time::Duration::from_hours(24 * 366);

/// Says whether requests came as expected. Where they did not, the problem says what came nearest, field by field.
#[utoipa::path(post, path = "/accounts/{account}/verify", tag = "journal", operation_id = "verify",
    params(InAccount),
    request_body = Verification,
    responses((status = 200, body = Verified, description = "It holds"), Problem))]
pub(super) async fn verify(
    State(state): State<Shared>,
    Of(account): Of,
    Body(sent): Body<Verification>,
) -> Result<Json<Verified>, Problem> {
    let since = since(&account.journal, sent.since.as_deref())?;
    must_be_on(&account.journal)?;
    let view = account.journal.since(since).await;
    let (end, shared) = (view.end, Shared::clone(&state));
    let judged = state.compute(move || {
        let deadline = Deadline::after(LONGEST_WORK);
        let verdict = match &expected(sent, &shared, &deadline)? {
            Expected::Count(pattern, count) => count.judge(pattern, &view, &deadline),
            Expected::Order(order) => order.judge(&view, &deadline),
        };
        verdict.map_err(Problem::from)
    });
    match judged.await.ok_or_else(busy)?? {
        Verdict::Holds(requests) => {
            let cursor = end.to_string();
            Ok(Json(Verified { count: requests.len(), requests, cursor }))
        }
        Verdict::Unknown(text) => Err(Problem::new(Kind::JournalTruncated, text)),
        fails @ Verdict::Fails { .. } => {
            let (text, misses) = explained(fails);
            Err(Problem::new(Kind::NotVerified, text).with(misses))
        }
    }
}

/// So many look through journals that this one could not begin in time.
fn busy() -> Problem {
    Problem::new(Kind::Busy, "Others look through journals, so this was not begun; try again.")
}

enum Expected {
    Count(Box<journal::Pattern>, Count),
    Order(Order),
}

fn expected(sent: Verification, state: &Shared, deadline: &Deadline) -> Result<Expected, Problem> {
    let Verification { pattern: wanted, count, order, apart, .. } = sent;
    let Some(patterns) = order else {
        if apart.is_some() {
            return Err(Problem::invalid("apart goes with order."));
        }
        return Ok(Expected::Count(Box::new(pattern(wanted, state)?), counted(count)?));
    };
    if count.is_some() || wanted != wire::Pattern::default() {
        return Err(Problem::invalid(
            "order stands alone: without count and without a pattern beside it.",
        ));
    }
    if !(1..=MOST_PATTERNS).contains(&patterns.len()) {
        return Err(Problem::invalid(format!("order must have 1 to {MOST_PATTERNS} patterns.")));
    }
    let patterns = patterns.into_iter().map(|one| {
        deadline.check()?;
        pattern(one, state)
    });
    let patterns = patterns.collect::<Result<_, Problem>>()?;
    let apart = apart.map(|apart| span("apart", &apart, LONGEST)).transpose()?;
    Ok(Expected::Order(Order { patterns, apart: apart.unwrap_or_default() }))
}

fn counted(sent: Option<wire::Count>) -> Result<Count, Problem> {
    let at_least = |at_least| Ok(Count { at_least, at_most: None });
    let between = |at_least, at_most| Ok(Count { at_least, at_most: Some(at_most) });
    let Some(wire::Count { exactly, at_least: least, at_most: most, never }) = sent else {
        return at_least(1);
    };
    match (exactly, least, most, never) {
        (Some(number), None, None, None) => between(number, number),
        (None, None, None, Some(true)) => between(0, 0),
        (None, Some(least), None, None) => at_least(least),
        (None, None, Some(most), None) => between(0, most),
        (None, Some(least), Some(most), None) if least <= most => between(least, most),
        (None, Some(least), Some(most), None) => Err(Problem::invalid(format!(
            "count: at_least must not be more than at_most; {least} and {most} were sent."
        ))),
        _ => Err(Problem::invalid(
            "count must be {\"exactly\": N}, {\"at_least\": N}, {\"at_most\": N}, {\"at_least\": N, \"at_most\": M} or {\"never\": true}.",
        )),
    }
}

/// Why an expectation does not hold, and what came nearest.
pub(super) fn explained(verdict: Verdict) -> (String, Vec<Miss>) {
    match verdict {
        Verdict::Holds(_) => ("It has happened just now.".to_owned(), Vec::new()),
        Verdict::Unknown(text) => (text, Vec::new()),
        Verdict::Fails { text, misses } => (text, misses.into_iter().map(missed).collect()),
    }
}

fn missed(miss: journal::Miss) -> Miss {
    let differences = miss.differences.into_iter();
    let differences = differences
        .map(|journal::Difference { what, wanted, was }| Difference { what, wanted, was })
        .collect();
    Miss { seq: miss.number, operation: miss.operation.map(str::to_owned), differences }
}
