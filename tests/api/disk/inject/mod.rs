//! One call on a file that is not carried out: the server is killed there, or the disk fails there, once or for good.
//! Afterwards everything is as before the operation or as after it, as its answer has said, and goes on.
//!
//! This is done at moments drawn from all that an operation has; where `CRASH_EVERY` is set to 1, at each of them.
//! `CRASH_SEED` draws the same ones again.

mod expected;
mod full;
mod scene;
mod strace;

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::process::Command;

use futures_util::FutureExt;

use self::expected::{Expected, Told, perform, told};
use self::scene::{Desk, Operation, Prepared, State, new_ticket};
use self::strace::{Fault, Point, Strace, points};
use crate::crash::dice::Dice;
use crate::crash::{folder, variable};
use crate::disk::{goes_on, serve};
use crate::program::command;

/// How the server is started, what its calls meet, and at how many moments, unless at all. With `power` there are more
/// calls; what only waits for the disk makes no difference to a kill.
const WAYS: [(&str, &[Fault], usize); 2] = [
    ("power", &[Fault::Kill, Fault::Error("EIO"), Fault::Error("ENOSPC"), Fault::Broken("EIO")], 3),
    ("process", &[Fault::Error("EIO"), Fault::Broken("EIO")], 1),
];

/// An operation that is done on copies of a folder, each time with a fault.
struct Trial<'a> {
    prepared: &'a Prepared,
    expected: &'a Expected<'a>,
    points: Vec<Point>,
    durability: &'a str,
}

fn server(data: &Path, durability: &str) -> Command {
    let mut command = command(&serve(data));
    command.args(["--durability", durability]);
    command
}

impl<'a> Trial<'a> {
    /// Does the operation without a fault, to learn what it makes of the accounts and which moments it has.
    async fn new(prepared: &'a Prepared, expected: &'a Expected<'a>, durability: &'a str) -> Self {
        let (_folder, data) = prepared.copy();
        let desk = prepared.desk(&mut server(&data, durability));
        desk.warm_up(prepared.operation).await;
        let strace = Strace::record(desk.server.program.id());
        for told in perform(&desk, prepared.operation).await {
            assert_eq!(told, Told::Done);
        }
        let mut points = points(&strace.end(), &data);
        // What was put off there has nothing to do with it.
        points.retain(|point| !point.file.starts_with("accounts/other"));
        Self { prepared, expected, points, durability }
    }

    /// One copy of the folder, one operation, one fault. Says whether the fault was met.
    async fn run(&self, point: &Point, fault: Fault) -> bool {
        let (_folder, data) = self.prepared.copy();
        let desk = self.prepared.desk(&mut server(&data, self.durability));
        desk.warm_up(self.prepared.operation).await;
        let process = desk.server.program.id();
        let strace = Strace::inject(process, &data, point, fault);
        let told = perform(&desk, self.prepared.operation).await;
        let (is_met, seen) = match fault {
            Fault::Kill => (told.iter().any(Told::is_unknown), None),
            Fault::Error(_) => {
                let is_met = strace.end().contains("(INJECTED)");
                // To look at an account that is not open is to do again what has failed.
                let opens = matches!(self.prepared.operation, Operation::Wake | Operation::Read);
                let is_looked_at = !opens || point.nth.is_multiple_of(2);
                (is_met, if is_looked_at { self.look_on(&desk, &told).await } else { None })
            }
            Fault::Broken(_) => {
                goes_on(&desk.other).await;
                let seen = desk.look().await.ok();
                let seen = seen.inspect(|seen| self.expected.must_allow(&told, seen));
                (strace.end().contains("(INJECTED)"), seen)
            }
        };
        // Dropping it sends SIGKILL.
        drop(desk);
        folder::assert_sound(&data).await;
        let desk = self.prepared.desk(&mut server(&data, self.durability));
        let state = desk.look().await.expect("every account opens");
        match seen {
            Some(seen) => assert_eq!(state, seen, "a restart changes nothing: {told:?}"),
            None => self.expected.must_allow(&told, &state),
        }
        self.expected.must_go_on(&desk, &state).await;
        desk.server.stop();
        folder::assert_sound(&data).await;
        is_met
    }

