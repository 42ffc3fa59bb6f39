//! The file of `--port-file`: what was there before, what a failed start leaves, and what is no regular file.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use crate::fixtures::folder;
use crate::program::{Running, command};

/// What an earlier run has left.
const STALE: &str = "127.0.0.1:9";
/// What is no port file.
const NOVEL: &str = "Call me Ishmael.";

fn text(path: &Path) -> &str {
    path.to_str().expect("the path is text")
}

/// The names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
    let mut names: Vec<_> =
        entries.map(|entry| name(entry).into_string().expect("the name is text")).collect();
    names.sort();
    names
}

/// Checks that the file tells the address.
fn tells(file: &Path, base: &str) {
    let written = fs::read_to_string(file).expect("it is there once the server is ready");
    assert_eq!(format!("http://{written}"), base);
}

#[test]
fn a_regular_file_is_replaced_and_nothing_stays_beside_it() {
    for before in [None, Some(""), Some(STALE), Some(NOVEL)] {
        let folder = folder();
        let file = folder.path().join("port");
        if let Some(before) = before {
            fs::write(&file, before).expect("it can be written");
        }
        let mut running = Running::serve(&["--port-file", text(&file)]);
        tells(&file, &running.base());
        assert_eq!(names(folder.path()), ["port"], "{before:?}");
        assert_eq!(running.stop().code, Some(0), "{before:?}");
    }
}

#[test]
fn a_start_that_fails_leaves_a_file_that_is_not_its_own() {
    let (top, held) = (folder(), std::net::TcpListener::bind("127.0.0.1:0").expect("a free port"));
    let held = held.local_addr().expect("an address").to_string();
    let seed = top.path().join("seed.yaml");
    fs::write(&seed, "accounts: 7\n").expect("it can be written");
    let file = top.path().join("port");
    for (why, arguments) in [
        ("the address is taken", vec!["--listen", &held]),
        ("the seed is wrong", vec!["--listen", "127.0.0.1:0", "--seed", text(&seed)]),
        ("the key is none", vec!["--listen", "127.0.0.1:0", "--api-key", "no key!"]),
        ("a setting is wrong", vec!["--listen", "127.0.0.1:0", "--max-accounts", "none"]),
    ] {
        for before in [STALE, NOVEL] {
            fs::write(&file, before).expect("it can be written");
            let fixed = ["--ephemeral", "--port-file", text(&file)];
            let ended =
                Running::spawn(&mut command(&[&fixed[..], &arguments[..]].concat())).finish();
            assert!(matches!(ended.code, Some(1..)), "{why}: {ended:?}");
            assert_eq!(fs::read_to_string(&file).ok().as_deref(), Some(before), "{why}");
        }
    }
}

#[test]
fn the_port_file_of_a_server_that_runs_survives_a_second_one_on_its_folder() {
    let top = folder();
    let (data, file) = (top.path().join("data"), top.path().join("port"));
    let arguments = ["--listen", "127.0.0.1:0", "--data", text(&data), "--port-file", text(&file)];
    let mut first = Running::spawn(&mut command(&arguments));
    let base = first.base();
    let second = Running::spawn(&mut command(&arguments)).finish();
    assert_eq!(second.code, Some(1), "{second:?}");
    tells(&file, &base);
    assert_eq!(first.stop().code, Some(0));
}

#[test]
fn one_of_an_earlier_run_is_gone_while_the_new_run_plants() {
    // The planting fails, after the folder was taken: what is gone then was gone before.
    let top = folder();
    let file = top.path().join("port");
    fs::write(&file, STALE).expect("it can be written");
    let seed = top.path().join("seed.json");
    let twice =
        r#"{"accounts":{"a":{"keys":[{"key":"dev-key","name":"ci","permissions":"all"}]}}}"#;
    fs::write(&seed, twice).expect("it can be written");
    let arguments = ["--port-file", text(&file), "--seed", text(&seed), "--api-key", "dev-key"];
    let ended = Running::serve(&arguments).finish();
    assert_eq!(ended.code, Some(1), "two accounts want the same key: {ended:?}");
    assert!(!file.exists(), "it would be read for the new run's");
    fs::write(&file, NOVEL).expect("it can be written");
    assert_eq!(Running::serve(&arguments).finish().code, Some(1));
    assert_eq!(fs::read_to_string(&file).expect("it is there"), NOVEL);
}

#[cfg(unix)]
mod unix {
    //! What is no regular file.

    use std::os::unix::fs::{FileTypeExt, symlink};
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    use super::*;

    fn make_fifo(path: &Path) {
        let made = Command::new("mkfifo").arg(path).status().expect("mkfifo runs");
        assert!(made.success());
    }

