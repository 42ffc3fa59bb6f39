//! This server compared with other mock servers, each with the same tickets.
//!
//! `peers.json` contains the arguments that the documentation of each server recommends, and its requests if they are
//! not those of the Ticket API. Prism is at its last version for Node.js 18 to 22.

use omnidesk_mock_bench::prelude::*;

use crate::{
    create_data, find_free_address,
    operations::{COUNT, CREATE, GET_ITEM, LIST, OPERATIONS, UPDATE, for_each},
    rounds::{Outcome, Rounds},
    wait_until_ready,
};

const PEER_TICKETS: u32 = 1_000;

/// The operations that the servers are compared by, with path and method in the OpenAPI document.
const COMPARED: [(usize, &str, &str); 4] = [
    (GET_ITEM, "/api/v2/ticket/{ticketID}", "get"),
    (LIST, "/api/v2/ticket", "get"),
    (CREATE, "/api/v2/ticket", "post"),
    (UPDATE, "/api/v2/ticket/{ticketID}", "put"),
];

#[derive(Default, Deserialize)]
#[serde(default)]
struct Peer {
    name: String,
    /// Of an npm package; empty if the server is built from this repository.
    version: String,
    script: String,
    arguments: String,
    requests: Option<[String; 4]>,
}

pub(crate) fn measure(rounds: &Rounds) -> Result<()> {
    let bench = rounds.bench;
    let sizes = prepare(bench)?;
    let starts = bench.count(5, 2);
    let mut rows = Vec::new();
    for peer in serde_json::from_str::<Vec<Peer>>(include_str!("peers.json"))? {
        match peer.install().and_then(|()| peer.measure(rounds, starts, &sizes)) {
            Ok(row) => rows.push(row),
            Err(error) if peer.version.is_empty() => return Err(error),
            Err(error) => note!("warning: {} is skipped: {error:#}", peer.name),
        }
    }
    let node = Command::new("node").arg("--version").output().map(|output| output.stdout);
    let mut report = Report::new(include_str!("peers.md"), bench);
    report.fill("node", String::from_utf8(node.unwrap_or_default())?.trim());
    let Rounds { count, seconds, retries, .. } = *rounds;
    report.fill_all("rounds seconds retries starts", &[count, seconds, retries, starts]);
    report.table("peers", &rows);
    report.publish("peers")
}

/// Writes the tickets of this server in the file formats of the others. Returns the response size of each operation.
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
    for (size, (operation, path, method)) in sizes.iter_mut().zip(COMPARED) {
        let response = fetch(&OPERATIONS[operation].requests(PEER_TICKETS, 0)[0])?;
        *size = response.body.len();
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
        let file = prefix.join("node_modules").join(&self.name).join("package.json");
        let is_installed = || {
            let text = fs::read(&file).unwrap_or_default();
            let package: Value = serde_json::from_slice(&text).unwrap_or_default();
            package["version"] == *self.version
        };
        if self.version.is_empty() || is_installed() {
            return Ok(());
        }
        let package = format!("{}@{}", self.name, self.version);
        note!("installing {package}");
        let mut command = Command::new("timeout");
        command.args(["300", "npm", "install", "--no-audit", "--no-fund", "--save-exact"]);
        command.arg("--prefix").arg(prefix).arg(&package).stdin(Stdio::null());
        let status = command.stdout(Stdio::null()).status()?;
        ensure!(status.success() && is_installed(), "npm did not install {package}: {status}");
        Ok(())
    }

    fn start(&self, bench: &Bench, is_pinned: bool, sizes: &[usize; 4]) -> Result<Server> {
        let address = find_free_address()?;
        let (listen, port) = (address.to_string(), address.port().to_string());
        let program = |program: PathBuf| bench.command(is_pinned.then_some(SERVER_CORE), program);
        let mut command;
        if let Some(flag) = self.name.strip_prefix("omnidesk-mock ") {
            command = bench.serve(is_pinned, &listen, flag, &bench.path("peers"));
            if flag == MEMORY {
                command.arg("--seed").arg(bench.path("seed.json"));
            }
        } else if self.version.is_empty() {
            let [item, list, created, updated] = sizes.map(|size| size.to_string());
            let mut sizes: [&str; COUNT] = [&updated; COUNT];
            (sizes[GET_ITEM], sizes[LIST], sizes[CREATE]) = (&item, &list, &created);
            command = program(env::current_exe()?);
            command.args(["--bare", &format!("{listen},{}", sizes.join(","))]);
        } else {
            command = program("node".into());
            let modules = target_folder("bench/peers")?.join("node_modules");
            // Node runs it directly, because a runner such as npx would be another process.
            command.arg(modules.join(&self.name).join(&self.script));
            command.args(self.arguments.replace("{port}", &port).split(' '));
            // With `production`, Prism would start other processes.
            command.current_dir(bench.path("")).env("HOME", bench.path("")).env_remove("NODE_ENV");
        }
        let server = bench.spawn(address, command.stdout(Stdio::null()))?;
        wait_until_ready(address, &self.requests(0, 0)[0])?;
        Ok(server)
    }

    fn requests(&self, operation: usize, round: u32) -> Vec<String> {
        match &self.requests {
            Some(lines) => for_each(&lines[operation], PEER_TICKETS, round),
            None => OPERATIONS[COMPARED[operation].0].requests(PEER_TICKETS, round),
        }
    }

    fn measure(&self, rounds: &Rounds, starts: u32, sizes: &[usize; 4]) -> Result<Vec<String>> {
        let mut times = Vec::new();
        for _ in 0..starts {
            let start = Instant::now();
            let server = self.start(rounds.bench, false, sizes)?;
            times.push(milliseconds(start.elapsed()));
            server.stop()?;
        }
        let server = self.start(rounds.bench, true, sizes)?;
        let result = self.measure_load(&server, rounds);
        server.stop()?;
        let name = format!("{} {}", self.name, self.version);
        Ok([row![name.trim(), format_args!("{:.0}", median(times))], result?].concat())
    }

    fn measure_load(&self, server: &Server, rounds: &Rounds) -> Result<Vec<String>> {
        let send = |operation| server.connect()?.exchange(&self.requests(operation, 0)[0]);
        let is_supported = [0, 1, 2, 3].map(|operation| {
            send(operation).is_ok_and(|response| response.check_success().is_ok())
        });
        // The title contains this after the update, if the server stores updates.
        let item = String::from_utf8_lossy(&send(0)?.body).replace('+', " ");
        let stores = if item.contains("in round 0, pass 0") { "yes" } else { "no" };
        let servers = [(&*self.name, server, Cell::new(0))];
        let (mut row, mut item_cpu, mut sums) = (Vec::new(), f64::NAN, [0.0; 2]);
        for (operation, is_supported) in is_supported.into_iter().enumerate() {
            row.push("–".to_owned());
            let name = &OPERATIONS[COMPARED[operation].0].name;
            if !is_supported {
                note!("{} does not support {name}", self.name);
                continue;
            }
            let [Outcome { figures, counts: [failed, rejected, noisy] }] =
                rounds.run(name, 1, &servers, |round| self.requests(operation, round))?;
            sums = [sums[0] + rejected, sums[1] + noisy];
            if failed > 0.0 {
                note!("{name}: {failed} requests failed");
                continue;
            }
            row[operation] = format!("{:.0}", figures[0]);
            item_cpu = if operation == 0 { figures[3] } else { item_cpu };
        }
        let ([item_cpu], [rejected, noisy]) = (fixed([item_cpu], 0), fixed(sums, 0));
        Ok([row, row![item_cpu.replace("NaN", "–"), stores, rejected, noisy]].concat())
    }
}
