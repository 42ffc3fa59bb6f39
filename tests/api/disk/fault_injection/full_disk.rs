//! A small disk that is full before an operation, with some room or none: what is refused says so and changes nothing,
//! and all goes on when there is room again, with a restart in between or without one.

use super::expectations::{ExpectedStates, Outcome, perform};
use super::prepared_data::{Operation, PreparedDataDir, ServerUnderTest};
use super::{is_exhaustive, rng_seed, sample_evenly};
use crate::crash::integrity;
use crate::crash::rng::Rng;
use crate::disk::tmpfs::TmpfsDisk;
use crate::disk::{assert_account_usable, server_arguments};
use crate::process::{OutputStream, RunningProcess};

use std::panic::AssertUnwindSafe;
use std::path::Path;

use futures_util::FutureExt;

/// What is left of the disk, in bytes.
const FREE_BYTES: [u64; 6] = [0, 4 << 10, 16 << 10, 64 << 10, 160 << 10, 400 << 10];
/// How many cases of an operation are tried, unless all are.
const SAMPLED_CASES: usize = 1;

/// What becomes of a server on a full disk, before there is room again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ServerAction {
    KeepRunning,
    Stop,
    Kill,
}

const SERVER_ACTIONS: [ServerAction; 3] =
    [ServerAction::KeepRunning, ServerAction::Stop, ServerAction::Kill];

/// Whether an answer or a refusal to read says that the disk is full.
fn is_disk_full_message(message: &str) -> bool {
    message.contains("The disk of the server is full") && !message.contains("damaged")
}

async fn run_case(
    expected: &ExpectedStates<'_>,
    prepared: &PreparedDataDir,
    disk: &TmpfsDisk,
    (room, fate): (u64, ServerAction),
) {
    let data = disk.path_from_host().join("data");
    std::fs::create_dir(&data).expect("a new folder");
    prepared.copy_to(&data);
    let inside = disk.path().join("data");
    let scene = prepared.start_server(&mut disk.build_server_command(&server_arguments(&inside)));
    scene.warm_up(prepared.operation).await;
    disk.fill_leaving(room);
    let told = perform(&scene, prepared.operation).await;
    for told in &told {
        assert!(
            matches!(told, Outcome::Applied) || is_disk_full_message(told.message()),
            "{told:?}"
        );
    }
    match scene.read_state().await {
        Ok(state) => expected.assert_state_allowed(&told, &state),
        Err(error) => assert!(is_disk_full_message(&error), "{error}"),
    }
    let scene = match fate {
        ServerAction::KeepRunning => {
            disk.free_space();
            scene
        }
        ServerAction::Stop => {
            scene.server.stop();
            assert_start_on_full_disk(disk, &inside);
            disk.free_space();
            prepared.start_server(&mut disk.build_server_command(&server_arguments(&inside)))
        }
        ServerAction::Kill => {
            drop(scene);
            assert_start_on_full_disk(disk, &inside);
            disk.free_space();
            prepared.start_server(&mut disk.build_server_command(&server_arguments(&inside)))
        }
    };
    assert_recovered(expected, &scene, &told).await;
    scene.server.stop();
    integrity::assert_databases_intact(&data).await;
    std::fs::remove_dir_all(&data).expect("it is removed");
}

/// There is room again, so every account is read and written.
async fn assert_recovered(
    expected: &ExpectedStates<'_>,
    scene: &ServerUnderTest,
    told: &[Outcome],
) {
    let state = scene.read_state().await.expect("every account opens");
    expected.assert_state_allowed(told, &state);
    assert_account_usable(&scene.other).await;
    expected.assert_accounts_usable(scene, &state).await;
}

/// A server may start on a full disk, or say why it does not.
fn assert_start_on_full_disk(disk: &TmpfsDisk, data: &Path) {
    let mut started =
        RunningProcess::spawn(&mut disk.build_server_command(&server_arguments(data)));
    let path = disk.path().to_str().expect("text");
    let told =
        started.wait_for_line(|stream, line| stream == OutputStream::Stdout || line.contains(path));
    let is_started = told.starts_with("listening on");
    let ended = if is_started { started.stop() } else { started.wait_for_exit() };
    assert_eq!(ended.exit_code, Some(i32::from(!is_started)), "{ended:?}");
    for word in ["panicked", "damaged"] {
        assert!(!ended.combined_output().contains(word), "{ended:?}");
    }
}

async fn test_operation(operation: Operation) {
    let Some(disk) = TmpfsDisk::mount_with_size("8m") else { return };
    let seed = rng_seed();
    let mut dice = Rng::new(seed);
    let prepared = PreparedDataDir::new(operation).await;
    let expected = ExpectedStates::new(&prepared).await;
    let all: Vec<(u64, ServerAction)> = FREE_BYTES
        .iter()
        .flat_map(|room| SERVER_ACTIONS.iter().map(|fate| (*room, *fate)))
        .collect();
    let chosen = if is_exhaustive() { all } else { sample_evenly(&all, SAMPLED_CASES, &mut dice) };
    let mut failed = Vec::new();
    for case in chosen {
        let ran =
            AssertUnwindSafe(run_case(&expected, &prepared, &disk, case)).catch_unwind().await;
        if ran.is_err() {
            failed.push(case);
            let _ = std::fs::remove_file(disk.path_from_host().join("ballast"));
            std::fs::remove_dir_all(disk.path_from_host().join("data")).expect("it is removed");
        }
    }
    assert!(failed.is_empty(), "{operation:?} with CRASH_SEED={seed}: {failed:?}");
}

#[tokio::test]
async fn ticket_creation_on_full_disk_is_applied_or_rejected() {
    test_operation(Operation::CreateTicket).await;
}

#[tokio::test]
async fn wal_filling_writes_on_full_disk_are_applied_or_rejected() {
    test_operation(Operation::FillWal).await;
}

#[tokio::test]
async fn first_write_on_full_disk_is_applied_or_rejected() {
    test_operation(Operation::FirstWrite).await;
}

#[tokio::test]
async fn first_read_on_full_disk_succeeds_or_is_rejected() {
    test_operation(Operation::FirstRead).await;
}

#[tokio::test]
async fn reset_on_full_disk_is_applied_or_rejected() {
    test_operation(Operation::Reset).await;
}

#[tokio::test]
async fn snapshot_on_full_disk_is_applied_or_rejected() {
    test_operation(Operation::TakeSnapshot).await;
}

#[tokio::test]
async fn snapshot_replacement_on_full_disk_is_applied_or_rejected() {
    test_operation(Operation::ReplaceSnapshot).await;
}

#[tokio::test]
async fn restore_on_full_disk_is_applied_or_rejected() {
    test_operation(Operation::Restore).await;
}

#[tokio::test]
async fn account_removal_on_full_disk_is_applied_or_rejected() {
    test_operation(Operation::RemoveAccount).await;
}

#[tokio::test]
async fn import_on_full_disk_is_applied_or_rejected() {
    test_operation(Operation::Import).await;
}

#[tokio::test]
async fn account_creation_on_full_disk_is_applied_or_rejected() {
    test_operation(Operation::CreateAccount).await;
}

#[tokio::test]
async fn account_copy_on_full_disk_is_applied_or_rejected() {
    test_operation(Operation::CopyAccount).await;
}
