//! The servers that are compared: how each is installed, started and asked.

use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    Outcome, machine, material,
    material::TICKETS,
    message::message,
    operation::Operation,
    seed::KEY,
    storage::{BINARY, Storage},
    workplace::Workplace,
};

const JSON: &str = "application/json";

/// An installation that takes longer is given up.
const INSTALL_LIMIT: Duration = Duration::from_mins(5);

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Peer {
    Ours(Storage),
    JsonServer,
    Mockoon,
    Prism,
    Bare,
}

/// A program of a package from npm.
struct Package {
    name: &'static str,
    version: &'static str,
    script: &'static str,
}

impl Peer {
    pub(crate) const ALL: [Self; 6] = [
        Self::Ours(Storage::Files),
        Self::Ours(Storage::Memory),
        Self::JsonServer,
        Self::Mockoon,
        Self::Prism,
        Self::Bare,
    ];

    pub(crate) fn name(self) -> String {
        match (self, self.package()) {
            (_, Some(Package { name, version, .. })) => format!("{name} {version}"),
            (Self::Ours(storage), _) => format!("omnidesk-mock {}", storage.flag()),
            _ => "bare axum, constant answers".to_owned(),
        }
    }

    /// Whether it comes from this repository, so that it must be there.
    pub(crate) fn is_ours(self) -> bool {
        self.package().is_none()
    }

    fn package(self) -> Option<Package> {
        let (name, version, script) = match self {
            Self::JsonServer => ("json-server", "1.0.0-beta.15", "lib/bin.js"),
            Self::Mockoon => ("@mockoon/cli", "9.9.0", "bin/run.js"),
            // The last one for Node.js 18 to 22.
            Self::Prism => ("@stoplight/prism-cli", "5.14.2", "dist/index.js"),
            Self::Ours(_) | Self::Bare => return None,
        };
        Some(Package { name, version, script })
    }

    /// Installs what is not there yet.
    pub(crate) fn install(self) -> Outcome<()> {
        self.package().map_or(Ok(()), |package| package.install())
    }

    /// Serves the same tickets at the address, as the server's own documents advise.
    pub(crate) fn command(
        self,
        workplace: &Workplace,
        address: SocketAddr,
        sizes: [usize; 4],
        is_pinned: bool,
    ) -> Outcome<Command> {
        let program = match self {
            Self::Ours(_) => PathBuf::from(BINARY),
            Self::Bare => env::current_exe()?,
            _ => PathBuf::from("node"),
        };
        let mut command = if is_pinned {
            workplace.machine.on_core(machine::SERVER, program)
        } else {
            Command::new(program)
        };
        command.current_dir(workplace.folder()).env("HOME", workplace.folder());
        command.env_remove("NODE_ENV").stdout(Stdio::null());
        if let Some(package) = self.package() {
            command.arg(package.script());
        }
        let (listen, port) = (address.to_string(), address.port().to_string());
        match self {
            Self::Ours(storage) => material::serve(&mut command, storage, &listen, workplace),
            Self::Bare => {
                let sizes = Operation::sizes(sizes).map(|size| size.to_string()).join(",");
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

    /// The requests of one load: those of our API, or what comes nearest to them.
    pub(crate) fn requests(self, work: Operation, host: SocketAddr, load: u32) -> Vec<String> {
        let page = match self {
            Self::JsonServer => "/tickets?_page=1&_per_page=15",
            Self::Mockoon => "/tickets?page=1&limit=15",
            _ => return work.requests(host, TICKETS, load),
        };
        let get = |path: &str| message(host, KEY, "GET", path, None);
        let send = |method, path: &str, body: &Value| {
            message(host, KEY, method, path, Some((JSON, &body.to_string())))
        };
        match work {
            Operation::List => vec![get(page)],
            Operation::Create => {
                (1..=100).map(|number| send("POST", "/tickets", &ticket(number))).collect()
            }
            Operation::Update => (0..2 * TICKETS)
                .map(|turn| {
                    let (id, pass) = (turn % TICKETS + 1, turn / TICKETS);
                    let title = format!("Ticket {id} was renamed in load {load}, pass {pass}");
                    send("PATCH", &format!("/tickets/{id}"), &json!({ "title": title }))
                })
                .collect(),
            _ => (1..=TICKETS).map(|id| get(&format!("/tickets/{id}"))).collect(),
        }
    }
}

fn ticket(number: u32) -> Value {
    json!({
        "brand_id": 1,
        "channel_id": 1,
        "direction": "inbound",
        "from": "ada@example.test",
        "from_name": "Ada Example",
        "to": "desk@example.test",
        "title": format!("Order {number} arrived with a broken screen and without its charger"),
        "assigned_group_id": 10003,
    })
}

impl Package {
    fn folder(&self) -> PathBuf {
        prefix().join("node_modules").join(self.name)
    }

    /// Run by node itself: a runner in between would be another process.
    fn script(&self) -> PathBuf {
        self.folder().join(self.script)
    }

    fn is_installed(&self) -> bool {
        let text = fs::read(self.folder().join("package.json")).unwrap_or_default();
        let package: Value = serde_json::from_slice(&text).unwrap_or_default();
        package["version"] == self.version
    }

    fn install(&self) -> Outcome<()> {
        if self.is_installed() {
            return Ok(());
        }
        fs::create_dir_all(prefix())?;
        let package = format!("{}@{}", self.name, self.version);
        eprintln!("installing {package}");
        let mut command = Command::new("npm");
        command.args(["install", "--no-audit", "--no-fund", "--save-exact", "--prefix"]);
        command.arg(prefix()).arg(&package).stdin(Stdio::null()).stdout(Stdio::null());
        let mut npm = command.spawn().map_err(|error| format!("npm: {error}"))?;
        let deadline = Instant::now() + INSTALL_LIMIT;
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
        if status.success() && self.is_installed() {
            return Ok(());
        }
        Err(format!("npm did not install {package}: {status}").into())
    }
}

/// Kept from one run to the next.
fn prefix() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench").join("peers")
}
