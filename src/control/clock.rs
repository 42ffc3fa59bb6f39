//! Handlers for the clock of an account: read, set, advance.

use axum::Json;
use omnidesk_mock_client::types::{ClockAdvance, ClockMode, ClockSetting, ClockStatus};

use super::duration::parse_signed_duration;
use super::extract::{AccountPath, JsonBody, run_to_completion};
use super::problem::Problem;
use crate::accounts::{AccountGuard, AccountSettings, EffectiveSettings};
use crate::clock::Clock;
use crate::contract::quote_value;

/// Converts a clock to its public form.
pub(crate) fn to_clock_status(clock: Clock) -> ClockStatus {
    let now = clock.now().to_string();
    match clock {
        Clock::Real => ClockStatus { mode: ClockMode::Real, at: None, by: None, now },
        Clock::Frozen { at } => {
            ClockStatus { mode: ClockMode::Frozen, at: Some(at.to_string()), by: None, now }
        }
        Clock::Offset { by } => {
            ClockStatus { mode: ClockMode::Offset, at: None, by: Some(by.to_string()), now }
        }
    }
}

/// Shows the clock of an account.
#[utoipa::path(get, path = "/accounts/{account}/clock", tag = "clock", operation_id = "getClock",
    params(AccountPath),
    responses((status = 200, body = ClockStatus, description = "The state of the clock"), Problem))]
pub(crate) async fn show(AccountPath { account }: AccountPath) -> Json<ClockStatus> {
    Json(to_clock_status(account.settings().account_settings.clock))
}

/// Sets the clock of an account. The account takes all its dates from this clock.
#[utoipa::path(put, path = "/accounts/{account}/clock", tag = "clock", operation_id = "setClock",
    params(AccountPath),
    request_body = ClockSetting,
    responses((status = 200, body = ClockStatus, description = "The state of the clock"), Problem))]
pub(crate) async fn set(
    AccountPath { account }: AccountPath,
    JsonBody(setting): JsonBody<ClockSetting>,
) -> Result<Json<ClockStatus>, Problem> {
    change_clock(account, move |settings| match &setting {
        ClockSetting::Real {} => Ok(Clock::Real),
        ClockSetting::Frozen { at: None } => Ok(Clock::Frozen { at: settings.now() }),
        ClockSetting::Frozen { at: Some(at) } => {
            let invalid = |_| {
                let sent = quote_value(&at.as_str().into());
                Problem::invalid(format!(
                    "at must be an RFC 3339 time such as 2026-03-01T12:00:00Z; {sent} was sent."
                ))
            };
            Ok(Clock::Frozen { at: at.parse().map_err(invalid)? })
        }
        ClockSetting::Offset { by } => Ok(Clock::Offset { by: parse_signed_duration("by", by)? }),
    })
    .await
}

/// Advances the clock immediately. Responds when everything due by the new time has happened. A real clock becomes an
/// offset clock.
#[utoipa::path(post, path = "/accounts/{account}/clock/advance", tag = "clock", operation_id = "advanceClock",
    params(AccountPath),
    request_body = ClockAdvance,
    responses((status = 200, body = ClockStatus, description = "The state of the clock"), Problem))]
pub(crate) async fn advance(
    AccountPath { account }: AccountPath,
    JsonBody(ClockAdvance { by }): JsonBody<ClockAdvance>,
) -> Result<Json<ClockStatus>, Problem> {
    let duration = parse_signed_duration("by", &by)?;
    if duration.is_negative() {
        let sent = quote_value(&by.into());
        return Err(Problem::invalid(format!("by must not be negative; {sent} was sent.")));
    }
    change_clock(account, move |settings| {
        let later = settings.account_settings.clock.checked_add(duration);
        later.ok_or_else(|| Problem::invalid("by must not advance the clock beyond the year 9998."))
    })
    .await
}

/// Changes the clock, if dates can represent its time.
async fn change_clock(
    account: AccountGuard,
    change: impl FnOnce(&EffectiveSettings) -> Result<Clock, Problem> + Send + 'static,
) -> Result<Json<ClockStatus>, Problem> {
    run_to_completion(async move {
        let update = account.update_settings(|settings| {
            let clock = change(settings)?;
            if !clock.is_representable() {
                let detail = "The time of the clock must be in the years 0 to 9998.";
                return Err(Problem::invalid(detail));
            }
            Ok(AccountSettings { clock, ..settings.account_settings.clone() })
        });
        Ok(Json(to_clock_status(update.await?.account_settings.clock)))
    })
    .await
}
