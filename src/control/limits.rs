//! Budgets, and strictness: what an account takes.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use jiff::SignedDuration;

use super::pattern::warning_kind;
use super::problem::Problem;
use super::request::{Body, InAccount, Of, settled};
use super::waiting::span;
use super::wire::{Limits, Strictness};
use crate::accounts::{Profile, Strict};
use crate::pace::Budget;
use crate::rules::quoted;
use crate::state::Shared;

/// The most requests of a budget.
const MOST: u64 = 1_000_000;
const LONGEST: Duration = Duration::from_hours(24);

fn limits(budget: Option<Budget>) -> Limits {
    match budget {
        Some(budget) => Limits { requests: Some(budget.requests), per: Some(budget.written) },
        None => Limits::default(),
    }
}

/// Shows how many requests each key of an account may make.
#[utoipa::path(get, path = "/accounts/{account}/limits", tag = "limits", operation_id = "showLimits",
    params(InAccount),
    responses((status = 200, body = Limits, description = "The budget of each key"), Problem))]
pub(super) async fn show(Of(account): Of) -> Json<Limits> {
    Json(limits(account.pace.budget()))
}

/// Sets how many requests each key of an account may make in a window of time; `{}` lets each make as many as it
/// likes. One too many is answered 429 with `Retry-After`. Chosen: the documents name no limit.
#[utoipa::path(put, path = "/accounts/{account}/limits", tag = "limits", operation_id = "setLimits",
    params(InAccount),
    request_body = Limits,
    responses((status = 200, body = Limits, description = "The budget of each key"), Problem))]
pub(super) async fn set(
    Of(account): Of,
    Body(sent): Body<Limits>,
) -> Result<Json<Limits>, Problem> {
    account.pace.set_budget(budget(sent)?);
    Ok(Json(limits(account.pace.budget())))
}

fn budget(sent: Limits) -> Result<Option<Budget>, Problem> {
    let (requests, written) = match (sent.requests, sent.per) {
        (None, None) => return Ok(None),
        (Some(requests), Some(per)) => (requests, per),
        _ => return Err(Problem::invalid("requests and per go together.")),
    };
    if !(1..=MOST).contains(&requests) {
        let rule = format!("requests must be a number from 1 to {MOST}; {requests} was sent.");
        return Err(Problem::invalid(rule));
    }
    let per = span("per", &written, LONGEST)?;
    if per < Duration::from_secs(1) {
        let sent = quoted(&written.into());
        return Err(Problem::invalid(format!("per must be at least 1s; {sent} was sent.")));
    }
    let per = SignedDuration::try_from(per).unwrap_or(SignedDuration::MAX);
    Ok(Some(Budget { requests, per, written }))
}

fn strictness(strict: Option<&Strict>) -> Strictness {
    let kinds = strict.map(|strict| &strict.allow).into_iter().flatten();
    let allow = kinds.map(|kind| kind.name().to_owned()).collect();
    Strictness { strict: strict.is_some(), allow }
}

/// Shows whether an account refuses what leaves a warning.
#[utoipa::path(get, path = "/accounts/{account}/strict", tag = "limits", operation_id = "showStrict",
    params(InAccount),
    responses((status = 200, body = Strictness, description = "Whether it does"), Problem))]
pub(super) async fn show_strict(Of(account): Of) -> Json<Strictness> {
    Json(strictness(account.terms().profile.strict.as_ref()))
}

/// Makes an account refuse every request that leaves a warning, or stop to.
#[utoipa::path(put, path = "/accounts/{account}/strict", tag = "limits", operation_id = "setStrict",
    params(InAccount),
    request_body = Strictness,
    responses((status = 200, body = Strictness, description = "Whether it does"), Problem))]
pub(super) async fn set_strict(
    State(state): State<Shared>,
    Of(account): Of,
    Body(sent): Body<Strictness>,
) -> Result<Json<Strictness>, Problem> {
    if !sent.strict && !sent.allow.is_empty() {
        return Err(Problem::invalid("allow goes with \"strict\": true."));
    }
    let kinds = sent.allow.iter().map(|name| warning_kind("allow", name, "a list, each "));
    let allow = kinds.collect::<Result<Vec<_>, _>>()?;
    let strict = sent.strict.then_some(Strict { allow });
    settled(async move {
        let terms = state.accounts.change_profile(&account, |terms| {
            Ok::<_, Problem>(Profile { strict, ..terms.profile.clone() })
        });
        Ok(Json(strictness(terms.await?.profile.strict.as_ref())))
    })
    .await
}
