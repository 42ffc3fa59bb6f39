//! The compared servers: how each is installed and started, and its requests.

use std::{
    env, fs,
    net::SocketAddr,
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use omnidesk_mock_bench::{
    BenchResult, affinity::SERVER_CORE, request::RequestEncoder, seed::API_KEY, storage::Storage,
    target_folder,
};
use serde_json::{Value, json};

use crate::{
    launcher::ServerLauncher,
    operation::{Operation, new_title, updated_title},
    peer_data::{self, TICKETS},
};

const INSTALL_TIMEOUT: Duration = Duration::from_mins(5);

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum PeerServer {
    OmnideskMock(Storage),
    JsonServer,
    Mockoon,
    Prism,
    Bare,
}

/// A program in an npm package.
struct NpmPackage {
    name: &'static str,
    version: &'static str,
    script: &'static str,
}

impl PeerServer {
    pub(crate) const ALL: [Self; 6] = [
        Self::OmnideskMock(Storage::Files),
        Self::OmnideskMock(Storage::Memory),
        Self::JsonServer,
        Self::Mockoon,
        Self::Prism,
        Self::Bare,
    ];

    pub(crate) fn name(self) -> String {
        match (self, self.package()) {
            (_, Some(NpmPackage { name, version, .. })) => format!("{name} {version}"),
            (Self::OmnideskMock(storage), _) => format!("omnidesk-mock {}", storage.flag()),
            _ => "bare axum, constant responses".to_owned(),
        }
    }

    /// Whether it is built from this repository, so that it cannot be missing.
    pub(crate) fn is_local(self) -> bool {
        self.package().is_none()
    }

    fn package(self) -> Option<NpmPackage> {
        let (name, version, script) = match self {
            Self::JsonServer => ("json-server", "1.0.0-beta.15", "lib/bin.js"),
            Self::Mockoon => ("@mockoon/cli", "9.9.0", "bin/run.js"),
            // The last version for Node.js 18 to 22.
            Self::Prism => ("@stoplight/prism-cli", "5.14.2", "dist/index.js"),
            Self::OmnideskMock(_) | Self::Bare => return None,
        };
        Some(NpmPackage { name, version, script })
    }

    /// Installs its npm package if that is missing.
    pub(crate) fn install(self) -> BenchResult<()> {
        self.package().map_or(Ok(()), |package| package.install())
    }

    /// Returns its command, with the arguments that its own documentation recommends.
    pub(crate) fn command(
        self,
        launcher: &ServerLauncher,
        address: SocketAddr,
        sizes: [usize; 4],
        is_pinned: bool,
    ) -> BenchResult<Command> {
        let program = match self {
            Self::OmnideskMock(_) => launcher.context.server_binary.clone(),
            Self::Bare => env::current_exe()?,
            _ => PathBuf::from("node"),
        };
        let mut command = if is_pinned {
            launcher.context.machine.affinity.command_on_core(SERVER_CORE, program)
        } else {
            Command::new(program)
        };
        command.current_dir(launcher.folder()).env("HOME", launcher.folder());
        command.env_remove("NODE_ENV").stdout(Stdio::null());
        if let Some(package) = self.package() {
            command.arg(package.script()?);
        }
        let (listen, port) = (address.to_string(), address.port().to_string());
        match self {
            Self::OmnideskMock(storage) => {
                peer_data::add_server_arguments(&mut command, storage, &listen, launcher);
            }
            Self::Bare => {
                let sizes = Operation::bare_sizes(sizes).map(|size| size.to_string()).join(",");
                command.args(["--bare", "--listen", &listen, "--sizes", &sizes]);
            }
            Self::JsonServer => {
                command.args(["db.json", "--host", "127.0.0.1", "--port", &port]);
            }
            Self::Mockoon => {
                command.args(["start", "--data", "mockoon.json", "--hostname", "127.0.0.1"]);
                command.args(["--port", &port, "--repair", "--disable-log-to-file"]);
            }
            Self::Prism => {
                command.args(["mock", "openapi.json", "--host", "127.0.0.1", "--port", &port]);
            }
        }
        Ok(command)
    }

    /// The requests of one round: those of the Ticket API, or the most similar ones of the server.
    pub(crate) fn requests(
        self,
        operation: Operation,
        address: SocketAddr,
        round: u32,
    ) -> Vec<String> {
        let page = match self {
            Self::JsonServer => "/tickets?_page=1&_per_page=15",
            Self::Mockoon => "/tickets?page=1&limit=15",
            _ => return operation.requests(address, TICKETS, round),
        };
        let requests = RequestEncoder::new(address, API_KEY);
        match operation {
            Operation::List => vec![requests.get(page)],
            Operation::Create => (1..=100)
                .map(|number| {
                    requests.with_json("POST", "/tickets", &new_ticket(number).to_string())
                })
                .collect(),
            Operation::Update => (0..2 * TICKETS)
                .map(|index| {
                    let (id, pass) = (index % TICKETS + 1, index / TICKETS);
                    let body = json!({ "title": updated_title(id, round, pass) }).to_string();
                    requests.with_json("PATCH", &format!("/tickets/{id}"), &body)
                })
                .collect(),
            _ => (1..=TICKETS).map(|id| requests.get(&format!("/tickets/{id}"))).collect(),
        }
    }
}

fn new_ticket(number: u32) -> Value {
    json!({
        "brand_id": 1,
        "channel_id": 1,
        "direction": "inbound",
        "from": "ada@example.test",
        "from_name": "Ada Example",
        "to": "desk@example.test",
        "title": new_title(number),
        "assigned_group_id": 10003,
    })
}

impl NpmPackage {
    fn folder(&self) -> BenchResult<PathBuf> {
        Ok(npm_prefix()?.join("node_modules").join(self.name))
    }

    /// Node runs it directly, because a runner such as npx would be another process.
    fn script(&self) -> BenchResult<PathBuf> {
        Ok(self.folder()?.join(self.script))
    }

    fn is_installed(&self) -> BenchResult<bool> {
        let text = fs::read(self.folder()?.join("package.json")).unwrap_or_default();
        let package: Value = serde_json::from_slice(&text).unwrap_or_default();
        Ok(package["version"] == self.version)
    }

    fn install(&self) -> BenchResult<()> {
        if self.is_installed()? {
            return Ok(());
        }
        let prefix = npm_prefix()?;
        fs::create_dir_all(&prefix)?;
        let package = format!("{}@{}", self.name, self.version);
        eprintln!("installing {package}");
        let mut command = Command::new("npm");
        command.args(["install", "--no-audit", "--no-fund", "--save-exact", "--prefix"]);
        command.arg(prefix).arg(&package).stdin(Stdio::null()).stdout(Stdio::null());
        let mut npm = command.spawn().map_err(|error| format!("npm: {error}"))?;
        let deadline = Instant::now() + INSTALL_TIMEOUT;
        let status = loop {
            if let Some(status) = npm.try_wait()? {
                break status;
            }
            if Instant::now() > deadline {
                npm.kill()?;
                break npm.wait()?;
            }
            thread::sleep(Duration::from_millis(100));
        };
        if status.success() && self.is_installed()? {
            return Ok(());
        }
        Err(format!("npm did not install {package}: {status}").into())
    }
}

/// The installation is used again by the next run.
fn npm_prefix() -> BenchResult<PathBuf> {
    Ok(target_folder::report_folder()?.join("peers"))
}
