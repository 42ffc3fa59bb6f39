//! Handlers for fault rules, which inject failures. Validates each rule when it is added.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::extract::{AccountItemPath, AccountParams, AccountPath, FaultParams, JsonBody};
use super::pattern::{did_you_mean, find_endpoint, parse_pattern};
use super::problem::{Problem, ProblemKind};
use super::wait::parse_duration;
use super::wire::{self, LossWay, RuleList, ShownRule, TimeToLive};
use crate::accounts::Account;
use crate::api::state::SharedState;
use crate::contract::quote_value;
use crate::faults;
use crate::faults::{
    AddRuleError, DelayPhase, DropBehavior, Effect, EffectSchedule, FaultRule, MAX_FAULT_REGEXES,
    MAX_FAULT_RULES, PRESETS, Trigger, Ttl,
};
use crate::journal::RequestPattern;
use crate::tickets::ENDPOINTS;

/// The maximum duration of an effect (arbitrary).
const MAX_EFFECT_DURATION: Duration = Duration::from_mins(5);
/// The maximum interval between body chunks (arbitrary).
const MAX_DRIBBLE_INTERVAL: Duration = Duration::from_secs(10);
/// The maximum time to live of a rule and maximum `Retry-After` (arbitrary).
const MAX_RULE_TTL: Duration = Duration::from_hours(24 * 31);
/// The maximum sequence length (arbitrary).
const MAX_SEQUENCE_LEN: usize = 1000;
/// The maximum message length, in characters (arbitrary).
const MAX_MESSAGE_CHARS: usize = 1000;

fn to_active_fault_rule(status: faults::RuleStatus) -> ShownRule {
    let faults::RuleStatus { id, definition, matched, applied } = status;
    let rule = serde_json::from_value(Value::Object(definition)).unwrap_or_default();
    ShownRule { id, seen: matched, applied, rule }
}

/// Lists the fault rules of an account in evaluation order.
#[utoipa::path(get, path = "/accounts/{account}/faults", tag = "faults", operation_id = "listFaults",
    params(AccountParams),
    responses((status = 200, body = RuleList, description = "The rules"), Problem))]
pub(super) async fn list(AccountPath(account): AccountPath) -> Json<RuleList> {
    let rules = account.faults.list(account.settings().now());
    Json(RuleList { faults: rules.into_iter().map(to_active_fault_rule).collect() })
}

/// Adds a fault rule. The first rule that matches and triggers decides the effect.
#[utoipa::path(post, path = "/accounts/{account}/faults", tag = "faults", operation_id = "addFault",
    params(AccountParams),
    request_body = wire::Rule,
    responses((status = 201, body = ShownRule, description = "The rule"), Problem))]
pub(super) async fn add(
    State(state): State<SharedState>,
    AccountPath(account): AccountPath,
    JsonBody(sent): JsonBody<wire::Rule>,
) -> Result<(StatusCode, Json<ShownRule>), Problem> {
    let now = account.settings().now();
    let definition = match serde_json::to_value(&sent) {
        Ok(Value::Object(definition)) => definition,
        _ => Map::new(),
    };
    let rule = compile_rule(sent, &account, &state).await?;
    let added = account.faults.add(rule, definition, now).map_err(|error| {
        let detail = match error {
            AddRuleError::TooManyRules => {
                format!("The account has {MAX_FAULT_RULES} fault rules, as many as there may be.")
            }
            AddRuleError::TooManyRegexes => format!(
                "The fault rules of an account may have {MAX_FAULT_REGEXES} regular expressions (matches) together, since each request waits for them; use equals, or take rules away."
            ),
        };
        Problem::new(ProblemKind::TooMany, detail)
    })?;
    Ok((StatusCode::CREATED, Json(to_active_fault_rule(added))))
}

/// Removes all fault rules of an account.
#[utoipa::path(delete, path = "/accounts/{account}/faults", tag = "faults", operation_id = "clearFaults",
    params(AccountParams),
    responses((status = 204, description = "Taken away"), Problem))]
pub(super) async fn clear(AccountPath(account): AccountPath) -> StatusCode {
    account.faults.clear();
    StatusCode::NO_CONTENT
}

/// Removes a fault rule.
#[utoipa::path(delete, path = "/accounts/{account}/faults/{id}", tag = "faults", operation_id = "removeFault",
    params(FaultParams),
    responses((status = 204, description = "Taken away"), Problem))]
pub(super) async fn remove(
    AccountItemPath(account, id): AccountItemPath,
) -> Result<StatusCode, Problem> {
    let rule_id: u64 = id.parse().map_err(|_| {
        let sent = quote_value(&id.as_str().into());
        Problem::invalid(format!("id must be a number; {sent} was sent."))
    })?;
    if account.faults.remove(rule_id, account.settings().now()) {
        return Ok(StatusCode::NO_CONTENT);
    }
    let detail = format!("Account {} has no fault rule {rule_id}.", account.name);
    Err(Problem::new(ProblemKind::UnknownFault, detail))
}

