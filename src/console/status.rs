//! The page of the state of the server.

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use super::components::format_bytes;
use super::page::{PageContext, Section};
use crate::api::state::SharedState;
use crate::clock::format_duration;
use crate::controllers::all_operations;
use crate::metrics::{CONTROL_OPERATION, Metrics, OTHER_OPERATION, ResponseCounts};

/// Shows version, gauges, limits and counters.
pub(super) async fn show(State(state): State<SharedState>, context: PageContext) -> Response {
    let gauges = state.accounts.gauge_snapshot();
    let limits = &state.limits;
    let addresses: Vec<String> = state.listen_addresses.iter().map(ToString::to_string).collect();
    let facts = [
        ("Version", env!("CARGO_PKG_VERSION").to_owned()),
        ("Listens on", addresses.join(", ")),
        ("Accounts", gauges.accounts.to_string()),
        ("Open connections", state.metrics.open_connections().to_string()),
        ("Open databases", gauges.open_databases.to_string()),
        ("Requests in the journals", gauges.journal_entries.to_string()),
        (
            "Unknown keys",
            if state.accounts.auto_creates_accounts() {
                "create an account".to_owned()
            } else {
                "are rejected".to_owned()
            },
        ),
        (
            "Control token",
            if state.control_token.is_some() {
                "required".to_owned()
            } else {
                "not required".to_owned()
            },
        ),
    ];
    let bounds = [
        ("Body of a request", "--max-body-bytes", format_bytes(limits.max_body_bytes as u64)),
        ("Response", "--max-response-bytes", format_bytes(limits.max_response_bytes as u64)),
        ("Values of a request", "--max-values", limits.input.max_values.to_string()),
        ("Depth of a request", "--max-depth", limits.input.max_depth.to_string()),
        ("Time for a body", "--body-timeout", format_duration(limits.body_timeout)),
    ];
    let main = html! {
        main #content {
            div.heading { h1 { "Status" } }
            div.columns {
                section { h2 { "Server" } dl.facts { @for (name, value) in &facts { dt { (name) } dd { (value) } } } }
                section {
                    h2 { "Limits" }
                    table.pairs { tbody { @for (name, flag, value) in &bounds { tr { th scope="row" { (name) } td { code { (flag) } } td.number { (value) } } } } }
                }
            }
            (render_activity(&state.metrics))
            section {
                h2 { "For machines" }
                ul.plain {
                    li { a href={ (context.root) "_control/metrics" } { "Metrics" } " for Prometheus" @if context.requires_token { span.faint { " (with the control token)" } } }
                    li { a href={ (context.root) "_control/health" } { "Health" } " and " a href={ (context.root) "_control/ready" } { "readiness" } }
                    li { a href={ (context.root) "openapi.json" } { "OpenAPI of the Ticket API" } }
                }
            }
        }
    };
    context.render(Section::Status, "Status", &main)
}

/// Shows how the requests to each operation ended, and what was rejected before it was a request.
fn render_activity(metrics: &Metrics) -> Markup {
    let others = [
        (CONTROL_OPERATION, "Control API"),
        (OTHER_OPERATION, "Console, documents and unknown paths"),
    ];
    let rows: Vec<(&str, ResponseCounts)> = all_operations()
        .map(|operation| (operation.name, operation.name))
        .chain(others)
        .map(|(label, title)| (title, metrics.response_counts(label)))
        .filter(|(_, counts)| counts.total() > 0)
        .collect();
    let rejections: Vec<(&str, u64)> =
        metrics.rejection_counts().filter(|(_, rejected)| *rejected > 0).collect();
    html! {
        section {
            h2 { "Requests since the start" }
            @if rows.is_empty() {
                p.faint { "None yet." }
            } @else {
                div.scroll tabindex="0" role="region" aria-label="Requests since the start" { table {
                    thead { tr { th scope="col" { "Operation" } th.number scope="col" { "Succeeded" } th.number scope="col" { "Refused (4xx)" } th.number scope="col" { "Failed (5xx)" } th.number scope="col" { "No response" } } }
                    tbody { @for (title, counts) in &rows {
                        tr {
                            th scope="row" { (title) }
                            @for number in [counts.succeeded, counts.client_errors, counts.server_errors, counts.dropped] { td.number { (number) } }
                        }
                    } }
                } }
            }
            @for (reason, rejected) in &rejections {
                p { "Rejected before they were parsed: " (rejected) " (" code { (reason) } ")." }
            }
        }
    }
}
