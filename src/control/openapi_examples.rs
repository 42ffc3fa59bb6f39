//! The examples of the OpenAPI document of the control API, each declared once: by field, by schema or by operation.

use serde_json::Value;

/// The examples of fields and parameters as JSON, by name, or by schema and name where a name has several meanings.
const FIELDS: &[(&str, &str)] = &[
    ("account", r#""checkout-tests""#),
    ("actual", r#""400""#),
    ("added", r#"{"tickets":3}"#),
    ("allow", r#"["undocumented"]"#),
    ("api_key", r#""checkout-key-1""#),
    ("applied", "1"),
    ("at", r#""2026-03-01T12:00:00Z""#),
    ("at_least", "1"),
    ("at_most", "3"),
    ("attribute", r#""status""#),
    ("base_url", r#""http://127.0.0.1:8080""#),
    ("by", r#""PT2H""#),
    ("bytes", "4096"),
    ("change_counter", "12"),
    ("changed", "true"),
    ("column", r#""status""#),
    ("console", "false"),
    ("count", "1"),
    ("counts", r#"{"tickets":3}"#),
    ("cursor", r#""0000002a.7""#),
    ("delay", r#""2s""#),
    ("deleted", "true"),
    ("detail", r#""The account nobody does not exist.""#),
    ("dribble", r#""100ms""#),
    ("duration_ms", "0.8"),
    ("effect", r#""status""#),
    ("ephemeral", "true"),
    ("every", "3"),
    ("evidence", r#""no evidence""#),
    ("exactly", "1"),
    ("expected", r#""200""#),
    ("fact", r#""needs TICKET_READ""#),
    ("fault", "true"),
    ("fidelity", r#""documented""#),
    ("field", r#""titel""#),
    ("fields", r#"{"title":"The printer is broken"}"#),
    ("fields_omitted", "false"),
    ("first", "1"),
    ("after", "5"),
    ("from", r#""new""#),
    ("hang", r#""30s""#),
    ("has_more", "false"),
    ("headers", r#"{"user-agent":"curl/8.5.0"}"#),
    ("headers_omitted", "false"),
    ("id", "1"),
    ("key", r#""dev""#),
    ("key_count", "1"),
    ("kind", r#""unknown-field""#),
    ("limit", "100"),
    ("malformed", "true"),
    ("matched", "2"),
    ("message", r#""titel is an unknown field. Did you mean title?""#),
    ("method", r#""POST""#),
    ("min_interval", r#""1s""#),
    ("mode", r#""frozen""#),
    ("name", r#""before-checkout""#),
    ("never", "true"),
    ("now", r#""2026-03-01T12:00:00Z""#),
    ("operation", r#""ticket.create""#),
    ("order", r#"[{"operation":"ticket.create"},{"operation":"setStatus"}]"#),
    ("path", r#""/api/v2/ticket""#),
    ("per", r#""1m""#),
    ("permissions", r#"["TICKET_READ","TICKET_CREATE"]"#),
    ("preset", r#""flaky""#),
    ("query", r#"{"itemLimit":"2"}"#),
    ("real_at", r#""2026-03-01T12:00:00Z""#),
    ("requests", "100"),
    ("reset_connection", "true"),
    ("resource", r#""ticket""#),
    ("response_body", r#"{"type":"result","message":"Ticket created.","ticketID":1}"#),
    ("response_body_omitted", "false"),
    ("retry_after", r#""10s""#),
    ("rows_omitted", "0"),
    ("scope", r#""ticket.create""#),
    ("seq", "7"),
    ("sequence", r#"[{"status":503},null]"#),
    ("setting", r#""unknown_ids = reject""#),
    ("since", r#""0000002a.7""#),
    ("snapshot_count", "1"),
    ("status", "200"),
    ("strict", "true"),
    ("suggestion", r#""title""#),
    ("taken_at", r#""2026-03-01T12:00:00Z""#),
    ("ticket", "1"),
    ("time", r#""30s""#),
    ("time_zone", r#""Europe/Amsterdam""#),
    ("timeout", r#""10s""#),
    ("title", r#""The account does not exist.""#),
    ("to", r#""solved""#),
    ("truncate", "100"),
    ("truncated", "false"),
    ("ttl", r#""15m""#),
    ("type", r#""/docs/control#unknown-account""#),
    ("undecoded_body", r#""title=%zz""#),
    ("warning", r#""any""#),
    (
        "accounts",
        r#"{"checkout-tests":{"time_zone":"UTC","tickets":[{"id":7,"title":"The printer is broken"}]}}"#,
    ),
    ("AccountList.accounts", ""),
    ("ClockMode.mode", ""),
    ("ClockSetting.mode", ""),
    ("ClockStatus.mode", ""),
    ("CreatedKey.name", r#""checkout""#),
    ("FaultEffect.body", r#""Moved""#),
    ("FaultEffect.headers", r#"{"Location":"/login"}"#),
    ("FaultEffect.message", r#""Try again later.""#),
    ("FaultEffect.status", "503"),
    ("FaultRule.effect", ""),
    ("FaultRule.ttl", ""),
    ("ActiveFaultRule.effect", ""),
    ("ActiveFaultRule.ttl", ""),
    ("JournalEntry.fault", ""),
    ("KeySummary.name", r#""dev""#),
    ("NewAccount.from", r#""seed""#),
    ("NewAccount.name", r#""checkout-tests""#),
    ("NewKey.name", r#""checkout""#),
    ("ProblemDetails.status", "404"),
    ("RequestList.requests", ""),
    ("RequestPattern.status", r#""4xx""#),
    ("Verification.count", ""),
    ("Verification.status", r#""4xx""#),
    ("VerificationResult.requests", "[7]"),
    ("WaitResult.requests", ""),
    ("WaitResult.ticket", r#"{"id":1,"status":"solved"}"#),
    ("parameter.account", r#""dev""#),
    ("parameter.status", r#""200""#),
];

/// The examples of schemas whose fields exclude each other.
const SCHEMAS: &[(&str, &str)] = &[
    (
        "ActiveFaultRule",
        r#"{"operation":"ticket.create","first":1,"effect":{"status":503},"id":1,"matched":2,"applied":1}"#,
    ),
    ("ClockAdvance", r#"{"by":"P3D"}"#),
    ("ClockSetting", r#"{"mode":"frozen","at":"2026-03-01T12:00:00Z"}"#),
    (
        "ClockStatus",
        r#"{"mode":"frozen","at":"2026-03-01T12:00:00Z","now":"2026-03-01T12:00:00Z"}"#,
    ),
    ("DialectSettings", r#"{"unknown_ticket_status":404,"unknown_ids":"skip"}"#),
    ("DroppedResponse", r#""reset""#),
    ("ExpectedCount", r#"{"exactly":1}"#),
    ("FaultEffect", r#"{"status":503,"retry_after":"10s"}"#),
    ("FaultRule", r#"{"operation":"ticket.create","first":1,"effect":{"status":503}}"#),
    ("PermissionsSpec", r#"["TICKET_READ","TICKET_CREATE"]"#),
    (
        "ProblemDetails",
        r#"{"type":"/docs/control#unknown-account","title":"The account does not exist.","status":404,"detail":"The account nobody does not exist."}"#,
    ),
    ("RequestPattern", r#"{"operation":"setStatus","status":"4xx"}"#),
    ("StatusFilter", r#""4xx""#),
    ("TimeToLive", r#"{"requests":10}"#),
    ("Verification", r#"{"operation":"ticket.create","count":{"exactly":1}}"#),
    ("WaitResult", r#"{"ticket":{"id":1,"status":"solved"},"cursor":"0000002a.7"}"#),
];

/// The examples of responses without a named schema, by operation.
const OPERATIONS: &[(&str, &str)] = &[
    ("controlOpenapi", r#"{"openapi":"3.1.0"}"#),
    (
        "exportHar",
        r#"{"log":{"version":"1.2","creator":{"name":"omnidesk-mock","version":"0.1.0"},"entries":[]}}"#,
    ),
    ("health", r#""ok""#),
    ("metrics", r##""# TYPE omnidesk_mock_accounts gauge\nomnidesk_mock_accounts 1\n""##),
    ("ready", r#""ready""#),
    ("streamRequests", r#""id: 0000002a.7\nevent: request\ndata: {}\n\n""#),
];

/// Returns the example of a property of this schema, or of a parameter if the owner is `parameter`.
pub(super) fn field_example(owner: &str, name: &str) -> Option<Value> {
    let qualified = format!("{owner}.{name}");
    let find = |name: &str| FIELDS.iter().find(|(field, _)| *field == name);
    let (_, text) = find(&qualified).or_else(|| find(name))?;
    serde_json::from_str(text).ok()
}

/// Returns the example of a schema that declares its own.
pub(super) fn schema_example(name: &str) -> Option<Value> {
    find(SCHEMAS, name)
}

/// Returns the example of the response to an operation whose schema has no name.
pub(super) fn operation_example(id: &str) -> Option<Value> {
    find(OPERATIONS, id)
}

fn find(table: &[(&str, &str)], name: &str) -> Option<Value> {
    let (_, text) = table.iter().find(|(key, _)| *key == name)?;
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_example_is_json() {
        for (name, text) in FIELDS.iter().chain(SCHEMAS).chain(OPERATIONS) {
            let is_reference = text.is_empty();
            assert!(is_reference || serde_json::from_str::<Value>(text).is_ok(), "{name}: {text}");
        }
    }
}
