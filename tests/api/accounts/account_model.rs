//! Model of an account: its tickets, its initial state and its snapshots.

use std::collections::BTreeMap;

use jiff::ToSpan;
use serde_json::Value;

use super::action::{Action, to_rfc3339};
use crate::model::{TicketsModel, assert_response_matches_model, assertions};
use crate::support::client::JsonResponse;
use crate::support::control::{self, Account, assert_problem};

#[derive(Clone, Debug)]
pub(super) struct AccountModel {
    pub(super) tickets: TicketsModel,
    base: TicketsModel,
    snapshots: BTreeMap<&'static str, TicketsModel>,
}

impl AccountModel {
    pub(super) fn new(start: TicketsModel) -> Self {
        Self { tickets: start.clone(), base: start, snapshots: BTreeMap::new() }
    }

    /// Runs the action on the account; the response must match the model.
    pub(super) async fn run(&mut self, account: &Account, action: &Action) {
        let reply = control::fetch_response(action.build_request(account, &self.tickets)).await;
        self.apply(account, action, &reply).await;
    }

    /// Resets, then restores each snapshot, and checks the account after each.
    pub(super) async fn restore_all_snapshots(&mut self, account: &Account) {
        let names: Vec<&str> = self.snapshots.keys().copied().collect();
        for action in std::iter::once(Action::Reset).chain(names.into_iter().map(Action::Restore)) {
            self.run(account, &action).await;
            self.assert_matches(account).await;
        }
    }

    /// Applies the action to the model and checks the account's response against it.
    pub(super) async fn apply(&mut self, account: &Account, action: &Action, reply: &JsonResponse) {
        match action {
            Action::TicketRequest(step) => {
                let request = step.resolve(&self.tickets);
                assert_response_matches_model(&request, &mut self.tickets, reply);
                if request.operation == "create" {
                    assertions::learn_external_ids(&account.client, &mut self.tickets).await;
                }
            }
            Action::Reset => {
                assert_eq!(reply.status, 204, "{}", reply.body);
                self.tickets = self.base.clone();
            }
            Action::Snapshot(name) => self.apply_snapshot(name, reply),
            Action::Restore(name) => {
                if let Some(snapshot) =
                    check_snapshot_exists(self.snapshots.get(name).cloned(), action, reply)
                {
                    self.tickets = snapshot;
                }
            }
            Action::DeleteSnapshot(name) => {
                _ = check_snapshot_exists(self.snapshots.remove(name), action, reply);
            }
            Action::FreezeClock(date) => {
                self.tickets.set_clock(date);
                self.assert_clock(reply);
            }
            Action::AdvanceClock(hours) => {
                self.tickets.advance_clock(hours.hours());
                self.assert_clock(reply);
            }
            Action::SetDialect(dialect) => {
                assert_eq!(reply.status, 200, "{dialect}: {}", reply.body);
                self.tickets.set_dialect(dialect);
                assert_eq!(reply.body["list_type"], self.tickets.list_type(), "{}", reply.body);
            }
        }
    }

    fn apply_snapshot(&mut self, name: &'static str, reply: &JsonResponse) {
        let replaced = self.snapshots.insert(name, self.tickets.clone());
        let status = if replaced.is_some() { 200 } else { 201 };
        assert_eq!(reply.status, status, "snapshot {name}: {}", reply.body);
        assert_eq!(reply.body["name"], name, "{}", reply.body);
    }

    fn assert_clock(&self, reply: &JsonResponse) {
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(reply.body["mode"], "frozen", "{}", reply.body);
        assert_eq!(reply.body["now"], to_rfc3339(&self.tickets.now_text()), "{}", reply.body);
    }

    /// Asserts that the account shows exactly the model's data.
    pub(super) async fn assert_matches(&self, account: &Account) {
        assertions::assert_all_tickets_match(&account.client, &self.tickets).await;
        let summary = account.send_control("GET", "").await.body;
        assert_eq!(summary["account"], account.name, "{summary}");
        assert_eq!(summary["counts"]["tickets"], self.tickets.tickets_by_id.len(), "{summary}");
        assert_eq!(summary["counts"]["customers"], self.tickets.customer_count(), "{summary}");
        let entries: usize =
            self.tickets.tickets_by_id.values().map(|ticket| ticket.timeline.len()).sum();
        assert_eq!(summary["counts"]["timeline"], entries, "{summary}");
        let snapshots = account.send_control("GET", "/snapshots").await.body;
        let expected: Vec<Value> = self.snapshots.keys().map(|name| (*name).into()).collect();
        assert_eq!(sorted_snapshot_names(&snapshots), expected, "{snapshots}");
        self.assert_clock(&account.send_control("GET", "/clock").await);
    }
}

/// Returns the names in a snapshot list, sorted.
fn sorted_snapshot_names(snapshots: &Value) -> Vec<Value> {
    let snapshots = snapshots["snapshots"].as_array().expect("snapshots");
    let mut names: Vec<Value> = snapshots.iter().map(|snapshot| snapshot["name"].clone()).collect();
    names.sort_by_key(ToString::to_string);
    names
}

/// Returns the model's snapshot; the server must know the name exactly if the model does.
fn check_snapshot_exists(
    snapshot: Option<TicketsModel>,
    action: &Action,
    reply: &JsonResponse,
) -> Option<TicketsModel> {
    let context = format!("{action:?}");
    match snapshot {
        Some(_) => assert_eq!(reply.status, 204, "{context}: {}", reply.body),
        None => assert_problem(reply, 404, "unknown-snapshot", &context),
    }
    snapshot
}