/// Validates a rule. Compiles regular expressions on a blocking thread.
async fn compile_rule(
    sent: wire::Rule,
    account: &Arc<Account>,
    state: &SharedState,
) -> Result<FaultRule, Problem> {
    if sent.fields.values().all(|condition| condition.get("matches").is_none()) {
        return parse_rule(sent, account, state);
    }
    let (task_account, task_state) = (Arc::clone(account), SharedState::clone(state));
    let rule = state.run_cpu_bound(move || parse_rule(sent, &task_account, &task_state)).await;
    rule.ok_or_else(|| Problem::new(ProblemKind::Busy, "Others use the processor; try again."))?
}

fn parse_rule(
    sent: wire::Rule,
    account: &Account,
    state: &SharedState,
) -> Result<FaultRule, Problem> {
    let wire::Rule { operation, key, fields, first, every, after, ttl, effect, sequence, preset } =
        sent;
    let pattern = wire::Pattern { operation, key, fields, ..wire::Pattern::default() };
    let pattern = parse_rule_pattern(pattern, account, state)?;
    let trigger = parse_trigger(first, every, after)?;
    let schedule = match (effect, sequence, preset) {
        (Some(effect), None, None) => {
            EffectSchedule::OnTrigger(trigger.unwrap_or(Trigger::Always), parse_effect(effect)?)
        }
        (None, Some(effects), None) => parse_sequence(effects, trigger)?,
        (None, None, Some(name)) => {
            let preset = find_preset(&name)?;
            EffectSchedule::OnTrigger(trigger.unwrap_or(preset.trigger), preset.effect.clone())
        }
        _ => {
            return Err(Problem::invalid(
                "A rule must have exactly one of effect, sequence and preset.",
            ));
        }
    };
    let ttl = ttl.map(|ttl| parse_ttl(ttl, account.settings().now())).transpose()?;
    Ok(FaultRule::new(pattern, schedule, ttl))
}

/// Validates a rule's pattern; all that it names must exist.
fn parse_rule_pattern(
    sent: wire::Pattern,
    account: &Account,
    state: &SharedState,
) -> Result<RequestPattern, Problem> {
    let key = sent.key.clone();
    let (operation, known_fields) = match &sent.operation {
        Some(name) => {
            let endpoint = find_endpoint(name)?;
            (endpoint.operation, endpoint.all_fields().map(|field| field.name).collect())
        }
        None => ("no operation", all_field_names()),
    };
    for path in sent.fields.keys() {
        check_field_exists(operation, path, &known_fields)?;
    }
    let pattern = parse_pattern(sent, state)?;
    let keys = account.keys();
    if let Some(key) = &key
        && keys.iter().all(|info| *info.name != **key)
    {
        let known: Vec<&str> = keys.iter().map(|info| &*info.name).take(20).collect();
        let (known, sent) = (known.join(", "), quote_value(&key.as_str().into()));
        return Err(Problem::invalid(format!(
            "key must be the name of a key of this account, of {known}; {sent} was sent."
        )));
    }
    Ok(pattern)
}

