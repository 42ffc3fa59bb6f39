//! Operations on a disk that is full or nearly full: each is applied, or rejected without effect. After space is freed,
//! all accounts work, with or without a restart.

use super::expectations::{ExpectedStates, Outcome, perform};
use super::prepared_data::{Operation, PreparedDataDir, ServerUnderTest};
use super::{is_exhaustive, rng_seed, sample_evenly};
use crate::disk::tmpfs::{MOUNT, TmpfsDisk};
use crate::support::disk::{assert_account_usable, server_arguments};
use crate::support::integrity;
use crate::support::process::{OutputStream, RunningProcess};
use crate::support::rng::Rng;

use std::panic::AssertUnwindSafe;
use std::path::Path;

use crate::tool_test::{ToolTest, tool_tests};
use futures_util::FutureExt;

pub(super) fn tests() -> Vec<ToolTest> {
    tool_tests![MOUNT =>
        async ticket_creation_on_full_disk_is_applied_or_rejected,
        async wal_filling_writes_on_full_disk_are_applied_or_rejected,
        async first_write_on_full_disk_is_applied_or_rejected,
        async first_read_on_full_disk_succeeds_or_is_rejected,
        async reset_on_full_disk_is_applied_or_rejected,
        async snapshot_on_full_disk_is_applied_or_rejected,
        async snapshot_replacement_on_full_disk_is_applied_or_rejected,
        async restore_on_full_disk_is_applied_or_rejected,
        async account_removal_on_full_disk_is_applied_or_rejected,
        async import_on_full_disk_is_applied_or_rejected,
        async account_creation_on_full_disk_is_applied_or_rejected,
        async account_copy_on_full_disk_is_applied_or_rejected,
    ]
}

/// The free space before the operation, in bytes.
const FREE_BYTES: [u64; 6] = [0, 4 << 10, 16 << 10, 64 << 10, 160 << 10, 400 << 10];
/// The number of sampled cases per operation, unless `CRASH_EVERY` is set.
const SAMPLED_CASES: usize = 1;

/// What happens to the server before space is freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ServerAction {
    KeepRunning,
    Stop,
    Kill,
}

const SERVER_ACTIONS: [ServerAction; 3] =
    [ServerAction::KeepRunning, ServerAction::Stop, ServerAction::Kill];

/// Returns true if the message says that the disk is full.
fn is_disk_full_message(message: &str) -> bool {
    message.contains("The disk of the server is full") && !message.contains("damaged")
}

async fn run_case(
    expected: &ExpectedStates<'_>,
    prepared: &PreparedDataDir,
    disk: &TmpfsDisk,
    (free_bytes, action): (u64, ServerAction),
) {
    let data = disk.path_from_host().join("data");
    std::fs::create_dir(&data).expect("the directory is created");
    prepared.copy_to(&data);
    let data_in_namespace = disk.path().join("data");
    let test_server = prepared
        .start_server(&mut disk.build_server_command(&server_arguments(&data_in_namespace)));
    test_server.warm_up(prepared.operation).await;
    disk.fill_leaving(free_bytes);
    let outcomes = perform(&test_server, prepared.operation).await;
    for outcome in &outcomes {
        assert!(
            matches!(outcome, Outcome::Applied) || is_disk_full_message(outcome.message()),
            "{outcome:?}"
        );
    }
    match test_server.read_state().await {
        Ok(state) => expected.assert_state_allowed(&outcomes, &state),
        Err(error) => assert!(is_disk_full_message(&error), "{error}"),
    }
    let test_server = match action {
        ServerAction::KeepRunning => {
            disk.free_space();
            test_server
        }
        ServerAction::Stop => {
            test_server.server.stop_cleanly();
            assert_start_on_full_disk(disk, &data_in_namespace);
            disk.free_space();
            prepared
                .start_server(&mut disk.build_server_command(&server_arguments(&data_in_namespace)))
        }
        ServerAction::Kill => {
            drop(test_server);
            assert_start_on_full_disk(disk, &data_in_namespace);
            disk.free_space();
            prepared
                .start_server(&mut disk.build_server_command(&server_arguments(&data_in_namespace)))
        }
    };
    assert_recovered(expected, &test_server, &outcomes).await;
    test_server.server.stop_cleanly();
    integrity::assert_databases_intact(&data).await;
    std::fs::remove_dir_all(&data).expect("the directory is removed");
}

