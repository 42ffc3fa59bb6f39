//! One call on a file that is not carried out: the server is killed there, or the disk fails there, once. This is done
//! at moments drawn from all that an operation has, and at each of them where `CRASH_EVERY` is set to 1. Afterwards
//! everything is as before the operation or as after it, as its answer has said, and goes on.
//!
//! `CRASH_SEED` draws the same moments again.

mod scene;
mod strace;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use futures_util::future::join_all;
use reqwest::RequestBuilder;

use self::scene::{Desk, Operation, Prepared, State, load};
use self::strace::{Fault, Point, Strace, points};
use crate::control::Account;
use crate::crash::dice::Dice;
use crate::crash::{folder, variable};
use crate::disk::goes_on;

/// How the server is started, what its calls meet, and at how many moments, unless at all. With `power` there are more
/// calls; what only waits for the disk makes no difference to a kill.
const WAYS: [(&str, &[Fault], usize); 3] =
    [("power", &[Fault::Kill], 2), ("power", &ERRORS, 2), ("process", &ERRORS, 1)];
const ERRORS: [Fault; 2] = [Fault::Error("EIO"), Fault::Error("ENOSPC")];

/// What came back from a request.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Done,
    /// Refused, with nothing changed.
    Refused(String),
    /// Neither, so it may have been carried out; or no answer came.
    Unknown(String),
}

impl Told {
    fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }
}

/// What may be there after an operation.
struct Trial<'a> {
    prepared: &'a Prepared,
    operation: Operation,
    before: State,
    after: State,
    durability: &'a str,
}

async fn told(request: RequestBuilder) -> Told {
    let Ok(answer) = request.send().await else { return Told::Unknown("no answer".to_owned()) };
    let status = answer.status().as_u16();
    let Ok(text) = answer.text().await else { return Told::Unknown("half an answer".to_owned()) };
    assert!(matches!(status, 200 | 201 | 204 | 500 | 503), "{status}: {text}");
    assert!(!text.contains("damaged"), "{status}: {text}");
    if status < 300 {
        Told::Done
    } else if text.contains("othing was changed") {
        Told::Refused(text)
    } else {
        Told::Unknown(text)
    }
}

async fn perform(desk: &Desk, operation: Operation) -> Vec<Told> {
    join_all(desk.requests(operation).into_iter().map(told)).await
}

