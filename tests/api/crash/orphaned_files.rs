//! Concurrent creation and removal of accounts of one name until the server is killed: the next server leaves no
//! orphaned files.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::crash_run::CrashRun;
use super::kill::{self, CountingSender, KillTrigger};
use crate::support::client::ApiClient;
use crate::support::control::ACCOUNTS_PATH;
use crate::support::ticket::NEW_TICKET_FORM;
use crate::support::{files, integrity};

/// A server is killed after at most this many responses.
const MAX_RESPONSES: usize = 120;
const CLIENT_COUNT: usize = 6;

/// Creates an account, which gets its own file, and removes it, until the server is down.
async fn create_and_remove_account(client: ApiClient, observer: CountingSender) -> ApiClient {
    loop {
        let request =
            client.request_without_key("POST", ACCOUNTS_PATH).json(&json!({ "name": "same" }));
        let Some((status, body)) = observer.send(request).await else { return client };
        assert!([201, 409].contains(&status), "{status} {body}");
        if let Some(key) = body["api_key"].as_str() {
            let ticket = client.with_key(key).request("POST", "/api/v2/ticket");
            let ticket = ticket.header("content-type", "application/x-www-form-urlencoded");
            let Some((status, _)) = observer.send(ticket.body(NEW_TICKET_FORM)).await else {
                return client;
            };
            assert!([200, 401].contains(&status), "{status}");
        }
        let request = client.request_without_key("DELETE", &format!("{ACCOUNTS_PATH}/same"));
        let Some((status, body)) = observer.send(request).await else { return client };
        assert!([204, 404].contains(&status) || body == Value::Null, "{status} {body}");
    }
}

/// Lists the database files of accounts and seeds, without SQLite's sidecar files.
fn list_database_files(data: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for part in ["accounts", "seeds"] {
        let Ok(entries) = std::fs::read_dir(data.join(part)) else { continue };
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let names = names.map(|name| format!("{part}/{}", name.to_string_lossy()));
        found.extend(
            names.filter(|name| {
                Path::new(name).extension().is_some_and(|extension| extension == "db")
            }),
        );
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn recreating_account_of_same_name_leaves_no_orphaned_files() {
    let mut run = CrashRun::from_env();
    let data = files::create_temp_dir();
    while run.next_round() {
        let server = kill::start_server(data.path(), &[]);
        let clients = (0..CLIENT_COUNT).map(|_| ApiClient::new(&server.base_url)).collect();
        kill::run_until_killed(
            server,
            clients,
            KillTrigger::ResponseCount(MAX_RESPONSES),
            &mut run.rng,
            create_and_remove_account,
        )
        .await;
        let server = kill::start_server(data.path(), &[]);
        assert_eq!(server.stop().exit_code, Some(0));
        let catalogued = integrity::catalogued_files(data.path()).await;
        assert_eq!(
            list_database_files(data.path()),
            catalogued,
            "the catalogue references exactly the existing files"
        );
    }
}
