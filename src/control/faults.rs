//! Fault rules: which requests fail, and how. A rule that could not work is refused when it is written.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::pattern::{endpoint, meant, pattern};
use super::problem::{Kind, Problem};
use super::request::{Body, In, InAccount, Of, OfFault};
use super::waiting::span;
use super::wire::{self, LossWay, RuleList, ShownRule, TimeToLive};
use crate::accounts::Account;
use crate::faults::{
    self, Effect, Full, Loss, MOST_EXPRESSIONS, MOST_RULES, PRESETS, Plan, Rule, Trigger, Ttl, When,
};
use crate::journal::Pattern;
use crate::rules::quoted;
use crate::state::Shared;
use crate::tickets::ENDPOINTS;

/// The longest time of an effect (chosen).
const LONGEST: Duration = Duration::from_mins(5);
/// The longest time between two bits of a body (chosen).
const LONGEST_DRIP: Duration = Duration::from_secs(10);
/// The longest time that a rule stays, or that `Retry-After` asks for (chosen).
const LONGEST_STAY: Duration = Duration::from_hours(24 * 31);
/// The longest sequence (chosen).
const LONGEST_SEQUENCE: usize = 1000;
/// The longest message, in characters (chosen).
const LONGEST_MESSAGE: usize = 1000;

fn shown(rule: faults::ShownRule) -> ShownRule {
    let faults::ShownRule { id, written, seen, applied } = rule;
    let rule = serde_json::from_value(Value::Object(written)).unwrap_or_default();
    ShownRule { id, seen, applied, rule }
}

/// Lists the fault rules of an account, in the order in which they are asked.
#[utoipa::path(get, path = "/accounts/{account}/faults", tag = "faults", operation_id = "listFaults",
    params(InAccount),
    responses((status = 200, body = RuleList, description = "The rules"), Problem))]
pub(super) async fn list(Of(account): Of) -> Json<RuleList> {
    let rules = account.faults.all(account.terms().now());
    Json(RuleList { faults: rules.into_iter().map(shown).collect() })
}

/// Adds a fault rule. The first rule that meets a request decides what happens to it.
#[utoipa::path(post, path = "/accounts/{account}/faults", tag = "faults", operation_id = "addFault",
    params(InAccount),
    request_body = wire::Rule,
    responses((status = 201, body = ShownRule, description = "The rule"), Problem))]
pub(super) async fn add(
    State(state): State<Shared>,
    Of(account): Of,
    Body(sent): Body<wire::Rule>,
) -> Result<(StatusCode, Json<ShownRule>), Problem> {
    let now = account.terms().now();
    let written = match serde_json::to_value(&sent) {
        Ok(Value::Object(written)) => written,
        _ => Map::new(),
    };
    let rule = compiled(sent, &account, &state).await?;
    let added = account.faults.add(rule, written, now).map_err(|full| {
        let detail = match full {
            Full::Rules => {
                format!("The account has {MOST_RULES} fault rules, as many as there may be.")
            }
            Full::Expressions => format!(
                "The fault rules of an account may have {MOST_EXPRESSIONS} regular expressions (matches) together, since each request waits for them; use equals, or take rules away."
            ),
        };
        Problem::new(Kind::TooMany, detail)
    })?;
    Ok((StatusCode::CREATED, Json(shown(added))))
}

/// Takes all fault rules of an account away.
#[utoipa::path(delete, path = "/accounts/{account}/faults", tag = "faults", operation_id = "clearFaults",
    params(InAccount),
    responses((status = 204, description = "Taken away"), Problem))]
pub(super) async fn clear(Of(account): Of) -> StatusCode {
    account.faults.clear();
    StatusCode::NO_CONTENT
}

/// Takes a fault rule away.
#[utoipa::path(delete, path = "/accounts/{account}/faults/{id}", tag = "faults", operation_id = "removeFault",
    params(OfFault),
    responses((status = 204, description = "Taken away"), Problem))]
pub(super) async fn remove(In(account, id): In) -> Result<StatusCode, Problem> {
    let number: u64 = id.parse().map_err(|_| {
        let sent = quoted(&id.as_str().into());
        Problem::invalid(format!("id must be a number; {sent} was sent."))
    })?;
    if account.faults.remove(number, account.terms().now()) {
        return Ok(StatusCode::NO_CONTENT);
    }
    let detail = format!("Account {} has no fault rule {number}.", account.name);
    Err(Problem::new(Kind::UnknownFault, detail))
}

/// The rule, made apart from all that answers requests where it takes time.
async fn compiled(
    sent: wire::Rule,
    account: &Arc<Account>,
    state: &Shared,
) -> Result<Rule, Problem> {
    if sent.fields.values().all(|wanted| wanted.get("matches").is_none()) {
        return rule(sent, account, state);
    }
    let (of, shared) = (Arc::clone(account), Shared::clone(state));
    let compiled = state.compute(move || rule(sent, &of, &shared)).await;
    compiled.ok_or_else(|| Problem::new(Kind::Busy, "Others use the processor; try again."))?
}

