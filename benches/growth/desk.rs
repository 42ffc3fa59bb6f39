//! A server under measurement, with the requests that are sent to it.

use std::{fs, path::Path};

use tempfile::TempDir;

use crate::{
    Outcome,
    connection::Connection,
    line::Line,
    machine::{self, Machine},
    message::{URLENCODED, message, multipart},
    server::Server,
    storage::{BINARY, Storage},
    ticket::Ticket,
};

pub(crate) const KEY: &str = "bench-key-0123456789";

/// Small accounts wait while a large one is filled.
const PATIENT: [&str; 2] = ["--idle-timeout", "6h"];

const JSON: &str = "application/json";

pub(crate) struct Desk {
    pub(crate) server: Server,
    /// Dropped after the server, which has its data here.
    folder: TempDir,
}

impl Desk {
    /// Starts a server on its own core, on the disk of the build rather than in a `/tmp` that may be memory.
    pub(crate) fn open(machine: &Machine, storage: Storage) -> Outcome<Self> {
        let folder = TempDir::with_prefix_in("growth-", env!("CARGO_TARGET_TMPDIR"))?;
        let [data, log] = ["data", "log"].map(|name| folder.path().join(name));
        let mut command = machine.on_core(machine::SERVER, BINARY);
        command.current_dir(folder.path());
        storage.serve(&mut command, "127.0.0.1:0", &data);
        command.args(["--api-key", KEY]).args(PATIENT);
        Ok(Self { server: Server::start(command, &log)?, folder })
    }

    pub(crate) fn connect(&self) -> Outcome<Connection> {
        Connection::open(self.server.address)
    }

    /// For the control API, where some answers have no body.
    pub(crate) fn line(&self) -> Outcome<Line> {
        Ok(Line::open(self.server.address)?)
    }

    /// What the data folder holds, in MB; nothing where it is in memory.
    pub(crate) fn file_size(&self) -> Outcome<f64> {
        let data = self.folder.path().join("data");
        let bytes = if data.is_dir() { bytes(&data)? } else { 0 };
        Ok(f64::from(u32::try_from(bytes / 1_000)?) / 1e3)
    }

    pub(crate) fn get(&self, path: &str) -> String {
        self.message(KEY, "GET", path, None)
    }

    pub(crate) fn show(&self, key: &str, ticket: u64) -> String {
        self.message(key, "GET", &format!("/api/v2/ticket/{ticket}"), None)
    }

    pub(crate) fn create(&self, ticket: &Ticket) -> String {
        multipart(self.server.address, KEY, "/api/v2/ticket", &ticket.fields())
    }

    /// A title that the ticket has already is no change and costs less: no two may be alike.
    pub(crate) fn rename(&self, key: &str, ticket: u64, title: &str) -> String {
        let (path, body) = (format!("/api/v2/ticket/{ticket}"), format!("title={title}"));
        self.message(key, "PUT", &path, Some((URLENCODED, &body)))
    }

    pub(crate) fn set_status(&self, status: &str, tickets: &[u64]) -> String {
        self.set("/api/v2/ticket/setStatus", ("status", status), tickets)
    }

    pub(crate) fn set_priority(&self, priority: &str, tickets: &[u64]) -> String {
        self.set("/api/v2/ticket/setPriority", ("priority", priority), tickets)
    }

    fn set(&self, path: &str, what: (&str, &str), tickets: &[u64]) -> String {
        let ids: Vec<_> = tickets.iter().map(u64::to_string).collect();
        let ids = ids.iter().map(|id| ("ticketIDs[]", id.as_str()));
        let fields: Vec<_> = [what].into_iter().chain(ids).collect();
        multipart(self.server.address, KEY, path, &fields)
    }

    pub(crate) fn delete(&self, tickets: &[u64]) -> String {
        let fields: Vec<_> = tickets.iter().map(|id| format!("ticketIDs[]={id}")).collect();
        let body = fields.join("&");
        self.message(KEY, "DELETE", "/api/v2/ticket/multi", Some((URLENCODED, &body)))
    }

    pub(crate) fn control(&self, method: &str, path: &str, body: Option<&str>) -> String {
        let path = format!("/_control/accounts{path}");
        self.message(KEY, method, &path, body.map(|body| (JSON, body)))
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

fn bytes(folder: &Path) -> Outcome<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        sum += if entry.file_type()?.is_dir() {
            bytes(&entry.path())?
        } else {
            entry.metadata()?.len()
        };
    }
    Ok(sum)
}
