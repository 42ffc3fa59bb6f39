//! A small tmpfs in a private mount namespace, for one test and its servers.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::support::files;
use crate::support::process::{PROGRAM, build_clean_env_command};
use crate::support::tools::Tool;

/// Mounts a tmpfs of size `$1` at `$0`, and keeps the namespace alive until stdin is closed.
const MOUNT_SCRIPT: &str = "mount -t tmpfs -o size=\"$1\" tmpfs \"$0\" && echo mounted && exec cat";
/// The flags of unshare: for root, and for other users with a user namespace.
const UNSHARE_FLAGS: [&[&str]; 2] = [&["--mount"], &["--mount", "--map-root-user"]];

/// mount, in a private namespace.
pub(super) static MOUNT: Tool = Tool::new("mount", || {
    let disk = TmpfsDisk::try_mount_as_any_user("1m");
    disk.map(drop).ok_or_else(|| "not permitted in a private namespace".to_owned())
});

/// A small disk that is unmounted when dropped.
pub(super) struct TmpfsDisk {
    namespace_process: Child,
    has_user_namespace: bool,
    mount_dir: TempDir,
}

impl TmpfsDisk {
    /// Mounts a disk of 24 MB.
    pub(super) fn mount() -> Self {
        Self::mount_with_size("24m")
    }

    /// Mounts a disk of another size, such as `8m`.
    pub(super) fn mount_with_size(size: &str) -> Self {
        Self::try_mount_as_any_user(size).expect("the probe of the tool has mounted a disk")
    }

    fn try_mount_as_any_user(size: &str) -> Option<Self> {
        UNSHARE_FLAGS.iter().find_map(|flags| Self::try_mount(flags, size))
    }

    fn try_mount(flags: &[&str], size: &str) -> Option<Self> {
        let mount_dir = files::create_temp_dir();
        let child = Command::new("unshare")
            .args(flags)
            .args(["sh", "-c", MOUNT_SCRIPT])
            .arg(mount_dir.path())
            .arg(size)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut mount =
            Self { namespace_process: child.ok()?, has_user_namespace: flags.len() > 1, mount_dir };
        let mut line = String::new();
        let stdout = mount.namespace_process.stdout.as_mut().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("text");
        (line == "mounted\n").then_some(mount)
    }

    /// Returns the mount point inside the namespace.
    pub(super) fn path(&self) -> &Path {
        self.mount_dir.path()
    }

    /// Returns the path of the disk outside the namespace.
    pub(super) fn path_from_host(&self) -> PathBuf {
        let relative = self.path().strip_prefix("/").expect("an absolute path");
        Path::new("/proc").join(self.namespace_process.id().to_string()).join("root").join(relative)
    }

    /// Builds a command that runs inside the namespace.
    pub(super) fn build_command(&self, program: &[&str]) -> Command {
        let pid = self.namespace_process.id().to_string();
        let mut flags = vec!["--target", &pid, "--mount"];
        if self.has_user_namespace {
            flags.extend(["--user", "--preserve-credentials"]);
        }
        build_clean_env_command("nsenter", &[&flags, program].concat())
    }

    /// Builds the command of a server inside the namespace.
    pub(super) fn build_server_command(&self, arguments: &[&str]) -> Command {
        self.build_command(&[&[PROGRAM], arguments].concat())
    }

    /// Runs a command inside the namespace, and asserts its success.
    pub(super) fn run(&self, program: &[&str]) {
        let status = self.build_command(program).status().expect("nsenter runs");
        assert!(status.success(), "{program:?}: {status}");
    }

    /// Remounts the file system at this path as writable or read-only.
    pub(super) fn set_writable(&self, path: &Path, writable: bool) {
        let options = if writable { "remount,bind,rw" } else { "remount,bind,ro" };
        self.run(&["mount", "-o", options, path.to_str().expect("text")]);
    }

    /// Fills the disk until this number of bytes is free.
    pub(super) fn fill_leaving(&self, bytes: u64) {
        let mut file = File::create(self.filler_path()).expect("the filler file is created");
        let mut chunk = vec![0; 1 << 20];
        while !chunk.is_empty() {
            match file.write_all(&chunk) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => {
                    chunk.truncate(chunk.len() / 2);
                }
                Err(error) => panic!("{error}"),
            }
        }
        let size = file.metadata().expect("the file has metadata").len();
        file.set_len(size - bytes).expect("the file shrinks");
    }

    /// Frees the space again.
    pub(super) fn free_space(&self) {
        std::fs::remove_file(self.filler_path()).expect("the filler file is removed");
    }

    fn filler_path(&self) -> PathBuf {
        self.path_from_host().join("filler")
    }
}

impl Drop for TmpfsDisk {
    fn drop(&mut self) {
        // The process may have exited already; then the kill fails.
        let _ = self.namespace_process.kill();
        let _ = self.namespace_process.wait();
    }
}