impl Trial<'_> {
    /// One copy of the folder, one operation, one fault. Says whether the fault was met.
    async fn run(&self, point: &Point, fault: Fault) -> bool {
        let (_folder, data) = self.prepared.copy();
        let desk = self.prepared.serve(&data, self.durability).await;
        let process = desk.server.program.id();
        let strace = Strace::inject(process, &data, point, fault);
        let told = perform(&desk, self.operation).await;
        let (is_met, seen) = if fault == Fault::Kill {
            (told.iter().any(Told::is_unknown), None)
        } else {
            let is_met = strace.end().contains("(INJECTED)");
            (is_met, self.look_on(&desk, &told).await)
        };
        // Dropping it sends SIGKILL.
        drop(desk);
        folder::assert_sound(&data).await;
        let desk = self.prepared.open(&data, self.durability);
        let state = desk.look().await.expect("every account opens");
        match seen {
            Some(seen) => assert_eq!(state, seen, "a restart changes nothing: {told:?}"),
            None => self.must_be_as(&told, &state),
        }
        self.go_on(&desk, &state).await;
        desk.server.stop();
        folder::assert_sound(&data).await;
        is_met
    }

    /// Looks at a server whose disk is well again, and writes to it. Gives what it shows in the end; None where it has
    /// said that it does not know what came of the operation, and serves the account no more.
    async fn look_on(&self, desk: &Desk, told: &[Told]) -> Option<State> {
        goes_on(&desk.other).await;
        let seen = match desk.look().await {
            Ok(seen) => seen,
            Err(_) if told.iter().any(Told::is_unknown) => return None,
            Err(error) => panic!("{error}, although all is known: {told:?}"),
        };
        self.must_be_as(told, &seen);
        // More that is written to the same database would cover what a failed commit has left there.
        if !matches!(self.operation, Operation::Ticket | Operation::Load | Operation::Removal) {
            for _ in 0..3 {
                goes_on(&desk.acme).await;
            }
        }
        Some(desk.look().await.expect("it can be read"))
    }

    /// The state is what the answers allow.
    fn must_be_as(&self, told: &[Told], state: &State) {
        if self.operation == Operation::Load {
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
    async fn go_on(&self, desk: &Desk, state: &State) {
        for name in state.keys() {
            let account = Account::known(desk.client(), name, "").with_key("one more").await;
            goes_on(&account).await;
        }
        let Some(acme) = state.get("acme") else { return };
        for name in acme.snapshots() {
            let restored = desk.acme.control("POST", &format!("/snapshots/{name}/restore")).await;
            assert_eq!(restored.status, 204, "{name}: {}", restored.body);
            let tickets = scene::held(&desk.acme).await.expect("it can be read").tickets;
            let (old, new) = (self.prepared.snapshots.get(name), &self.before["acme"].tickets);
            let is_right = match self.operation {
                Operation::Replacement => Some(&tickets) == old || tickets == *new,
                _ => tickets == *old.unwrap_or(new),
            };
            assert!(is_right, "the snapshot {name} holds {tickets:?}");
        }
    }
}

/// What all hold before the operation and after it, and the moments that it has.
async fn undisturbed(
    prepared: &Prepared,
    operation: Operation,
    how: &str,
) -> (State, State, Vec<Point>) {
    let (_folder, data) = prepared.copy();
    let desk = prepared.serve(&data, how).await;
    let before = desk.look().await.expect("it can be read");
    drop(desk);
    let (_folder, data) = prepared.copy();
    let desk = prepared.serve(&data, how).await;
    let strace = Strace::record(desk.server.program.id());
    for told in perform(&desk, operation).await {
        assert_eq!(told, Told::Done);
    }
    let mut points = points(&strace.end(), &data);
    // Something is put off there that has nothing to do with it.
    points.retain(|point| !point.file.starts_with("accounts/other"));
    let after = desk.look().await.expect("it can be read");
    (before, after, points)
}

/// Tries an operation at some moments or at all of them, with each of the faults.
async fn try_out(operation: Operation) {
    if !Strace::is_there() {
        return;
    }
    let seed = variable("CRASH_SEED").unwrap_or_else(|| getrandom::u64().expect("chance"));
    let is_every = variable::<u8>("CRASH_EVERY").is_some_and(|every| every != 0);
    let mut dice = Dice::new(seed);
    let prepared = Prepared::new(operation).await;
    let (mut met, mut tried, mut failed) = (0, 0, Vec::new());
    for (durability, faults, few) in WAYS {
        let (before, after, points) = undisturbed(&prepared, operation, durability).await;
        let faults = |point| faults.iter().map(move |fault| (point, *fault));
        let all: Vec<(&Point, Fault)> = points.iter().flat_map(faults).collect();
        let chosen = if is_every { all } else { spread(&all, few, &mut dice) };
        let trial = Trial { prepared: &prepared, operation, before, after, durability };
        tried += chosen.len();
        for (point, fault) in chosen {
            match AssertUnwindSafe(trial.run(point, fault)).catch_unwind().await {
                Ok(is_met) => met += usize::from(is_met),
                Err(_) => failed.push(format!("{durability}: {fault:?} at {point}")),
            }
        }
    }
    let number = failed.len();
    assert_eq!(number, 0, "of {tried} {operation:?} with CRASH_SEED={seed}: {failed:#?}");
    assert!(met * 2 > tried, "{operation:?}: only {met} of {tried} moments came");
    tell(operation, tried, met);
}

#[expect(clippy::print_stdout, reason = "whoever asks for all moments wants to know")]
fn tell(operation: Operation, tried: usize, met: usize) {
    println!("{operation:?}: {tried} moments, of which {met} came");
}

/// So many of them, each from another part of the whole.
fn spread<T: Copy>(all: &[T], most: usize, dice: &mut Dice) -> Vec<T> {
    let parts = most.min(all.len());
    let part = |number: usize| &all[all.len() * number / parts..all.len() * (number + 1) / parts];
    (0..parts).map(|number| dice.one_of(part(number))).collect()
}

#[tokio::test]
async fn a_ticket_is_done_as_its_answer_says_whatever_call_fails() {
    try_out(Operation::Ticket).await;
}

#[tokio::test]
async fn a_load_that_fills_the_log_is_done_as_its_answer_says_whatever_call_fails() {
    try_out(Operation::Load).await;
}

#[tokio::test]
async fn a_first_ticket_is_done_as_its_answer_says_whatever_call_fails() {
    try_out(Operation::Wake).await;
}

#[tokio::test]
async fn a_reset_is_done_as_its_answer_says_whatever_call_fails() {
    try_out(Operation::Reset).await;
}

#[tokio::test]
async fn a_snapshot_is_done_as_its_answer_says_whatever_call_fails() {
    try_out(Operation::Snapshot).await;
}

#[tokio::test]
async fn a_snapshot_in_place_of_another_is_done_as_its_answer_says_whatever_call_fails() {
    try_out(Operation::Replacement).await;
}

#[tokio::test]
async fn a_restore_is_done_as_its_answer_says_whatever_call_fails() {
    try_out(Operation::Restore).await;
}

#[tokio::test]
async fn a_removal_is_done_as_its_answer_says_whatever_call_fails() {
    try_out(Operation::Removal).await;
}

#[tokio::test]
async fn an_import_is_done_as_its_answer_says_whatever_call_fails() {
    try_out(Operation::Import).await;
}

#[tokio::test]
async fn a_new_account_is_done_as_its_answer_says_whatever_call_fails() {
    try_out(Operation::Creation).await;
}

#[tokio::test]
async fn a_copy_of_an_account_is_done_as_its_answer_says_whatever_call_fails() {
    try_out(Operation::Fork).await;
}
