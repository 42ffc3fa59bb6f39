//! One call on a file that is not carried out: the server is killed there, or the disk fails there, once or for good.
//! Afterwards everything is as before the operation or as after it, as its answer has said, and goes on.
//!
//! This is done at moments drawn from all that an operation has; where `CRASH_EVERY` is set to 1, at each of them.
//! `CRASH_SEED` draws the same ones again.

mod expectations;
mod full_disk;
mod prepared_data;
mod strace;

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::process::Command;

use futures_util::FutureExt;

use self::expectations::{ExpectedStates, Outcome, perform, send_and_classify};
use self::prepared_data::{
    Operation, PreparedDataDir, ServerState, ServerUnderTest, build_ticket_creation,
};
use self::strace::{Strace, SyscallFault, SyscallPoint, parse_points};
use crate::crash::rng::Rng;
use crate::crash::{integrity, parse_env_var};
use crate::disk::{assert_account_usable, server_arguments};
use crate::process::build_command;

/// How the server is started, what its calls meet, and at how many moments, unless at all. With `power` there are more
/// calls; what only waits for the disk makes no difference to a kill.
const DURABILITY_CASES: [(&str, &[SyscallFault], usize); 2] = [
    (
        "power",
        &[
            SyscallFault::Kill,
            SyscallFault::ErrorOnce("EIO"),
            SyscallFault::ErrorOnce("ENOSPC"),
            SyscallFault::PersistentError("EIO"),
        ],
        3,
    ),
    ("process", &[SyscallFault::ErrorOnce("EIO"), SyscallFault::PersistentError("EIO")], 1),
];

/// An operation that is done on copies of a folder, each time with a fault.
struct FaultTrial<'a> {
    prepared: &'a PreparedDataDir,
    expected: &'a ExpectedStates<'a>,
    points: Vec<SyscallPoint>,
    durability: &'a str,
}

fn build_server_command(data: &Path, durability: &str) -> Command {
    let mut command = build_command(&server_arguments(data));
    command.args(["--durability", durability]);
    command
}

impl<'a> FaultTrial<'a> {
    /// Does the operation without a fault, to learn what it makes of the accounts and which moments it has.
    async fn new(
        prepared: &'a PreparedDataDir,
        expected: &'a ExpectedStates<'a>,
        durability: &'a str,
    ) -> Self {
        let (_folder, data) = prepared.copy();
        let desk = prepared.start_server(&mut build_server_command(&data, durability));
        desk.warm_up(prepared.operation).await;
        let strace = Strace::record(desk.server.process.pid());
        for told in perform(&desk, prepared.operation).await {
            assert_eq!(told, Outcome::Applied);
        }
        let mut points = parse_points(&strace.detach_and_read(), &data);
        // What was put off there has nothing to do with it.
        points.retain(|point| !point.file.starts_with("accounts/other"));
        Self { prepared, expected, points, durability }
    }

    /// One copy of the folder, one operation, one fault. Says whether the fault was met.
    async fn run(&self, point: &SyscallPoint, fault: SyscallFault) -> bool {
        let (_folder, data) = self.prepared.copy();
        let desk = self.prepared.start_server(&mut build_server_command(&data, self.durability));
        desk.warm_up(self.prepared.operation).await;
        let process = desk.server.process.pid();
        let strace = Strace::inject(process, &data, point, fault);
        let told = perform(&desk, self.prepared.operation).await;
        let (is_met, seen) = match fault {
            SyscallFault::Kill => (told.iter().any(Outcome::is_unknown), None),
            SyscallFault::ErrorOnce(_) => {
                let is_met = strace.detach_and_read().contains("(INJECTED)");
                // To look at an account that is not open is to do again what has failed.
                let opens =
                    matches!(self.prepared.operation, Operation::FirstWrite | Operation::FirstRead);
                let is_looked_at = !opens || point.nth.is_multiple_of(2);
                (
                    is_met,
                    if is_looked_at { self.check_running_server(&desk, &told).await } else { None },
                )
            }
            SyscallFault::PersistentError(_) => {
                assert_account_usable(&desk.other).await;
                let seen = desk.read_state().await.ok();
                let seen = seen.inspect(|seen| self.expected.assert_state_allowed(&told, seen));
                (strace.detach_and_read().contains("(INJECTED)"), seen)
            }
        };
        // Dropping it sends SIGKILL.
        drop(desk);
        integrity::assert_databases_intact(&data).await;
        let desk = self.prepared.start_server(&mut build_server_command(&data, self.durability));
        let state = desk.read_state().await.expect("every account opens");
        match seen {
            Some(seen) => assert_eq!(state, seen, "a restart changes nothing: {told:?}"),
            None => self.expected.assert_state_allowed(&told, &state),
        }
        self.expected.assert_accounts_usable(&desk, &state).await;
        desk.server.stop();
        integrity::assert_databases_intact(&data).await;
        is_met
    }

