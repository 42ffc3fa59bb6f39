//! Seeds that tests share, and servers that start from them.

use std::ops::Deref;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{ApiClient, Server};

/// The key of the account `acme`, which may do everything.
pub(crate) const ACME_KEY: &str = "acme-key-0123456789";
/// Where the clock of `acme` stands, as an answer writes it.
pub(crate) const ACME_NOW: &str = "2026-03-01 12:00:00";
/// The fields that a ticket needs, urlencoded.
pub(crate) const NEW_TICKET_FORM: &str = "brandID=1&channelID=1&direction=inbound&from=ada%40example.test&to=desk%40example.test&title=Printer";

/// A server that starts from a seed of its own.
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
    /// Ends the server as a service manager would, and waits for it.
    pub(crate) fn stop(self) -> std::process::ExitStatus {
        self.server.stop()
    }
}

/// A folder that goes away with the test.
pub(crate) fn create_temp_dir() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Writes a file into the folder and gives its path.
pub(crate) fn write_file(folder: &TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("the file is written");
    path.to_str().expect("the path is text").to_owned()
}

/// A seed with the account `acme`, whose clock stands still, and these tickets.
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

/// A ticket with nothing special about it, older than the clock of `acme`.
pub(crate) fn ticket_fixture(id: u64) -> Value {
    json!({
        "id": id, "title": format!("Ticket {id}"), "direction": "inbound",
        "from": "ada@example.test", "to": "desk@example.test", "brand_id": 1, "channel_id": 1,
        "created_at": "2026-02-01 09:00:00", "last_update": "2026-02-01 09:00:00",
    })
}

/// An ephemeral server that starts from the seed, asked with the key of `acme`.
pub(crate) fn serve_seed(seed: &Value) -> SeededServer {
    serve_seed_with_args(seed, &["--ephemeral"])
}

/// A server that starts from the seed and takes these further arguments.
pub(crate) fn serve_seed_with_args(seed: &Value, arguments: &[&str]) -> SeededServer {
    let folder = create_temp_dir();
    let path = write_file(&folder, "seed.json", &seed.to_string());
    let mut server = Server::start_with_args(&[arguments, &["--seed", &path]].concat());
    ACME_KEY.clone_into(&mut server.api_key);
    SeededServer { server, _temp_dir: folder }
}

/// The body of an answer, byte for byte.
pub(crate) async fn get_text(client: &ApiClient, path: &str) -> String {
    let response = client.request("GET", path).send().await.expect("the server answers");
    assert_eq!(response.status(), 200, "{path}");
    response.text().await.expect("the body arrives")
}

/// Everything that an account shows of its tickets, byte for byte.
pub(crate) async fn dump_tickets(client: &ApiClient) -> String {
    let mut all = get_text(client, "/api/v2/ticket?itemLimit=9999&searchArchived=yes").await;
    for id in parse_ticket_ids(&all) {
        all += "\n";
        all += &get_text(client, &format!("/api/v2/ticket/{id}")).await;
    }
    all
}

/// The ids of a list, in its order.
pub(crate) fn parse_ticket_ids(list: &str) -> Vec<u64> {
    let list: Value = serde_json::from_str(list).expect("a list is JSON");
    let items = list["items"].as_array().expect("a list has items");
    items.iter().map(|item| item["id"].as_u64().expect("an id is a number")).collect()
}
