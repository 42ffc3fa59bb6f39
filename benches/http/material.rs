//! What the other mock servers are given to serve: the tickets and the answers of this one, in the form that each of them reads.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::{
    Outcome,
    connection::Connection,
    message::message,
    operation::{Operation, read_item},
    seed::{self, KEY},
    storage::Storage,
    workplace::Workplace,
};

/// Tickets that every server has.
pub(crate) const TICKETS: u32 = 1000;

/// The operations that the servers are compared by, in the order of `Answers`.
pub(crate) const WORK: [Operation; 4] =
    [Operation::GetItem, Operation::List, Operation::Update, Operation::Create];

const PATHS: [[&str; 2]; 4] = [
    ["/api/v2/ticket/{ticketID}", "get"],
    ["/api/v2/ticket", "get"],
    ["/api/v2/ticket/{ticketID}", "put"],
    ["/api/v2/ticket", "post"],
];

/// Writes all files into the workplace, plants the folder, and returns the sizes of the four answers.
pub(crate) fn prepare(workplace: &Workplace) -> Outcome<[usize; 4]> {
    seed::write(&workplace.path("peers.json"), TICKETS)?;
    workplace.plant(&workplace.path("peers.json"), &workplace.path("peers"))?;
    let server = workplace.start_planted(&workplace.path("peers"))?;
    let mut connection = Connection::open(server.address)?;
    let mut read = |request: &str| -> Outcome<Vec<u8>> {
        let answer = connection.ask(request)?;
        answer.succeeded()?;
        Ok(answer.body)
    };
    let mut tickets = Vec::new();
    for id in 1..=TICKETS {
        let mut answer: Value = serde_json::from_slice(&read(&read_item(server.address, id))?)?;
        tickets.push(answer["item"].take());
    }
    let mut document = message(server.address, KEY, "GET", "/openapi.json", None);
    document = String::from_utf8(read(&document)?)?;
    let (mut sizes, mut answers) = ([0; 4], Vec::new());
    for (operation, size) in WORK.into_iter().zip(&mut sizes) {
        let answer = read(&operation.requests(server.address, TICKETS, 0)[0])?;
        *size = answer.len();
        answers.push(serde_json::from_slice(&answer)?);
    }
    server.stop()?;
    write(&workplace.path("openapi.json"), &with_examples(&document, answers)?)?;
    write(&workplace.path("mockoon.json"), &environment(&tickets))?;
    write(&workplace.path("db.json"), &database(tickets))?;
    // The answers above have changed the folder.
    fs::remove_dir_all(workplace.path("peers"))?;
    workplace.plant(&workplace.path("peers.json"), &workplace.path("peers"))?;
    Ok(sizes)
}

/// The command-line of this server for the comparison; in memory it has to plant its tickets.
pub(crate) fn serve(
    command: &mut std::process::Command,
    storage: Storage,
    listen: &str,
    workplace: &Workplace,
) {
    storage.serve(command, listen, &workplace.path("peers"));
    if storage == Storage::Memory {
        command.arg("--seed").arg(workplace.path("peers.json"));
    }
}

fn write(file: &Path, value: &Value) -> Outcome<()> {
    Ok(fs::write(file, serde_json::to_vec(value)?)?)
}

/// Prism answers with the examples of a document.
fn with_examples(document: &str, answers: Vec<Value>) -> Outcome<Value> {
    let mut document: Value = serde_json::from_str(document)?;
    for ([path, method], answer) in PATHS.into_iter().zip(answers) {
        let content = &mut document["paths"][path][method]["responses"]["200"]["content"];
        let json = content.get_mut("application/json").ok_or("an operation has no answer")?;
        json["example"] = answer;
    }
    Ok(document)
}

/// json-server's ids are always strings.
fn database(mut tickets: Vec<Value>) -> Value {
    for ticket in &mut tickets {
        ticket["id"] = ticket["id"].to_string().into();
    }
    json!({ "tickets": tickets })
}

/// Mockoon's data bucket, with a CRUD route on it. What is left out, `--repair` fills in.
fn environment(tickets: &[Value]) -> Value {
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
