//! What answers promise, and whether it is so.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use reqwest::RequestBuilder;

use super::scene::{Desk, Operation, Prepared, State, held, load};
use crate::control::Account;
use crate::disk::{goes_on, serve};
use crate::program::command;

/// What came back from a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Done,
    /// Refused, with nothing changed.
    Refused(String),
    /// Neither, so it may have been carried out; or no answer came.
    Unknown(String),
}

impl Told {
    /// What was said, where it was not done.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Done => "",
            Self::Refused(text) | Self::Unknown(text) => text,
        }
    }

    pub(super) fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }
}

/// What there is before an operation and after it.
pub(super) struct Expected<'a> {
    prepared: &'a Prepared,
    before: State,
    after: State,
}

/// What the answer to a request says.
pub(super) async fn told(request: RequestBuilder) -> Told {
    let Ok(answer) = request.send().await else { return Told::Unknown("no answer".to_owned()) };
    let status = answer.status().as_u16();
    let Ok(text) = answer.text().await else { return Told::Unknown("half an answer".to_owned()) };
    assert!(matches!(status, 200 | 201 | 204 | 500 | 503), "{status}: {text}");
    assert!(!text.contains("damaged"), "{status}: {text}");
    if status < 300 {
        Told::Done
    } else if ["othing was changed", "changed nothing"].iter().any(|words| text.contains(words)) {
        Told::Refused(text)
    } else {
        Told::Unknown(text)
    }
}

/// Does it, and gives what is said.
pub(super) async fn perform(desk: &Desk, operation: Operation) -> Vec<Told> {
    join_all(desk.requests(operation).into_iter().map(told)).await
}

impl<'a> Expected<'a> {
    /// What is there when nothing fails.
    pub(super) async fn new(prepared: &'a Prepared) -> Self {
        let (_folder, data) = prepared.copy();
        let desk = prepared.desk(&mut command(&serve(&data)));
        desk.warm_up(prepared.operation).await;
        let before = desk.look().await.expect("it can be read");
        drop(desk);
        let (_folder, data) = prepared.copy();
        let desk = prepared.desk(&mut command(&serve(&data)));
        desk.warm_up(prepared.operation).await;
        for told in perform(&desk, prepared.operation).await {
            assert_eq!(told, Told::Done);
        }
        let after = desk.look().await.expect("it can be read");
        Self { prepared, before, after }
    }

    /// The state is what the answers allow.
    pub(super) fn must_allow(&self, told: &[Told], state: &State) {
        if self.prepared.operation == Operation::Load {
            return self.must_hold_load(told, state);
        }
        let state = &self.without_more(state);
        let (is_before, is_after) = (*state == self.before, *state == self.after);
        let is_right = match &told[0] {
            Told::Done => is_after,
            Told::Refused(_) => is_before,
            Told::Unknown(_) => is_before || is_after,
        };
        assert!(
            is_right,
            "{told:?}, and there is {state:#?}; before it was {:#?}, after it would be {:#?}",
            self.before, self.after
        );
    }

    /// The same without what was written to `other` since.
    fn without_more(&self, state: &State) -> State {
        let mut state = state.clone();
        let (other, before) = (state.get_mut("other"), &self.before["other"].tickets);
        other.expect("it is there").tickets.retain(|id, _| before.contains_key(id));
        state
    }

    /// Of a load each ticket is there that was acknowledged, none that was refused, and none twice.
    fn must_hold_load(&self, told: &[Told], state: &State) {
        let mut rest = self.without_more(state);
        let acme = &mut rest.get_mut("acme").expect("it is there").tickets;
        let mut added: BTreeMap<String, usize> = BTreeMap::new();
        acme.retain(|_, title| {
            let is_added = title.starts_with("Load ");
            *added.entry(title.clone()).or_default() += usize::from(is_added);
            !is_added
        });
        assert_eq!(rest, self.before, "{told:?}");
        for (writer, told) in told.iter().enumerate() {
            let times = added.get(&load(writer)).copied().unwrap_or_default();
            let is_right = match told {
                Told::Done => times == 1,
                Told::Refused(_) => times == 0,
                Told::Unknown(_) => times <= 1,
            };
            assert!(is_right, "{}: {told:?}, and it is there {times} times", load(writer));
        }
    }

    /// Every account takes a key and a ticket, and every snapshot holds what it should.
    pub(super) async fn must_go_on(&self, desk: &Desk, state: &State) {
        for name in state.keys() {
            let account = Account::known(desk.client(), name, "").with_key("one more").await;
            goes_on(&account).await;
        }
        let Some(acme) = state.get("acme") else { return };
        let before = &self.before["acme"];
        for (name, taken_at) in &acme.snapshots {
            let restored = desk.acme.control("POST", &format!("/snapshots/{name}/restore")).await;
            assert_eq!(restored.status, 204, "{name}: {}", restored.body);
            let tickets = held(&desk.acme).await.expect("it can be read").tickets;
            let is_old = before.snapshots.get(name) == Some(taken_at);
            let kept = if is_old { &self.prepared.one } else { &before.tickets };
            assert_eq!(tickets, *kept, "what the snapshot {name} holds");
        }
    }
}
