//! Two servers must not share a data directory or an address.

use std::net::TcpListener;

use crate::support::files;
use crate::support::process::run_to_exit;
use crate::support::server::Server;
use crate::support::ticket::NEW_TICKET_FORM;

#[tokio::test]
async fn second_server_on_same_data_dir_is_rejected() {
    let data = files::create_temp_dir();
    let path = data.path().to_str().expect("the path is UTF-8");
    let first = Server::start_with_args(&["--data", path]);
    assert_eq!(first.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await.status, 200);

    let second = run_to_exit(&["serve", "--listen", "127.0.0.1:0", "--data", path]);
    assert!(!matches!(second.exit_code, Some(0)), "{second:?}");
    assert!(second.stderr.contains(path), "the message names the directory: {second:?}");
    assert!(!second.combined_output().contains("panicked"), "{second:?}");

    assert_eq!(first.get("/api/v2/ticket/1").await.status, 200, "the first server still works");
    assert_eq!(first.stop().exit_code, Some(0));
    assert_eq!(
        Server::start_with_args(&["--data", path]).get("/api/v2/ticket/1").await.status,
        200
    );
}

#[test]
fn killed_server_releases_data_dir_lock() {
    let data = files::create_temp_dir();
    let path = data.path().to_str().expect("the path is UTF-8");
    drop(Server::start_with_args(&["--data", path]));
    assert_eq!(Server::start_with_args(&["--data", path]).stop().exit_code, Some(0));
}

#[test]
fn an_address_in_use_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("the socket is bound").to_string();
    let refused = run_to_exit(&["serve", "--listen", &address, "--ephemeral"]);
    assert!(!matches!(refused.exit_code, Some(0)), "{refused:?}");
    assert!(refused.stderr.contains(&address), "{refused:?}");
    assert!(!refused.combined_output().contains("panicked"), "{refused:?}");
}

#[test]
fn unusable_data_dir_is_named() {
    let folder = files::create_temp_dir();
    let path = files::write_file(&folder, "data", "a file, no folder");
    let refused = run_to_exit(&["serve", "--listen", "127.0.0.1:0", "--data", &path]);
    assert!(!matches!(refused.exit_code, Some(0)), "{refused:?}");
    assert!(refused.stderr.contains(&path), "{refused:?}");
    assert!(!refused.combined_output().contains("panicked"), "{refused:?}");
}

/// Removing files must not let a second server use the directory.
#[tokio::test]
async fn removing_files_does_not_release_data_dir_lock() {
    let data = files::create_temp_dir();
    let path = data.path().to_str().expect("the path is UTF-8");
    let first = Server::start_with_args(&["--data", path]);
    for entry in std::fs::read_dir(data.path()).expect("the directory is readable") {
        let entry = entry.expect("an entry").path();
        let is_data = entry.is_dir() || entry.to_string_lossy().contains(".db");
        if !is_data {
            std::fs::remove_file(&entry).expect("the file is removed");
        }
    }
    std::fs::write(data.path().join("lock"), "").expect("a file of an earlier version");
    let second = run_to_exit(&["serve", "--listen", "127.0.0.1:0", "--data", path]);
    assert_eq!(second.exit_code, Some(1), "{second:?}");
    assert!(second.stderr.contains("in use by another server"), "{second:?}");
    assert_eq!(first.stop().exit_code, Some(0));
}

/// A server whose directory was replaced must write to neither the old nor the new one.
#[cfg(unix)]
#[tokio::test]
async fn server_with_replaced_data_dir_touches_neither() {
    let home = files::create_temp_dir();
    let (data, moved_data) = (home.path().join("data"), home.path().join("aside"));
    let path = data.to_str().expect("the path is UTF-8");
    let first = Server::start_with_args(&["--data", path]);
    assert_eq!(first.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await.status, 200);
    std::fs::rename(&data, &moved_data).expect("the directory is moved");
    let refused = first.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await;
    assert_eq!(refused.status, 500, "{}", refused.body);
    assert!(refused.message().contains("moved, removed or replaced"), "{}", refused.body);

    let second = Server::start_with_args(&["--data", path]);
    for _ in 0..3 {
        assert_eq!(second.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await.status, 200);
    }
    for (method, path) in [("GET", "/api/v2/ticket?itemLimit=7"), ("POST", "/api/v2/ticket")] {
        let reply = first.send_form(method, path, NEW_TICKET_FORM).await;
        assert_eq!(reply.status, 500, "{method}: {}", reply.body);
    }
    for (method, path) in [("POST", "/reset"), ("PUT", "/snapshots/one"), ("DELETE", "")] {
        let path = format!("/_control/accounts/dev{path}");
        let reply = crate::support::control::fetch_response(first.request(method, &path)).await;
        assert_eq!(reply.status, 500, "{method} {path}: {}", reply.body);
    }
    let creation =
        first.request("POST", crate::support::control::ACCOUNTS_PATH).json(&serde_json::json!({}));
    let creation = crate::support::control::fetch_response(creation).await;
    assert_eq!(creation.status, 500, "{}", creation.body);
    assert_eq!(first.stop().exit_code, Some(0));
    assert_eq!(second.get("/api/v2/ticket").await.body["itemTotal"], 3);
    assert_eq!(second.stop().exit_code, Some(0));

    for (folder, tickets) in [(&data, 3), (&moved_data, 1)] {
        let server = Server::start_with_args(&["--data", folder.to_str().expect("text")]);
        assert_eq!(server.get("/api/v2/ticket").await.body["itemTotal"], tickets);
        assert_eq!(server.stop().exit_code, Some(0));
    }
}
