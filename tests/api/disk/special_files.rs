//! Special files in the data directory: symlinks, FIFOs and directories are neither followed nor replaced.

use std::os::unix::fs::symlink;
use std::path::Path;

use crate::support::disk::{
    assert_account_usable, create_account_with_tickets, server_arguments, start_on,
};
use crate::support::files::{self, create_fifo};
use crate::support::process::{RunningProcess, build_command};

/// Asserts that a server with this file as its catalogue does not start and does not replace the file.
fn assert_startup_fails_and_keeps(case: &str, create: fn(&Path)) {
    let data = files::create_temp_dir();
    let path = data.path().join("catalogue.db");
    create(&path);
    let before = path.symlink_metadata().expect("the file exists").file_type();
    let output =
        RunningProcess::spawn(&mut build_command(&server_arguments(data.path()))).wait_for_exit();
    assert_eq!(output.exit_code, Some(1), "{case}: {output:?}");
    assert!(output.stderr.contains("catalogue.db"), "{case}: {output:?}");
    let after = path.symlink_metadata().expect("the file still exists").file_type();
    assert_eq!(after, before, "{case}");
}

#[test]
fn fifo_symlink_or_directory_as_catalogue_stops_startup() {
    assert_startup_fails_and_keeps("a FIFO", create_fifo);
    assert_startup_fails_and_keeps("a dangling symlink", |path| {
        symlink("/nonexistent/place", path).expect("the symlink is created");
    });
    assert_startup_fails_and_keeps("a directory", |path| {
        std::fs::create_dir(path).expect("the directory is created");
    });
}

#[tokio::test]
async fn planted_symlink_is_not_written_through() {
    let (data, other) = (files::create_temp_dir(), files::create_temp_dir());
    let target = other.path().join("target");
    for name in ["catalogue.db-new", "accounts/acme.db", "accounts/acme.2.db-wal", "seeds/dev.db"] {
        let path = data.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent directory"))
            .expect("the directory is created");
        if name.starts_with("catalogue") {
            std::fs::write(&target, "foreign").expect("the file is written");
            symlink(&target, path).expect("the symlink is created");
        } else {
            symlink(other.path().join("nothing"), path).expect("the symlink is created");
        }
    }
    // The server creates a new catalogue only if there are no other data files, so move the symlinks away.
    let planted = data.path().join("accounts");
    let aside = data.path().join("aside");
    std::fs::rename(&planted, &aside).expect("the directory is moved");
    std::fs::rename(data.path().join("seeds"), data.path().join("seeds-aside"))
        .expect("the directory is moved");
    start_on(data.path()).stop_cleanly();
    for entry in std::fs::read_dir(&aside).expect("the directory exists") {
        let entry = entry.expect("an entry");
        std::fs::create_dir_all(&planted).expect("the directory is created");
        std::fs::rename(entry.path(), planted.join(entry.file_name()))
            .expect("the symlink is moved back");
    }
    let server = start_on(data.path());
    assert_account_usable(&create_account_with_tickets(&server, "acme", 2).await).await;
    server.stop_cleanly();
    assert_eq!(std::fs::read_to_string(&target).expect("the file exists"), "foreign");
    let entries = std::fs::read_dir(other.path()).expect("the directory exists").count();
    assert_eq!(entries, 1, "the server wrote outside the data directory");
}
