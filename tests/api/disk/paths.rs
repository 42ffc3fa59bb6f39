//! Paths in the data folder that are somebody else's: links, pipes and folders are neither followed nor replaced.

use std::os::unix::fs::symlink;
use std::path::Path;

use super::{Serving, account, goes_on, serve};
use crate::fixtures;
use crate::program::{Running, command};

fn pipe(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.expect("mkfifo runs").success());
}

/// A server does not start where this has the place of its catalogue, and leaves it there.
fn stays(case: &str, put: fn(&Path)) {
    let data = fixtures::folder();
    let path = data.path().join("catalogue.db");
    put(&path);
    let before = path.symlink_metadata().expect("it is there").file_type();
    let ended = Running::spawn(&mut command(&serve(data.path()))).finish();
    assert_eq!(ended.code, Some(1), "{case}: {ended:?}");
    assert!(ended.stderr.contains("catalogue.db"), "{case}: {ended:?}");
    let after = path.symlink_metadata().expect("it is still there").file_type();
    assert_eq!(after, before, "{case}");
}

#[test]
fn what_is_no_file_is_not_taken_for_a_catalogue_and_stays() {
    stays("a pipe", pipe);
    stays("a link to nothing", |path| symlink("/nonexistent/place", path).expect("a link"));
    stays("a folder", |path| std::fs::create_dir(path).expect("a folder"));
}

#[tokio::test]
async fn a_planted_link_is_not_written_through() {
    let (data, other) = (fixtures::folder(), fixtures::folder());
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
    Serving::on(data.path()).stop();
    for entry in std::fs::read_dir(&aside).expect("the links") {
        let entry = entry.expect("an entry");
        std::fs::create_dir_all(&planted).expect("the folder");
        std::fs::rename(entry.path(), planted.join(entry.file_name())).expect("back");
    }
    let server = Serving::on(data.path());
    goes_on(&account(&server.client, "acme", 2).await).await;
    server.stop();
    assert_eq!(std::fs::read_to_string(&target).expect("it is there"), "somebody's");
    let entries = std::fs::read_dir(other.path()).expect("the folder").count();
    assert_eq!(entries, 1, "nothing was written outside of the data folder");
}