/// Returns all field names.
fn all_field_names() -> Vec<&'static str> {
    let mut names: Vec<&str> = ENDPOINTS
        .iter()
        .flat_map(|endpoint| endpoint.all_fields().map(|field| field.name))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn check_field_exists(operation: &str, path: &str, known: &[&'static str]) -> Result<(), Problem> {
    let name = path.split('[').next().unwrap_or_default();
    if known.contains(&name) {
        return Ok(());
    }
    let hint = did_you_mean(name, known.iter().copied());
    let sent = quote_value(&name.into());
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    let detail = if operation == "no operation" {
        format!("fields: no operation has a field {sent}; there are {known}.{hint}")
    } else {
        format!("fields: {operation} has no field {sent}; it has {known}.{hint}")
    };
    Err(Problem::invalid(detail))
}

fn parse_trigger(
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

fn parse_sequence(
    effects: Vec<Option<wire::Effect>>,
    trigger: Option<Trigger>,
) -> Result<EffectSchedule, Problem> {
    if trigger.is_some() {
        return Err(Problem::invalid("sequence goes without first, every and after."));
    }
    if !(1..=MAX_SEQUENCE_LEN).contains(&effects.len()) {
        let detail = format!("sequence must have 1 to {MAX_SEQUENCE_LEN} entries.");
        return Err(Problem::invalid(detail));
    }
    let effects = effects.into_iter().enumerate().map(|(index, effect)| {
        let parse = |effect| {
            parse_effect(effect)
                .map_err(|problem| problem.with_detail_prefix(&format!("sequence[{index}]: ")))
        };
        effect.map(parse).transpose()
    });
    Ok(EffectSchedule::Sequence(effects.collect::<Result<_, _>>()?))
}

fn find_preset(name: &str) -> Result<&'static faults::Preset, Problem> {
    PRESETS.iter().find(|preset| preset.name == name).ok_or_else(|| {
        let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
        let hint = did_you_mean(name, names.iter().copied());
        let (names, sent) = (names.join(", "), quote_value(&name.into()));
        Problem::invalid(format!("preset must be one of {names}; {sent} was sent.{hint}"))
    })
}

fn parse_ttl(ttl: TimeToLive, now: Timestamp) -> Result<Ttl, Problem> {
    match (ttl.requests, ttl.time) {
        (Some(0), None) => Err(Problem::invalid("ttl: requests counts from 1; 0 was sent.")),
        (Some(requests), None) => Ok(Ttl::Requests(requests)),
        (None, Some(time)) => {
            let duration = parse_positive_duration("ttl: time", &time, MAX_RULE_TTL)?;
            let duration = SignedDuration::try_from(duration).ok();
            let ttl = duration.and_then(|duration| Ttl::from_duration(now, duration));
            ttl.ok_or_else(|| Problem::invalid("ttl: time must not lead beyond all time."))
        }
        _ => Err(Problem::invalid("ttl must have exactly one of requests and time.")),
    }
}

/// Validates an effect: exactly one, with only its own options.
fn parse_effect(sent: wire::Effect) -> Result<Effect, Problem> {
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
    let parse_time = |name: &str, text: &str, max| {
        parse_positive_duration(&format!("effect: {name}"), text, max)
    };
    let mut effects = Vec::new();
    if let Some(delay) = delay {
        let when =
            if when == Some(wire::When::After) { DelayPhase::After } else { DelayPhase::Before };
        effects.push(Effect::Delay(parse_time("delay", &delay, MAX_EFFECT_DURATION)?, when));
    }
    if let Some(status) = status {
        effects.push(parse_status_effect(status, message, retry_after)?);
    }
    if parse_true_flag("reset", reset)? {
        effects.push(Effect::Reset);
    }
    effects.extend(cut.map(|bytes| Effect::Cut(usize::try_from(bytes).unwrap_or(usize::MAX))));
    if parse_true_flag("garbage", garbage)? {
        effects.push(Effect::Garbage);
    }
    if let Some(drip) = drip {
        effects.push(Effect::Drip(parse_time("drip", &drip, MAX_DRIBBLE_INTERVAL)?));
    }
    if let Some(hang) = hang {
        effects.push(Effect::Hang(parse_time("hang", &hang, MAX_EFFECT_DURATION)?));
    }
    if let Some(response_drop) = lose_answer {
        effects.push(Effect::LoseAnswer(match response_drop {
            wire::ResponseDrop::Mode(LossWay::Reset) => DropBehavior::ResetConnection,
            wire::ResponseDrop::Mode(LossWay::Hang) => DropBehavior::Hang,
            wire::ResponseDrop::Status(status) => {
                DropBehavior::Status(check_error_status("lose_answer", status)?)
            }
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

/// Parses a nonzero duration.
fn parse_positive_duration(name: &str, text: &str, max: Duration) -> Result<Duration, Problem> {
    let duration = parse_duration(name, text, max)?;
    if duration.is_zero() {
        let sent = quote_value(&text.into());
        return Err(Problem::invalid(format!(
            "{name} must be longer than nothing; {sent} was sent."
        )));
    }
    Ok(duration)
}

fn parse_status_effect(
    status: u16,
    message: Option<String>,
    retry_after: Option<String>,
) -> Result<Effect, Problem> {
    let status = check_error_status("status", status)?;
    if message.as_ref().is_some_and(|message| message.chars().count() > MAX_MESSAGE_CHARS) {
        let detail = format!("effect: message must have at most {MAX_MESSAGE_CHARS} characters.");
        return Err(Problem::invalid(detail));
    }
    let retry_after = retry_after
        .map(|time| parse_duration("effect: retry_after", &time, MAX_RULE_TTL))
        .transpose()?;
    Ok(Effect::Status { status, message, retry_after })
}

fn check_error_status(name: &str, status: u16) -> Result<u16, Problem> {
    if (400..=599).contains(&status) {
        return Ok(status);
    }
    let detail = format!("effect: {name} must be a status from 400 to 599; {status} was sent.");
    Err(Problem::invalid(detail))
}

fn parse_true_flag(name: &str, sent: Option<bool>) -> Result<bool, Problem> {
    match sent {
        Some(false) => Err(Problem::invalid(format!("effect: {name} must be true or left out."))),
        sent => Ok(sent.is_some()),
    }
}
