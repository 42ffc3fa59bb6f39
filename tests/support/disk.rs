//! Servers on a data directory whose disk or files fail, and what their responses say.

use std::collections::BTreeSet;
use std::path::Path;

use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use super::client::{ApiClient, JsonResponse};
use super::control::Account;
use super::process::build_command;
use super::server::Server;
use super::ticket::create_ticket;

/// The message of a write that fails because the disk is full.
pub(crate) const DISK_FULL_MESSAGE: &str = "The disk of the server is full";
/// The end of the message of a write to a read-only disk.
pub(crate) const READ_ONLY_MESSAGE: &str = "not writable; nothing was changed.";
/// The beginning of the message of a request to a corrupt account.
pub(crate) const UNREADABLE_DATA_MESSAGE: &str = "The data of this account cannot be read";

/// Starts a server on the data directory.
pub(crate) fn start_on(data: &Path) -> Server {
    Server::start_command(&mut build_command(&server_arguments(data)))
}

/// Stops the server and asserts a clean exit, and that its log names each of these files.
#[track_caller]
pub(crate) fn stop_and_check_log(server: Server, files: &[&Path]) {
    let output = server.stop_cleanly();
    let warnings = output.stderr.lines().filter(|line| !line.contains(" INFO "));
    let warnings: BTreeSet<&str> =
        warnings.map(|line| line.split_once(' ').map_or(line, |(_, text)| text)).collect();
    for file in files {
        let file = file.to_str().expect("text");
        let is_named = warnings.iter().any(|line| line.contains(file));
        assert!(is_named, "the log does not name {file}: {warnings:#?}");
    }
}

/// Returns the arguments of a server on the data directory. With a fixed public URL, responses of servers are comparable.
pub(crate) fn server_arguments(data: &Path) -> [&str; 7] {
    let data = data.to_str().expect("the path is text");
    let [listen, public_url] = ["127.0.0.1:0", "https://desk.example.test"];
    ["serve", "--listen", listen, "--data", data, "--public-url", public_url]
}

/// Returns the path of the catalogue in the data directory.
pub(crate) fn catalogue_path(data: &Path) -> std::path::PathBuf {
    data.join("catalogue.db")
}

/// Creates an account with this number of tickets.
pub(crate) async fn create_account_with_tickets(
    client: &ApiClient,
    name: &str,
    ticket_count: usize,
) -> Account {
    let account = Account::create(client, &json!({ "name": name })).await;
    for _ in 0..ticket_count {
        create_ticket(&account.client).await;
    }
    account
}

/// Asserts that the account can be read and written.
pub(crate) async fn assert_account_usable(account: &Account) {
    let id = create_ticket(&account.client).await;
    let item = account.client.get(&format!("/api/v2/ticket/{id}")).await;
    assert_eq!(item.status, 200, "{}", item.body);
}

/// Asserts a server error with this message, in the documented envelope.
#[track_caller]
pub(crate) fn assert_server_error(reply: &JsonResponse, message: &str, request: &str) {
    let body = &reply.body;
    assert_eq!(reply.status, 500, "{request}: {body}");
    assert_eq!(reply.headers[CONTENT_TYPE], "application/json", "{request}: {body}");
    assert_eq!(body["status"], "error", "{request}: {body}");
    assert!(reply.message().contains(message), "{request}: {body}");
}

/// Asserts a server error of the control API with this detail.
#[track_caller]
pub(crate) fn assert_control_server_error(reply: &JsonResponse, message: &str, request: &str) {
    let body = &reply.body;
    assert_eq!(reply.status, 500, "{request}: {body}");
    assert_eq!(reply.headers[CONTENT_TYPE], "application/problem+json", "{request}: {body}");
    let detail = body["detail"].as_str().expect("a problem has a detail");
    assert!(detail.contains(message), "{request}: {body}");
}
