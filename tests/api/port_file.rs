//! `--port-file`: existing files, failed startups, and paths that are not regular files.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use crate::support::files::create_temp_dir;
use crate::support::process::{RunningProcess, build_command};

/// The content of an earlier run's port file.
const STALE_ADDRESS: &str = "127.0.0.1:9";
/// The content of a file that is not a port file.
const UNRELATED_TEXT: &str = "Call me Ishmael.";

fn path_str(path: &Path) -> &str {
    path.to_str().expect("the path is UTF-8")
}

/// Returns the file names in a directory.
fn list_file_names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the directory exists");
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
    let mut names: Vec<_> =
        entries.map(|entry| name(entry).into_string().expect("the name is UTF-8")).collect();
    names.sort();
    names
}

/// Asserts that the file contains the server's address.
fn assert_contains_address(file: &Path, base: &str) {
    let written = fs::read_to_string(file).expect("the port file exists once the server is ready");
    assert_eq!(format!("http://{written}"), base);
}

#[test]
fn regular_file_is_replaced_without_leftover_files() {
    for before in [None, Some(""), Some(STALE_ADDRESS), Some(UNRELATED_TEXT)] {
        let folder = create_temp_dir();
        let file = folder.path().join("port");
        if let Some(before) = before {
            fs::write(&file, before).expect("the file is written");
        }
        let mut running = RunningProcess::spawn_server(&["--port-file", path_str(&file)]);
        assert_contains_address(&file, &running.base_url());
        assert_eq!(list_file_names(folder.path()), ["port"], "{before:?}");
        assert_eq!(running.stop().exit_code, Some(0), "{before:?}");
    }
}

