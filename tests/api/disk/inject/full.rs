//! A small disk that is full before an operation, with some room or none: what is refused says so and changes nothing,
//! and all goes on when there is room again, with a restart in between or without one.

use super::expected::{Expected, Told, perform};
use super::scene::{Desk, Operation, Prepared};
use super::{drawn_seed, is_every, spread};
use crate::crash::dice::Dice;
use crate::crash::folder;
use crate::disk::mount::Mount;
use crate::disk::{goes_on, serve};
use crate::program::{Running, Stream};

use std::panic::AssertUnwindSafe;
use std::path::Path;

use futures_util::FutureExt;

/// What is left of the disk, in bytes.
const ROOMS: [u64; 6] = [0, 4 << 10, 16 << 10, 64 << 10, 160 << 10, 400 << 10];
/// How many cases of an operation are tried, unless all are.
const FEW: usize = 1;

/// What becomes of a server on a full disk, before there is room again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    RunsOn,
    Stopped,
    Killed,
}

const FATES: [Fate; 3] = [Fate::RunsOn, Fate::Stopped, Fate::Killed];

/// Whether an answer or a refusal to read says that the disk is full.
fn says_full(told: &str) -> bool {
    told.contains("The disk of the server is full") && !told.contains("damaged")
}

async fn run(
    expected: &Expected<'_>,
    prepared: &Prepared,
    disk: &Mount,
    (room, fate): (u64, Fate),
) {
    let data = disk.seen().join("data");
    std::fs::create_dir(&data).expect("a new folder");
    prepared.copy_to(&data);
    let inside = disk.path().join("data");
    let scene = prepared.desk(&mut disk.server(&serve(&inside)));
    scene.warm_up(prepared.operation).await;
    disk.leave(room);
    let told = perform(&scene, prepared.operation).await;
    for told in &told {
        assert!(matches!(told, Told::Done) || says_full(told.text()), "{told:?}");
    }
    match scene.look().await {
        Ok(state) => expected.must_allow(&told, &state),
        Err(error) => assert!(says_full(&error), "{error}"),
    }
    let scene = match fate {
        Fate::RunsOn => {
            disk.make_room();
            scene
        }
        Fate::Stopped => {
            scene.server.stop();
            start_without_room(disk, &inside);
            disk.make_room();
            prepared.desk(&mut disk.server(&serve(&inside)))
        }
        Fate::Killed => {
            drop(scene);
            start_without_room(disk, &inside);
            disk.make_room();
            prepared.desk(&mut disk.server(&serve(&inside)))
        }
    };
    must_have_recovered(expected, &scene, &told).await;
    scene.server.stop();
    folder::assert_sound(&data).await;
    std::fs::remove_dir_all(&data).expect("it is removed");
}

/// There is room again, so every account is read and written.
async fn must_have_recovered(expected: &Expected<'_>, scene: &Desk, told: &[Told]) {
    let state = scene.look().await.expect("every account opens");
    expected.must_allow(told, &state);
    goes_on(&scene.other).await;
    expected.must_go_on(scene, &state).await;
}

/// A server may start on a full disk, or say why it does not.
fn start_without_room(disk: &Mount, data: &Path) {
    let mut started = Running::spawn(&mut disk.server(&serve(data)));
    let path = disk.path().to_str().expect("text");
    let told = started.wait_for(|stream, line| stream == Stream::Out || line.contains(path));
    let is_started = told.starts_with("listening on");
    let ended = if is_started { started.stop() } else { started.finish() };
    assert_eq!(ended.code, Some(i32::from(!is_started)), "{ended:?}");
    for word in ["panicked", "damaged"] {
        assert!(!ended.text().contains(word), "{ended:?}");
    }
}

async fn try_out(operation: Operation) {
    let Some(disk) = Mount::of_size("8m") else { return };
    let seed = drawn_seed();
    let mut dice = Dice::new(seed);
    let prepared = Prepared::new(operation).await;
    let expected = Expected::new(&prepared).await;
    let all: Vec<(u64, Fate)> =
        ROOMS.iter().flat_map(|room| FATES.iter().map(|fate| (*room, *fate))).collect();
    let chosen = if is_every() { all } else { spread(&all, FEW, &mut dice) };
    let mut failed = Vec::new();
    for case in chosen {
        let ran = AssertUnwindSafe(run(&expected, &prepared, &disk, case)).catch_unwind().await;
        if ran.is_err() {
            failed.push(case);
            let _ = std::fs::remove_file(disk.seen().join("ballast"));
            std::fs::remove_dir_all(disk.seen().join("data")).expect("it is removed");
        }
    }
    assert!(failed.is_empty(), "{operation:?} with CRASH_SEED={seed}: {failed:?}");
}

#[tokio::test]
async fn a_ticket_without_room_is_done_or_refused() {
    try_out(Operation::Ticket).await;
}

#[tokio::test]
async fn a_load_that_fills_the_log_without_room_is_done_or_refused() {
    try_out(Operation::Load).await;
}

#[tokio::test]
async fn a_first_ticket_without_room_is_done_or_refused() {
    try_out(Operation::Wake).await;
}

#[tokio::test]
async fn a_first_look_without_room_is_done_or_refused() {
    try_out(Operation::Read).await;
}

#[tokio::test]
async fn a_reset_without_room_is_done_or_refused() {
    try_out(Operation::Reset).await;
}

#[tokio::test]
async fn a_snapshot_without_room_is_done_or_refused() {
    try_out(Operation::Snapshot).await;
}

#[tokio::test]
async fn a_snapshot_in_place_of_another_without_room_is_done_or_refused() {
    try_out(Operation::Replacement).await;
}

#[tokio::test]
async fn a_restore_without_room_is_done_or_refused() {
    try_out(Operation::Restore).await;
}

#[tokio::test]
async fn a_removal_without_room_is_done_or_refused() {
    try_out(Operation::Removal).await;
}

#[tokio::test]
async fn an_import_without_room_is_done_or_refused() {
    try_out(Operation::Import).await;
}

#[tokio::test]
async fn a_new_account_without_room_is_done_or_refused() {
    try_out(Operation::Creation).await;
}

#[tokio::test]
async fn a_copy_of_an_account_without_room_is_done_or_refused() {
    try_out(Operation::Fork).await;
}
