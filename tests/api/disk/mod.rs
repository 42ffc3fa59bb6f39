//! The disk under a server: full, read-only, failing, damaged, of another version. What was acknowledged is kept, what
//! cannot be read is not written over, and whatever has nothing to do with it goes on.

mod catalogue;
mod corruption;
mod data_dir;
mod durability;
mod fault_injection;
mod file_size_limit;
mod fill_disk;
mod full_disk;
mod image_corruption;
mod io_errors;
mod newer_version;
mod partial_corruption;
mod read_only;
#[cfg(unix)]
mod special_files;
mod tmpfs;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use crate::control_client::Account;
use crate::fixtures::{self, NEW_TICKET_FORM};
use crate::process::{RunningProcess, build_command};
use crate::support::{ApiClient, JsonResponse};

/// What a change is told that finds no room.
const DISK_FULL_MESSAGE: &str = "The disk of the server is full";
/// How that ends where nothing can be written.
const READ_ONLY_MESSAGE: &str = "not writable; nothing was changed.";
/// How that begins where the data of an account are not what they were.
const UNREADABLE_DATA_MESSAGE: &str = "The data of this account cannot be read";

/// A running server, and who asks it.
struct ServerProcess {
    process: RunningProcess,
    client: ApiClient,
}

impl ServerProcess {
    fn start(command: &mut Command) -> Self {
        let mut program = RunningProcess::spawn(command);
        let client = ApiClient::new(&program.base_url());
        Self { process: program, client }
    }

    /// A server on the folder.
    fn start_on(data: &Path) -> Self {
        Self::start(&mut build_command(&server_arguments(data)))
    }

    /// Ends it, which goes well whatever the disk is like.
    #[track_caller]
    fn stop(self) {
        self.stop_and_check_log(&[]);
    }

    /// The same. Its log has complained about each of these files, and never of a defect.
    #[track_caller]
    fn stop_and_check_log(self, files: &[&Path]) {
        let ended = self.process.stop();
        assert_eq!(ended.exit_code, Some(0), "{ended:?}");
        assert!(!ended.combined_output().contains("panicked"), "{ended:?}");
        let complaints = ended.stderr.lines().filter(|line| !line.contains(" INFO "));
        let complaints: BTreeSet<&str> =
            complaints.map(|line| line.split_once(' ').map_or(line, |(_, said)| said)).collect();
        for file in files {
            let file = file.to_str().expect("text");
            let named = complaints.iter().any(|line| line.contains(file));
            assert!(named, "the log names {file}: {complaints:#?}");
        }
    }
}

/// The arguments of a server on the folder. Its address shows in no answer, so that answers can be compared.
fn server_arguments(data: &Path) -> [&str; 7] {
    let data = data.to_str().expect("the path is text");
    let [listen, shown] = ["127.0.0.1:0", "https://desk.example.test"];
    ["serve", "--listen", listen, "--data", data, "--public-url", shown]
}

/// Makes an account with so many tickets.
async fn create_account_with_tickets(client: &ApiClient, name: &str, tickets: usize) -> Account {
    let account = Account::create(client, &json!({ "name": name })).await;
    for _ in 0..tickets {
        create_ticket(&account).await;
    }
    account
}

async fn post_ticket(account: &Account) -> JsonResponse {
    account.client.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await
}

/// Makes a ticket and gives its id.
async fn create_ticket(account: &Account) -> u64 {
    let reply = post_ticket(account).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["ticketID"].as_u64().expect("the new id")
}

/// The account can be read and written.
async fn assert_account_usable(account: &Account) {
    let id = create_ticket(account).await;
    let shown = account.client.get(&format!("/api/v2/ticket/{id}")).await;
    assert_eq!(shown.status, 200, "{}", shown.body);
}

/// All that the account shows of its tickets.
async fn dump_tickets(account: &Account) -> String {
    fixtures::dump_tickets(&account.client).await
}

/// The answer is an error of the server that says this, in the documented envelope.
#[track_caller]
fn assert_server_error(reply: &JsonResponse, message: &str, request: &str) {
    let said = &reply.body;
    assert_eq!(reply.status, 500, "{request}: {said}");
    assert_eq!(reply.headers[CONTENT_TYPE], "application/json", "{request}: {said}");
    assert_eq!(said["status"], "error", "{request}: {said}");
    assert!(reply.message().contains(message), "{request}: {said}");
}

/// The same in the control API.
#[track_caller]
fn assert_control_server_error(reply: &JsonResponse, message: &str, request: &str) {
    let said = &reply.body;
    assert_eq!(reply.status, 500, "{request}: {said}");
    assert_eq!(reply.headers[CONTENT_TYPE], "application/problem+json", "{request}: {said}");
    let detail = said["detail"].as_str().expect("a problem has a detail");
    assert!(detail.contains(message), "{request}: {said}");
}
