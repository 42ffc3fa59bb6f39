//! Runs the steps of a case, and stops at the first failure.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::case::{Case, Step, TableRow};
use crate::expect::Expectation;
use crate::request::{RequestSpec, Response};
use crate::support::ticket::new_ticket_fields;
use crate::target::Target;
use crate::variables::Variables;

pub(crate) async fn run_case(case: &Case, row: &TableRow, target: &Target) -> Result<(), String> {
    let mut variables = Variables::default();
    variables.set("key", target.api_key.clone().into());
    for name in &case.scenario.tickets {
        variables.set(name, create_ticket(target, name).await?);
    }
    for (name, cell) in row {
        variables.set(name, variables.substitute(cell)?);
    }
    for (index, step) in case.scenario.steps.iter().enumerate() {
        let Case { file, scenario } = case;
        let result = run_step(step, &mut variables, target).await;
        result.map_err(|reason| {
            let (evidence, source, why) = (scenario.evidence, &scenario.source, &scenario.why);
            format!("{file}, step {}\n{reason}\n  {evidence:?} ({source}): {why}", index + 1)
        })?;
    }
    Ok(())
}

async fn run_step(step: &Step, variables: &mut Variables, target: &Target) -> Result<(), String> {
    let (request, expected) =
        (variables.substitute(&step.send)?, variables.substitute(&step.expect)?);
    let (send, expect): (RequestSpec, Expectation) =
        (deserialize(&request)?, deserialize(&expected)?);
    let before =
        if expect.expects_no_change() { capture_tickets(target).await? } else { Value::Null };

    let response = send
        .send(target)
        .await
        .map_err(|error| format_failure(&request, &expected, "", &[error]))?;
    let mut differences = expect.find_differences(&response);
    if expect.expects_no_change() {
        let after = capture_tickets(target).await?;
        let changed = before != after;
        differences.extend(changed.then(|| format!("the tickets went from {before} to {after}")));
    }
    if !differences.is_empty() {
        let received = format!("{} {}", response.status, response.text);
        return Err(format_failure(&request, &expected, &received, &differences));
    }
    save_values(step, &response, variables)
}

fn deserialize<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    serde_json::from_value(value.clone()).map_err(|error| format!("{error} in {value}"))
}

fn format_failure(
    sent: &Value,
    expected: &Value,
    received: &str,
    differences: &[String],
) -> String {
    let sent: String = sent.to_string().chars().take(400).collect();
    let differences = differences.join("\n           ");
    format!(
        "  sent     {sent}\n  expected {expected}\n  received {received}\n  wrong    {differences}"
    )
}

fn save_values(step: &Step, response: &Response, variables: &mut Variables) -> Result<(), String> {
    let body: Value = serde_json::from_str(&response.text).unwrap_or_default();
    for (name, pointer) in &step.save {
        let value = body.pointer(pointer).ok_or_else(|| format!("nothing to save at {pointer}"))?;
        variables.set(name, value.clone());
    }
    Ok(())
}

/// Returns the first page of the list, and every ticket on it with its timeline.
async fn capture_tickets(target: &Target) -> Result<Value, String> {
    let get = |path| send_expecting_success(target, json!({ "method": "GET", "path": path }));
    let list = get("/api/v2/ticket?searchArchived=yes".to_owned()).await?;
    let mut captured = vec![list["itemTotal"].clone()];
    for ticket in list["items"].as_array().into_iter().flatten() {
        captured.push(get(format!("/api/v2/ticket/{}", ticket["id"])).await?);
    }
    Ok(Value::Array(captured))
}

/// Creates an inbound e-mail ticket titled with its name in the case.
async fn create_ticket(target: &Target, name: &str) -> Result<Value, String> {
    let fields = new_ticket_fields(name).map(|(name, value)| json!([name, value]));
    let send = json!({ "method": "POST", "path": "/api/v2/ticket", "encoding": "multipart", "fields": fields });
    let body = send_expecting_success(target, send).await?;
    let id = body.as_object().and_then(|members| members.values().find(|value| value.is_u64()));
    id.cloned().ok_or_else(|| format!("the response has no ticket id: {body}"))
}

/// Sends a setup or check request, whose status must be 200.
async fn send_expecting_success(target: &Target, send: Value) -> Result<Value, String> {
    let Response { status, text, .. } = deserialize::<RequestSpec>(&send)?.send(target).await?;
    let body = serde_json::from_str(&text).ok().filter(|_| status == 200);
    body.ok_or_else(|| format!("{send} failed with {status} {text}"))
}
