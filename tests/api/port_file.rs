//! The file of `--port-file`: what was there before, what a failed start leaves, and what is no regular file.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use crate::fixtures::create_temp_dir;
use crate::process::{RunningProcess, build_command};

/// What an earlier run has left.
const STALE_ADDRESS: &str = "127.0.0.1:9";
/// What is no port file.
const UNRELATED_TEXT: &str = "Call me Ishmael.";

fn path_str(path: &Path) -> &str {
    path.to_str().expect("the path is text")
}

/// The names in a folder.
fn list_file_names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
    let mut names: Vec<_> =
        entries.map(|entry| name(entry).into_string().expect("the name is text")).collect();
    names.sort();
    names
}

/// Checks that the file tells the address.
fn assert_contains_address(file: &Path, base: &str) {
    let written = fs::read_to_string(file).expect("it is there once the server is ready");
    assert_eq!(format!("http://{written}"), base);
}

#[test]
fn regular_file_is_replaced_without_leftover_files() {
    for before in [None, Some(""), Some(STALE_ADDRESS), Some(UNRELATED_TEXT)] {
        let folder = create_temp_dir();
        let file = folder.path().join("port");
        if let Some(before) = before {
            fs::write(&file, before).expect("it can be written");
        }
        let mut running = RunningProcess::spawn_server(&["--port-file", path_str(&file)]);
        assert_contains_address(&file, &running.base_url());
        assert_eq!(list_file_names(folder.path()), ["port"], "{before:?}");
        assert_eq!(running.stop().exit_code, Some(0), "{before:?}");
    }
}

#[test]
fn failed_startup_leaves_existing_file_untouched() {
    let (top, held) =
        (create_temp_dir(), std::net::TcpListener::bind("127.0.0.1:0").expect("a free port"));
    let held = held.local_addr().expect("an address").to_string();
    let seed = top.path().join("seed.yaml");
    fs::write(&seed, "accounts: 7\n").expect("it can be written");
    let file = top.path().join("port");
    for (why, arguments) in [
        ("the address is taken", vec!["--listen", &held]),
        ("the seed is wrong", vec!["--listen", "127.0.0.1:0", "--seed", path_str(&seed)]),
        ("the key is none", vec!["--listen", "127.0.0.1:0", "--api-key", "no key!"]),
        ("a setting is wrong", vec!["--listen", "127.0.0.1:0", "--max-accounts", "none"]),
    ] {
        for before in [STALE_ADDRESS, UNRELATED_TEXT] {
            fs::write(&file, before).expect("it can be written");
            let fixed = ["--ephemeral", "--port-file", path_str(&file)];
            let ended =
                RunningProcess::spawn(&mut build_command(&[&fixed[..], &arguments[..]].concat()))
                    .wait_for_exit();
            assert!(matches!(ended.exit_code, Some(1..)), "{why}: {ended:?}");
            assert_eq!(fs::read_to_string(&file).ok().as_deref(), Some(before), "{why}");
        }
    }
}

#[test]
fn second_server_does_not_replace_running_servers_port_file() {
    let top = create_temp_dir();
    let (data, file) = (top.path().join("data"), top.path().join("port"));
    let arguments =
        ["--listen", "127.0.0.1:0", "--data", path_str(&data), "--port-file", path_str(&file)];
    let mut first = RunningProcess::spawn(&mut build_command(&arguments));
    let base = first.base_url();
    let second = RunningProcess::spawn(&mut build_command(&arguments)).wait_for_exit();
    assert_eq!(second.exit_code, Some(1), "{second:?}");
    assert_contains_address(&file, &base);
    assert_eq!(first.stop().exit_code, Some(0));
}

#[test]
fn stale_port_file_is_removed_before_seeding() {
    // The planting fails, after the folder was taken: what is gone then was gone before.
    let top = create_temp_dir();
    let file = top.path().join("port");
    fs::write(&file, STALE_ADDRESS).expect("it can be written");
    let seed = top.path().join("seed.json");
    let twice =
        r#"{"accounts":{"a":{"keys":[{"key":"dev-key","name":"ci","permissions":"all"}]}}}"#;
    fs::write(&seed, twice).expect("it can be written");
    let arguments =
        ["--port-file", path_str(&file), "--seed", path_str(&seed), "--api-key", "dev-key"];
    let ended = RunningProcess::spawn_server(&arguments).wait_for_exit();
    assert_eq!(ended.exit_code, Some(1), "two accounts want the same key: {ended:?}");
    assert!(!file.exists(), "it would be read for the new run's");
    fs::write(&file, UNRELATED_TEXT).expect("it can be written");
    assert_eq!(RunningProcess::spawn_server(&arguments).wait_for_exit().exit_code, Some(1));
    assert_eq!(fs::read_to_string(&file).expect("it is there"), UNRELATED_TEXT);
}

#[cfg(unix)]
mod unix {
    //! What is no regular file.

    use std::os::unix::fs::{FileTypeExt, symlink};
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    use super::*;

    fn create_fifo(path: &Path) {
        let made = Command::new("mkfifo").arg(path).status().expect("mkfifo runs");
        assert!(made.success());
    }

