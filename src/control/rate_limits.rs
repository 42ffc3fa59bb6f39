//! Handlers for rate limits and strict mode.

use std::time::Duration;

use axum::Json;
use jiff::SignedDuration;

use super::duration::parse_duration;
use super::extract::{AccountPath, JsonBody, run_to_completion};
use super::pattern::parse_warning_kind;
use super::problem::Problem;
use crate::accounts::{AccountSettings, StrictMode};
use crate::contract::quote_value;
use crate::faults::rate_limit::RateLimit;
use omnidesk_mock_client::types::{RateLimits, Strictness};

/// The maximum requests per window.
const MAX_REQUESTS: u64 = 1_000_000;
const MAX_WINDOW: Duration = Duration::from_hours(24);

fn to_rate_limits(rate_limit: Option<RateLimit>) -> RateLimits {
    match rate_limit {
        Some(limit) => RateLimits { requests: Some(limit.requests), per: Some(limit.window_text) },
        None => RateLimits::default(),
    }
}

/// Shows the rate limit of each API key of an account.
#[utoipa::path(get, path = "/accounts/{account}/rate-limits", tag = "limits", operation_id = "getRateLimits",
    params(AccountPath),
    responses((status = 200, body = RateLimits, description = "The rate limit of each key"), Problem))]
pub(super) async fn show(AccountPath { account }: AccountPath) -> Json<RateLimits> {
    Json(to_rate_limits(account.rate_limiter.rate_limit()))
}

/// Sets the rate limit of each API key of an account: requests per time window; `{}` removes the limit. Excess requests
/// get 429 with `Retry-After`. Our choice: Omnidesk documents no limit.
#[utoipa::path(put, path = "/accounts/{account}/rate-limits", tag = "limits", operation_id = "setRateLimits",
    params(AccountPath),
    request_body = RateLimits,
    responses((status = 200, body = RateLimits, description = "The rate limit of each key"), Problem))]
pub(super) async fn set(
    AccountPath { account }: AccountPath,
    JsonBody(limits): JsonBody<RateLimits>,
) -> Result<Json<RateLimits>, Problem> {
    account.rate_limiter.set_rate_limit(parse_rate_limit(limits)?);
    Ok(Json(to_rate_limits(account.rate_limiter.rate_limit())))
}

fn parse_rate_limit(limits: RateLimits) -> Result<Option<RateLimit>, Problem> {
    let (requests, window_text) = match (limits.requests, limits.per) {
        (None, None) => return Ok(None),
        (Some(requests), Some(per)) => (requests, per),
        _ => return Err(Problem::invalid("requests and per go together.")),
    };
    if !(1..=MAX_REQUESTS).contains(&requests) {
        let detail =
            format!("requests must be a number from 1 to {MAX_REQUESTS}; {requests} was sent.");
        return Err(Problem::invalid(detail));
    }
    let window = parse_duration("per", &window_text, MAX_WINDOW)?;
    if window < Duration::from_secs(1) {
        let sent = quote_value(&window_text.into());
        return Err(Problem::invalid(format!("per must be at least 1s; {sent} was sent.")));
    }
    let window = SignedDuration::try_from(window).unwrap_or(SignedDuration::MAX);
    Ok(Some(RateLimit { requests, window, window_text }))
}

fn to_strictness(strict: Option<&StrictMode>) -> Strictness {
    let kinds = strict.map(|strict| &strict.allow).into_iter().flatten();
    let allow = kinds.map(|kind| kind.name().to_owned()).collect();
    Strictness { strict: strict.is_some(), allow }
}

/// Shows whether an account rejects requests that cause a warning.
#[utoipa::path(get, path = "/accounts/{account}/strict", tag = "limits", operation_id = "getStrict",
    params(AccountPath),
    responses((status = 200, body = Strictness, description = "The strict mode"), Problem))]
pub(super) async fn show_strict(AccountPath { account }: AccountPath) -> Json<Strictness> {
    Json(to_strictness(account.settings().account_settings.strict.as_ref()))
}

/// Turns strict mode on or off. It rejects every request that causes a warning.
#[utoipa::path(put, path = "/accounts/{account}/strict", tag = "limits", operation_id = "setStrict",
    params(AccountPath),
    request_body = Strictness,
    responses((status = 200, body = Strictness, description = "The strict mode"), Problem))]
pub(super) async fn set_strict(
    AccountPath { account }: AccountPath,
    JsonBody(strictness): JsonBody<Strictness>,
) -> Result<Json<Strictness>, Problem> {
    if !strictness.strict && !strictness.allow.is_empty() {
        return Err(Problem::invalid("allow goes with \"strict\": true."));
    }
    let kinds =
        strictness.allow.iter().map(|name| parse_warning_kind("allow", name, "a list, each "));
    let allow = kinds.collect::<Result<Vec<_>, _>>()?;
    let strict = strictness.strict.then_some(StrictMode { allow });
    run_to_completion(async move {
        let update = account.update_settings(|settings| {
            Ok::<_, Problem>(AccountSettings { strict, ..settings.account_settings.clone() })
        });
        Ok(Json(to_strictness(update.await?.account_settings.strict.as_ref())))
    })
    .await
}
