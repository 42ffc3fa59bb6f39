//! This server compared with other mock servers, each with the same tickets.

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Stdio},
    time::Instant,
};

use omnidesk_mock_bench::{SERVER_CORE, prelude::*, target_folder};

use crate::{
    create_data, find_free_address,
    operations::{CREATE, GET_ITEM, LIST, OPERATIONS, Operation, UPDATE, new_title, updated_title},
    rounds::{LoadedServer, Rounds, descendants},
    wait_until_ready,
};

/// Tickets of every server.
const PEER_TICKETS: u32 = 1_000;

/// The operations that the servers are compared by, with path and method in the OpenAPI document. The first two are sent
/// before the others change the data.
const COMPARED: [(Operation, &str, &str); 4] = [
    (GET_ITEM, "/api/v2/ticket/{ticketID}", "get"),
    (LIST, "/api/v2/ticket", "get"),
    (CREATE, "/api/v2/ticket", "post"),
    (UPDATE, "/api/v2/ticket/{ticketID}", "put"),
];

/// A compared server.
struct Peer {
    name: &'static str,
    /// Version and program of its npm package; empty if it is built from this repository.
    version: &'static str,
    script: &'static str,
    /// The arguments that its own documentation recommends.
    arguments: &'static str,
    /// Path of a list of 15 tickets; empty if it has the paths of the Ticket API.
    list: &'static str,
}

const PEERS: [Peer; 6] = [
    Peer { name: "omnidesk-mock --data", version: "", script: "", arguments: "", list: "" },
    Peer { name: "omnidesk-mock --ephemeral", version: "", script: "", arguments: "", list: "" },
    Peer {
        name: "json-server",
        version: "1.0.0-beta.15",
        script: "lib/bin.js",
        arguments: "db.json --host 127.0.0.1 --port {port}",
        list: "/tickets?_page=1&_per_page=15",
    },
    Peer {
        name: "@mockoon/cli",
        version: "9.9.0",
        script: "bin/run.js",
        arguments: "start --data mockoon.json --hostname 127.0.0.1 --port {port} --repair --disable-log-to-file",
        list: "/tickets?page=1&limit=15",
    },
    // The last version for Node.js 18 to 22.
    Peer {
        name: "@stoplight/prism-cli",
        version: "5.14.2",
        script: "dist/index.js",
        arguments: "mock openapi.json --host 127.0.0.1 --port {port}",
        list: "",
    },
    Peer {
        name: "bare axum, constant responses",
        version: "",
        script: "",
        arguments: "--bare",
        list: "",
    },
];

pub(crate) fn measure(rounds: &Rounds) -> Result<()> {
    let bench = rounds.bench;
    let sizes = prepare(bench)?;
    // Some of the servers start slowly.
    let starts = bench.count(5, 2);
    let mut rows = Vec::new();
    for peer in PEERS {
        match peer.install().and_then(|()| peer.measure(rounds, starts, &sizes)) {
            Ok(row) => rows.push(row),
            Err(error) if peer.version.is_empty() => return Err(error),
            Err(error) => eprintln!("warning: {} is skipped: {error:#}", peer.name),
        }
    }
    let node = Command::new("node").arg("--version").output();
    let node = node.map_or_else(|_| Vec::new(), |output| output.stdout);
    let mut report = Report::new(include_str!("peers.md"), bench);
    report.fill("node", String::from_utf8_lossy(&node).trim());
    report.fill("rounds", rounds.count);
    report.fill("seconds", rounds.seconds);
    report.fill("starts", starts);
    report.fill("noise", rounds.describe_noise());
    report.table("peers", &rows);
    report.publish("peers")
}

