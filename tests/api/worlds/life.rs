//! What becomes of an account: the model of its tickets, of its start and of its snapshots.

use std::collections::BTreeMap;

use jiff::ToSpan;
use serde_json::Value;

use super::act::{Act, moment};
use crate::control::{self, Account, problem};
use crate::model::{Tickets, check, compare};
use crate::support::Reply;

#[derive(Clone, Debug)]
pub(super) struct Life {
    pub(super) tickets: Tickets,
    start: Tickets,
    snapshots: BTreeMap<&'static str, Tickets>,
}

impl Life {
    pub(super) fn new(start: Tickets) -> Self {
        Self { tickets: start.clone(), start, snapshots: BTreeMap::new() }
    }

    /// Does the act to the account, which must answer as the model does.
    pub(super) async fn lead(&mut self, account: &Account, act: &Act) {
        let reply = control::answer(act.request(account, &self.tickets)).await;
        self.follow(account, act, &reply).await;
    }

    /// Goes back to the start and to each snapshot, and finds everything as it was.
    pub(super) async fn go_back_everywhere(&mut self, account: &Account) {
        let names: Vec<&str> = self.snapshots.keys().copied().collect();
        for act in std::iter::once(Act::Reset).chain(names.into_iter().map(Act::Restore)) {
            self.lead(account, &act).await;
            self.check(account).await;
        }
    }

    /// Does the act to the model, whose answer the account must have given.
    pub(super) async fn follow(&mut self, account: &Account, act: &Act, reply: &Reply) {
        match act {
            Act::Ask(step) => {
                let call = step.call(&self.tickets);
                compare(&call, &mut self.tickets, reply);
                if call.operation == "create" {
                    check::learn_external_ids(&account.client, &mut self.tickets).await;
                }
            }
            Act::Reset => {
                assert_eq!(reply.status, 204, "{}", reply.body);
                self.tickets = self.start.clone();
            }
            Act::Snapshot(name) => self.snapshot(name, reply),
            Act::Restore(name) => {
                if let Some(kept) = known(self.snapshots.get(name).cloned(), act, reply) {
                    self.tickets = kept;
                }
            }
            Act::Forget(name) => _ = known(self.snapshots.remove(name), act, reply),
            Act::Freeze(date) => {
                self.tickets.set_clock(date);
                self.same_clock(reply);
            }
            Act::Advance(hours) => {
                self.tickets.advance_clock(hours.hours());
                self.same_clock(reply);
            }
            Act::Speak(dialect) => {
                assert_eq!(reply.status, 200, "{dialect}: {}", reply.body);
                self.tickets.set_dialect(dialect);
                assert_eq!(reply.body["list_type"], self.tickets.list_type(), "{}", reply.body);
            }
        }
    }

    fn snapshot(&mut self, name: &'static str, reply: &Reply) {
        let replaced = self.snapshots.insert(name, self.tickets.clone());
        let status = if replaced.is_some() { 200 } else { 201 };
        assert_eq!(reply.status, status, "snapshot {name}: {}", reply.body);
        assert_eq!(reply.body["name"], name, "{}", reply.body);
    }

    fn same_clock(&self, reply: &Reply) {
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(reply.body["mode"], "frozen", "{}", reply.body);
        assert_eq!(reply.body["now"], moment(&self.tickets.now()), "{}", reply.body);
    }

    /// Everything that the account shows is what the model has.
    pub(super) async fn check(&self, account: &Account) {
        check::whole(&account.client, &self.tickets).await;
        let shown = account.control("GET", "").await.body;
        assert_eq!(shown["account"], account.name, "{shown}");
        assert_eq!(shown["counts"]["tickets"], self.tickets.by_id.len(), "{shown}");
        assert_eq!(shown["counts"]["customers"], self.tickets.customers(), "{shown}");
        let entries: usize = self.tickets.by_id.values().map(|ticket| ticket.timeline.len()).sum();
        assert_eq!(shown["counts"]["timeline"], entries, "{shown}");
        let snapshots = account.control("GET", "/snapshots").await.body;
        let kept: Vec<Value> = self.snapshots.keys().map(|name| (*name).into()).collect();
        assert_eq!(names(&snapshots), kept, "{snapshots}");
        self.same_clock(&account.control("GET", "/clock").await);
    }
}

/// The names of a list of snapshots, in the order of their letters.
fn names(snapshots: &Value) -> Vec<Value> {
    let snapshots = snapshots["snapshots"].as_array().expect("snapshots");
    let mut names: Vec<Value> = snapshots.iter().map(|one| one["name"].clone()).collect();
    names.sort_by_key(ToString::to_string);
    names
}

/// What the model kept under a name; the account knows the name exactly when the model does.
fn known(kept: Option<Tickets>, act: &Act, reply: &Reply) -> Option<Tickets> {
    let asked = format!("{act:?}");
    match kept {
        Some(_) => assert_eq!(reply.status, 204, "{asked}: {}", reply.body),
        None => problem(reply, 404, "unknown-snapshot", &asked),
    }
    kept
}
