//! Handler that verifies the received requests.

use axum::Json;
use axum::extract::State;
use omnidesk_mock_client::types::{self, Difference, NearMiss, Verification, VerificationResult};

use super::duration::parse_duration;
use super::extract::{AccountPath, JsonBody};
use super::journal_page::{check_journal_enabled, parse_cursor};
use super::pattern::parse_pattern;
use super::problem::{Problem, ProblemKind};
use crate::api::state::SharedState;
use crate::journal;
use crate::journal::{CountExpectation, EvaluationDeadline, OrderExpectation, Verdict};

/// The maximum length of `order` (arbitrary).
const MAX_PATTERNS: usize = 100;
/// The timeout for searching a journal (arbitrary).
pub(super) const EVALUATION_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);
/// The maximum of `min_interval`.
const MAX_INTERVAL: std::time::Duration = std::time::Duration::from_hours(24 * 366);

/// Verifies that the expected requests arrived. If not, the problem lists the near misses with their differences.
#[utoipa::path(post, path = "/accounts/{account}/verify", tag = "journal", operation_id = "verify",
    params(AccountPath),
    request_body = Verification,
    responses((status = 200, body = VerificationResult, description = "The verification passed"), Problem))]
pub(super) async fn verify(
    State(state): State<SharedState>,
    AccountPath { account }: AccountPath,
    JsonBody(verification): JsonBody<Verification>,
) -> Result<Json<VerificationResult>, Problem> {
    let since = parse_cursor(&account.journal, verification.since.as_deref())?;
    check_journal_enabled(&account.journal)?;
    let slice = account.journal.read_since(since).await.without_console();
    let (end, shared) = (slice.end, SharedState::clone(&state));
    let evaluation = state.run_cpu_bound(move || {
        let deadline = EvaluationDeadline::new(EVALUATION_TIMEOUT);
        let verdict = match &parse_expectation(verification, &shared, &deadline)? {
            Expectation::Count(pattern, count) => count.evaluate(pattern, &slice, &deadline),
            Expectation::Order(order) => order.evaluate(&slice, &deadline),
        };
        verdict.map_err(Problem::from)
    });
    match evaluation.await.ok_or_else(busy_problem)?? {
        Verdict::Passed(requests) => {
            let cursor = end.to_string();
            Ok(Json(VerificationResult { count: requests.len(), requests, cursor }))
        }
        Verdict::Inconclusive(text) => Err(Problem::new(ProblemKind::JournalTruncated, text)),
        failed @ Verdict::Failed { .. } => {
            let (text, near_misses) = explain_verdict(failed);
            Err(Problem::new(ProblemKind::VerificationFailed, text).with_near_misses(near_misses))
        }
    }
}

/// Reports that the evaluation timed out while it waited for the CPU.
fn busy_problem() -> Problem {
    Problem::new(ProblemKind::Busy, "Other evaluations occupy the CPU, so this one did not start.")
}

enum Expectation {
    Count(Box<journal::RequestPattern>, CountExpectation),
    Order(OrderExpectation),
}

fn parse_expectation(
    verification: Verification,
    state: &SharedState,
    deadline: &EvaluationDeadline,
) -> Result<Expectation, Problem> {
    let Verification { pattern, count, order, min_interval, .. } = verification;
    let Some(patterns) = order else {
        if min_interval.is_some() {
            return Err(Problem::invalid("min_interval requires order."));
        }
        return Ok(Expectation::Count(
            Box::new(parse_pattern(pattern, state)?),
            parse_count(count)?,
        ));
    };
    if count.is_some() || pattern != types::RequestPattern::default() {
        return Err(Problem::invalid("order cannot be combined with count or with a pattern."));
    }
    if !(1..=MAX_PATTERNS).contains(&patterns.len()) {
        return Err(Problem::invalid(format!("order must have 1 to {MAX_PATTERNS} patterns.")));
    }
    let patterns = patterns.into_iter().map(|pattern| {
        deadline.check()?;
        parse_pattern(pattern, state)
    });
    let patterns = patterns.collect::<Result<_, Problem>>()?;
    let min_interval = min_interval
        .map(|min_interval| parse_duration("min_interval", &min_interval, MAX_INTERVAL))
        .transpose()?;
    Ok(Expectation::Order(OrderExpectation {
        patterns,
        min_interval: min_interval.unwrap_or_default(),
    }))
}

fn parse_count(count: Option<types::ExpectedCount>) -> Result<CountExpectation, Problem> {
    let at_least = |at_least| Ok(CountExpectation { at_least, at_most: None });
    let between = |at_least, at_most| Ok(CountExpectation { at_least, at_most: Some(at_most) });
    let Some(types::ExpectedCount { exactly, at_least: min, at_most: max, never }) = count else {
        return at_least(1);
    };
    match (exactly, min, max, never) {
        (Some(number), None, None, None) => between(number, number),
        (None, None, None, Some(true)) => between(0, 0),
        (None, Some(min), None, None) => at_least(min),
        (None, None, Some(max), None) => between(0, max),
        (None, Some(min), Some(max), None) if min <= max => between(min, max),
        (None, Some(min), Some(max), None) => Err(Problem::invalid(format!(
            "count: at_least must not be more than at_most; {min} and {max} were sent."
        ))),
        _ => Err(Problem::invalid(
            "count must be {\"exactly\": N}, {\"at_least\": N}, {\"at_most\": N}, {\"at_least\": N, \"at_most\": M} or {\"never\": true}.",
        )),
    }
}

/// Explains a failed expectation, with its near misses.
pub(super) fn explain_verdict(verdict: Verdict) -> (String, Vec<NearMiss>) {
    match verdict {
        Verdict::Passed(_) => ("It was met just after the timeout.".to_owned(), Vec::new()),
        Verdict::Inconclusive(text) => (text, Vec::new()),
        Verdict::Failed { message, near_misses } => {
            (message, near_misses.into_iter().map(to_near_miss).collect())
        }
    }
}

fn to_near_miss(miss: journal::NearMiss) -> NearMiss {
    let to_difference = |difference: journal::Difference| Difference {
        attribute: difference.attribute,
        expected: difference.expected,
        actual: difference.actual,
    };
    let differences = miss.differences.into_iter().map(to_difference).collect();
    NearMiss {
        seq: miss.seq,
        operation: miss.operation.map(str::to_owned),
        at: miss.account_time.to_string(),
        real_at: miss.system_time.to_string(),
        differences,
    }
}
