//! The clock of an account: real, frozen or off, and going on by a jump.

use axum::Json;
use axum::extract::State;

use super::problem::Problem;
use super::request::{Body, InAccount, Of, settled};
use super::wire::{Advance, ClockMode, SetClock, ShownClock};
use crate::accounts::{InUse, Profile, Terms};
use crate::clock::{self, Clock};
use crate::rules::quoted;
use crate::state::Shared;

/// What a clock shows.
pub(super) fn shown(clock: Clock) -> ShownClock {
    let now = clock.now().to_string();
    match clock {
        Clock::Real => ShownClock { mode: ClockMode::Real, at: None, by: None, now },
        Clock::Frozen { at } => {
            ShownClock { mode: ClockMode::Frozen, at: Some(at.to_string()), by: None, now }
        }
        Clock::Offset { by } => {
            ShownClock { mode: ClockMode::Offset, at: None, by: Some(by.to_string()), now }
        }
    }
}

/// Shows the clock of an account.
#[utoipa::path(get, path = "/accounts/{account}/clock", tag = "clock", operation_id = "showClock",
    params(InAccount),
    responses((status = 200, body = ShownClock, description = "What the clock shows"), Problem))]
pub(super) async fn show(Of(account): Of) -> Json<ShownClock> {
    Json(shown(account.terms().profile.clock))
}

/// Sets the clock of an account. Every date that the account stores or shows comes from it.
#[utoipa::path(put, path = "/accounts/{account}/clock", tag = "clock", operation_id = "setClock",
    params(InAccount),
    request_body = SetClock,
    responses((status = 200, body = ShownClock, description = "What the clock shows"), Problem))]
pub(super) async fn set(
    State(state): State<Shared>,
    Of(account): Of,
    Body(asked): Body<SetClock>,
) -> Result<Json<ShownClock>, Problem> {
    changed(state, account, move |terms| match &asked {
        SetClock::Real {} => Ok(Clock::Real),
        SetClock::Frozen { at: None } => Ok(Clock::Frozen { at: terms.now() }),
        SetClock::Frozen { at: Some(at) } => {
            let refuse = |_| {
                let sent = quoted(&at.as_str().into());
                Problem::invalid(format!(
                    "at must be a moment such as 2026-03-01T12:00:00Z; {sent} was sent."
                ))
            };
            Ok(Clock::Frozen { at: at.parse().map_err(refuse)? })
        }
        SetClock::Offset { by } => Ok(Clock::Offset { by: duration(by)? }),
    })
    .await
}

/// Lets time pass at once. Answers when everything that falls due by then has happened. A real clock is ahead from
/// then on.
#[utoipa::path(post, path = "/accounts/{account}/clock/advance", tag = "clock", operation_id = "advanceClock",
    params(InAccount),
    request_body = Advance,
    responses((status = 200, body = ShownClock, description = "What the clock shows"), Problem))]
pub(super) async fn advance(
    State(state): State<Shared>,
    Of(account): Of,
    Body(Advance { by }): Body<Advance>,
) -> Result<Json<ShownClock>, Problem> {
    let duration = duration(&by)?;
    if duration.is_negative() {
        let sent = quoted(&by.into());
        return Err(Problem::invalid(format!("by must not be negative; {sent} was sent.")));
    }
    changed(state, account, move |terms| {
        let later = terms.profile.clock.later(duration);
        later.ok_or_else(|| Problem::invalid("by must not lead beyond the year 9998."))
    })
    .await
}

/// Gives the account another clock.
async fn changed(
    state: Shared,
    account: InUse,
    change: impl FnOnce(&Terms) -> Result<Clock, Problem> + Send + 'static,
) -> Result<Json<ShownClock>, Problem> {
    settled(async move {
        let terms = state.accounts.change_profile(&account, |terms| {
            let clock = change(terms)?;
            if !clock.is_sound() {
                let rule = "The clock must show a time in the years 0 to 9998.";
                return Err(Problem::invalid(rule));
            }
            Ok(Profile { clock, ..terms.profile.clone() })
        });
        Ok(Json(shown(terms.await?.profile.clock)))
    })
    .await
}

fn duration(by: &str) -> Result<jiff::SignedDuration, Problem> {
    clock::duration(by).map_err(|rule| {
        let sent = quoted(&by.into());
        Problem::invalid(format!("by {rule}; {sent} was sent."))
    })
}
