//! The page of the faults of an account, its rate limit, and strict mode.

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use omnidesk_mock_client::types::{ActiveFaultRule, FaultRule, RateLimits, Strictness};
use serde_json::{Map, Value, json};

use super::components::render_empty;
use super::form::Form;
use super::page::{PageContext, Section, render_text};
use crate::accounts::Account;
use crate::api::state::SharedState;
use crate::control;
use crate::control::{AccountPath, FaultPath, JsonBody, Problem};
use crate::controllers::all_operations;
use crate::faults::PRESETS;
use crate::journal::WarningKind;

/// Shows the armed faults.
pub(super) async fn show(context: PageContext, AccountPath { account }: AccountPath) -> Response {
    let settings = account.settings();
    let rules = account.faults.list(settings.now());
    let name = &*account.name;
    let main = html! {
        main #content {
            div.heading {
                h1 { "Faults" }
                @if !rules.is_empty() {
                    form method="post" action=(context.account_url(name, "faults/clear")) {
                        (context.form_token())
                        button.danger disabled[context.is_read_only] { "Remove all" }
                    }
                }
            }
            (render_rules(&context, name, &rules))
            div.columns {
                (render_new_rule(&context, &account))
                div {
                    (render_presets(&context, name))
                    (render_rate_limit(&context, &account))
                    (render_strict_mode(&context, &account))
                }
            }
        }
    };
    context.render_account(Section::Faults, name, &format!("Faults · {name}"), &main)
}

fn render_rules(context: &PageContext, account: &str, rules: &[ActiveFaultRule]) -> Markup {
    html! {
        @if rules.is_empty() {
            @let command = format!("curl -X POST {}/_control/accounts/{account}/faults \\\n  -d '{{\"operation\": \"create\", \"first\": 1, \"effect\": {{\"status\": 503}}}}'", context.base_url);
            (render_empty("No fault is armed. Arm one below, or with:", Some(&command)))
        } @else {
            div.scroll tabindex="0" role="region" aria-label="Armed faults" {
                table {
                    thead { tr {
                        th.number scope="col" { "Id" } th scope="col" { "Requests" } th scope="col" { "When" } th scope="col" { "Effect" }
                        th.number scope="col" { "Matched" } th.number scope="col" { "Applied" } th scope="col" { span.hidden { "Actions" } }
                    } }
                    tbody { @for rule in rules {
                        tr {
                            td.number { (rule.id) }
                            th scope="row" { (describe_pattern(&rule.rule)) }
                            td { (describe_trigger(&rule.rule)) @if rule.rule.first.is_some_and(|first| rule.applied >= first) { " " span.tag { "used up" } } }
                            td { code { (describe_effect(&rule.rule)) } }
                            td.number { (rule.matched) }
                            td.number { (rule.applied) }
                            td { form method="post" action=(context.account_url(account, &format!("faults/{}/remove", rule.id))) {
                                (context.form_token())
                                button.danger disabled[context.is_read_only] { "Remove" span.hidden { " rule " (rule.id) } }
                            } }
                        }
                    } }
                }
            }
        }
    }
}

fn describe_pattern(rule: &FaultRule) -> String {
    let mut parts = vec![rule.operation.clone().unwrap_or_else(|| "every operation".to_owned())];
    if let Some(key) = &rule.key {
        parts.push(format!("key {key}"));
    }
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    parts.extend(rule.fields.iter().map(|(name, value)| format!("{name} = {}", text(value))));
    parts.join(", ")
}

fn describe_trigger(rule: &FaultRule) -> String {
    let when = match (rule.first, rule.every, rule.after, &rule.sequence, &rule.preset) {
        (Some(1), ..) => "the first request".to_owned(),
        (Some(first), ..) => format!("the first {first} requests"),
        (_, Some(every), ..) => format!("every {every}th"),
        (_, _, Some(after), ..) => format!("all after the first {after}"),
        (.., Some(_), _) => "one after the other".to_owned(),
        (.., Some(_)) => "by the preset".to_owned(),
        _ => "always".to_owned(),
    };
    match &rule.ttl {
        Some(ttl) => {
            let requests = ttl.requests.map(|requests| format!(", for {requests} requests"));
            let time = ttl.time.as_ref().map(|time| format!(", for {time}"));
            format!("{when}{}", requests.or(time).unwrap_or_default())
        }
        None => when,
    }
}