/// Writes the tickets and responses of this server in the file format of each of the others, and returns the response
/// size of each operation.
fn prepare(bench: &Bench) -> Result<[usize; 4]> {
    let server = bench.start_command(create_data(bench, "peers", 1, PEER_TICKETS)?)?;
    let mut connection = server.connect()?;
    let mut fetch = |request: &str| -> Result<_> { Ok(connection.time(request)?.1) };
    let mut tickets = Vec::new();
    for id in 1..=PEER_TICKETS {
        tickets.push(fetch(&KEY.get_ticket(id))?.json()?["item"].take());
    }
    let mut openapi = fetch(&KEY.get("/openapi.json"))?.json()?;
    let mut sizes = [0; 4];
    for (size, ((_, requests), path, method)) in sizes.iter_mut().zip(COMPARED) {
        let response = fetch(&requests(PEER_TICKETS, 0)[0])?;
        *size = response.body.len();
        // Prism sends the examples.
        let content = &mut openapi["paths"][path][method]["responses"]["200"]["content"];
        content["application/json"]["example"] = response.json()?;
    }
    server.stop()?;
    // The requests above have changed the data.
    fs::remove_dir_all(bench.path("peers"))?;
    create_data(bench, "peers", 1, PEER_TICKETS)?;
    let mut mockoon: Value = serde_json::from_str(include_str!("mockoon.json"))?;
    mockoon["data"][0]["value"] = json!(tickets).to_string().into();
    // The ids of json-server are strings.
    for ticket in &mut tickets {
        ticket["id"] = ticket["id"].to_string().into();
    }
    let database = json!({ "tickets": tickets });
    for (name, value) in [("openapi", openapi), ("mockoon", mockoon), ("db", database)] {
        fs::write(bench.path(&format!("{name}.json")), value.to_string())?;
    }
    Ok(sizes)
}

impl Peer {
    /// Installs its npm package below `target/bench/peers` if it is missing. The next run uses it again.
    fn install(&self) -> Result<()> {
        let prefix = target_folder("bench/peers")?;
        let file = prefix.join("node_modules").join(self.name).join("package.json");
        let is_installed = || {
            let package: Value =
                serde_json::from_slice(&fs::read(&file).unwrap_or_default()).unwrap_or_default();
            package["version"] == self.version
        };
        if self.version.is_empty() || is_installed() {
            return Ok(());
        }
        let package = format!("{}@{}", self.name, self.version);
        eprintln!("installing {package}");
        let mut command = Command::new("timeout");
        command.args(["300", "npm", "install", "--no-audit", "--no-fund", "--save-exact"]);
        command.arg("--prefix").arg(prefix).arg(&package).stdin(Stdio::null());
        let status = command.stdout(Stdio::null()).status()?;
        ensure!(status.success() && is_installed(), "npm did not install {package}: {status}");
        Ok(())
    }

    /// Starts the server and waits for the response to a `GET` of the first item.
    fn start(&self, bench: &Bench, is_pinned: bool, sizes: &[usize; 4]) -> Result<Server> {
        let address = find_free_address()?;
        let command = |program: PathBuf| {
            if is_pinned {
                bench.command_on_core(SERVER_CORE, program)
            } else {
                Command::new(program)
            }
        };
        let mut command = if let Some(flag) = self.name.strip_prefix("omnidesk-mock ") {
            let storage = Storage::ALL[usize::from(flag == "--ephemeral")];
            let data = bench.path("peers");
            let mut command = bench.serve(is_pinned, &address.to_string(), storage, &data);
            if storage == Storage::Memory {
                command.arg("--seed").arg(bench.path("seed.json"));
            }
            command
        } else if self.version.is_empty() {
            let mut command = command(env::current_exe()?);
            command.args([
                "--bare",
                "--listen",
                &address.to_string(),
                "--sizes",
                &bare_sizes(sizes),
            ]);
            command
        } else {
            let mut command = command("node".into());
            let modules = target_folder("bench/peers")?.join("node_modules");
            // Node runs it directly, because a runner such as npx would be another process.
            command.arg(modules.join(self.name).join(self.script));
            let port = address.port().to_string();
            command.args(self.arguments.replace("{port}", &port).split(' '));
            command.current_dir(bench.path("")).env("HOME", bench.path("")).env_remove("NODE_ENV");
            command
        };
        let server = bench.spawn(address, command.stdout(Stdio::null()))?;
        wait_until_ready(address, &self.requests(GET_ITEM, 0)[0])?;
        Ok(server)
    }

