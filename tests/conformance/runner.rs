//! Tells a story step by step, and stops at the first step that goes otherwise.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::case::{Case, Step, TableRow};
use crate::expect::Expectation;
use crate::request::{RequestSpec, Response};
use crate::target::Target;
use crate::variables::Variables;

pub(crate) async fn run_case(case: &Case, row: &TableRow, target: &Target) -> Result<(), String> {
    let mut names = Variables::default();
    names.set("key", target.api_key.clone().into());
    for name in &case.scenario.tickets {
        names.set(name, create_ticket(target, name).await?);
    }
    for (name, cell) in row {
        names.set(name, names.substitute(cell)?);
    }
    for (index, step) in case.scenario.steps.iter().enumerate() {
        let Case { file, scenario: story } = case;
        let told = run_step(step, &mut names, target).await;
        told.map_err(|reason| {
            let (evidence, source, why) = (story.evidence, &story.source, &story.why);
            format!("{file}, step {}\n{reason}\n  {evidence:?} ({source}): {why}", index + 1)
        })?;
    }
    Ok(())
}

async fn run_step(step: &Step, names: &mut Variables, target: &Target) -> Result<(), String> {
    let (request, expected) = (names.substitute(&step.send)?, names.substitute(&step.expect)?);
    let (send, expect): (RequestSpec, Expectation) =
        (deserialize(&request)?, deserialize(&expected)?);
    let before =
        if expect.expects_no_change() { capture_tickets(target).await? } else { Value::Null };

    let answer = send
        .send(target)
        .await
        .map_err(|error| format_failure(&request, &expected, "", &[error]))?;
    let mut wrong = expect.find_differences(&answer);
    if expect.expects_no_change() {
        let after = capture_tickets(target).await?;
        let changed = before != after;
        wrong.extend(changed.then(|| format!("the tickets went from {before} to {after}")));
    }
    if !wrong.is_empty() {
        let came = format!("{} {}", answer.status, answer.text);
        return Err(format_failure(&request, &expected, &came, &wrong));
    }
    save_values(step, &answer, names)
}

fn deserialize<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    serde_json::from_value(value.clone()).map_err(|error| format!("{error} in {value}"))
}

fn format_failure(sent: &Value, expected: &Value, came: &str, wrong: &[String]) -> String {
    let sent: String = sent.to_string().chars().take(400).collect();
    let wrong = wrong.join("\n           ");
    format!("  sent     {sent}\n  expected {expected}\n  came     {came}\n  wrong    {wrong}")
}

fn save_values(step: &Step, answer: &Response, names: &mut Variables) -> Result<(), String> {
    let body: Value = serde_json::from_str(&answer.text).unwrap_or_default();
    for (name, pointer) in &step.save {
        let value = body.pointer(pointer).ok_or_else(|| format!("nothing to save at {pointer}"))?;
        names.set(name, value.clone());
    }
    Ok(())
}

/// The first page of the list, and every ticket on it with its timeline.
async fn capture_tickets(target: &Target) -> Result<Value, String> {
    let get = |path| send_expecting_success(target, json!({ "method": "GET", "path": path }));
    let list = get("/api/v2/ticket?searchArchived=yes".to_owned()).await?;
    let mut seen = vec![list["itemTotal"].clone()];
    for ticket in list["items"].as_array().into_iter().flatten() {
        seen.push(get(format!("/api/v2/ticket/{}", ticket["id"])).await?);
    }
    Ok(Value::Array(seen))
}

/// An inbound e-mail ticket whose title is its name in the story.
async fn create_ticket(target: &Target, name: &str) -> Result<Value, String> {
    let fields = json!([
        ["brandID", 1],
        ["channelID", 1],
        ["direction", "inbound"],
        ["from", "ada@example.test"],
        ["to", "desk@example.test"],
        ["title", name],
    ]);
    let send = json!({ "method": "POST", "path": "/api/v2/ticket", "encoding": "multipart", "fields": fields });
    let answer = send_expecting_success(target, send).await?;
    let id = answer.as_object().and_then(|members| members.values().find(|value| value.is_u64()));
    id.cloned().ok_or_else(|| format!("a made ticket has an id, not {answer}"))
}

/// A request that only prepares or watches.
async fn send_expecting_success(target: &Target, send: Value) -> Result<Value, String> {
    let Response { status, text, .. } = deserialize::<RequestSpec>(&send)?.send(target).await?;
    let body = serde_json::from_str(&text).ok().filter(|_| status == 200);
    body.ok_or_else(|| format!("{send} was answered with {status} {text}"))
}
