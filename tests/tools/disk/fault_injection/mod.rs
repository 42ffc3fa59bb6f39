//! Injects a fault into one system call on a file: a kill of the server, or an I/O error, once or persistently.
//! Afterwards the state is that before or after the operation, as its response reported, and the accounts work.
//!
//! The system calls are sampled at random; with `CRASH_EVERY=1` every one is tested. `CRASH_SEED` repeats a sample.

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
use crate::support::disk::{assert_account_usable, server_arguments};
use crate::support::integrity;
use crate::support::process::build_command;
use crate::support::rng::{Rng, parse_env_var};
use crate::support::tools::STRACE;
use crate::tool_test::{ToolTest, tool_tests};

pub(super) fn tests() -> Vec<ToolTest> {
    let full_disk = full_disk::tests();
    let syscalls = tool_tests![STRACE =>
        async ticket_creation_matches_its_response_under_syscall_faults,
        async wal_filling_writes_match_their_responses_under_syscall_faults,
        async first_write_matches_its_response_under_syscall_faults,
        async reset_matches_its_response_under_syscall_faults,
        async snapshot_matches_its_response_under_syscall_faults,
        async snapshot_replacement_matches_its_response_under_syscall_faults,
        async restore_matches_its_response_under_syscall_faults,
        async first_read_matches_its_response_under_syscall_faults,
        async account_removal_matches_its_response_under_syscall_faults,
        async import_matches_its_response_under_syscall_faults,
        async account_creation_matches_its_response_under_syscall_faults,
        async account_copy_matches_its_response_under_syscall_faults,
    ];
    [full_disk, syscalls].into_iter().flatten().collect()
}

/// The number of sampled cases per operation, unless `CRASH_EVERY` is set.
const SAMPLED_CASES: usize = 2;
/// The durability modes and their faults. `power` has additional fsync calls; they make no difference to a kill, so
/// `process` needs no kills.
const DURABILITY_CASES: [(&str, &[SyscallFault]); 2] = [
    (
        "power",
        &[
            SyscallFault::Kill,
            SyscallFault::ErrorOnce("EIO"),
            SyscallFault::ErrorOnce("ENOSPC"),
            SyscallFault::PersistentError("EIO"),
        ],
    ),
    ("process", &[SyscallFault::ErrorOnce("EIO"), SyscallFault::PersistentError("EIO")]),
];