fn rule(sent: wire::Rule, account: &Account, state: &Shared) -> Result<Rule, Problem> {
    let wire::Rule { operation, key, fields, first, every, after, ttl, effect, sequence, preset } =
        sent;
    let pattern = wire::Pattern { operation, key, fields, ..wire::Pattern::default() };
    let about = about(pattern, account, state)?;
    let trigger = trigger(first, every, after)?;
    let plan = match (effect, sequence, preset) {
        (Some(effect), None, None) => {
            Plan::Each(trigger.unwrap_or(Trigger::Always), self::effect(effect)?)
        }
        (None, Some(effects), None) => self::sequence(effects, trigger)?,
        (None, None, Some(name)) => {
            let preset = self::preset(&name)?;
            Plan::Each(trigger.unwrap_or(preset.trigger), preset.effect.clone())
        }
        _ => {
            return Err(Problem::invalid(
                "A rule must have exactly one of effect, sequence and preset.",
            ));
        }
    };
    let ttl = ttl.map(|ttl| stay(ttl, account.terms().now())).transpose()?;
    Ok(Rule::new(about, plan, ttl))
}

/// Which requests a rule is about; all that it names must exist.
fn about(sent: wire::Pattern, account: &Account, state: &Shared) -> Result<Pattern, Problem> {
    let key = sent.key.clone();
    let (of, known) = match &sent.operation {
        Some(operation) => {
            let endpoint = endpoint(operation)?;
            (endpoint.operation, endpoint.all_fields().map(|field| field.name).collect())
        }
        None => ("no operation", every_field()),
    };
    for path in sent.fields.keys() {
        must_be_field(of, path, &known)?;
    }
    let pattern = pattern(sent, state)?;
    let keys = account.keys();
    if let Some(key) = &key
        && keys.iter().all(|card| *card.name != **key)
    {
        let known: Vec<&str> = keys.iter().map(|card| &*card.name).take(20).collect();
        let (known, sent) = (known.join(", "), quoted(&key.as_str().into()));
        return Err(Problem::invalid(format!(
            "key must be the name of a key of this account, of {known}; {sent} was sent."
        )));
    }
    Ok(pattern)
}

/// The fields of all operations.
fn every_field() -> Vec<&'static str> {
    let mut names: Vec<&str> = ENDPOINTS
        .iter()
        .flat_map(|endpoint| endpoint.all_fields().map(|field| field.name))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn must_be_field(of: &str, path: &str, known: &[&'static str]) -> Result<(), Problem> {
    let name = path.split('[').next().unwrap_or_default();
    if known.contains(&name) {
        return Ok(());
    }
    let meant = meant(name, known.iter().copied());
    let sent = quoted(&name.into());
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    let rule = if of == "no operation" {
        format!("fields: no operation has a field {sent}; there are {known}.{meant}")
    } else {
        format!("fields: {of} has no field {sent}; it has {known}.{meant}")
    };
    Err(Problem::invalid(rule))
}

fn trigger(
    first: Option<u64>,
    every: Option<u64>,
    after: Option<u64>,
) -> Result<Option<Trigger>, Problem> {
    let trigger = match (first, every, after) {
        (None, None, None) => return Ok(None),
        (Some(number), None, None) => Trigger::First(number),
        (None, Some(number), None) => Trigger::Every(number),
        (None, None, Some(number)) => Trigger::After(number),
        _ => {
            return Err(Problem::invalid(
                "A rule must have at most one of first, every and after.",
            ));
        }
    };
    let counts = [("first", first), ("every", every), ("after", after)];
    if let Some((name, _)) = counts.iter().find(|(_, count)| *count == Some(0)) {
        return Err(Problem::invalid(format!("{name} counts from 1; 0 was sent.")));
    }
    Ok(Some(trigger))
}

fn sequence(effects: Vec<Option<wire::Effect>>, trigger: Option<Trigger>) -> Result<Plan, Problem> {
    if trigger.is_some() {
        return Err(Problem::invalid("sequence goes without first, every and after."));
    }
    if !(1..=LONGEST_SEQUENCE).contains(&effects.len()) {
        let rule = format!("sequence must have 1 to {LONGEST_SEQUENCE} entries.");
        return Err(Problem::invalid(rule));
    }
    let effects = effects.into_iter().enumerate().map(|(index, effect)| {
        let read = |effect| {
            self::effect(effect).map_err(|problem| problem.inside(&format!("sequence[{index}]: ")))
        };
        effect.map(read).transpose()
    });
    Ok(Plan::Sequence(effects.collect::<Result<_, _>>()?))
}

fn preset(name: &str) -> Result<&'static faults::Preset, Problem> {
    PRESETS.iter().find(|preset| preset.name == name).ok_or_else(|| {
        let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
        let meant = meant(name, names.iter().copied());
        let (names, sent) = (names.join(", "), quoted(&name.into()));
        Problem::invalid(format!("preset must be one of {names}; {sent} was sent.{meant}"))
    })
}

