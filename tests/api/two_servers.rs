//! Two servers at a time: never on one folder, and never on one address.

use std::net::TcpListener;

use crate::fixtures::{self, NEW_TICKET};
use crate::program::run;
use crate::support::Server;

#[tokio::test]
async fn a_second_server_on_the_same_folder_is_refused() {
    let data = fixtures::folder();
    let path = data.path().to_str().expect("the path is text");
    let first = Server::with(&["--data", path]);
    assert_eq!(first.form("POST", "/api/v2/ticket", NEW_TICKET).await.status, 200);

    let second = run(&["serve", "--listen", "127.0.0.1:0", "--data", path]);
    assert!(!matches!(second.code, Some(0)), "{second:?}");
    assert!(second.stderr.contains(path), "the folder is named: {second:?}");
    assert!(!second.text().contains("panicked"), "{second:?}");

    assert_eq!(first.get("/api/v2/ticket/1").await.status, 200, "the first goes on");
    assert_eq!(first.stop().code(), Some(0));
    assert_eq!(Server::with(&["--data", path]).get("/api/v2/ticket/1").await.status, 200);
}

#[test]
fn a_folder_is_free_again_after_its_server_was_killed() {
    let data = fixtures::folder();
    let path = data.path().to_str().expect("the path is text");
    drop(Server::with(&["--data", path]));
    assert_eq!(Server::with(&["--data", path]).stop().code(), Some(0));
}

#[test]
fn an_address_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let refused = run(&["serve", "--listen", &address, "--ephemeral"]);
    assert!(!matches!(refused.code, Some(0)), "{refused:?}");
    assert!(refused.stderr.contains(&address), "{refused:?}");
    assert!(!refused.text().contains("panicked"), "{refused:?}");
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let folder = fixtures::folder();
    let path = fixtures::file(&folder, "data", "a file, no folder");
    let refused = run(&["serve", "--listen", "127.0.0.1:0", "--data", &path]);
    assert!(!matches!(refused.code, Some(0)), "{refused:?}");
    assert!(refused.stderr.contains(&path), "{refused:?}");
    assert!(!refused.text().contains("panicked"), "{refused:?}");
}

/// Removing a file does not open the folder to a second server.
#[tokio::test]
async fn no_file_of_the_folder_can_be_removed_to_let_a_second_server_in() {
    let data = fixtures::folder();
    let path = data.path().to_str().expect("the path is text");
    let first = Server::with(&["--data", path]);
    for entry in std::fs::read_dir(data.path()).expect("the folder") {
        let entry = entry.expect("an entry").path();
        let is_data = entry.is_dir() || entry.to_string_lossy().contains(".db");
        if !is_data {
            std::fs::remove_file(&entry).expect("it is removed");
        }
    }
    std::fs::write(data.path().join("lock"), "").expect("a file of an earlier version");
    let second = run(&["serve", "--listen", "127.0.0.1:0", "--data", path]);
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(second.stderr.contains("in use by another server"), "{second:?}");
    assert_eq!(first.stop().code(), Some(0));
}

/// A folder that takes the place of another one belongs to the server that was started on it, and to no other.
#[cfg(unix)]
#[tokio::test]
async fn a_server_whose_folder_was_replaced_touches_neither_folder() {
    let home = fixtures::folder();
    let (data, aside) = (home.path().join("data"), home.path().join("aside"));
    let path = data.to_str().expect("the path is text");
    let first = Server::with(&["--data", path]);
    assert_eq!(first.form("POST", "/api/v2/ticket", NEW_TICKET).await.status, 200);
    std::fs::rename(&data, &aside).expect("the folder is moved away");
    let moved = first.form("POST", "/api/v2/ticket", NEW_TICKET).await;
    assert_eq!(moved.status, 500, "{}", moved.body);
    assert!(moved.message().contains("moved, removed or replaced"), "{}", moved.body);

    let second = Server::with(&["--data", path]);
    for _ in 0..3 {
        assert_eq!(second.form("POST", "/api/v2/ticket", NEW_TICKET).await.status, 200);
    }
    for (method, account) in [("GET", "/api/v2/ticket?itemLimit=7"), ("POST", "/api/v2/ticket")] {
        let reply = first.form(method, account, NEW_TICKET).await;
        assert_eq!(reply.status, 500, "{method}: {}", reply.body);
    }
    for (method, path) in [("POST", "/reset"), ("PUT", "/snapshots/one"), ("DELETE", "")] {
        let path = format!("/_control/accounts/dev{path}");
        let reply = crate::control::answer(first.ask(method, &path)).await;
        assert_eq!(reply.status, 500, "{method} {path}: {}", reply.body);
    }
    let made = first.ask("POST", crate::control::ACCOUNTS).json(&serde_json::json!({}));
    let made = crate::control::answer(made).await;
    assert_eq!(made.status, 500, "{}", made.body);
    assert_eq!(first.stop().code(), Some(0));
    assert_eq!(second.get("/api/v2/ticket").await.body["itemTotal"], 3);
    assert_eq!(second.stop().code(), Some(0));

    for (folder, tickets) in [(&data, 3), (&aside, 1)] {
        let server = Server::with(&["--data", folder.to_str().expect("text")]);
        assert_eq!(server.get("/api/v2/ticket").await.body["itemTotal"], tickets);
        assert_eq!(server.stop().code(), Some(0));
    }
}
