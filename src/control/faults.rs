//! Handlers for fault rules, which inject failures. Validates each rule when it is added.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use omnidesk_mock_client::types::{self, ActiveFaultRule, FaultEffect, FaultRuleList, TimeToLive};

use super::duration::parse_positive_duration;
use super::extract::{AccountPath, FaultPath, JsonBody};
use super::pattern::{did_you_mean, find_operation, parse_pattern};
use super::problem::{Problem, ProblemKind};
use crate::accounts::Account;
use crate::api::state::SharedState;
use crate::contract::{MAX_SAFE_INTEGER, Operation, quote_value};
use crate::controllers::all_operations;
use crate::faults;
use crate::faults::{
    AddRuleError, EffectSchedule, FaultRule, MAX_FAULT_REGEXES, MAX_FAULT_RULES, PRESETS, Trigger,
    Ttl, parse_effect,
};
use crate::journal::RequestPattern;

/// The maximum time to live of a rule (arbitrary).
const MAX_RULE_TTL: Duration = Duration::from_hours(24 * 31);
/// The maximum sequence length (arbitrary).
const MAX_SEQUENCE_LEN: usize = 1000;

/// Lists the fault rules of an account in evaluation order.
#[utoipa::path(get, path = "/accounts/{account}/faults", tag = "faults", operation_id = "listFaults",
    params(AccountPath),
    responses((status = 200, body = FaultRuleList, description = "The rules"), Problem))]
pub(crate) async fn list(AccountPath { account }: AccountPath) -> Json<FaultRuleList> {
    Json(FaultRuleList { faults: account.faults.list(account.settings().now()) })
}

/// Adds a fault rule. The first rule that matches and triggers decides the effect.
#[utoipa::path(post, path = "/accounts/{account}/faults", tag = "faults", operation_id = "addFault",
    params(AccountPath),
    request_body = types::FaultRule,
    responses((status = 201, body = ActiveFaultRule, description = "The rule"), Problem))]
pub(crate) async fn add(
    State(state): State<SharedState>,
    AccountPath { account }: AccountPath,
    JsonBody(sent): JsonBody<types::FaultRule>,
) -> Result<(StatusCode, Json<ActiveFaultRule>), Problem> {
    let now = account.settings().now();
    let definition = sent.clone();
    let rule = compile_rule(sent, &account, &state).await?;
    let added = account.faults.add(rule, definition, now).map_err(|error| {
        let detail = match error {
            AddRuleError::TooManyRules => {
                format!("The account has {MAX_FAULT_RULES} fault rules, the maximum. Remove a rule first.")
            }
            AddRuleError::TooManyRegexes => format!(
                "The fault rules of an account can have at most {MAX_FAULT_REGEXES} regular expressions (matches) in total, since each request evaluates them. Use equals, or remove rules."
            ),
        };
        Problem::new(ProblemKind::LimitReached, detail)
    })?;
    Ok((StatusCode::CREATED, Json(added)))
}

/// Removes all fault rules of an account.
#[utoipa::path(delete, path = "/accounts/{account}/faults", tag = "faults", operation_id = "clearFaults",
    params(AccountPath),
    responses((status = 204, description = "Removed"), Problem))]
pub(crate) async fn clear(AccountPath { account }: AccountPath) -> StatusCode {
    account.faults.clear();
    StatusCode::NO_CONTENT
}

/// Removes a fault rule.
#[utoipa::path(delete, path = "/accounts/{account}/faults/{id}", tag = "faults", operation_id = "removeFault",
    params(FaultPath),
    responses((status = 204, description = "Removed"), Problem))]
pub(crate) async fn remove(FaultPath { account, id }: FaultPath) -> Result<StatusCode, Problem> {
    if account.faults.remove(id, account.settings().now()) {
        return Ok(StatusCode::NO_CONTENT);
    }
    let detail = format!("Account {} has no fault rule {id}.", account.name);
    Err(Problem::new(ProblemKind::UnknownFault, detail))
}

