//! What is done to an account: a request of the Ticket API, or one of the control API.

use proptest::prelude::*;
use proptest::sample::select;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::control::Account;
use crate::model::{Step, Tickets, step};

const NAMES: [&str; 2] = ["one", "Two.2"];
/// Days on which a clock is made to stand still; the seed's is the first of March.
const DATES: [&str; 3] = ["2026-02-10 08:30:00", "2026-03-02 00:00:00", "2026-03-23 07:59:59"];
const HOURS: [i64; 4] = [0, 1, 26, 720];

#[derive(Clone, Debug)]
pub(super) enum Act {
    Ask(Step),
    Reset,
    Snapshot(&'static str),
    Restore(&'static str),
    Forget(&'static str),
    Freeze(&'static str),
    Advance(i64),
    Speak(Value),
}

/// Any act, most often a request of the Ticket API.
pub(super) fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        20 => step().prop_map(Act::Ask),
        1 => Just(Act::Reset),
        2 => select(&NAMES[..]).prop_map(Act::Snapshot),
        2 => select(&NAMES[..]).prop_map(Act::Restore),
        1 => select(&NAMES[..]).prop_map(Act::Forget),
        1 => select(&DATES[..]).prop_map(Act::Freeze),
        1 => select(&HOURS[..]).prop_map(Act::Advance),
        1 => dialect().prop_map(Act::Speak),
    ]
}

fn dialect() -> impl Strategy<Value = Value> {
    select(vec![
        json!({}),
        json!({ "list_type": "tickets" }),
        json!({ "unknown_ids": "skip" }),
        json!({ "unknown_customer": "refuse", "unknown_ids": "skip" }),
    ])
}

impl Act {
    /// The request that it is when these are the account's tickets.
    pub(super) fn request(&self, account: &Account, tickets: &Tickets) -> RequestBuilder {
        match self {
            Self::Ask(step) => step.call(tickets).request(&account.client),
            Self::Reset => account.ask("POST", "/reset"),
            Self::Snapshot(name) => account.ask("PUT", &format!("/snapshots/{name}")),
            Self::Restore(name) => account.ask("POST", &format!("/snapshots/{name}/restore")),
            Self::Forget(name) => account.ask("DELETE", &format!("/snapshots/{name}")),
            Self::Freeze(date) => {
                let clock = json!({ "mode": "frozen", "at": moment(date) });
                account.ask("PUT", "/clock").json(&clock)
            }
            Self::Advance(hours) => {
                let by = json!({ "by": format!("PT{hours}H") });
                account.ask("POST", "/clock/advance").json(&by)
            }
            Self::Speak(dialect) => account.ask("PUT", "/dialect").json(dialect),
        }
    }
}

/// A date of UTC as the control API writes it.
pub(super) fn moment(date: &str) -> String {
    format!("{}Z", date.replace(' ', "T"))
}
