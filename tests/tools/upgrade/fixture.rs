//! Data directories of earlier builds, with the recorded responses of those builds.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde::Deserialize;
use tempfile::TempDir;

use crate::support::files::{copy_dir, create_temp_dir};
use crate::support::process::PROGRAM;
use crate::support::server::Server;

/// A fixture, as `scripts/upgrade-fixture.py` creates it.
pub(super) struct Fixture {
    dir: PathBuf,
    pub(super) recorded: Recorded,
}

/// The recorded responses of the earlier build.
#[derive(Deserialize)]
pub(super) struct Recorded {
    /// Before any change.
    pub(super) origin: State,
    /// When the snapshot `before` was taken.
    pub(super) snapshot: State,
    /// Before the server stopped.
    pub(super) stopped: State,
    /// Responses of the control API before the server stopped.
    pub(super) control: Vec<RecordedResponse>,
    pub(super) revoked_key: String,
    /// Titles of the tickets that the killed server acknowledged, by id.
    pub(super) acknowledged: BTreeMap<u64, String>,
}

/// The responses of an account in one state.
#[derive(Deserialize)]
pub(super) struct State {
    /// The id of the last ticket.
    pub(super) last_id: u64,
    responses: Vec<RecordedResponse>,
}

#[derive(Deserialize)]
pub(super) struct RecordedResponse {
    /// None for the control API.
    key: Option<String>,
    pub(super) path: String,
    pub(super) body: String,
}

impl Fixture {
    fn load(dir: PathBuf) -> Self {
        let json = fs::read_to_string(dir.join("responses.json")).expect("responses.json exists");
        Self { dir, recorded: serde_json::from_str(&json).expect("responses.json is valid") }
    }

    /// Copies the data directory of a stopped server.
    pub(super) fn stopped_data(&self) -> TempDir {
        let data = create_temp_dir();
        copy_dir(&self.dir.join("data"), data.path());
        data
    }

    /// Copies the data directory of a killed server.
    pub(super) fn killed_data(&self) -> TempDir {
        let data = self.stopped_data();
        copy_dir(&self.dir.join("killed"), data.path());
        data
    }
}

impl State {
    /// Asserts that the responses of the server are equal, byte for byte.
    pub(super) async fn assert_unchanged(&self, server: &Server) {
        assert!(!self.responses.is_empty());
        for RecordedResponse { key, path, body } in &self.responses {
            let key = key.as_deref().expect("a response of the ticket API has a key");
            assert_eq!(server.with_key(key).get_text(path).await, *body, "{path} with {key}");
        }
    }
}

/// Loads the fixtures of released versions, and one of this build, which replaces the previous build.
pub(super) fn fixtures() -> Vec<Fixture> {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/upgrade");
    let entries = fs::read_dir(committed).expect("the directory exists");
    let dirs = entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_dir());
    dirs.chain([create_once()]).map(Fixture::load).collect()
}

/// Creates a fixture with the program under test, once per run.
fn create_once() -> PathBuf {
    static CREATED: OnceLock<PathBuf> = OnceLock::new();
    let create = || {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("upgrade");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/upgrade-fixture.py");
        let mut command = Command::new("python3");
        command.args([script, PROGRAM]).arg(&dir);
        let output = command.output().expect("python3 starts");
        assert!(output.status.success(), "{output:?}");
        dir
    };
    CREATED.get_or_init(create).clone()
}
