//! The data of the other mock servers: the tickets and responses of this server, in the file format of each of them.

use std::{fs, path::Path, process::Command};

use omnidesk_mock_bench::{
    BenchResult,
    connection::Connection,
    request::RequestEncoder,
    seed::{self, API_KEY},
    storage::Storage,
};
use serde_json::{Value, json};

use crate::{launcher::ServerLauncher, operation::Operation};

/// Tickets of every server.
pub(crate) const TICKETS: u32 = 1000;

/// The operations that the servers are compared by.
pub(crate) const OPERATIONS: [Operation; 4] =
    [Operation::GetItem, Operation::List, Operation::Update, Operation::Create];

/// Path and method of each of them in the OpenAPI document.
const OPENAPI_OPERATIONS: [[&str; 2]; 4] = [
    ["/api/v2/ticket/{ticketID}", "get"],
    ["/api/v2/ticket", "get"],
    ["/api/v2/ticket/{ticketID}", "put"],
    ["/api/v2/ticket", "post"],
];

const SEED: &str = "peers.json";
const DATA: &str = "peers";

/// Writes all files and the data folder, and returns the response size of each operation.
pub(crate) fn prepare(launcher: &ServerLauncher) -> BenchResult<[usize; 4]> {
    let (seed, data) = (launcher.path(SEED), launcher.path(DATA));
    seed::write(&seed, TICKETS)?;
    launcher.create_data(&seed, &data)?;
    let server = launcher.start_on_data(&data)?;
    let requests = RequestEncoder::new(server.address, API_KEY);
    let mut connection = Connection::open(server.address)?;
    let mut fetch = |request: &str| -> BenchResult<Vec<u8>> {
        let response = connection.exchange(request)?;
        response.check_success()?;
        Ok(response.body)
    };
    let mut tickets = Vec::new();
    for id in 1..=TICKETS {
        let mut body: Value = serde_json::from_slice(&fetch(&requests.get_ticket(id))?)?;
        tickets.push(body["item"].take());
    }
    let openapi: Value = serde_json::from_slice(&fetch(&requests.get("/openapi.json"))?)?;
    let (mut sizes, mut bodies) = ([0; 4], Vec::new());
    for (operation, size) in OPERATIONS.into_iter().zip(&mut sizes) {
        let body = fetch(&operation.requests(server.address, TICKETS, 0)[0])?;
        *size = body.len();
        bodies.push(serde_json::from_slice(&body)?);
    }
    server.stop()?;
    write_json(&launcher.path("openapi.json"), &add_examples(openapi, bodies)?)?;
    write_json(&launcher.path("mockoon.json"), &mockoon_environment(&tickets))?;
    write_json(&launcher.path("db.json"), &json_server_database(tickets))?;
    // The requests above have changed the data.
    fs::remove_dir_all(&data)?;
    launcher.create_data(&seed, &data)?;
    Ok(sizes)
}

/// Adds the arguments of this server. In memory it has to load the seed.
pub(crate) fn add_server_arguments(
    command: &mut Command,
    storage: Storage,
    listen: &str,
    launcher: &ServerLauncher,
) {
    storage.add_arguments(command, listen, &launcher.path(DATA));
    if storage == Storage::Memory {
        command.arg("--seed").arg(launcher.path(SEED));
    }
}

fn write_json(file: &Path, value: &Value) -> BenchResult<()> {
    Ok(fs::write(file, serde_json::to_vec(value)?)?)
}

/// Prism sends the examples of an OpenAPI document.
fn add_examples(mut openapi: Value, bodies: Vec<Value>) -> BenchResult<Value> {
    for ([path, method], body) in OPENAPI_OPERATIONS.into_iter().zip(bodies) {
        let content = &mut openapi["paths"][path][method]["responses"]["200"]["content"];
        let json = content.get_mut("application/json");
        let json = json.ok_or_else(|| format!("openapi.json: {method} {path} has no response"))?;
        json["example"] = body;
    }
    Ok(openapi)
}

/// The ids of json-server are strings.
fn json_server_database(mut tickets: Vec<Value>) -> Value {
    for ticket in &mut tickets {
        ticket["id"] = ticket["id"].to_string().into();
    }
    json!({ "tickets": tickets })
}

/// A data bucket of Mockoon with a CRUD route. `--repair` adds the missing settings.
fn mockoon_environment(tickets: &[Value]) -> Value {
    let uuid = |number: u8| format!("00000000-0000-4000-8000-{number:012}");
    json!({
        "uuid": uuid(1),
        "lastMigration": 33,
        "name": "bench",
        "hostname": "127.0.0.1",
        "data": [{
            "uuid": uuid(2),
            "id": "data",
            "name": "tickets",
            "documentation": "",
            "value": json!(tickets).to_string(),
        }],
        "rootChildren": [{ "type": "route", "uuid": uuid(3) }],
        "routes": [{
            "uuid": uuid(3),
            "type": "crud",
            "endpoint": "tickets",
            "method": "",
            "responses": [{
                "uuid": uuid(4),
                "bodyType": "DATABUCKET",
                "databucketID": "data",
                "default": true,
                "headers": [{ "key": "Content-Type", "value": "application/json" }],
            }],
        }],
    })
}