    /// The requests of one round: those of the Ticket API, or the most similar ones of the server.
    fn requests(&self, (name, requests): Operation, round: u32) -> Vec<String> {
        let ticket = |id: u32| format!("/tickets/{id}");
        if self.list.is_empty() {
            requests(PEER_TICKETS, round)
        } else if name == LIST.0 {
            vec![KEY.get(self.list)]
        } else if name == CREATE.0 {
            let body = |number: u32| {
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
            };
            (1..=100).map(|number| KEY.json("POST", "/tickets", body(number))).collect()
        } else if name == UPDATE.0 {
            let update = |index: u32| {
                let (id, pass) = (index % PEER_TICKETS + 1, index / PEER_TICKETS);
                let body = json!({ "title": updated_title(id, round, pass) });
                KEY.json("PATCH", &ticket(id), body)
            };
            (0..2 * PEER_TICKETS).map(update).collect()
        } else {
            (1..=PEER_TICKETS).map(|id| KEY.get(&ticket(id))).collect()
        }
    }

    fn measure(&self, rounds: &Rounds, starts: u32, sizes: &[usize; 4]) -> Result<Vec<String>> {
        let mut times = Vec::new();
        for _ in 0..starts {
            let start = Instant::now();
            let server = self.start(rounds.bench, false, sizes)?;
            times.push(milliseconds(start.elapsed()));
            stop_with_descendants(server)?;
        }
        let server = self.start(rounds.bench, true, sizes)?;
        let row = self.measure_load(&server, rounds, median(times));
        stop_with_descendants(server)?;
        row
    }

    fn measure_load(&self, server: &Server, rounds: &Rounds, start: f64) -> Result<Vec<String>> {
        let send = |operation| server.connect()?.exchange(&self.requests(operation, 0)[0]);
        let is_supported = COMPARED.map(|(operation, ..)| {
            send(operation).is_ok_and(|response| response.status / 100 == 2)
        });
        // The title contains this after the update, if the server stores updates.
        let item = String::from_utf8_lossy(&send(GET_ITEM)?.body).into_owned();
        let is_stored = item.contains("renamed in round 0, pass 0");
        let servers = [LoadedServer::new((self.name, server))];
        let mut row =
            row![format_args!("{} {}", self.name, self.version), format_args!("{start:.0}")];
        let mut item_cpu = "–".to_owned();
        for ((operation, ..), is_supported) in COMPARED.into_iter().zip(is_supported) {
            row.push("–".to_owned());
            if !is_supported {
                eprintln!("{} does not support {}", self.name, operation.0);
                continue;
            }
            let [outcome] =
                rounds.run(operation.0, 1, &servers, |round| self.requests(operation, round))?;
            if outcome.failed > 0 {
                eprintln!("{}: {} requests failed", operation.0, outcome.failed);
                continue;
            }
            row.pop();
            row.push(format!("{:.0}", outcome.figures[0]));
            if operation.0 == GET_ITEM.0 {
                item_cpu = format!("{:.0}", outcome.figures[3]);
            }
        }
        row.extend([item_cpu, if is_stored { "yes" } else { "no" }.to_owned()]);
        Ok(row)
    }
}

/// Response sizes of the bare server, if only the compared operations are measured.
fn bare_sizes([item, list, created, updated]: &[usize; 4]) -> String {
    let size = |name| match name {
        _ if name == GET_ITEM.0 => item,
        _ if name == LIST.0 => list,
        _ if name == CREATE.0 => created,
        _ => updated,
    };
    OPERATIONS.map(|(name, _)| size(name).to_string()).join(",")
}

/// Stops the server, and kills each process that it has started.
fn stop_with_descendants(server: Server) -> Result<()> {
    let descendants = descendants(server.id())?;
    let result = server.stop();
    for id in descendants {
        Command::new("sh").args(["-c", "kill -KILL \"$0\" 2>&-", &id.to_string()]).status()?;
    }
    result
}