fn stay(ttl: TimeToLive, now: Timestamp) -> Result<Ttl, Problem> {
    match (ttl.requests, ttl.time) {
        (Some(0), None) => Err(Problem::invalid("ttl: requests counts from 1; 0 was sent.")),
        (Some(requests), None) => Ok(Ttl::Requests(requests)),
        (None, Some(time)) => {
            let time = lasting("ttl: time", &time, LONGEST_STAY)?;
            let lasting = SignedDuration::try_from(time).ok();
            let lasting = lasting.and_then(|time| Ttl::lasting(now, time));
            lasting.ok_or_else(|| Problem::invalid("ttl: time must not lead beyond all time."))
        }
        _ => Err(Problem::invalid("ttl must have exactly one of requests and time.")),
    }
}

/// What happens: one of the effects, with nothing that belongs to another.
fn effect(sent: wire::Effect) -> Result<Effect, Problem> {
    let wire::Effect {
        delay,
        when,
        status,
        message,
        retry_after,
        reset,
        cut,
        garbage,
        drip,
        hang,
        lose_answer,
    } = sent;
    if when.is_some() && delay.is_none() {
        return Err(Problem::invalid("effect: when goes with delay."));
    }
    if (message.is_some() || retry_after.is_some()) && status.is_none() {
        return Err(Problem::invalid("effect: message and retry_after go with status."));
    }
    let time = |name: &str, text: &str, most| lasting(&format!("effect: {name}"), text, most);
    let mut effects = Vec::new();
    if let Some(delay) = delay {
        let when = if when == Some(wire::When::After) { When::After } else { When::Before };
        effects.push(Effect::Delay(time("delay", &delay, LONGEST)?, when));
    }
    if let Some(status) = status {
        effects.push(refusal(status, message, retry_after)?);
    }
    if yes("reset", reset)? {
        effects.push(Effect::Reset);
    }
    effects.extend(cut.map(|bytes| Effect::Cut(usize::try_from(bytes).unwrap_or(usize::MAX))));
    if yes("garbage", garbage)? {
        effects.push(Effect::Garbage);
    }
    if let Some(drip) = drip {
        effects.push(Effect::Drip(time("drip", &drip, LONGEST_DRIP)?));
    }
    if let Some(hang) = hang {
        effects.push(Effect::Hang(time("hang", &hang, LONGEST)?));
    }
    if let Some(loss) = lose_answer {
        effects.push(Effect::LoseAnswer(match loss {
            wire::Loss::Way(LossWay::Reset) => Loss::Reset,
            wire::Loss::Way(LossWay::Hang) => Loss::Hang,
            wire::Loss::Status(status) => Loss::Status(error_status("lose_answer", status)?),
        }));
    }
    if let ([_], Some(effect)) = (&effects[..], effects.first().cloned()) {
        return Ok(effect);
    }
    let sent: Vec<&str> = effects.iter().map(Effect::name).collect();
    let sent = if sent.is_empty() { "none was".to_owned() } else { sent.join(", ") + " were" };
    Err(Problem::invalid(format!(
        "effect must have exactly one of delay, status, reset, cut, garbage, drip, hang and lose_answer; {sent} sent."
    )))
}

/// A time that passes.
fn lasting(name: &str, text: &str, most: Duration) -> Result<Duration, Problem> {
    let time = span(name, text, most)?;
    if time.is_zero() {
        let sent = quoted(&text.into());
        return Err(Problem::invalid(format!(
            "{name} must be longer than nothing; {sent} was sent."
        )));
    }
    Ok(time)
}

fn refusal(
    status: u16,
    message: Option<String>,
    retry_after: Option<String>,
) -> Result<Effect, Problem> {
    let status = error_status("status", status)?;
    if message.as_ref().is_some_and(|message| message.chars().count() > LONGEST_MESSAGE) {
        let rule = format!("effect: message must have at most {LONGEST_MESSAGE} characters.");
        return Err(Problem::invalid(rule));
    }
    let retry_after =
        retry_after.map(|time| span("effect: retry_after", &time, LONGEST_STAY)).transpose()?;
    Ok(Effect::Status { status, message, retry_after })
}

fn error_status(name: &str, status: u16) -> Result<u16, Problem> {
    if (400..=599).contains(&status) {
        return Ok(status);
    }
    let rule = format!("effect: {name} must be a status from 400 to 599; {status} was sent.");
    Err(Problem::invalid(rule))
}

fn yes(name: &str, sent: Option<bool>) -> Result<bool, Problem> {
    match sent {
        Some(false) => Err(Problem::invalid(format!("effect: {name} must be true or left out."))),
        sent => Ok(sent.is_some()),
    }
}
