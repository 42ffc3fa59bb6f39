//! Tells a story step by step, and stops at the first step that goes otherwise.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::case::{Case, Row, Step};
use crate::expect::Expect;
use crate::names::Names;
use crate::send::{Answer, Send};
use crate::target::Target;

pub(crate) async fn tell(case: &Case, row: &Row, target: &Target) -> Result<(), String> {
    let mut names = Names::default();
    names.save("key", target.key.clone().into());
    for name in &case.story.tickets {
        names.save(name, make_ticket(target, name).await?);
    }
    for (name, cell) in row {
        names.save(name, names.fill(cell)?);
    }
    for (index, step) in case.story.steps.iter().enumerate() {
        let Case { file, story } = case;
        let told = take(step, &mut names, target).await;
        told.map_err(|reason| {
            let (evidence, source, why) = (story.evidence, &story.source, &story.why);
            format!("{file}, step {}\n{reason}\n  {evidence:?} ({source}): {why}", index + 1)
        })?;
    }
    Ok(())
}

async fn take(step: &Step, names: &mut Names, target: &Target) -> Result<(), String> {
    let (request, expected) = (names.fill(&step.send)?, names.fill(&step.expect)?);
    let (send, expect): (Send, Expect) = (typed(&request)?, typed(&expected)?);
    let before = if expect.is_unchanged() { photograph(target).await? } else { Value::Null };

    let answer =
        send.send(target).await.map_err(|error| report(&request, &expected, "", &[error]))?;
    let mut wrong = expect.differences(&answer);
    if expect.is_unchanged() {
        let after = photograph(target).await?;
        let changed = before != after;
        wrong.extend(changed.then(|| format!("the tickets went from {before} to {after}")));
    }
    if !wrong.is_empty() {
        let came = format!("{} {}", answer.status, answer.text);
        return Err(report(&request, &expected, &came, &wrong));
    }
    save(step, &answer, names)
}

fn typed<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    serde_json::from_value(value.clone()).map_err(|error| format!("{error} in {value}"))
}

fn report(sent: &Value, expected: &Value, came: &str, wrong: &[String]) -> String {
    let sent: String = sent.to_string().chars().take(400).collect();
    let wrong = wrong.join("\n           ");
    format!("  sent     {sent}\n  expected {expected}\n  came     {came}\n  wrong    {wrong}")
}

fn save(step: &Step, answer: &Answer, names: &mut Names) -> Result<(), String> {
    let body: Value = serde_json::from_str(&answer.text).unwrap_or_default();
    for (name, pointer) in &step.save {
        let value = body.pointer(pointer).ok_or_else(|| format!("nothing to save at {pointer}"))?;
        names.save(name, value.clone());
    }
    Ok(())
}

/// The first page of the list, and every ticket on it with its timeline.
async fn photograph(target: &Target) -> Result<Value, String> {
    let get = |path| succeed(target, json!({ "method": "GET", "path": path }));
    let list = get("/api/v2/ticket?searchArchived=yes".to_owned()).await?;
    let mut seen = vec![list["itemTotal"].clone()];
    for ticket in list["items"].as_array().into_iter().flatten() {
        seen.push(get(format!("/api/v2/ticket/{}", ticket["id"])).await?);
    }
    Ok(Value::Array(seen))
}

/// An inbound e-mail ticket whose title is its name in the story.
async fn make_ticket(target: &Target, name: &str) -> Result<Value, String> {
    let fields = json!([
        ["brandID", 1],
        ["channelID", 1],
        ["direction", "inbound"],
        ["from", "ada@example.test"],
        ["to", "desk@example.test"],
        ["title", name],
    ]);
    let send = json!({ "method": "POST", "path": "/api/v2/ticket", "encoding": "multipart", "fields": fields });
    let answer = succeed(target, send).await?;
    let id = answer.as_object().and_then(|members| members.values().find(|value| value.is_u64()));
    id.cloned().ok_or_else(|| format!("a made ticket has an id, not {answer}"))
}

/// A request that only prepares or watches.
async fn succeed(target: &Target, send: Value) -> Result<Value, String> {
    let Answer { status, text, .. } = typed::<Send>(&send)?.send(target).await?;
    let body = serde_json::from_str(&text).ok().filter(|_| status == 200);
    body.ok_or_else(|| format!("{send} was answered with {status} {text}"))
}