    /// Looks at a server whose disk is well again, and writes to it. Gives what it shows in the end; None where it has
    /// said that it does not know what came of the operation, and does not serve the account.
    async fn check_running_server(
        &self,
        desk: &ServerUnderTest,
        answers: &[Outcome],
    ) -> Option<ServerState> {
        assert_account_usable(&desk.other).await;
        let is_known = !answers.iter().any(Outcome::is_unknown);
        let seen = match desk.read_state().await {
            Ok(seen) => seen,
            Err(error) if is_known => panic!("{error}, although all is known: {answers:?}"),
            Err(_) => return None,
        };
        self.expected.assert_state_allowed(answers, &seen);
        // More that is written to the same database would cover what a failed commit has left there.
        let operation = self.prepared.operation;
        if !matches!(
            operation,
            Operation::CreateTicket | Operation::FillWal | Operation::RemoveAccount
        ) {
            for _ in 0..3 {
                let more = send_and_classify(build_ticket_creation(&desk.acme)).await;
                assert!(more == Outcome::Applied || !is_known, "{more:?} after {answers:?}");
            }
        }
        Some(desk.read_state().await.expect("it could be read before"))
    }
}

/// What the moments are drawn by.
fn rng_seed() -> u64 {
    parse_env_var("CRASH_SEED")
        .unwrap_or_else(|| getrandom::u64().expect("the system has random numbers"))
}

/// Whether all moments are tried.
fn is_exhaustive() -> bool {
    parse_env_var::<u8>("CRASH_EVERY").is_some_and(|every| every != 0)
}

/// Tries an operation at some moments or at all of them, with each of the faults.
async fn test_operation(operation: Operation) {
    if !Strace::is_available() {
        return;
    }
    let seed = rng_seed();
    let mut dice = Rng::new(seed);
    let prepared = PreparedDataDir::new(operation).await;
    let expected = ExpectedStates::new(&prepared).await;
    let (mut met, mut tried, mut failed) = (0, 0, Vec::new());
    for (durability, faults, few) in DURABILITY_CASES {
        let trial = FaultTrial::new(&prepared, &expected, durability).await;
        let all = all_cases(operation, &trial.points, faults);
        let chosen = if is_exhaustive() { all.clone() } else { sample_cases(&all, few, &mut dice) };
        tried += chosen.len();
        // A moment that depends on how threads take turns may not come; then another one is tried.
        let mut others = if is_exhaustive() { 0 } else { 4 * chosen.len() };
        let mut waiting = VecDeque::from(chosen);
        while let Some((point, fault)) = waiting.pop_front() {
            match AssertUnwindSafe(trial.run(point, fault)).catch_unwind().await {
                Ok(true) => met += 1,
                Ok(false) if others > 0 => {
                    others -= 1;
                    waiting.push_back(dice.choose(&all));
                }
                Ok(false) => {}
                Err(_) => failed.push(format!("{durability}: {fault:?} at {point}")),
            }
        }
    }
    let number = failed.len();
    assert_eq!(number, 0, "of {tried} {operation:?} with CRASH_SEED={seed}: {failed:#?}");
    assert!(met * 2 > tried, "{operation:?}: only {met} of {tried} moments came");
    print_summary(operation, tried, met);
}

