//! Seeds, and servers that start from them.

use std::ops::Deref;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::files::{create_temp_dir, write_file};
use super::process::ProcessOutput;
use super::server::Server;

/// The key of the account `acme`, with all permissions.
pub(crate) const ACME_KEY: &str = "acme-key-0123456789";
/// The time of the frozen clock of `acme`, in the format of a response.
pub(crate) const ACME_NOW: &str = "2026-03-01 12:00:00";
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
    /// Sends SIGTERM and waits for the exit.
    pub(crate) fn stop(self) -> ProcessOutput {
        self.server.stop()
    }
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
