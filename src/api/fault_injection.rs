//! The request pipeline with fault injection and rate limits: first the rate limit, then the fault rules.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Response};
use jiff::{SignedDuration, Timestamp};
use omnidesk_mock_client::types::{DelayTiming, DroppedResponse};

use super::client_disconnect::{DisconnectGuard, DisconnectWatcher};
use super::endpoint::Endpoint;
use super::error::ApiError;
use super::execute::execute;
use super::fault_cancellation::FaultCancellation;
use super::fault_response::{apply_effect, executes_request, respond_with_effect};
use super::input::{RawInput, decode_unless_rejected};
use super::outcome::{HandlerOutcome, task_failure_response};
use super::request_context::RequestContext;
use super::response::RenderedResponse;
use super::validate::{ValidatedInput, validate};
use crate::accounts::EffectiveSettings;
use crate::contract::Operation;
use crate::faults::Effect;
use crate::faults::rate_limit::RateLimitStatus;
use crate::journal::{AppliedFault, RecordedInput};

/// The fault and the rate limit status of a request.
#[derive(Debug, Default)]
struct FaultDecision {
    fault: Option<MatchedFault>,
    /// Of the key; None without a rate limit.
    rate_limit: Option<RateLimitStatus>,
}

/// A fault rule that a request has triggered.
#[derive(Debug)]
struct MatchedFault {
    applied: AppliedFault,
    effect: Effect,
}

/// Serves a request of an account with fault rules or a rate limit.
pub(super) async fn serve_with_faults(
    endpoint: &'static Endpoint,
    context: RequestContext,
    request: Request,
) -> Response<Body> {
    // An effect may outlast the execution of the request.
    let account_guard = context.account_guard.clone();
    let input = decode_unless_rejected(&endpoint.operation, &context, request).await;
    let settings = context.key.account.settings();
    let fault_cancellation = FaultCancellation::new(&context.state, &context.key.account);
    let decision = decide_fault(&endpoint.operation, &context, &input, &settings).await;
    let effect = decision.fault.as_ref().map(|fault| fault.effect.clone());
    let (guard, watcher) = DisconnectGuard::with_watcher();
    // A task for reads as well: the rule has counted the request, so its entry is written even after a disconnect.
    let task_result = tokio::spawn(run_with_fault(
        endpoint,
        context,
        input,
        decision,
        watcher,
        fault_cancellation.clone(),
    ))
    .await;
    drop(guard);
    let response =
        task_result.unwrap_or_else(|error| Some(task_failure_response(&error, &settings)));
    respond_with_effect(response, effect.as_ref(), fault_cancellation, account_guard).await
}

/// Counts the request, and decides whether it is over the rate limit or which fault it gets.
async fn decide_fault(
    operation: &'static Operation,
    context: &RequestContext,
    input: &RawInput,
    settings: &EffectiveSettings,
) -> FaultDecision {
    let key = &context.key;
    let rate_limiter = &key.account.rate_limiter;
    let rate_limit = rate_limiter.check(&key.name, settings.now());
    let fault = match &rate_limit {
        Some(rate_limit) if rate_limit.remaining.is_none() => {
            let period = (settings.now(), rate_limit.resets_at);
            key.account.retry_after.record(&key.name, None, period);
            None
        }
        _ => match_fault(operation, context, input, settings).await,
    };
    if let Some(MatchedFault { effect: Effect::Status { retry_after: Some(time), .. }, .. }) =
        &fault
        && let Ok(time) = SignedDuration::try_from(*time)
        && let Ok(until) = settings.now().checked_add(time)
    {
        let period = (settings.now(), until);
        key.account.retry_after.record(&key.name, Some(operation.name), period);
    }
    FaultDecision { fault, rate_limit }
}

/// Returns the matching fault rule and its effect.
async fn match_fault(
    operation: &'static Operation,
    context: &RequestContext,
    input: &RawInput,
    settings: &EffectiveSettings,
) -> Option<MatchedFault> {
    let account = &context.key.account;
    let fields = input.redacted_fields(operation, context.recorder.redactor());
    let next = if account.faults.has_regexes() {
        let (name, task_account) = (Arc::clone(&context.key.name), Arc::clone(account));
        let find_candidates =
            move || task_account.faults.matching_rule_ids((operation.name, &name), &fields);
        let candidates = context.state.run_cpu_bound(find_candidates).await?;
        account.faults.next_effect_among(&candidates, settings.now())
    } else {
        let caller = (operation.name, &*context.key.name);
        account.faults.next_effect(caller, &fields, settings.now())
    };
    next.map(|(applied, effect)| MatchedFault { applied, effect })
}

