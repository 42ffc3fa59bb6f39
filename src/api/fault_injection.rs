//! The request pipeline with fault injection and rate limits.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Response};
use jiff::{SignedDuration, Timestamp};

use super::input::{RawInput, ValidatedInput};
use super::pipeline::task_failure_response;
use super::request_context::{DisconnectGuard, DisconnectWatcher, HandlerOutcome, RequestContext};
use super::response::RenderedResponse;
use super::{ApiError, Endpoint, fault_response};
use crate::accounts::EffectiveSettings;
use crate::faults::rate_limit::RateLimitStatus;
use crate::faults::{DelayPhase, DropBehavior, Effect};
use crate::journal::AppliedFault;

impl Endpoint {
    pub(super) async fn serve_with_faults(
        &'static self,
        context: RequestContext,
        request: Request,
    ) -> Response<Body> {
        let (state, key) = (Arc::clone(&context.state), Arc::clone(&context.key));
        // An effect may outlast the execution of the request.
        let account_guard = context.account_guard.clone();
        let input = self.decode_unless_rejected(&context, request).await;
        let settings = key.account.settings();
        let (epoch, epoch_at_start) = (key.account.epoch.clone(), key.account.epoch.current());
        let rate_limit = key.account.rate_limiter.check(&key.name, settings.now());
        let matched_fault = match &rate_limit {
            Some(rate_limit) if rate_limit.remaining.is_none() => {
                key.account.rate_limiter.record_retry_after(
                    &key.name,
                    None,
                    (settings.now(), rate_limit.resets_at),
                );
                None
            }
            _ => self.match_fault(&context, &input, &settings).await,
        };
        if let Some((_, Effect::Status { retry_after: Some(time), .. })) = &matched_fault
            && let Ok(time) = SignedDuration::try_from(*time)
            && let Ok(until) = settings.now().checked_add(time)
        {
            key.account.rate_limiter.record_retry_after(
                &key.name,
                Some(self.operation),
                (settings.now(), until),
            );
        }
        let effect = matched_fault.as_ref().map(|(_, effect)| effect.clone());
        let (guard, watcher) = DisconnectGuard::with_watcher();
        let task_result = tokio::spawn(self.run_with_fault(
            context,
            input,
            (matched_fault, rate_limit),
            (watcher, epoch_at_start),
        ))
        .await;
        drop(guard);
        let response =
            task_result.unwrap_or_else(|error| Some(task_failure_response(&error, &settings)));
        fault_response::respond_with_effect(
            response,
            effect.as_ref(),
            (&state, epoch, epoch_at_start),
            account_guard,
        )
        .await
    }

    /// Returns the matching fault rule and its effect.
    async fn match_fault(
        &'static self,
        context: &RequestContext,
        input: &RawInput,
        settings: &EffectiveSettings,
    ) -> Option<(AppliedFault, Effect)> {
        let account = Arc::clone(&context.key.account);
        let fields = input.redacted_fields(self, context.recorder.redactor());
        if !account.faults.has_regexes() {
            return account.faults.next_effect(
                (self.operation, &context.key.name),
                &fields,
                settings.now(),
            );
        }
        let name = Arc::clone(&context.key.name);
        let task_account = Arc::clone(&account);
        let find_candidates =
            move || task_account.faults.matching_rule_ids((self.operation, &name), &fields);
        let candidates = context.state.run_cpu_bound(find_candidates).await?;
        account.faults.next_effect_among(&candidates, settings.now())
    }

    /// Executes the request, unless a fault or rate limit prevents it. Returns None if there is no response.
    async fn run_with_fault(
        &'static self,
        mut context: RequestContext,
        input: RawInput,
        (matched_fault, rate_limit): (Option<(AppliedFault, Effect)>, Option<RateLimitStatus>),
        (mut watcher, epoch_at_start): (DisconnectWatcher, u64),
    ) -> Option<RenderedResponse> {
        let (fault, effect) = matched_fault.unzip();
        if let Some(Effect::Delay(time, DelayPhase::Before)) = &effect {
            match self.delay_request(&context, *time, (&mut watcher, epoch_at_start)).await {
                DelayOutcome::Elapsed => {}
                DelayOutcome::AccountReset => {
                    // It predates the reset, so the new journal must not have it.
                    context.recorder.discard();
                    return None;
                }
                DelayOutcome::ClientDisconnected => {
                    let ValidatedInput { recorded_input, .. } =
                        self.validate(input, context.recorder.redactor());
                    context.recorder.set_recorded_input(&recorded_input);
                    context.recorder.update_entry(|entry| entry.fault = fault);
                    context.recorder.record_response(None, None);
                    return None;
                }
            }
        }
        let outcome = match short_circuit(&context, rate_limit.as_ref(), effect.as_ref()) {
            Some(error) => self.error_outcome(&context, input, error),
            None => self.execute(&mut context, input).await,
        };
        let mut response = match &effect {
            Some(effect) => outcome.to_response().with_effect(effect),
            None => Some(outcome.to_response()),
        };
        if let Some(Effect::LoseAnswer(DropBehavior::Status(status))) = effect {
            let error = ApiError::Fault { status, message: None, retry_after: None };
            response = Some(error.to_response(&outcome.settings.dialect, Some(&outcome.settings)));
        }
        if let (Some(response), Some(rate_limit)) = (&mut response, &rate_limit) {
            add_rate_limit_headers(response, rate_limit);
        }
        context.recorder.record(
            response.as_ref().filter(|_| watcher.is_connected()),
            outcome,
            fault,
        );
        response
    }

    /// Waits before a request is executed. For a read, a disconnect of the client ends the wait.
    async fn delay_request(
        &self,
        context: &RequestContext,
        time: Duration,
        (watcher, epoch_at_start): (&mut DisconnectWatcher, u64),
    ) -> DelayOutcome {
        let epoch = &context.key.account.epoch;
        let delay =
            context.state.sleep_until_cancelled(time, epoch.wait_for_change(epoch_at_start));
        let disconnected = async {
            if self.cache_policy.is_none() {
                std::future::pending::<()>().await;
            }
            watcher.wait_for_disconnect().await;
        };
        tokio::select! {
            _ = delay => if epoch.current() == epoch_at_start { DelayOutcome::Elapsed } else { DelayOutcome::AccountReset },
            () = disconnected => DelayOutcome::ClientDisconnected,
        }
    }

    fn error_outcome(
        &self,
        context: &RequestContext,
        input: RawInput,
        error: ApiError,
    ) -> HandlerOutcome {
        let ValidatedInput { recorded_input, .. } =
            self.validate(input, context.recorder.redactor());
        HandlerOutcome {
            result: Err(error),
            recorded_input,
            settings: context.key.account.settings(),
            pending_entry: None,
        }
    }
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
        Effect::Status { status, message, retry_after } => Some(ApiError::Fault {
            status: *status,
            message: message.clone(),
            retry_after: retry_after.and_then(|time| SignedDuration::try_from(time).ok()),
        }),
        effect if effect.executes_request() => None,
        // This response is never sent.
        _ => Some(ApiError::Fault { status: 503, message: None, retry_after: None }),
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
