//! A small disk that only the test and its servers see: memory, mounted in a namespace of their own.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::clients::passed_over;
use crate::fixtures;
use crate::program::undisturbed;

/// Mounts a disk of the size `$1` at `$0` and stays, so that the namespace does, for as long as somebody holds its input.
const HOLD: &str = "mount -t tmpfs -o size=\"$1\" tmpfs \"$0\" && echo mounted && exec cat";
/// The ways into a namespace: as root, and as anybody else where the system lets them.
const WAYS: [&[&str]; 2] = [&["--mount"], &["--mount", "--map-root-user"]];

/// A small disk. It goes away with the test.
pub(super) struct Mount {
    holder: Child,
    is_mapped: bool,
    at: TempDir,
}

impl Mount {
    /// Mounts a disk of 24 MB; None, with a line that says so, where that is not allowed.
    pub(super) fn make() -> Option<Self> {
        Self::of_size("24m")
    }

    /// The same of another size, such as `8m`.
    pub(super) fn of_size(size: &str) -> Option<Self> {
        let made = WAYS.iter().find_map(|way| Self::by(way, size));
        if made.is_none() {
            passed_over("no file system can be mounted in a namespace of one's own");
        }
        made
    }

    fn by(way: &[&str], size: &str) -> Option<Self> {
        let at = fixtures::folder();
        let held = Command::new("unshare")
            .args(way)
            .args(["sh", "-c", HOLD])
            .arg(at.path())
            .arg(size)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut mount = Self { holder: held.ok()?, is_mapped: way.len() > 1, at };
        let mut line = String::new();
        let told = mount.holder.stdout.as_mut().expect("piped");
        BufReader::new(told).read_line(&mut line).expect("text");
        (line == "mounted\n").then_some(mount)
    }

    /// Where the disk is, for whoever is inside.
    pub(super) fn path(&self) -> &Path {
        self.at.path()
    }

    /// The same from outside.
    pub(super) fn seen(&self) -> PathBuf {
        let inside = self.path().strip_prefix("/").expect("an absolute path");
        Path::new("/proc").join(self.holder.id().to_string()).join("root").join(inside)
    }

    /// A program that runs inside.
    pub(super) fn command(&self, program: &[&str]) -> Command {
        let holder = self.holder.id().to_string();
        let mut way = vec!["--target", &holder, "--mount"];
        if self.is_mapped {
            way.extend(["--user", "--preserve-credentials"]);
        }
        undisturbed("nsenter", &[&way, program].concat())
    }

    /// A server that runs inside.
    pub(super) fn server(&self, arguments: &[&str]) -> Command {
        self.command(&[&[env!("CARGO_BIN_EXE_omnidesk-mock")], arguments].concat())
    }

    /// Runs a command inside, which must go well.
    pub(super) fn run(&self, program: &[&str]) {
        let ended = self.command(program).status().expect("nsenter runs");
        assert!(ended.success(), "{program:?}: {ended}");
    }

    /// Whether what is mounted at this path inside can be written from now on.
    pub(super) fn writable(&self, path: &Path, writable: bool) {
        let how = if writable { "remount,bind,rw" } else { "remount,bind,ro" };
        self.run(&["mount", "-o", how, path.to_str().expect("text")]);
    }

    /// Fills the disk so that only so many bytes are left.
    pub(super) fn leave(&self, bytes: u64) {
        let mut ballast = File::create(self.ballast()).expect("the ballast can be made");
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
    pub(super) fn make_room(&self) {
        std::fs::remove_file(self.ballast()).expect("the ballast can be removed");
    }

    fn ballast(&self) -> PathBuf {
        self.seen().join("ballast")
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // It may have ended already; there is nothing more to do then.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