/// An operation that is tested on copies of a data directory, each with one fault.
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
    /// Runs the operation without a fault, to record its system calls.
    async fn new(
        prepared: &'a PreparedDataDir,
        expected: &'a ExpectedStates<'a>,
        durability: &'a str,
    ) -> Self {
        let (_folder, data) = prepared.copy();
        let test_server = prepared.start_server(&mut build_server_command(&data, durability));
        test_server.warm_up(prepared.operation).await;
        let strace = Strace::record(test_server.server.pid());
        for outcome in perform(&test_server, prepared.operation).await {
            assert_eq!(outcome, Outcome::Applied);
        }
        let mut points = parse_points(&strace.detach_and_read(), &data);
        // Delayed writes of `other` are not part of the operation.
        points.retain(|point| !point.file.starts_with("accounts/other"));
        Self { prepared, expected, points, durability }
    }

    /// Runs the operation with one fault on a new copy. Returns true if the fault was triggered.
    async fn run(&self, point: &SyscallPoint, fault: SyscallFault) -> bool {
        let (_folder, data) = self.prepared.copy();
        let test_server =
            self.prepared.start_server(&mut build_server_command(&data, self.durability));
        test_server.warm_up(self.prepared.operation).await;
        let process = test_server.server.pid();
        let strace = Strace::inject(process, &data, point, fault);
        let outcomes = perform(&test_server, self.prepared.operation).await;
        let (is_triggered, live_state) = match fault {
            SyscallFault::Kill => (outcomes.iter().any(Outcome::is_unknown), None),
            SyscallFault::ErrorOnce(_) => {
                let is_triggered = strace.detach_and_read().contains("(INJECTED)");
                // A read of a closed account would repeat the failed operation, so check only half of these cases.
                let opens =
                    matches!(self.prepared.operation, Operation::FirstWrite | Operation::FirstRead);
                let is_checked = !opens || point.nth.is_multiple_of(2);
                (
                    is_triggered,
                    if is_checked {
                        self.check_running_server(&test_server, &outcomes).await
                    } else {
                        None
                    },
                )
            }
            SyscallFault::PersistentError(_) => {
                assert_account_usable(&test_server.other).await;
                let state = test_server.read_state().await.ok();
                let state =
                    state.inspect(|state| self.expected.assert_state_allowed(&outcomes, state));
                (strace.detach_and_read().contains("(INJECTED)"), state)
            }
        };
        // The drop sends SIGKILL.
        drop(test_server);
        integrity::assert_databases_intact(&data).await;
        let test_server =
            self.prepared.start_server(&mut build_server_command(&data, self.durability));
        let state = test_server.read_state().await.expect("every account is readable");
        match live_state {
            Some(live_state) => {
                assert_eq!(state, live_state, "the restart changed the state: {outcomes:?}");
            }
            None => self.expected.assert_state_allowed(&outcomes, &state),
        }
        self.expected.assert_accounts_usable(&test_server, &state).await;
        test_server.server.stop_cleanly();
        integrity::assert_databases_intact(&data).await;
        is_triggered
    }

    /// Checks a server whose disk works again, and writes to it. Returns its final state; None if the outcome of the
    /// operation is unknown and the server rejects requests of the account.
    async fn check_running_server(
        &self,
        test_server: &ServerUnderTest,
        outcomes: &[Outcome],
    ) -> Option<ServerState> {
        assert_account_usable(&test_server.other).await;
        let is_known = !outcomes.iter().any(Outcome::is_unknown);
        let state = match test_server.read_state().await {
            Ok(state) => state,
            Err(error) if is_known => {
                panic!("{error}, although every outcome is known: {outcomes:?}")
            }
            Err(_) => return None,
        };
        self.expected.assert_state_allowed(outcomes, &state);
        // Further writes to the same database would overwrite the remains of a failed commit.
        let operation = self.prepared.operation;
        if !matches!(
            operation,
            Operation::CreateTicket | Operation::FillWal | Operation::RemoveAccount
        ) {
            for _ in 0..3 {
                let outcome = send_and_classify(build_ticket_creation(&test_server.acme)).await;
                assert!(outcome == Outcome::Applied || !is_known, "{outcome:?} after {outcomes:?}");
            }
        }
        Some(test_server.read_state().await.expect("the state is readable"))
    }
}

/// Returns the seed of the random numbers.
fn rng_seed() -> u64 {
    parse_env_var("CRASH_SEED")
        .unwrap_or_else(|| getrandom::u64().expect("the OS provides random numbers"))
}

/// Returns true if every case is tested.
fn is_exhaustive() -> bool {
    parse_env_var::<u8>("CRASH_EVERY").is_some_and(|value| value != 0)
}

/// Tests an operation with sampled cases, or with all of them.
async fn test_operation(operation: Operation) {
    let seed = rng_seed();
    let mut rng = Rng::new(seed);
    let prepared = PreparedDataDir::new(operation).await;
    let expected = ExpectedStates::new(&prepared).await;
    let (mut triggered, mut tried, mut failed) = (0, 0, Vec::new());
    let sampled_mode = rng.choose(&DURABILITY_CASES);
    let modes = if is_exhaustive() { DURABILITY_CASES.to_vec() } else { vec![sampled_mode] };
    for (durability, faults) in modes {
        let trial = FaultTrial::new(&prepared, &expected, durability).await;
        let all = all_cases(operation, &trial.points, faults);
        let cases =
            if is_exhaustive() { all.clone() } else { sample_cases(&all, SAMPLED_CASES, &mut rng) };
        tried += cases.len();
        // A point that depends on thread scheduling may not be reached; then another one is tried.
        let mut spare_cases = if is_exhaustive() { 0 } else { 4 * cases.len() };
        let mut queue = VecDeque::from(cases);
        while let Some((point, fault)) = queue.pop_front() {
            match AssertUnwindSafe(trial.run(point, fault)).catch_unwind().await {
                Ok(true) => triggered += 1,
                Ok(false) if spare_cases > 0 => {
                    spare_cases -= 1;
                    queue.push_back(rng.choose(&all));
                }
                Ok(false) => {}
                Err(_) => failed.push(format!("{durability}: {fault:?} at {point}")),
            }
        }
    }
    let number = failed.len();
    assert_eq!(
        number, 0,
        "failures in {tried} cases of {operation:?} with CRASH_SEED={seed}: {failed:#?}"
    );
    assert!(
        triggered * 2 > tried,
        "{operation:?}: only {triggered} of {tried} faults were triggered"
    );
    print_summary(operation, tried, triggered);
}

