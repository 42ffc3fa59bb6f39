//! Paths in the data folder that are somebody else's: links, pipes and folders are neither followed nor replaced.

use std::os::unix::fs::symlink;
use std::path::Path;

use super::{ServerProcess, assert_account_usable, create_account_with_tickets, server_arguments};
use crate::fixtures;
use crate::process::{RunningProcess, build_command};

fn create_fifo(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.expect("mkfifo runs").success());
}

/// A server does not start where this has the place of its catalogue, and leaves it there.
fn assert_startup_fails_and_keeps(case: &str, put: fn(&Path)) {
    let data = fixtures::create_temp_dir();
    let path = data.path().join("catalogue.db");
    put(&path);
    let before = path.symlink_metadata().expect("it is there").file_type();
    let ended =
        RunningProcess::spawn(&mut build_command(&server_arguments(data.path()))).wait_for_exit();
    assert_eq!(ended.exit_code, Some(1), "{case}: {ended:?}");
    assert!(ended.stderr.contains("catalogue.db"), "{case}: {ended:?}");
    let after = path.symlink_metadata().expect("it is still there").file_type();
    assert_eq!(after, before, "{case}");
}

#[test]
fn fifo_symlink_or_directory_as_catalogue_stops_startup() {
    assert_startup_fails_and_keeps("a pipe", create_fifo);
    assert_startup_fails_and_keeps("a link to nothing", |path| {
        symlink("/nonexistent/place", path).expect("a link");
    });
    assert_startup_fails_and_keeps("a folder", |path| std::fs::create_dir(path).expect("a folder"));
}

#[tokio::test]
async fn planted_symlink_is_not_written_through() {
    let (data, other) = (fixtures::create_temp_dir(), fixtures::create_temp_dir());
    let target = other.path().join("target");
    for name in ["catalogue.db-new", "accounts/acme.db", "accounts/acme.2.db-wal", "seeds/dev.db"] {
        let path = data.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
        if name.starts_with("catalogue") {
            std::fs::write(&target, "somebody's").expect("it is written");
            symlink(&target, path).expect("a link");
        } else {
            symlink(other.path().join("nothing"), path).expect("a link");
        }
    }
    // A new catalogue is made only where nothing is beside it.
    let planted = data.path().join("accounts");
    let aside = data.path().join("aside");
    std::fs::rename(&planted, &aside).expect("out of the way");
    std::fs::rename(data.path().join("seeds"), data.path().join("seeds-aside")).expect("so, too");
    ServerProcess::start_on(data.path()).stop();
    for entry in std::fs::read_dir(&aside).expect("the links") {
        let entry = entry.expect("an entry");
        std::fs::create_dir_all(&planted).expect("the folder");
        std::fs::rename(entry.path(), planted.join(entry.file_name())).expect("back");
    }
    let server = ServerProcess::start_on(data.path());
    assert_account_usable(&create_account_with_tickets(&server.client, "acme", 2).await).await;
    server.stop();
    assert_eq!(std::fs::read_to_string(&target).expect("it is there"), "somebody's");
    let entries = std::fs::read_dir(other.path()).expect("the folder").count();
    assert_eq!(entries, 1, "nothing was written outside of the data folder");
}
