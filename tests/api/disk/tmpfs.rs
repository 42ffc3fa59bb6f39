//! A small disk that only the test and its servers see: memory, mounted in a namespace of their own.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::fixtures;
use crate::process::build_clean_env_command;
use crate::third_party_clients::skip_test;

/// Mounts a disk of the size `$1` at `$0` and stays, so that the namespace does, for as long as somebody holds its input.
const MOUNT_SCRIPT: &str = "mount -t tmpfs -o size=\"$1\" tmpfs \"$0\" && echo mounted && exec cat";
/// The ways into a namespace: as root, and as anybody else where the system lets them.
const UNSHARE_FLAGS: [&[&str]; 2] = [&["--mount"], &["--mount", "--map-root-user"]];

/// A small disk. It goes away with the test.
pub(super) struct TmpfsDisk {
    namespace_process: Child,
    has_user_namespace: bool,
    mount_dir: TempDir,
}

impl TmpfsDisk {
    /// Mounts a disk of 24 MB; None, with a line that says so, where that is not allowed.
    pub(super) fn mount() -> Option<Self> {
        Self::mount_with_size("24m")
    }

    /// The same of another size, such as `8m`.
    pub(super) fn mount_with_size(size: &str) -> Option<Self> {
        let made = UNSHARE_FLAGS.iter().find_map(|way| Self::try_mount(way, size));
        if made.is_none() {
            skip_test("no file system can be mounted in a namespace of one's own");
        }
        made
    }

    fn try_mount(way: &[&str], size: &str) -> Option<Self> {
        let at = fixtures::create_temp_dir();
        let child = Command::new("unshare")
            .args(way)
            .args(["sh", "-c", MOUNT_SCRIPT])
            .arg(at.path())
            .arg(size)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut mount = Self {
            namespace_process: child.ok()?,
            has_user_namespace: way.len() > 1,
            mount_dir: at,
        };
        let mut line = String::new();
        let stdout = mount.namespace_process.stdout.as_mut().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("text");
        (line == "mounted\n").then_some(mount)
    }

    /// Where the disk is, for whoever is inside.
    pub(super) fn path(&self) -> &Path {
        self.mount_dir.path()
    }

    /// The same from outside.
    pub(super) fn path_from_host(&self) -> PathBuf {
        let inside = self.path().strip_prefix("/").expect("an absolute path");
        Path::new("/proc").join(self.namespace_process.id().to_string()).join("root").join(inside)
    }

    /// A program that runs inside.
    pub(super) fn build_command(&self, program: &[&str]) -> Command {
        let holder = self.namespace_process.id().to_string();
        let mut way = vec!["--target", &holder, "--mount"];
        if self.has_user_namespace {
            way.extend(["--user", "--preserve-credentials"]);
        }
        build_clean_env_command("nsenter", &[&way, program].concat())
    }

    /// A server that runs inside.
    pub(super) fn build_server_command(&self, arguments: &[&str]) -> Command {
        self.build_command(&[&[env!("CARGO_BIN_EXE_omnidesk-mock")], arguments].concat())
    }

    /// Runs a command inside, which must go well.
    pub(super) fn run(&self, program: &[&str]) {
        let ended = self.build_command(program).status().expect("nsenter runs");
        assert!(ended.success(), "{program:?}: {ended}");
    }

    /// Whether what is mounted at this path inside can be written from now on.
    pub(super) fn set_writable(&self, path: &Path, writable: bool) {
        let how = if writable { "remount,bind,rw" } else { "remount,bind,ro" };
        self.run(&["mount", "-o", how, path.to_str().expect("text")]);
    }

    /// Fills the disk so that only so many bytes are left.
    pub(super) fn fill_leaving(&self, bytes: u64) {
        let mut ballast = File::create(self.ballast_path()).expect("the ballast can be made");
        let mut much = vec![0; 1 << 20];
        while !much.is_empty() {
            match ballast.write_all(&much) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => {
                    much.truncate(much.len() / 2);
                }
                Err(error) => panic!("{error}"),
            }
        }
        let size = ballast.metadata().expect("its size").len();
        ballast.set_len(size - bytes).expect("it shrinks");
    }

    /// Makes room again.
    pub(super) fn free_space(&self) {
        std::fs::remove_file(self.ballast_path()).expect("the ballast can be removed");
    }

    fn ballast_path(&self) -> PathBuf {
        self.path_from_host().join("ballast")
    }
}

impl Drop for TmpfsDisk {
    fn drop(&mut self) {
        // It may have ended already; there is nothing more to do then.
        let _ = self.namespace_process.kill();
        let _ = self.namespace_process.wait();
    }
}
