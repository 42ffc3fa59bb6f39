//! Compares the state of a server with the outcomes that its responses report.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use reqwest::RequestBuilder;

use super::prepared_data::{
    Operation, PreparedDataDir, ServerState, ServerUnderTest, load_title, read_account_state,
};
use crate::support::control::Account;
use crate::support::disk::{assert_account_usable, server_arguments};
use crate::support::process::build_command;

/// The outcome of a request according to its response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Applied,
    /// Rejected without effect.
    Rejected(String),
    /// The response is missing or reports an unknown outcome, so the request may have been applied.
    Unknown(String),
}

impl Outcome {
    /// Returns the error message; empty if the request was applied.
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

/// The states before and after an operation.
pub(super) struct ExpectedStates<'a> {
    prepared: &'a PreparedDataDir,
    before: ServerState,
    after: ServerState,
}

/// Sends a request and classifies its response.
pub(super) async fn send_and_classify(request: RequestBuilder) -> Outcome {
    let Ok(response) = request.send().await else {
        return Outcome::Unknown("no response".to_owned());
    };
    let status = response.status().as_u16();
    let Ok(text) = response.text().await else {
        return Outcome::Unknown("incomplete response".to_owned());
    };
    assert!(matches!(status, 200 | 201 | 204 | 500 | 503), "{status}: {text}");
    assert!(!text.contains("damaged"), "{status}: {text}");
    if status < 300 {
        Outcome::Applied
    } else if ["othing was changed", "changed nothing"].iter().any(|part| text.contains(part)) {
        Outcome::Rejected(text)
    } else {
        Outcome::Unknown(text)
    }
}

/// Performs the operation and returns the outcomes of its requests.
pub(super) async fn perform(test_server: &ServerUnderTest, operation: Operation) -> Vec<Outcome> {
    join_all(test_server.build_requests(operation).into_iter().map(send_and_classify)).await
}

impl<'a> ExpectedStates<'a> {
    /// Runs the operation without a fault, to record the states before and after it.
    pub(super) async fn new(prepared: &'a PreparedDataDir) -> Self {
        let (_folder, data) = prepared.copy();
        let test_server = prepared.start_server(&mut build_command(&server_arguments(&data)));
        test_server.warm_up(prepared.operation).await;
        let before = test_server.read_state().await.expect("the state is readable");
        drop(test_server);
        let (_folder, data) = prepared.copy();
        let test_server = prepared.start_server(&mut build_command(&server_arguments(&data)));
        test_server.warm_up(prepared.operation).await;
        for outcome in perform(&test_server, prepared.operation).await {
            assert_eq!(outcome, Outcome::Applied);
        }
        let after = test_server.read_state().await.expect("the state is readable");
        Self { prepared, before, after }
    }

    /// Asserts that the state matches the outcomes.
    pub(super) fn assert_state_allowed(&self, outcomes: &[Outcome], state: &ServerState) {
        if self.prepared.operation == Operation::FillWal {
            return self.assert_load_state(outcomes, state);
        }
        let state = &self.without_later_tickets(state);
        let (is_before, is_after) = (*state == self.before, *state == self.after);
        let is_right = match &outcomes[0] {
            Outcome::Applied => is_after,
            Outcome::Rejected(_) => is_before,
            Outcome::Unknown(_) => is_before || is_after,
        };
        assert!(
            is_right,
            "outcomes: {outcomes:?}; state: {state:#?}; expected before: {:#?}; expected after: {:#?}",
            self.before, self.after
        );
    }

    /// Returns the state without later tickets of `other`.
    fn without_later_tickets(&self, state: &ServerState) -> ServerState {
        let mut state = state.clone();
        let (other, before) = (state.get_mut("other"), &self.before["other"].tickets);
        other.expect("the account exists").tickets.retain(|id, _| before.contains_key(id));
        state
    }

    /// Asserts that each acknowledged ticket of a load exists once, and that no rejected one exists.
    fn assert_load_state(&self, outcomes: &[Outcome], state: &ServerState) {
        let mut rest = self.without_later_tickets(state);
        let acme = &mut rest.get_mut("acme").expect("the account exists").tickets;
        let mut added: BTreeMap<String, usize> = BTreeMap::new();
        acme.retain(|_, title| {
            let is_added = title.starts_with("Load ");
            *added.entry(title.clone()).or_default() += usize::from(is_added);
            !is_added
        });
        assert_eq!(rest, self.before, "{outcomes:?}");
        for (writer, outcome) in outcomes.iter().enumerate() {
            let times = added.get(&load_title(writer)).copied().unwrap_or_default();
            let is_right = match outcome {
                Outcome::Applied => times == 1,
                Outcome::Rejected(_) => times == 0,
                Outcome::Unknown(_) => times <= 1,
            };
            assert!(is_right, "{}: {outcome:?}, but it exists {times} times", load_title(writer));
        }
    }

    /// Asserts that every account accepts a key and a ticket, and that every snapshot has the expected tickets.
    pub(super) async fn assert_accounts_usable(
        &self,
        test_server: &ServerUnderTest,
        state: &ServerState,
    ) {
        for name in state.keys() {
            let account =
                Account::new(test_server.client(), name, "").with_new_key("one more").await;
            assert_account_usable(&account).await;
        }
        let Some(acme) = state.get("acme") else { return };
        let before = &self.before["acme"];
        for (name, taken_at) in &acme.snapshots {
            let restored =
                test_server.acme.send_control("POST", &format!("/snapshots/{name}/restore")).await;
            assert_eq!(restored.status, 204, "{name}: {}", restored.body);
            let tickets =
                read_account_state(&test_server.acme).await.expect("the state is readable").tickets;
            let is_old = before.snapshots.get(name) == Some(taken_at);
            let expected =
                if is_old { self.prepared.snapshot_one_tickets() } else { &before.tickets };
            assert_eq!(tickets, *expected, "the tickets of snapshot {name}");
        }
    }
}