fn describe_effect(rule: &FaultRule) -> String {
    let effect = serde_json::to_value(&rule.effect).unwrap_or_default();
    match (&rule.preset, &rule.sequence) {
        (Some(preset), _) => preset.clone(),
        (_, Some(sequence)) => serde_json::to_string(sequence).unwrap_or_default(),
        _ => {
            let members = effect.as_object().into_iter().flatten();
            members.map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join(", ")
        }
    }
}

fn render_new_rule(context: &PageContext, account: &Account) -> Markup {
    const EFFECTS: [(&str, &str, &str); 8] = [
        ("status", "respond with this status", "503"),
        ("delay", "delay the response by this time", "2s"),
        ("drop_response", "execute, then drop the response: reset or hang", "reset"),
        ("reset_connection", "reset the connection, do not execute", "true"),
        ("hang", "hang for this time, do not execute", "10s"),
        ("truncate", "truncate the body to this many bytes", "20"),
        ("malformed", "answer with HTML", "true"),
        ("dribble", "send slowly, a chunk in this interval", "200ms"),
    ];
    html! {
        section.card aria-labelledby="new" {
            h2 #new { "New fault" }
            form.stack method="post" action=(context.account_url(&account.name, "faults")) {
                (context.form_token())
                label { "Operation" select name="operation" {
                    option value="" { "every operation" }
                    @for operation in all_operations() { option { (operation.name) } }
                } }
                label { "Key" select name="key" {
                    option value="" { "every key" }
                    @for key in account.keys() { option { (key.name) } }
                } }
                div.row {
                    label { "Only if the field" input name="field" placeholder="ticketID" autocomplete="off"; }
                    label { "is" input name="value" placeholder="7" autocomplete="off"; }
                }
                div.row {
                    label { "When" select name="trigger" {
                        option value="first" { "the first N" } option value="every" { "every Nth" } option value="after" { "all after the first N" } option value="" { "always" }
                    } }
                    label { "N" input name="number" type="number" min="1" value="1"; }
                }
                div.row {
                    label.long { "Effect" select name="effect" { @for (name, meaning, _) in EFFECTS { option value=(name) { (name) ": " (meaning) } } } }
                    label { "Value" input name="effect_value" value="503" list="effect-values" autocomplete="off"; }
                    datalist #effect-values { @for (name, _, value) in EFFECTS { option value=(value) { (name) } } }
                }
                button.primary disabled[context.is_read_only] { "Arm" }
            }
        }
    }
}

fn render_presets(context: &PageContext, account: &str) -> Markup {
    html! {
        section.card aria-labelledby="presets" {
            h2 #presets { "Presets" }
            form method="post" action=(context.account_url(account, "faults")) {
                (context.form_token())
                dl.presets { @for preset in PRESETS {
                    dt { button name="preset" value=(preset.name) disabled[context.is_read_only] { (preset.name) } }
                    dd { (render_text(preset.description)) }
                } }
            }
        }
    }
}

fn render_rate_limit(context: &PageContext, account: &Account) -> Markup {
    let limit = account.rate_limiter.rate_limit();
    let now = account.settings().now();
    html! {
        section.card aria-labelledby="rate-limit" {
            h2 #rate-limit { "Rate limit of each key" }
            form.row method="post" action=(context.account_url(&account.name, "rate-limit")) {
                (context.form_token())
                label { "Requests" input name="requests" type="number" min="1" value=[limit.as_ref().map(|limit| limit.requests)]; }
                label { "per" input name="per" placeholder="1m" value=[limit.as_ref().map(|limit| &limit.window_text)]; }
                button disabled[context.is_read_only] { "Set" }
            }
            @match &limit {
                None => p.faint { "Unlimited. Empty fields remove a limit." },
                Some(_) => table { tbody { @for key in account.keys() {
                    tr { th scope="row" { (key.name) } td.number { @match account.rate_limiter.remaining(&key.name, now) { Some(left) => { (left) " left" }, None => "" } } }
                } } },
            }
        }
    }
}

