//! Accounts of one name, made and removed again and again until the server is killed: the next one leaves no file that
//! nothing names.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::folder;
use super::kill::{self, Moment, Observer};
use super::luck::Luck;
use crate::control::ACCOUNTS;
use crate::fixtures::{self, NEW_TICKET};
use crate::support::Client;

/// A server is killed after so many answers at most.
const ANSWERS: usize = 120;
const CLIENTS: usize = 6;

/// Makes an account, which gets a file of its own, and removes it, until the server is gone.
async fn make_and_remove(client: Client, observer: Observer) -> Client {
    loop {
        let request = client.ask_without_key("POST", ACCOUNTS).json(&json!({ "name": "same" }));
        let Some((status, body)) = observer.answer(request).await else { return client };
        assert!([201, 409].contains(&status), "{status} {body}");
        if let Some(key) = body["api_key"].as_str() {
            let ticket = client.with_key(key).ask("POST", "/api/v2/ticket");
            let ticket = ticket.header("content-type", "application/x-www-form-urlencoded");
            let Some((status, _)) = observer.answer(ticket.body(NEW_TICKET)).await else {
                return client;
            };
            assert!([200, 401].contains(&status), "{status}");
        }
        let request = client.ask_without_key("DELETE", &format!("{ACCOUNTS}/same"));
        let Some((status, body)) = observer.answer(request).await else { return client };
        assert!([204, 404].contains(&status) || body == Value::Null, "{status} {body}");
    }
}

/// The files of accounts and seeds, without those that SQLite keeps beside them.
fn files(data: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for part in ["accounts", "seeds"] {
        let Ok(entries) = std::fs::read_dir(data.join(part)) else { continue };
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let names = names.map(|name| format!("{part}/{}", name.to_string_lossy()));
        found.extend(
            names.filter(|name| {
                Path::new(name).extension().is_some_and(|extension| extension == "db")
            }),
        );
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_used_again_and_again_leaves_no_file_behind() {
    let mut luck = Luck::drawn();
    let data = fixtures::folder();
    while luck.goes_on() {
        let server = kill::on(data.path(), &[]);
        let clients = (0..CLIENTS).map(|_| Client::of(&server.base)).collect();
        kill::at_work(server, clients, Moment::Answers(ANSWERS), &mut luck.dice, make_and_remove)
            .await;
        let server = kill::on(data.path(), &[]);
        assert_eq!(server.stop().code(), Some(0));
        let named = folder::named_files(data.path()).await;
        assert_eq!(files(data.path()), named, "the catalogue names exactly what is there");
    }
}
