//! Shared seeds, and servers that start from them.

use std::ops::Deref;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{ApiClient, Server};

/// The key of the account `acme`, with all permissions.
pub(crate) const ACME_KEY: &str = "acme-key-0123456789";
/// The time of the frozen clock of `acme`, in the format of a response.
pub(crate) const ACME_NOW: &str = "2026-03-01 12:00:00";
/// The required fields of a new ticket, urlencoded.
pub(crate) const NEW_TICKET_FORM: &str = "brandID=1&channelID=1&direction=inbound&from=ada%40example.test&to=desk%40example.test&title=Printer";

/// A server that starts from a seed file in a temporary directory.
pub(crate) struct SeededServer {
    server: Server,
    _temp_dir: TempDir,
}

impl Deref for SeededServer {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl SeededServer {
    /// Stops the server with SIGTERM and waits for its exit.
    pub(crate) fn stop(self) -> std::process::ExitStatus {
        self.server.stop()
    }
}

/// Creates a temporary directory that is removed when dropped.
pub(crate) fn create_temp_dir() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// Writes a file into the directory and returns its path.
pub(crate) fn write_file(folder: &TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("the file is written");
    path.to_str().expect("the path is UTF-8").to_owned()
}

/// Returns a seed with the account `acme`, its frozen clock and these tickets.
pub(crate) fn acme_seed(tickets: impl IntoIterator<Item = Value>) -> Value {
    let tickets: Vec<Value> = tickets.into_iter().collect();
    json!({ "accounts": { "acme": {
        "clock": { "mode": "frozen", "at": "2026-03-01T12:00:00Z" },
        "keys": [{ "key": ACME_KEY, "name": "ci", "permissions": "all" }],
        "brands": [{ "id": 1, "name": "MyBrand" }],
        "channels": [
            { "id": 1, "name": "e-mail", "icon": "e-mail" },
            { "id": 8, "name": "live chat", "icon": "live chat" },
        ],
        "groups": [{ "id": 10003, "name": "Service" }],
        "users": [{ "id": 254, "name": "agent" }],
        "customers": [{
            "id": 626_822, "external_primary_id": "C-77",
            "firstname": "Ada", "lastname": "Example", "brand_id": 1,
        }],
        "views": [{
            "id": 12, "slug": "vip", "title": "VIP",
            "conditions": {
                "all": [{ "fact": "priority", "operation": "equals", "value": "urgent" }],
                "any": [],
            },
        }],
        "tickets": tickets,
    }}})
}

/// Returns an ordinary ticket, older than the clock of `acme`.
pub(crate) fn ticket_fixture(id: u64) -> Value {
    json!({
        "id": id, "title": format!("Ticket {id}"), "direction": "inbound",
        "from": "ada@example.test", "to": "desk@example.test", "brand_id": 1, "channel_id": 1,
        "created_at": "2026-02-01 09:00:00", "last_update": "2026-02-01 09:00:00",
    })
}

/// Starts an ephemeral server from the seed; its client uses the key of `acme`.
pub(crate) fn serve_seed(seed: &Value) -> SeededServer {
    serve_seed_with_args(seed, &["--ephemeral"])
}

/// Starts a server from the seed with these arguments.
pub(crate) fn serve_seed_with_args(seed: &Value, arguments: &[&str]) -> SeededServer {
    let folder = create_temp_dir();
    let path = write_file(&folder, "seed.json", &seed.to_string());
    let mut server = Server::start_with_args(&[arguments, &["--seed", &path]].concat());
    ACME_KEY.clone_into(&mut server.api_key);
    SeededServer { server, _temp_dir: folder }
}

/// Returns the body of a response as text.
pub(crate) async fn get_text(client: &ApiClient, path: &str) -> String {
    let response = client.request("GET", path).send().await.expect("the server responds");
    assert_eq!(response.status(), 200, "{path}");
    response.text().await.expect("the body arrives")
}

/// Returns the list and all items of an account's tickets as text.
pub(crate) async fn dump_tickets(client: &ApiClient) -> String {
    let mut all = get_text(client, "/api/v2/ticket?itemLimit=9999&searchArchived=yes").await;
    for id in parse_ticket_ids(&all) {
        all += "\n";
        all += &get_text(client, &format!("/api/v2/ticket/{id}")).await;
    }
    all
}

/// Returns the ids of a list, in its order.
pub(crate) fn parse_ticket_ids(list: &str) -> Vec<u64> {
    let list: Value = serde_json::from_str(list).expect("the list is JSON");
    let items = list["items"].as_array().expect("the list has items");
    items.iter().map(|item| item["id"].as_u64().expect("an id is a number")).collect()
}