    /// Looks at a server whose disk is well again, and writes to it. Gives what it shows in the end; None where it has
    /// said that it does not know what came of the operation, and does not serve the account.
    async fn look_on(&self, desk: &Desk, answers: &[Told]) -> Option<State> {
        goes_on(&desk.other).await;
        let is_known = !answers.iter().any(Told::is_unknown);
        let seen = match desk.look().await {
            Ok(seen) => seen,
            Err(error) if is_known => panic!("{error}, although all is known: {answers:?}"),
            Err(_) => return None,
        };
        self.expected.must_allow(answers, &seen);
        // More that is written to the same database would cover what a failed commit has left there.
        let operation = self.prepared.operation;
        if !matches!(operation, Operation::Ticket | Operation::Load | Operation::Removal) {
            for _ in 0..3 {
                let more = told(new_ticket(&desk.acme)).await;
                assert!(more == Told::Done || !is_known, "{more:?} after {answers:?}");
            }
        }
        Some(desk.look().await.expect("it could be read before"))
    }
}

/// What the moments are drawn by.
fn drawn_seed() -> u64 {
    variable("CRASH_SEED")
        .unwrap_or_else(|| getrandom::u64().expect("the system has random numbers"))
}

/// Whether all moments are tried.
fn is_every() -> bool {
    variable::<u8>("CRASH_EVERY").is_some_and(|every| every != 0)
}

/// Tries an operation at some moments or at all of them, with each of the faults.
async fn try_out(operation: Operation) {
    if !Strace::is_there() {
        return;
    }
    let seed = drawn_seed();
    let mut dice = Dice::new(seed);
    let prepared = Prepared::new(operation).await;
    let expected = Expected::new(&prepared).await;
    let (mut met, mut tried, mut failed) = (0, 0, Vec::new());
    for (durability, faults, few) in WAYS {
        let trial = Trial::new(&prepared, &expected, durability).await;
        let all = all_of(operation, &trial.points, faults);
        let chosen = if is_every() { all.clone() } else { some_of(&all, few, &mut dice) };
        tried += chosen.len();
        // A moment that depends on how threads take turns may not come; then another one is tried.
        let mut others = if is_every() { 0 } else { 4 * chosen.len() };
        let mut waiting = VecDeque::from(chosen);
        while let Some((point, fault)) = waiting.pop_front() {
            match AssertUnwindSafe(trial.run(point, fault)).catch_unwind().await {
                Ok(true) => met += 1,
                Ok(false) if others > 0 => {
                    others -= 1;
                    waiting.push_back(dice.one_of(&all));
                }
                Ok(false) => {}
                Err(_) => failed.push(format!("{durability}: {fault:?} at {point}")),
            }
        }
    }
    let number = failed.len();
    assert_eq!(number, 0, "of {tried} {operation:?} with CRASH_SEED={seed}: {failed:#?}");
    assert!(met * 2 > tried, "{operation:?}: only {met} of {tried} moments came");
    tell(operation, tried, met);
}

/// Every moment with every fault. A load writes so often that only one write of a hundred fails.
fn all_of<'p>(
    operation: Operation,
    points: &'p [Point],
    faults: &[Fault],
) -> Vec<(&'p Point, Fault)> {
    let step = if operation == Operation::Load { 100 } else { 1 };
    let of_point = |(number, point): (usize, &'p Point)| {
        let is_fit = number.is_multiple_of(step) || point.call != "pwrite64";
        let is_met = move |fault: &&Fault| **fault == Fault::Kill || is_fit;
        faults.iter().filter(is_met).map(move |fault| (point, *fault)).collect::<Vec<_>>()
    };
    points.iter().enumerate().flat_map(of_point).collect()
}

#[expect(clippy::print_stdout, reason = "whoever asks for all moments wants to know")]
fn tell(operation: Operation, tried: usize, met: usize) {
    println!("{operation:?}: {tried} moments, of which {met} came");
}

/// So many moments, at least half of them other ones than writes, which are many and much alike.
fn some_of<'p>(all: &[(&'p Point, Fault)], few: usize, dice: &mut Dice) -> Vec<(&'p Point, Fault)> {
    let (writes, others): (Vec<_>, Vec<_>) =
        all.iter().partition(|(point, _)| point.call == "pwrite64");
    let number = few.div_ceil(2);
    [spread(&others, number, dice), spread(&writes, few - number, dice)].concat()
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
async fn a_first_look_is_done_as_its_answer_says_whatever_call_fails() {
    try_out(Operation::Read).await;
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