/// Every moment with every fault. A load writes so often that only one write of a hundred fails.
fn all_cases<'p>(
    operation: Operation,
    points: &'p [SyscallPoint],
    faults: &[SyscallFault],
) -> Vec<(&'p SyscallPoint, SyscallFault)> {
    let step = if operation == Operation::FillWal { 100 } else { 1 };
    let of_point = |(number, point): (usize, &'p SyscallPoint)| {
        let is_fit = number.is_multiple_of(step) || point.syscall != "pwrite64";
        let is_met = move |fault: &&SyscallFault| **fault == SyscallFault::Kill || is_fit;
        faults.iter().filter(is_met).map(move |fault| (point, *fault)).collect::<Vec<_>>()
    };
    points.iter().enumerate().flat_map(of_point).collect()
}

#[expect(clippy::print_stdout, reason = "whoever asks for all moments wants to know")]
fn print_summary(operation: Operation, tried: usize, met: usize) {
    println!("{operation:?}: {tried} moments, of which {met} came");
}

/// So many moments, at least half of them other ones than writes, which are many and much alike.
fn sample_cases<'p>(
    all: &[(&'p SyscallPoint, SyscallFault)],
    few: usize,
    dice: &mut Rng,
) -> Vec<(&'p SyscallPoint, SyscallFault)> {
    let (writes, others): (Vec<_>, Vec<_>) =
        all.iter().partition(|(point, _)| point.syscall == "pwrite64");
    let number = few.div_ceil(2);
    [sample_evenly(&others, number, dice), sample_evenly(&writes, few - number, dice)].concat()
}

/// So many of them, each from another part of the whole.
fn sample_evenly<T: Copy>(all: &[T], most: usize, dice: &mut Rng) -> Vec<T> {
    let parts = most.min(all.len());
    let part = |number: usize| &all[all.len() * number / parts..all.len() * (number + 1) / parts];
    (0..parts).map(|number| dice.choose(part(number))).collect()
}

#[tokio::test]
async fn ticket_creation_matches_its_response_under_syscall_faults() {
    test_operation(Operation::CreateTicket).await;
}

#[tokio::test]
async fn wal_filling_writes_match_their_responses_under_syscall_faults() {
    test_operation(Operation::FillWal).await;
}

#[tokio::test]
async fn first_write_matches_its_response_under_syscall_faults() {
    test_operation(Operation::FirstWrite).await;
}

#[tokio::test]
async fn reset_matches_its_response_under_syscall_faults() {
    test_operation(Operation::Reset).await;
}

#[tokio::test]
async fn snapshot_matches_its_response_under_syscall_faults() {
    test_operation(Operation::TakeSnapshot).await;
}

#[tokio::test]
async fn snapshot_replacement_matches_its_response_under_syscall_faults() {
    test_operation(Operation::ReplaceSnapshot).await;
}

#[tokio::test]
async fn restore_matches_its_response_under_syscall_faults() {
    test_operation(Operation::Restore).await;
}

#[tokio::test]
async fn first_read_matches_its_response_under_syscall_faults() {
    test_operation(Operation::FirstRead).await;
}

#[tokio::test]
async fn account_removal_matches_its_response_under_syscall_faults() {
    test_operation(Operation::RemoveAccount).await;
}

#[tokio::test]
async fn import_matches_its_response_under_syscall_faults() {
    test_operation(Operation::Import).await;
}

#[tokio::test]
async fn account_creation_matches_its_response_under_syscall_faults() {
    test_operation(Operation::CreateAccount).await;
}

#[tokio::test]
async fn account_copy_matches_its_response_under_syscall_faults() {
    test_operation(Operation::CopyAccount).await;
}
