//! Handlers for the rate limit of an account.

use std::time::Duration;

use axum::Json;
use jiff::SignedDuration;
use omnidesk_mock_client::types::RateLimits;

use super::duration::parse_duration;
use super::extract::{AccountPath, JsonBody};
use super::problem::Problem;
use crate::contract::quote_value;
use crate::faults::rate_limit::RateLimit;

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
#[utoipa::path(get, path = "/accounts/{account}/rate-limits", tag = "rate limits", operation_id = "getRateLimits",
    params(AccountPath),
    responses((status = 200, body = RateLimits, description = "The rate limit of each key"), Problem))]
pub(crate) async fn show(AccountPath { account }: AccountPath) -> Json<RateLimits> {
    Json(to_rate_limits(account.rate_limiter.rate_limit()))
}

/// Sets the rate limit of each API key of an account: requests per time window; `{}` removes the limit. Excess requests
/// get 429 with `Retry-After`. An assumption: Omnidesk documents no limit.
#[utoipa::path(put, path = "/accounts/{account}/rate-limits", tag = "rate limits", operation_id = "setRateLimits",
    params(AccountPath),
    request_body = RateLimits,
    responses((status = 200, body = RateLimits, description = "The rate limit of each key"), Problem))]
pub(crate) async fn set(
    AccountPath { account }: AccountPath,
    JsonBody(limits): JsonBody<RateLimits>,
) -> Result<Json<RateLimits>, Problem> {
    account.rate_limiter.set_rate_limit(parse_rate_limit(limits)?);
    account.retry_after.clear_rate_limit_periods();
    Ok(Json(to_rate_limits(account.rate_limiter.rate_limit())))
}

fn parse_rate_limit(limits: RateLimits) -> Result<Option<RateLimit>, Problem> {
    let (requests, window_text) = match (limits.requests, limits.per) {
        (None, None) => return Ok(None),
        (Some(requests), Some(per)) => (requests, per),
        _ => return Err(Problem::invalid("requests and per must be sent together.")),
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