fn render_strict_mode(context: &PageContext, account: &Account) -> Markup {
    let settings = account.settings();
    let strict = settings.account_settings.strict.as_ref();
    html! {
        section.card aria-labelledby="strict" {
            h2 #strict { "Strict mode" }
            form.stack method="post" action=(context.account_url(&account.name, "strict")) {
                (context.form_token())
                label.check { input type="checkbox" name="strict" value="true" checked[strict.is_some()]; " Reject every request that causes a warning" }
                fieldset {
                    legend { "Except these warnings" }
                    @for kind in WarningKind::ALL {
                        label.check title=(kind.description()) {
                            input type="checkbox" name="allow" value=(kind.name()) checked[strict.is_some_and(|strict| strict.allow.contains(kind))];
                            " " (kind.name())
                        }
                    }
                }
                button disabled[context.is_read_only] { "Save" }
            }
        }
    }
}

/// Arms a fault, or a preset.
pub(super) async fn add(
    state: State<SharedState>,
    context: PageContext,
    path: AccountPath,
    form: Form,
) -> Result<Response, Problem> {
    let name = path.account.name.to_string();
    let rule = match form.optional("preset") {
        Some(preset) => FaultRule { preset: Some(preset), ..FaultRule::default() },
        None => parse_rule(&form)?,
    };
    let _ = control::faults::add(state, path, JsonBody(rule)).await?;
    Ok(context.redirect_after(&format!("accounts/{name}/faults"), "The fault is armed."))
}

/// Builds the rule that a form describes.
fn parse_rule(form: &Form) -> Result<FaultRule, Problem> {
    let value = form.text("effect_value").trim();
    let effect = match form.text("effect") {
        name @ ("reset_connection" | "malformed") => json!({ name: true }),
        // A number is a status or a size.
        name => {
            json!({ name: value.parse::<u64>().map_or_else(|_| Value::from(value), Value::from) })
        }
    };
    let mut fields = Map::new();
    if let Some(field) = form.optional("field") {
        fields.insert(field, form.text("value").into());
    }
    let mut rule = json!({ "operation": form.optional("operation"), "key": form.optional("key"), "fields": fields, "effect": effect });
    if let Some(trigger) = form.optional("trigger") {
        rule[trigger] = form.number("number")?.unwrap_or(1).into();
    }
    serde_json::from_value(rule)
        .map_err(|error| Problem::invalid(format!("The fault is invalid: {error}.")))
}

/// Removes a fault.
pub(super) async fn remove(context: PageContext, path: FaultPath) -> Result<Response, Problem> {
    let (name, id) = (path.account.name.to_string(), path.id);
    control::faults::remove(path).await?;
    Ok(context
        .redirect_after(&format!("accounts/{name}/faults"), &format!("Fault {id} was removed.")))
}

/// Removes all faults.
pub(super) async fn clear(context: PageContext, path: AccountPath) -> Response {
    let name = path.account.name.to_string();
    control::faults::clear(path).await;
    context.redirect_after(&format!("accounts/{name}/faults"), "All faults were removed.")
}

/// Sets or removes the rate limit.
pub(super) async fn set_rate_limit(
    context: PageContext,
    path: AccountPath,
    form: Form,
) -> Result<Response, Problem> {
    let name = path.account.name.to_string();
    let limits = RateLimits { requests: form.number("requests")?, per: form.optional("per") };
    let message = match &limits.requests {
        Some(requests) => format!("The rate limit is {requests} requests for each key."),
        None => "The rate limit was removed.".to_owned(),
    };
    let _ = control::rate_limits::set(path, JsonBody(limits)).await?;
    Ok(context.redirect_after(&format!("accounts/{name}/faults"), &message))
}

/// Turns strict mode on or off.
pub(super) async fn set_strict_mode(
    context: PageContext,
    path: AccountPath,
    form: Form,
) -> Result<Response, Problem> {
    let name = path.account.name.to_string();
    let strict = form.text("strict") == "true";
    let allow = if strict { form.all("allow") } else { Vec::new() };
    let _ = control::strict::set(path, JsonBody(Strictness { strict, allow })).await?;
    let message = if strict { "Strict mode is on." } else { "Strict mode is off." };
    Ok(context.redirect_after(&format!("accounts/{name}/faults"), message))
}
