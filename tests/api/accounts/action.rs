//! Actions on an account: a Ticket API request or a control API request.

use proptest::prelude::*;
use proptest::sample::select;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::model::{Step, TicketsModel, any_step};
use crate::support::control::Account;

const SNAPSHOT_NAMES: [&str; 2] = ["one", "Two.2"];
/// Dates to freeze the clock at; the seed's clock is at 1 March.
const FROZEN_DATES: [&str; 3] =
    ["2026-02-10 08:30:00", "2026-03-02 00:00:00", "2026-03-23 07:59:59"];
const ADVANCE_HOURS: [i64; 4] = [0, 1, 26, 720];

#[derive(Clone, Debug)]
pub(super) enum Action {
    TicketRequest(Step),
    Reset,
    Snapshot(&'static str),
    Restore(&'static str),
    DeleteSnapshot(&'static str),
    FreezeClock(&'static str),
    AdvanceClock(i64),
    SetDialect(Value),
}

/// Returns a strategy for any action; most are Ticket API requests.
pub(super) fn any_action() -> impl Strategy<Value = Action> {
    prop_oneof![
        20 => any_step().prop_map(Action::TicketRequest),
        1 => Just(Action::Reset),
        2 => select(&SNAPSHOT_NAMES[..]).prop_map(Action::Snapshot),
        2 => select(&SNAPSHOT_NAMES[..]).prop_map(Action::Restore),
        1 => select(&SNAPSHOT_NAMES[..]).prop_map(Action::DeleteSnapshot),
        1 => select(&FROZEN_DATES[..]).prop_map(Action::FreezeClock),
        1 => select(&ADVANCE_HOURS[..]).prop_map(Action::AdvanceClock),
        1 => any_dialect().prop_map(Action::SetDialect),
    ]
}

fn any_dialect() -> impl Strategy<Value = Value> {
    select(vec![
        json!({}),
        json!({ "list_type": "tickets" }),
        json!({ "unknown_ids": "skip" }),
        json!({ "unknown_customer": "reject", "unknown_ids": "skip" }),
    ])
}

impl Action {
    /// Builds the request for this action; `tickets` is the account's current state.
    pub(super) fn build_request(
        &self,
        account: &Account,
        tickets: &TicketsModel,
    ) -> RequestBuilder {
        match self {
            Self::TicketRequest(step) => step.resolve(tickets).build_request(&account.client),
            Self::Reset => account.request("POST", "/reset"),
            Self::Snapshot(name) => account.request("PUT", &format!("/snapshots/{name}")),
            Self::Restore(name) => account.request("POST", &format!("/snapshots/{name}/restore")),
            Self::DeleteSnapshot(name) => account.request("DELETE", &format!("/snapshots/{name}")),
            Self::FreezeClock(date) => {
                let clock = json!({ "mode": "frozen", "at": to_rfc3339(date) });
                account.request("PUT", "/clock").json(&clock)
            }
            Self::AdvanceClock(hours) => {
                let by = json!({ "by": format!("PT{hours}H") });
                account.request("POST", "/clock/advance").json(&by)
            }
            Self::SetDialect(dialect) => account.request("PUT", "/dialect").json(dialect),
        }
    }
}

/// Formats a UTC date as the control API does.
pub(super) fn to_rfc3339(date: &str) -> String {
    format!("{}Z", date.replace(' ', "T"))
}