/// Asserts that every account can be read and written after space is freed.
async fn assert_recovered(
    expected: &ExpectedStates<'_>,
    test_server: &ServerUnderTest,
    outcomes: &[Outcome],
) {
    let state = test_server.read_state().await.expect("every account is readable");
    expected.assert_state_allowed(outcomes, &state);
    assert_account_usable(&test_server.other).await;
    expected.assert_accounts_usable(test_server, &state).await;
}

/// Asserts that a server on a full disk starts, or exits with an error that names the path.
fn assert_start_on_full_disk(disk: &TmpfsDisk, data: &Path) {
    let mut started =
        RunningProcess::spawn(&mut disk.build_server_command(&server_arguments(data)));
    let path = disk.path().to_str().expect("text");
    let first_line =
        started.wait_for_line(|stream, line| stream == OutputStream::Stdout || line.contains(path));
    let is_started = first_line.starts_with("listening on");
    let output = if is_started { started.stop() } else { started.wait_for_exit() };
    assert_eq!(output.exit_code, Some(i32::from(!is_started)), "{output:?}");
    for word in ["panicked", "damaged"] {
        assert!(!output.combined_output().contains(word), "{output:?}");
    }
}

async fn test_operation(operation: Operation) {
    let disk = TmpfsDisk::mount_with_size("8m");
    let seed = rng_seed();
    let mut rng = Rng::new(seed);
    let prepared = PreparedDataDir::new(operation).await;
    let expected = ExpectedStates::new(&prepared).await;
    let all: Vec<(u64, ServerAction)> = FREE_BYTES
        .iter()
        .flat_map(|free_bytes| SERVER_ACTIONS.iter().map(|action| (*free_bytes, *action)))
        .collect();
    let cases = if is_exhaustive() { all } else { sample_evenly(&all, SAMPLED_CASES, &mut rng) };
    let mut failed = Vec::new();
    for case in cases {
        let result =
            AssertUnwindSafe(run_case(&expected, &prepared, &disk, case)).catch_unwind().await;
        if result.is_err() {
            failed.push(case);
            let _ = std::fs::remove_file(disk.path_from_host().join("filler"));
            std::fs::remove_dir_all(disk.path_from_host().join("data"))
                .expect("the directory is removed");
        }
    }
    assert!(failed.is_empty(), "{operation:?} with CRASH_SEED={seed}: {failed:?}");
}

async fn ticket_creation_on_full_disk_is_applied_or_rejected() {
    test_operation(Operation::CreateTicket).await;
}

async fn wal_filling_writes_on_full_disk_are_applied_or_rejected() {
    test_operation(Operation::FillWal).await;
}

async fn first_write_on_full_disk_is_applied_or_rejected() {
    test_operation(Operation::FirstWrite).await;
}

async fn first_read_on_full_disk_succeeds_or_is_rejected() {
    test_operation(Operation::FirstRead).await;
}

async fn reset_on_full_disk_is_applied_or_rejected() {
    test_operation(Operation::Reset).await;
}

async fn snapshot_on_full_disk_is_applied_or_rejected() {
    test_operation(Operation::TakeSnapshot).await;
}

async fn snapshot_replacement_on_full_disk_is_applied_or_rejected() {
    test_operation(Operation::ReplaceSnapshot).await;
}

async fn restore_on_full_disk_is_applied_or_rejected() {
    test_operation(Operation::Restore).await;
}

async fn account_removal_on_full_disk_is_applied_or_rejected() {
    test_operation(Operation::RemoveAccount).await;
}

async fn import_on_full_disk_is_applied_or_rejected() {
    test_operation(Operation::Import).await;
}

async fn account_creation_on_full_disk_is_applied_or_rejected() {
    test_operation(Operation::CreateAccount).await;
}

async fn account_copy_on_full_disk_is_applied_or_rejected() {
    test_operation(Operation::CopyAccount).await;
}