    fn is_fifo(path: &Path) -> bool {
        fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_fifo())
    }

    #[test]
    fn symlink_is_followed_and_kept() {
        for before in [None, Some(STALE_ADDRESS), Some(UNRELATED_TEXT)] {
            let folder = create_temp_dir();
            let (link, target) = (folder.path().join("port"), folder.path().join("target"));
            if let Some(before) = before {
                fs::write(&target, before).expect("it can be written");
            }
            symlink(&target, &link).expect("a link is made");
            let mut running = RunningProcess::spawn_server(&["--port-file", path_str(&link)]);
            let base = running.base_url();
            assert!(link.is_symlink(), "{before:?}");
            assert_contains_address(&target, &base);
            assert_eq!(list_file_names(folder.path()), ["port", "target"], "{before:?}");
            assert_eq!(running.stop().exit_code, Some(0), "{before:?}");
        }
    }

    #[test]
    fn fifo_reader_receives_the_address() {
        let folder = create_temp_dir();
        let (fifo, link) = (folder.path().join("fifo"), folder.path().join("link"));
        create_fifo(&fifo);
        symlink(&fifo, &link).expect("a link is made");
        for path in [&fifo, &link] {
            let mut running = RunningProcess::spawn_server(&["--port-file", path_str(path)]);
            // The start does not wait for the reader.
            let base = running.base_url();
            assert_contains_address(path, &base);
            assert!(is_fifo(&fifo) && link.is_symlink());
            assert_eq!(running.stop().exit_code, Some(0));
        }
        assert_eq!(list_file_names(folder.path()), ["fifo", "link"]);
    }

    #[test]
    fn fifo_without_reader_blocks_neither_startup_nor_shutdown() {
        let folder = create_temp_dir();
        let fifo = folder.path().join("fifo");
        create_fifo(&fifo);
        let mut running = RunningProcess::spawn_server(&["--port-file", path_str(&fifo)]);
        running.base_url();
        assert_eq!(running.stop().exit_code, Some(0));
        assert!(is_fifo(&fifo));
    }

    #[test]
    fn unwritable_target_is_named_and_kept() {
        let folder = create_temp_dir();
        let (socket, inside) = (folder.path().join("socket"), folder.path().join("inside"));
        let _listener = UnixListener::bind(&socket).expect("a socket is made");
        fs::create_dir(&inside).expect("a folder is made");
        let link = folder.path().join("link");
        symlink(&inside, &link).expect("a link is made");
        for path in [&socket, &inside, &link] {
            let ended =
                RunningProcess::spawn_server(&["--port-file", path_str(path)]).wait_for_exit();
            assert_eq!(ended.exit_code, Some(1), "{path:?}: {ended:?}");
            assert!(ended.stderr.contains(path_str(path)), "{path:?}: {ended:?}");
            assert!(!ended.stdout.contains("listening"), "{path:?}: {ended:?}");
        }
        assert_eq!(list_file_names(folder.path()), ["inside", "link", "socket"]);
        let kind = fs::symlink_metadata(&socket).expect("it is there").file_type();
        assert!(kind.is_socket() && inside.is_dir() && link.is_symlink());
    }

    #[test]
    fn planted_symlink_at_temporary_path_is_not_followed() {
        let folder = create_temp_dir();
        let (file, decoy) = (folder.path().join("port"), folder.path().join("decoy"));
        fs::write(&decoy, UNRELATED_TEXT).expect("it can be written");
        let planted = folder.path().join("port.unfinished");
        symlink(&decoy, &planted).expect("a link is made");
        let mut running = RunningProcess::spawn_server(&["--port-file", path_str(&file)]);
        assert_contains_address(&file, &running.base_url());
        assert_eq!(fs::read_to_string(&decoy).expect("it is there"), UNRELATED_TEXT);
        assert!(planted.is_symlink());
        assert_eq!(running.stop().exit_code, Some(0));
    }

    #[test]
    fn failed_startup_keeps_fifo_and_symlink() {
        let folder = create_temp_dir();
        let (fifo, link) = (folder.path().join("fifo"), folder.path().join("link"));
        let target = folder.path().join("target");
        create_fifo(&fifo);
        fs::write(&target, STALE_ADDRESS).expect("it can be written");
        symlink(&target, &link).expect("a link is made");
        for path in [&fifo, &link] {
            let ended = RunningProcess::spawn_server(&[
                "--port-file",
                path_str(path),
                "--api-key",
                "no key!",
            ]);
            assert_eq!(ended.wait_for_exit().exit_code, Some(1));
        }
        assert!(is_fifo(&fifo) && link.is_symlink());
        assert_eq!(fs::read_to_string(&target).expect("it is there"), STALE_ADDRESS);
    }

    #[test]
    fn port_file_mode_respects_umask() {
        use std::os::unix::fs::PermissionsExt;
        let folder = create_temp_dir();
        let (file, plain) = (folder.path().join("port"), folder.path().join("plain"));
        fs::write(&plain, "").expect("it can be written");
        let mut running = RunningProcess::spawn_server(&["--port-file", path_str(&file)]);
        running.base_url();
        let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode();
        assert_eq!(mode(&file), mode(&plain));
        let written = fs::read_to_string(&file).expect("it is there");
        assert!(written.parse::<SocketAddr>().is_ok(), "{written}");
    }
}
