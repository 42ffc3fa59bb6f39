//! Actions with fault rules, rate limits and strict mode: requests that fail as configured.

use omnidesk_mock_bench::{BenchResult, connection::is_disconnect};
use serde_json::{Value, json};

use crate::{account::Account, check::check_equal, paced_client::PacedClient, random::Random};

/// The expected response under a fault.
#[derive(Clone, Copy)]
enum FaultyResponse {
    Status(u16),
    Malformed,
    /// The server closes the connection before the end of the response.
    Disconnect,
}

/// Effect, expected response, and whether the server carries out the request.
const EFFECTS: [(&str, FaultyResponse, bool); 11] = [
    (r#"{"delay":"5ms"}"#, FaultyResponse::Status(200), true),
    (r#"{"delay":"5ms","when":"after"}"#, FaultyResponse::Status(200), true),
    (
        r#"{"status":503,"message":"Maintenance.","retry_after":"2s"}"#,
        FaultyResponse::Status(503),
        false,
    ),
    (r#"{"status":429}"#, FaultyResponse::Status(429), false),
    (r#"{"reset_connection":true}"#, FaultyResponse::Disconnect, false),
    (r#"{"truncate":7}"#, FaultyResponse::Disconnect, true),
    (r#"{"malformed":true}"#, FaultyResponse::Malformed, true),
    (r#"{"dribble":"1ms"}"#, FaultyResponse::Status(200), true),
    (r#"{"hang":"20ms"}"#, FaultyResponse::Disconnect, false),
    (r#"{"drop_response":"reset"}"#, FaultyResponse::Disconnect, true),
    (r#"{"drop_response":502}"#, FaultyResponse::Status(502), true),
];

/// Adds a fault rule for one update, sends the update, and checks its response and the ticket.
pub(crate) fn use_fault_rule(
    client: &mut PacedClient,
    account: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    let (effect, expected, is_carried_out) = *random.pick(&EFFECTS);
    let (id, title) = (account.tickets.pick_id(random), account.next_title());
    let rule = json!({
        "operation": "ticket.update",
        "first": 1,
        "effect": serde_json::from_str::<Value>(effect)?,
    });
    let added = client.expect(&account.control_with_json("POST", "/faults", &rule), 201)?;
    let update = account.with_form("PUT", &format!("/{id}"), &format!("title={title}"));
    match (expected, client.send_unchecked(&update)) {
        (FaultyResponse::Status(status), Ok(response)) => drop(response.expect_status(status)?),
        (FaultyResponse::Malformed, Ok(response))
            if response.expect_status(200).is_err() && response.status == 200 => {}
        (FaultyResponse::Disconnect, Err(error)) if is_disconnect(&error) => {}
        (_, Err(error)) => return Err(format!("{error} with effect {effect}").into()),
        (_, Ok(response)) => {
            return Err(format!("status {} with effect {effect}", response.status).into());
        }
    }
    if is_carried_out {
        account.tickets.set_title(id, &title);
    }
    let rule = format!("/faults/{}", added["id"]);
    client.expect(&account.control("DELETE", &rule), 204)?;
    let result = account.check_ticket(client, id);
    result.map_err(|error| format!("{error} after effect {effect}").into())
}

/// Limits the account to one request, and removes the limit.
pub(crate) fn use_rate_limit(
    client: &mut PacedClient,
    account: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    let id = account.tickets.pick_id(random);
    let request = account.get(&format!("/{id}"));
    let set_limits = |limits: Value| account.control_with_json("PUT", "/rate-limits", &limits);
    client.expect(&set_limits(json!({ "requests": 1, "per": "1h" })), 200)?;
    client.expect(&request, 200)?;
    client.expect_error(&request, 429, "exceeded its rate limit")?;
    client.expect(&set_limits(json!({})), 200)?;
    client.expect(&request, 200).map(drop)
}

/// Sends an undocumented field, which strict mode must refuse.
pub(crate) fn use_strict_mode(
    client: &mut PacedClient,
    account: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    let (id, title) = (account.tickets.pick_id(random), account.next_title());
    let body = format!("title={title}&colour=red");
    let update = account.with_form("PUT", &format!("/{id}"), &body);
    let set_strict = |is_strict: bool| {
        account.control_with_json("PUT", "/strict", &json!({ "strict": is_strict }))
    };
    client.expect(&set_strict(true), 200)?;
    client.expect_error(&update, 400, "colour")?;
    client.expect(&set_strict(false), 200)?;
    account.check_ticket(client, id)?;
    let body = client.expect(&update, 200)?;
    account.tickets.set_title(id, &title);
    check_equal("message", body["message"].as_str(), Some("Ticket updated."))
}