/// Returns every point with every fault. Of the many writes of `FillWal`, only every 100th fails.
fn all_cases<'p>(
    operation: Operation,
    points: &'p [SyscallPoint],
    faults: &[SyscallFault],
) -> Vec<(&'p SyscallPoint, SyscallFault)> {
    let step = if operation == Operation::FillWal { 100 } else { 1 };
    let cases_of_point = |(number, point): (usize, &'p SyscallPoint)| {
        let is_sampled = number.is_multiple_of(step) || point.syscall != "pwrite64";
        let is_included = move |fault: &&SyscallFault| **fault == SyscallFault::Kill || is_sampled;
        faults.iter().filter(is_included).map(move |fault| (point, *fault)).collect::<Vec<_>>()
    };
    points.iter().enumerate().flat_map(cases_of_point).collect()
}

#[expect(clippy::print_stdout, reason = "the summary of a long run is printed")]
fn print_summary(operation: Operation, tried: usize, triggered: usize) {
    println!("{operation:?}: {tried} cases, {triggered} faults triggered");
}

/// Samples this number of cases. At least half of them are not writes, which are numerous and similar.
fn sample_cases<'p>(
    all: &[(&'p SyscallPoint, SyscallFault)],
    sample_size: usize,
    rng: &mut Rng,
) -> Vec<(&'p SyscallPoint, SyscallFault)> {
    let (writes, others): (Vec<_>, Vec<_>) =
        all.iter().partition(|(point, _)| point.syscall == "pwrite64");
    let number = sample_size.div_ceil(2);
    [sample_evenly(&others, number, rng), sample_evenly(&writes, sample_size - number, rng)]
        .concat()
}

/// Samples up to `max` items, one from each of `max` equal parts.
fn sample_evenly<T: Copy>(all: &[T], max: usize, rng: &mut Rng) -> Vec<T> {
    let parts = max.min(all.len());
    let part = |number: usize| &all[all.len() * number / parts..all.len() * (number + 1) / parts];
    (0..parts).map(|number| rng.choose(part(number))).collect()
}

async fn ticket_creation_matches_its_response_under_syscall_faults() {
    test_operation(Operation::CreateTicket).await;
}

async fn wal_filling_writes_match_their_responses_under_syscall_faults() {
    test_operation(Operation::FillWal).await;
}

async fn first_write_matches_its_response_under_syscall_faults() {
    test_operation(Operation::FirstWrite).await;
}

async fn reset_matches_its_response_under_syscall_faults() {
    test_operation(Operation::Reset).await;
}

async fn snapshot_matches_its_response_under_syscall_faults() {
    test_operation(Operation::TakeSnapshot).await;
}

async fn snapshot_replacement_matches_its_response_under_syscall_faults() {
    test_operation(Operation::ReplaceSnapshot).await;
}

async fn restore_matches_its_response_under_syscall_faults() {
    test_operation(Operation::Restore).await;
}

async fn first_read_matches_its_response_under_syscall_faults() {
    test_operation(Operation::FirstRead).await;
}

async fn account_removal_matches_its_response_under_syscall_faults() {
    test_operation(Operation::RemoveAccount).await;
}

async fn import_matches_its_response_under_syscall_faults() {
    test_operation(Operation::Import).await;
}

async fn account_creation_matches_its_response_under_syscall_faults() {
    test_operation(Operation::CreateAccount).await;
}

async fn account_copy_matches_its_response_under_syscall_faults() {
    test_operation(Operation::CopyAccount).await;
}