    fn is_fifo(path: &Path) -> bool {
        fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_fifo())
    }

    #[test]
    fn a_link_stays_and_is_written_through() {
        for before in [None, Some(STALE), Some(NOVEL)] {
            let folder = folder();
            let (link, target) = (folder.path().join("port"), folder.path().join("target"));
            if let Some(before) = before {
                fs::write(&target, before).expect("it can be written");
            }
            symlink(&target, &link).expect("a link is made");
            let mut running = Running::serve(&["--port-file", text(&link)]);
            let base = running.base();
            assert!(link.is_symlink(), "{before:?}");
            tells(&target, &base);
            assert_eq!(names(folder.path()), ["port", "target"], "{before:?}");
            assert_eq!(running.stop().code, Some(0), "{before:?}");
        }
    }

    #[test]
    fn a_fifo_stays_and_its_reader_gets_the_address() {
        let folder = folder();
        let (fifo, link) = (folder.path().join("fifo"), folder.path().join("link"));
        make_fifo(&fifo);
        symlink(&fifo, &link).expect("a link is made");
        for path in [&fifo, &link] {
            let mut running = Running::serve(&["--port-file", text(path)]);
            // The start does not wait for the reader.
            let base = running.base();
            tells(path, &base);
            assert!(is_fifo(&fifo) && link.is_symlink());
            assert_eq!(running.stop().code, Some(0));
        }
        assert_eq!(names(folder.path()), ["fifo", "link"]);
    }

    #[test]
    fn a_fifo_without_a_reader_holds_up_neither_the_start_nor_the_end() {
        let folder = folder();
        let fifo = folder.path().join("fifo");
        make_fifo(&fifo);
        let mut running = Running::serve(&["--port-file", text(&fifo)]);
        running.base();
        assert_eq!(running.stop().code, Some(0));
        assert!(is_fifo(&fifo));
    }

    #[test]
    fn what_cannot_be_written_into_is_named_and_stays() {
        let folder = folder();
        let (socket, inside) = (folder.path().join("socket"), folder.path().join("inside"));
        let _listener = UnixListener::bind(&socket).expect("a socket is made");
        fs::create_dir(&inside).expect("a folder is made");
        let link = folder.path().join("link");
        symlink(&inside, &link).expect("a link is made");
        for path in [&socket, &inside, &link] {
            let ended = Running::serve(&["--port-file", text(path)]).finish();
            assert_eq!(ended.code, Some(1), "{path:?}: {ended:?}");
            assert!(ended.stderr.contains(text(path)), "{path:?}: {ended:?}");
            assert!(!ended.stdout.contains("listening"), "{path:?}: {ended:?}");
        }
        assert_eq!(names(folder.path()), ["inside", "link", "socket"]);
        let kind = fs::symlink_metadata(&socket).expect("it is there").file_type();
        assert!(kind.is_socket() && inside.is_dir() && link.is_symlink());
    }

    #[test]
    fn a_link_beside_it_that_somebody_planted_is_not_followed() {
        let folder = folder();
        let (file, decoy) = (folder.path().join("port"), folder.path().join("decoy"));
        fs::write(&decoy, NOVEL).expect("it can be written");
        let planted = folder.path().join("port.unfinished");
        symlink(&decoy, &planted).expect("a link is made");
        let mut running = Running::serve(&["--port-file", text(&file)]);
        tells(&file, &running.base());
        assert_eq!(fs::read_to_string(&decoy).expect("it is there"), NOVEL);
        assert!(planted.is_symlink());
        assert_eq!(running.stop().code, Some(0));
    }

    #[test]
    fn a_failed_start_leaves_what_is_no_regular_file() {
        let folder = folder();
        let (fifo, link) = (folder.path().join("fifo"), folder.path().join("link"));
        let target = folder.path().join("target");
        make_fifo(&fifo);
        fs::write(&target, STALE).expect("it can be written");
        symlink(&target, &link).expect("a link is made");
        for path in [&fifo, &link] {
            let ended = Running::serve(&["--port-file", text(path), "--api-key", "no key!"]);
            assert_eq!(ended.finish().code, Some(1));
        }
        assert!(is_fifo(&fifo) && link.is_symlink());
        assert_eq!(fs::read_to_string(&target).expect("it is there"), STALE);
    }

    #[test]
    fn others_may_read_it_as_far_as_the_umask_says() {
        use std::os::unix::fs::PermissionsExt;
        let folder = folder();
        let (file, plain) = (folder.path().join("port"), folder.path().join("plain"));
        fs::write(&plain, "").expect("it can be written");
        let mut running = Running::serve(&["--port-file", text(&file)]);
        running.base();
        let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode();
        assert_eq!(mode(&file), mode(&plain));
        let written = fs::read_to_string(&file).expect("it is there");
        assert!(written.parse::<SocketAddr>().is_ok(), "{written}");
    }
}