/// Validates a rule. Compiles regular expressions on a blocking thread.
async fn compile_rule(
    sent: types::FaultRule,
    account: &Arc<Account>,
    state: &SharedState,
) -> Result<FaultRule, Problem> {
    if sent.fields.values().all(|condition| condition.get("matches").is_none()) {
        return parse_rule(sent, account, state);
    }
    let (task_account, task_state) = (Arc::clone(account), SharedState::clone(state));
    let rule = state.run_cpu_bound(move || parse_rule(sent, &task_account, &task_state)).await;
    rule.ok_or_else(|| Problem::new(ProblemKind::Busy, "Other requests occupy the CPU."))?
}

fn parse_rule(
    sent: types::FaultRule,
    account: &Account,
    state: &SharedState,
) -> Result<FaultRule, Problem> {
    let types::FaultRule {
        operation,
        key,
        fields,
        first,
        every,
        after,
        ttl,
        effect,
        sequence,
        preset,
    } = sent;
    let pattern =
        types::RequestPattern { operation, key, fields, ..types::RequestPattern::default() };
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

/// Validates a rule's pattern. Its operation, key and fields must exist.
fn parse_rule_pattern(
    sent: types::RequestPattern,
    account: &Account,
    state: &SharedState,
) -> Result<RequestPattern, Problem> {
    let key = sent.key.clone();
    let (operation, known_fields) = match &sent.operation {
        Some(name) => {
            let operation = find_operation(name)?;
            (Some(operation.name), operation.all_fields().map(|field| field.name).collect())
        }
        None => (None, all_field_names()),
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
            "key must be the name of an API key of this account, one of {known}; {sent} was sent."
        )));
    }
    Ok(pattern)
}

/// Returns all field names.
fn all_field_names() -> Vec<&'static str> {
    let mut names: Vec<&str> =
        all_operations().flat_map(Operation::all_fields).map(|field| field.name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Fails if the operation lacks the field; without an operation, if all operations lack it.
fn check_field_exists(
    operation: Option<&str>,
    path: &str,
    known: &[&'static str],
) -> Result<(), Problem> {
    let name = path.split('[').next().unwrap_or_default();
    if known.contains(&name) {
        return Ok(());
    }
    let hint = did_you_mean(name, known.iter().copied());
    let sent = quote_value(&name.into());
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Err(Problem::invalid(match operation {
        Some(operation) => {
            format!("fields: {operation} has no field {sent}; it has {known}.{hint}")
        }
        None => format!("fields: no operation has a field {sent}; the fields are {known}.{hint}"),
    }))
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
    let is_invalid = |count: u64| !(1..=MAX_SAFE_INTEGER).contains(&count);
    if let Some((name, Some(sent))) = counts.iter().find(|(_, count)| count.is_some_and(is_invalid))
    {
        return Err(Problem::invalid(format!(
            "{name} must be a number from 1 to {MAX_SAFE_INTEGER}; {sent} was sent."
        )));
    }
    Ok(Some(trigger))
}

fn parse_sequence(
    effects: Vec<Option<FaultEffect>>,
    trigger: Option<Trigger>,
) -> Result<EffectSchedule, Problem> {
    if trigger.is_some() {
        return Err(Problem::invalid("sequence cannot be combined with first, every or after."));
    }
    if !(1..=MAX_SEQUENCE_LEN).contains(&effects.len()) {
        let detail = format!("sequence must have 1 to {MAX_SEQUENCE_LEN} entries.");
        return Err(Problem::invalid(detail));
    }
    let effects = effects.into_iter().enumerate().map(|(index, effect)| {
        let parse = |effect| {
            parse_effect(effect)
                .map_err(|error| Problem::invalid(format!("sequence[{index}]: {error}")))
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
        (Some(0), None) => Err(Problem::invalid("ttl: requests must be at least 1; 0 was sent.")),
        (Some(requests), None) => Ok(Ttl::Requests(requests)),
        (None, Some(time)) => {
            let duration = parse_positive_duration("ttl: time", &time, MAX_RULE_TTL)?;
            let duration = SignedDuration::try_from(duration).ok();
            let ttl = duration.and_then(|duration| Ttl::from_duration(now, duration));
            ttl.ok_or_else(|| Problem::invalid("ttl: time must not extend beyond the year 9999."))
        }
        _ => Err(Problem::invalid("ttl must have exactly one of requests and time.")),
    }
}
