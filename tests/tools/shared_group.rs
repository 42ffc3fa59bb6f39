//! A data directory that several users of one group use in turn, like the volume of a container whose user changes.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::support::files::create_temp_dir;
use crate::support::process::{PROGRAM, build_clean_env_command};
use crate::support::server::Server;
use crate::support::ticket::NEW_TICKET_FORM;
use crate::support::tools::{Tool, try_run};
use crate::tool_test::{ToolTest, tool_tests};

pub(super) fn tests() -> Vec<ToolTest> {
    tool_tests![SETPRIV =>
        async each_user_of_the_group_can_use_the_data_directory,
        async files_of_a_private_directory_stay_private,
    ]
}

/// setpriv, with the permission to run the program as another user.
static SETPRIV: Tool = Tool::new("setpriv", || {
    let arguments = [&user_arguments("12345")[..], &[PROGRAM, "--version"]].concat();
    try_run("setpriv", &arguments, "not permitted to run the program as another user")
});

/// Arguments of setpriv for a user of group 0 without other groups, as in a container.
fn user_arguments(user: &str) -> [&str; 5] {
    ["--reuid", user, "--regid", "0", "--clear-groups"]
}

/// Starts a server as this user. Without the permissions of the directory, its files would belong to the user alone.
fn start_as(user: &str, data: &Path) -> Server {
    let script = "umask 077; exec \"$0\" \"$@\"";
    let data = data.to_str().expect("the path is UTF-8");
    let port_file = format!("{data}/port");
    let server = ["serve", "--listen", "127.0.0.1:0", "--data", data, "--port-file", &port_file];
    let arguments = [&user_arguments(user)[..], &["sh", "-c", script, PROGRAM], &server].concat();
    Server::start_command(&mut build_clean_env_command("setpriv", &arguments))
}

/// Creates a directory with this mode, which belongs to group 0 and to nobody who starts a server.
fn create_data_dir(parent: &Path, mode: u32) -> PathBuf {
    fs::set_permissions(parent, fs::Permissions::from_mode(0o755)).expect("the mode is set");
    let data = parent.join("data");
    fs::create_dir(&data).expect("the directory is created");
    fs::set_permissions(&data, fs::Permissions::from_mode(mode)).expect("the mode is set");
    data
}

/// Returns the files and directories below a directory, each with the mode bits of its group.
fn list_group_modes(dir: &Path) -> Vec<(PathBuf, u32)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("the directory is readable") {
        let path = entry.expect("an entry").path();
        let mode = path.metadata().expect("the file exists").permissions().mode();
        if path.is_dir() {
            found.extend(list_group_modes(&path));
        }
        found.push((path, mode >> 3 & 7));
    }
    found
}

fn assert_shared(data: &Path) {
    let modes = list_group_modes(data);
    for suffix in ["catalogue.db", "catalogue.db-wal", "catalogue.db-shm", "accounts", "dev.db"] {
        let is_there = modes.iter().any(|(path, _)| path.to_string_lossy().contains(suffix));
        assert!(is_there, "{suffix} is missing in {modes:?}");
    }
    for (path, mode) in modes {
        // The next start only replaces the port file, and the umask applies to it.
        let expected = match path.file_name() {
            Some(name) if name == "port" => continue,
            _ if path.is_dir() => 7,
            _ => 6,
        };
        assert_eq!(mode, expected, "{}", path.display());
    }
}

async fn each_user_of_the_group_can_use_the_data_directory() {
    let dir = create_temp_dir();
    let shared = create_data_dir(dir.path(), 0o2775);
    // Also a directory that the server creates itself.
    for data in [shared.clone(), shared.join("new")] {
        for (index, user) in ["12345", "54321", "65532", "12345"].into_iter().enumerate() {
            let server = start_as(user, &data);
            for id in 1..=index {
                let title = json!(format!("user {id}"));
                let path = format!("/api/v2/ticket/{id}");
                assert_eq!(server.get(&path).await.body["item"]["title"], title, "{user}");
                let again = server.send_form("PUT", &path, &format!("title=user {id}")).await;
                assert_eq!(again.status, 200, "{user}: {again:?}");
            }
            let id = index + 1;
            let created = server.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await;
            assert_eq!(created.status, 200, "{user}: {created:?}");
            let path = format!("/api/v2/ticket/{id}");
            server.send_form("PUT", &path, &format!("title=user {id}")).await;
            let account = "/_control/accounts/dev";
            let snapshot =
                server.request("PUT", &format!("{account}/snapshots/s{id}")).send().await;
            let status = snapshot.expect("the server responds").status();
            assert!(status.is_success(), "{user}: {status}");
            // Open the database again, after the snapshot took its file.
            assert_eq!(server.get(&path).await.status, 200);
            server.send_form("PUT", &path, &format!("title=user {id}")).await;
            assert_shared(&data);
            if index % 2 == 0 {
                // The write-ahead log and its index stay.
                server.kill();
            } else {
                server.stop_cleanly();
            }
        }
    }
    assert!(!fs::read(shared.join("port")).expect("the port file").is_empty());
}

async fn files_of_a_private_directory_stay_private() {
    let dir = create_temp_dir();
    let data = create_data_dir(dir.path(), 0o700);
    std::os::unix::fs::chown(&data, Some(12345), None).expect("root may do this");
    // The directory that contains the files counts, not that of a link to it.
    let link = dir.path().join("link");
    symlink(&data, &link).expect("the link is created");
    let server = start_as("12345", &link);
    let created = server.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await;
    assert_eq!(created.status, 200, "{created:?}");
    for (path, mode) in list_group_modes(&data) {
        assert_eq!(mode, 0, "{}", path.display());
    }
    server.stop_cleanly();
}
