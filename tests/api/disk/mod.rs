//! The disk under a server: full, read-only, failing, damaged, of another version. What was acknowledged is kept, what
//! cannot be read is not written over, and whatever has nothing to do with it goes on.

mod catalogue;
mod damage;
mod durability;
mod failing;
mod files;
mod full;
mod images;
mod inject;
mod limit;
mod mount;
mod newer;
mod partly;
#[cfg(unix)]
mod paths;
mod read_only;
mod room;

pub(crate) use files::alter;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use crate::control::Account;
use crate::fixtures::{self, NEW_TICKET};
use crate::program::{Running, command};
use crate::support::{Client, Reply};

/// What a change is told that finds no room.
const FULL: &str = "The disk of the server is full";
/// How that ends where nothing can be written.
const READ_ONLY: &str = "cannot be written; nothing was changed.";
/// How that begins where the data of an account are not what they were.
const UNREADABLE: &str = "The data of this account cannot be read";

/// A running server, and who asks it.
struct Serving {
    program: Running,
    client: Client,
}

impl Serving {
    fn start(command: &mut Command) -> Self {
        let mut program = Running::spawn(command);
        let client = Client::of(&program.base());
        Self { program, client }
    }

    /// A server on the folder.
    fn on(data: &Path) -> Self {
        Self::start(&mut command(&serve(data)))
    }

    /// Ends it, which goes well whatever the disk is like.
    #[track_caller]
    fn stop(self) {
        self.stop_naming(&[]);
    }

    /// The same. Its log has complained about each of these files, and never of a defect.
    #[track_caller]
    fn stop_naming(self, files: &[&Path]) {
        let ended = self.program.stop();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(!ended.text().contains("panicked"), "{ended:?}");
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
fn serve(data: &Path) -> [&str; 7] {
    let data = data.to_str().expect("the path is text");
    let [listen, shown] = ["127.0.0.1:0", "https://desk.example.test"];
    ["serve", "--listen", listen, "--data", data, "--public-url", shown]
}

/// Makes an account with so many tickets.
async fn account(client: &Client, name: &str, tickets: usize) -> Account {
    let account = Account::make(client, &json!({ "name": name })).await;
    for _ in 0..tickets {
        created(&account).await;
    }
    account
}

async fn create(account: &Account) -> Reply {
    account.client.form("POST", "/api/v2/ticket", NEW_TICKET).await
}

/// Makes a ticket and gives its id.
async fn created(account: &Account) -> u64 {
    let reply = create(account).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["ticketID"].as_u64().expect("the new id")
}

/// The account can be read and written.
async fn goes_on(account: &Account) {
    let id = created(account).await;
    let shown = account.client.get(&format!("/api/v2/ticket/{id}")).await;
    assert_eq!(shown.status, 200, "{}", shown.body);
}

/// All that the account shows of its tickets.
async fn whole(account: &Account) -> String {
    fixtures::whole(&account.client).await
}

/// The answer is an error of the server that says this, in the documented envelope.
#[track_caller]
fn refused(reply: &Reply, words: &str, asked: &str) {
    let said = &reply.body;
    assert_eq!(reply.status, 500, "{asked}: {said}");
    assert_eq!(reply.headers[CONTENT_TYPE], "application/json", "{asked}: {said}");
    assert_eq!(said["status"], "error", "{asked}: {said}");
    assert!(reply.message().contains(words), "{asked}: {said}");
}

/// The same in the control API.
#[track_caller]
fn refused_control(reply: &Reply, words: &str, asked: &str) {
    let said = &reply.body;
    assert_eq!(reply.status, 500, "{asked}: {said}");
    assert_eq!(reply.headers[CONTENT_TYPE], "application/problem+json", "{asked}: {said}");
    let detail = said["detail"].as_str().expect("a problem has a detail");
    assert!(detail.contains(words), "{asked}: {said}");
}