#[test]
fn failed_startup_leaves_existing_file_untouched() {
    let (top, address_in_use) =
        (create_temp_dir(), std::net::TcpListener::bind("127.0.0.1:0").expect("a free port"));
    let address_in_use = address_in_use.local_addr().expect("an address").to_string();
    let seed = top.path().join("seed.yaml");
    fs::write(&seed, "accounts: 7\n").expect("the file is written");
    let file = top.path().join("port");
    for (reason, arguments) in [
        ("the address is in use", vec!["--listen", &address_in_use]),
        ("the seed is invalid", vec!["--listen", "127.0.0.1:0", "--seed", path_str(&seed)]),
        ("the key is invalid", vec!["--listen", "127.0.0.1:0", "--api-key", "no key!"]),
        ("a setting is invalid", vec!["--listen", "127.0.0.1:0", "--max-accounts", "none"]),
    ] {
        for before in [STALE_ADDRESS, UNRELATED_TEXT] {
            fs::write(&file, before).expect("the file is written");
            let common = ["--ephemeral", "--port-file", path_str(&file)];
            let ended =
                RunningProcess::spawn(&mut build_command(&[&common[..], &arguments[..]].concat()))
                    .wait_for_exit();
            assert!(matches!(ended.exit_code, Some(1..)), "{reason}: {ended:?}");
            assert_eq!(fs::read_to_string(&file).ok().as_deref(), Some(before), "{reason}");
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
    // Seeding fails after the data directory was locked; the stale file was removed before that.
    let top = create_temp_dir();
    let file = top.path().join("port");
    fs::write(&file, STALE_ADDRESS).expect("the file is written");
    let seed = top.path().join("seed.json");
    fs::write(&seed, r#"{"accounts":{"b":{},"a":{}}}"#).expect("the file is written");
    let arguments =
        ["--port-file", path_str(&file), "--seed", path_str(&seed), "--max-accounts", "1"];
    let ended = RunningProcess::spawn_server(&arguments).wait_for_exit();
    assert_eq!(ended.exit_code, Some(1), "the seed has too many accounts: {ended:?}");
    assert!(!file.exists(), "the stale file is removed");
    fs::write(&file, UNRELATED_TEXT).expect("the file is written");
    assert_eq!(RunningProcess::spawn_server(&arguments).wait_for_exit().exit_code, Some(1));
    assert_eq!(fs::read_to_string(&file).expect("the file is readable"), UNRELATED_TEXT);
}

#[cfg(unix)]
mod unix {
    //! Paths that are not regular files.

    use std::os::unix::fs::{FileTypeExt, symlink};
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::support::files::create_fifo;

    fn is_fifo(path: &Path) -> bool {
        fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo())
    }

    #[test]
    fn symlink_is_followed_and_kept() {
        for before in [None, Some(STALE_ADDRESS), Some(UNRELATED_TEXT)] {
            let folder = create_temp_dir();
            let (link, target) = (folder.path().join("port"), folder.path().join("target"));
            if let Some(before) = before {
                fs::write(&target, before).expect("the file is written");
            }
            symlink(&target, &link).expect("the symlink is created");
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
        symlink(&fifo, &link).expect("the symlink is created");
        for path in [&fifo, &link] {
            let mut running = RunningProcess::spawn_server(&["--port-file", path_str(path)]);
            // Startup does not wait for the FIFO's reader.
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
        let (socket, directory) = (folder.path().join("socket"), folder.path().join("inside"));
        let _listener = UnixListener::bind(&socket).expect("the socket is bound");
        fs::create_dir(&directory).expect("the directory is created");
        let link = folder.path().join("link");
        symlink(&directory, &link).expect("the symlink is created");
        for path in [&socket, &directory, &link] {
            let ended =
                RunningProcess::spawn_server(&["--port-file", path_str(path)]).wait_for_exit();
            assert_eq!(ended.exit_code, Some(1), "{path:?}: {ended:?}");
            assert!(ended.stderr.contains(path_str(path)), "{path:?}: {ended:?}");
            assert!(!ended.stdout.contains("listening"), "{path:?}: {ended:?}");
        }
        assert_eq!(list_file_names(folder.path()), ["inside", "link", "socket"]);
        let kind = fs::symlink_metadata(&socket).expect("the socket exists").file_type();
        assert!(kind.is_socket() && directory.is_dir() && link.is_symlink());
    }

    #[test]
    fn planted_symlink_at_temporary_path_is_not_followed() {
        let folder = create_temp_dir();
        let (file, decoy) = (folder.path().join("port"), folder.path().join("decoy"));
        fs::write(&decoy, UNRELATED_TEXT).expect("the file is written");
        let temporary = folder.path().join("port.unfinished");
        symlink(&decoy, &temporary).expect("the symlink is created");
        let mut running = RunningProcess::spawn_server(&["--port-file", path_str(&file)]);
        assert_contains_address(&file, &running.base_url());
        assert_eq!(fs::read_to_string(&decoy).expect("the file is readable"), UNRELATED_TEXT);
        assert!(temporary.is_symlink());
        assert_eq!(running.stop().exit_code, Some(0));
    }

    #[test]
    fn failed_startup_keeps_fifo_and_symlink() {
        let folder = create_temp_dir();
        let (fifo, link) = (folder.path().join("fifo"), folder.path().join("link"));
        let target = folder.path().join("target");
        create_fifo(&fifo);
        fs::write(&target, STALE_ADDRESS).expect("the file is written");
        symlink(&target, &link).expect("the symlink is created");
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
        assert_eq!(fs::read_to_string(&target).expect("the file is readable"), STALE_ADDRESS);
    }

    #[test]
    fn port_file_mode_respects_umask() {
        use std::os::unix::fs::PermissionsExt;
        let folder = create_temp_dir();
        let (file, plain) = (folder.path().join("port"), folder.path().join("plain"));
        fs::write(&plain, "").expect("the file is written");
        let mut running = RunningProcess::spawn_server(&["--port-file", path_str(&file)]);
        running.base_url();
        let mode = |path: &Path| fs::metadata(path).expect("the file exists").permissions().mode();
        assert_eq!(mode(&file), mode(&plain));
        let written = fs::read_to_string(&file).expect("the file is readable");
        assert!(written.parse::<SocketAddr>().is_ok(), "{written}");
    }
}
