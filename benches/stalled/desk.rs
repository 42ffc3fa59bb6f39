//! A server under measurement, with the requests that a normal client sends to it.

use tempfile::TempDir;

use crate::{
    Outcome,
    connection::Connection,
    machine::{self, Machine},
    message::{URLENCODED, message, multipart},
    seed::{self, KEY},
    server::Server,
    storage::{BINARY, Storage},
};

pub(crate) const TICKETS: u32 = 200;

/// Those who hang do so for longer than a turn takes.
const PATIENT: [&str; 4] = ["--header-timeout", "10m", "--body-timeout", "10m"];
const PATIENT_TOO: [&str; 4] = ["--idle-timeout", "10m", "--send-timeout", "10m"];

pub(crate) struct Desk {
    pub(crate) server: Server,
    /// Dropped after the server, which has its data here.
    _folder: TempDir,
}

impl Desk {
    /// Starts a server on its own core, on the disk of the build rather than in a `/tmp` that may be memory.
    pub(crate) fn open(machine: &Machine, storage: Storage) -> Outcome<Self> {
        let folder = TempDir::with_prefix_in("stalled-", env!("CARGO_TARGET_TMPDIR"))?;
        let [seed, data, log] = ["seed.json", "data", "log"].map(|name| folder.path().join(name));
        seed::write(&seed, TICKETS)?;
        let mut command = machine.on_core(machine::SERVER, BINARY);
        command.current_dir(folder.path());
        storage.serve(&mut command, "127.0.0.1:0", &data);
        command.arg("--seed").arg(seed).args(PATIENT).args(PATIENT_TOO);
        Ok(Self { server: Server::start(command, &log)?, _folder: folder })
    }

    pub(crate) fn connect(&self) -> Outcome<Connection> {
        Connection::open(self.server.address)
    }

    pub(crate) fn show(&self, ticket: u32) -> String {
        self.get(&format!("/api/v2/ticket/{ticket}"))
    }

    pub(crate) fn get(&self, path: &str) -> String {
        message(self.server.address, KEY, "GET", path, None)
    }

    pub(crate) fn rename(&self, ticket: u32, title: &str) -> String {
        let (path, body) = (format!("/api/v2/ticket/{ticket}"), format!("title={title}"));
        message(self.server.address, KEY, "PUT", &path, Some((URLENCODED, &body)))
    }

    pub(crate) fn create(&self, number: u32) -> String {
        let title = format!("Order {number} arrived with a broken screen and without its charger");
        let fields = [
            ("brandID", "1"),
            ("channelID", "1"),
            ("direction", "inbound"),
            ("from", "ada@example.test"),
            ("to", "desk@example.test"),
            ("title", &title),
        ];
        multipart(self.server.address, KEY, "/api/v2/ticket", &fields)
    }
}
