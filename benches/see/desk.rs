//! A server under measurement, with the requests that are sent to it.

use serde::de::DeserializeOwned;
use tempfile::TempDir;

use crate::{
    Outcome,
    connection::{Answer, Connection},
    machine::{self, Machine},
    message::{URLENCODED, message, multipart},
    seed::{self, KEY},
    server::Server,
    storage::{BINARY, Storage},
};

const JSON: &str = "application/json";

pub(crate) struct Desk {
    pub(crate) server: Server,
    /// Dropped after the server, which has its data here.
    _folder: TempDir,
}

impl Desk {
    /// Starts a server on its own core, on the disk of the build rather than in a `/tmp` that may
    /// be memory.
    pub(crate) fn open(machine: &Machine, storage: Storage, tickets: u32) -> Outcome<Self> {
        Self::open_with(machine, storage, tickets, &[])
    }

    /// The same, with these further flags.
    pub(crate) fn open_with(
        machine: &Machine,
        storage: Storage,
        tickets: u32,
        flags: &[&str],
    ) -> Outcome<Self> {
        let folder = TempDir::with_prefix_in("see-", env!("CARGO_TARGET_TMPDIR"))?;
        let [seed, data, log] = ["seed.json", "data", "log"].map(|name| folder.path().join(name));
        seed::write(&seed, tickets)?;
        let mut command = machine.on_core(machine::SERVER, BINARY);
        command.current_dir(folder.path());
        storage.serve(&mut command, "127.0.0.1:0", &data);
        command.arg("--seed").arg(seed).args(flags);
        Ok(Self { server: Server::start(command, &log)?, _folder: folder })
    }

    pub(crate) fn connect(&self) -> Outcome<Connection> {
        Connection::open(self.server.address)
    }

    pub(crate) fn connect_often(&self, count: usize) -> Outcome<Vec<Connection>> {
        (0..count).map(|_| self.connect()).collect()
    }

    /// A question to the Ticket API.
    pub(crate) fn show(&self, key: &str, ticket: u32) -> String {
        self.message(key, "GET", &item(ticket), None)
    }

    /// A title that the ticket has already is no change and costs less: no two may be alike.
    pub(crate) fn rename(&self, ticket: u32, title: &str) -> String {
        let body = format!("title={title}");
        self.message(KEY, "PUT", &item(ticket), Some((URLENCODED, &body)))
    }

    pub(crate) fn set_status(&self, key: &str, ticket: u32, status: &str) -> String {
        let fields = [("status", status), ("ticketIDs[]", &ticket.to_string())];
        multipart(self.server.address, key, "/api/v2/ticket/setStatus", &fields)
    }

    /// A question to the control API about the seeded account.
    pub(crate) fn look(&self, rest: &str) -> String {
        self.message(KEY, "GET", &own(rest), None)
    }

    pub(crate) fn verify(&self, expected: &str) -> String {
        self.message(KEY, "POST", &own("verify"), Some((JSON, expected)))
    }

    pub(crate) fn make_account(&self) -> String {
        self.message(KEY, "POST", "/_control/accounts", None)
    }

    fn message(
        &self,
        key: &str,
        method: &str,
        path: &str,
        content: Option<(&str, &str)>,
    ) -> String {
        message(self.server.address, key, method, path, content)
    }
}

pub(crate) fn read<T: DeserializeOwned>(answer: &Answer) -> Outcome<T> {
    answer.succeeded()?;
    Ok(serde_json::from_slice(&answer.body)?)
}

fn item(ticket: u32) -> String {
    format!("/api/v2/ticket/{ticket}")
}

fn own(rest: &str) -> String {
    format!("/_control/accounts/self/{rest}")
}
