//! What answers promise, and whether it is so.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use reqwest::RequestBuilder;

use super::prepared_data::{
    Operation, PreparedDataDir, ServerState, ServerUnderTest, load_title, read_account_state,
};
use crate::control_client::Account;
use crate::disk::{assert_account_usable, server_arguments};
use crate::process::build_command;

/// What came back from a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Applied,
    /// Refused, with nothing changed.
    Rejected(String),
    /// Neither, so it may have been carried out; or no answer came.
    Unknown(String),
}

impl Outcome {
    /// What was said, where it was not done.
    pub(super) fn message(&self) -> &str {
        match self {
            Self::Applied => "",
            Self::Rejected(text) | Self::Unknown(text) => text,
        }
    }

    pub(super) fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }
}

/// What there is before an operation and after it.
pub(super) struct ExpectedStates<'a> {
    prepared: &'a PreparedDataDir,
    before: ServerState,
    after: ServerState,
}

/// What the answer to a request says.
pub(super) async fn send_and_classify(request: RequestBuilder) -> Outcome {
    let Ok(answer) = request.send().await else { return Outcome::Unknown("no answer".to_owned()) };
    let status = answer.status().as_u16();
    let Ok(text) = answer.text().await else {
        return Outcome::Unknown("half an answer".to_owned());
    };
    assert!(matches!(status, 200 | 201 | 204 | 500 | 503), "{status}: {text}");
    assert!(!text.contains("damaged"), "{status}: {text}");
    if status < 300 {
        Outcome::Applied
    } else if ["othing was changed", "changed nothing"].iter().any(|words| text.contains(words)) {
        Outcome::Rejected(text)
    } else {
        Outcome::Unknown(text)
    }
}

/// Does it, and gives what is said.
pub(super) async fn perform(desk: &ServerUnderTest, operation: Operation) -> Vec<Outcome> {
    join_all(desk.build_requests(operation).into_iter().map(send_and_classify)).await
}

impl<'a> ExpectedStates<'a> {
    /// What is there when nothing fails.
    pub(super) async fn new(prepared: &'a PreparedDataDir) -> Self {
        let (_folder, data) = prepared.copy();
        let desk = prepared.start_server(&mut build_command(&server_arguments(&data)));
        desk.warm_up(prepared.operation).await;
        let before = desk.read_state().await.expect("it can be read");
        drop(desk);
        let (_folder, data) = prepared.copy();
        let desk = prepared.start_server(&mut build_command(&server_arguments(&data)));
        desk.warm_up(prepared.operation).await;
        for told in perform(&desk, prepared.operation).await {
            assert_eq!(told, Outcome::Applied);
        }
        let after = desk.read_state().await.expect("it can be read");
        Self { prepared, before, after }
    }

    /// The state is what the answers allow.
    pub(super) fn assert_state_allowed(&self, told: &[Outcome], state: &ServerState) {
        if self.prepared.operation == Operation::FillWal {
            return self.assert_load_state(told, state);
        }
        let state = &self.without_later_tickets(state);
        let (is_before, is_after) = (*state == self.before, *state == self.after);
        let is_right = match &told[0] {
            Outcome::Applied => is_after,
            Outcome::Rejected(_) => is_before,
            Outcome::Unknown(_) => is_before || is_after,
        };
        assert!(
            is_right,
            "{told:?}, and there is {state:#?}; before it was {:#?}, after it would be {:#?}",
            self.before, self.after
        );
    }

    /// The same without what was written to `other` since.
    fn without_later_tickets(&self, state: &ServerState) -> ServerState {
        let mut state = state.clone();
        let (other, before) = (state.get_mut("other"), &self.before["other"].tickets);
        other.expect("it is there").tickets.retain(|id, _| before.contains_key(id));
        state
    }

    /// Of a load each ticket is there that was acknowledged, none that was refused, and none twice.
    fn assert_load_state(&self, told: &[Outcome], state: &ServerState) {
        let mut rest = self.without_later_tickets(state);
        let acme = &mut rest.get_mut("acme").expect("it is there").tickets;
        let mut added: BTreeMap<String, usize> = BTreeMap::new();
        acme.retain(|_, title| {
            let is_added = title.starts_with("Load ");
            *added.entry(title.clone()).or_default() += usize::from(is_added);
            !is_added
        });
        assert_eq!(rest, self.before, "{told:?}");
        for (writer, told) in told.iter().enumerate() {
            let times = added.get(&load_title(writer)).copied().unwrap_or_default();
            let is_right = match told {
                Outcome::Applied => times == 1,
                Outcome::Rejected(_) => times == 0,
                Outcome::Unknown(_) => times <= 1,
            };
            assert!(is_right, "{}: {told:?}, and it is there {times} times", load_title(writer));
        }
    }

    /// Every account takes a key and a ticket, and every snapshot holds what it should.
    pub(super) async fn assert_accounts_usable(&self, desk: &ServerUnderTest, state: &ServerState) {
        for name in state.keys() {
            let account = Account::new(desk.client(), name, "").with_new_key("one more").await;
            assert_account_usable(&account).await;
        }
        let Some(acme) = state.get("acme") else { return };
        let before = &self.before["acme"];
        for (name, taken_at) in &acme.snapshots {
            let restored =
                desk.acme.send_control("POST", &format!("/snapshots/{name}/restore")).await;
            assert_eq!(restored.status, 204, "{name}: {}", restored.body);
            let tickets = read_account_state(&desk.acme).await.expect("it can be read").tickets;
            let is_old = before.snapshots.get(name) == Some(taken_at);
            let kept = if is_old { &self.prepared.snapshot_one_tickets } else { &before.tickets };
            assert_eq!(tickets, *kept, "what the snapshot {name} holds");
        }
    }
}