/// Executes the request, unless a fault or rate limit prevents it. Returns None if there is no response.
async fn run_with_fault(
    endpoint: &'static Endpoint,
    mut context: RequestContext,
    input: RawInput,
    decision: FaultDecision,
    mut watcher: DisconnectWatcher,
    fault_cancellation: FaultCancellation,
) -> Option<RenderedResponse> {
    let FaultDecision { fault, rate_limit } = decision;
    let (applied, effect) = fault.map(|MatchedFault { applied, effect }| (applied, effect)).unzip();
    if let Some(Effect::Delay(time, DelayTiming::Before)) = &effect {
        match delay_request(endpoint, *time, &mut watcher, &fault_cancellation).await {
            DelayOutcome::Elapsed => {}
            DelayOutcome::AccountReset => {
                // It predates the reset, so the new journal must not have it.
                context.recorder.discard();
                return None;
            }
            DelayOutcome::ClientDisconnected => {
                let recorded_input = record_input(&endpoint.operation, &context, input);
                context.recorder.set_recorded_input(&recorded_input);
                context.recorder.update_entry(|entry| entry.fault = applied);
                context.recorder.record_response(None, None);
                return None;
            }
        }
    }
    let outcome = match short_circuit(&context, rate_limit.as_ref(), effect.as_ref()) {
        Some(error) => HandlerOutcome {
            result: Err(error),
            recorded_input: record_input(&endpoint.operation, &context, input),
            settings: context.key.account.settings(),
            pending_entry: None,
        },
        None => execute(endpoint, &mut context, input).await,
    };
    let mut response = match &effect {
        Some(effect) => apply_effect(outcome.to_response(), effect),
        None => Some(outcome.to_response()),
    };
    if let Some(Effect::DropResponse(DroppedResponse::Status(status))) = effect {
        let error = ApiError::fault(status);
        response = Some(error.to_response(&outcome.settings.dialect, Some(&outcome.settings)));
    }
    if let (Some(response), Some(rate_limit)) = (&mut response, &rate_limit) {
        add_rate_limit_headers(response, rate_limit);
    }
    let sent_response = response.as_ref().filter(|_| watcher.is_connected());
    context.recorder.record(sent_response, outcome, applied);
    response
}

/// Waits before a request is executed. For a read, a disconnect of the client ends the wait.
async fn delay_request(
    endpoint: &Endpoint,
    time: Duration,
    watcher: &mut DisconnectWatcher,
    fault_cancellation: &FaultCancellation,
) -> DelayOutcome {
    let disconnected = async {
        if endpoint.cache_policy.is_none() {
            std::future::pending::<()>().await;
        }
        watcher.wait_for_disconnect().await;
    };
    tokio::select! {
        _ = fault_cancellation.sleep(time) => if fault_cancellation.is_account_reset() { DelayOutcome::AccountReset } else { DelayOutcome::Elapsed },
        () = disconnected => DelayOutcome::ClientDisconnected,
    }
}

/// Returns the input as the journal records it, for a request that is not executed.
fn record_input(
    operation: &Operation,
    context: &RequestContext,
    input: RawInput,
) -> Arc<RecordedInput> {
    let ValidatedInput { recorded_input, .. } =
        validate(operation, input, context.recorder.redactor());
    recorded_input
}

/// How a delay ended.
enum DelayOutcome {
    Elapsed,
    /// The account was reset or removed.
    AccountReset,
    /// The client of a read-only request disconnected.
    ClientDisconnected,
}

/// Returns the error that replaces execution, if any.
fn short_circuit(
    context: &RequestContext,
    rate_limit: Option<&RateLimitStatus>,
    effect: Option<&Effect>,
) -> Option<ApiError> {
    if let Some(RateLimitStatus { limit, remaining: None, resets_in, .. }) = rate_limit {
        let configured = context.key.account.rate_limiter.rate_limit();
        let window = configured.map(|configured| configured.window_text).unwrap_or_default();
        return Some(ApiError::RateLimited { limit: *limit, window, retry_after: *resets_in });
    }
    match effect? {
        Effect::Status { status, message, retry_after, response } => Some(ApiError::Fault {
            status: *status,
            message: message.clone(),
            retry_after: retry_after.and_then(|time| SignedDuration::try_from(time).ok()),
            response: Box::new(response.clone()),
        }),
        effect if executes_request(effect) => None,
        // This response is never sent.
        _ => Some(ApiError::fault(503)),
    }
}

/// Rounds up, so that no client retries too early.
fn ceil_to_second(time: Timestamp) -> i64 {
    time.as_second() + i64::from(time.subsec_nanosecond() > 0)
}

/// Adds common rate limit headers (our choice; undocumented).
fn add_rate_limit_headers(response: &mut RenderedResponse, rate_limit: &RateLimitStatus) {
    let headers = [
        ("x-ratelimit-limit", rate_limit.limit.into()),
        ("x-ratelimit-remaining", rate_limit.remaining.unwrap_or(0).into()),
        ("x-ratelimit-reset", HeaderValue::from(ceil_to_second(rate_limit.resets_at))),
    ];
    for (name, value) in headers {
        response.headers.insert(name, value);
    }
}
