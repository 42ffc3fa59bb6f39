//! What was answered with 200 is there after a stop, after a kill, and in the next server.

use std::path::Path;

use tempfile::TempDir;

use crate::fixtures::{self, KEY, NEW_TICKET, acme, ticket};
use crate::support::{DEV_KEY, Server};

/// A server on the folder; its address never shows in an answer, so that answers can be compared.
fn on(data: &Path, more: &[&str]) -> Server {
    let data = data.to_str().expect("the path is text");
    let fixed = ["--data", data, "--public-url", "https://desk.example.test"];
    Server::with(&[&fixed, more].concat())
}

fn with_seed(data: &TempDir, seed: &str) -> Server {
    let mut server = on(data.path(), &["--seed", seed]);
    KEY.clone_into(&mut server.key);
    server
}

async fn create(server: &Server) -> u64 {
    let reply = server.form("POST", "/api/v2/ticket", NEW_TICKET).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["ticketID"].as_u64().expect("the new id")
}

#[tokio::test]
async fn after_a_stop_everything_is_there_byte_for_byte() {
    let data = fixtures::folder();
    let server = on(data.path(), &[]);
    for _ in 0..3 {
        create(&server).await;
    }
    server.form("PUT", "/api/v2/ticket/1", "title=%C3%84rger&externalPrimaryID=C-1").await;
    server.form("POST", "/api/v2/ticket/setStatus", "status=closed&ticketIDs[]=2").await;
    server.form("PUT", "/api/v2/ticket/3", "status=solved").await;
    let before = fixtures::whole(&server).await;
    let ended = server.stop();
    assert_eq!(ended.code(), Some(0), "{ended}");

    let server = on(data.path(), &[]);
    assert_eq!(fixtures::whole(&server).await, before);
    assert_eq!(create(&server).await, 4, "ids go on");
}

#[tokio::test]
async fn the_id_of_the_newest_ticket_is_not_used_again_after_its_deletion() {
    let data = fixtures::folder();
    let server = on(data.path(), &[]);
    let (_, newest) = (create(&server).await, create(&server).await);
    assert_eq!(server.delete(&format!("/api/v2/ticket/{newest}")).await.status, 200);
    assert_eq!(server.stop().code(), Some(0));

    let server = on(data.path(), &[]);
    assert_eq!(create(&server).await, newest + 1);
    assert_eq!(server.delete("/api/v2/ticket/multi?ticketIDs[]=1&ticketIDs[]=3").await.status, 200);
    assert_eq!(server.stop().code(), Some(0));

    let server = on(data.path(), &[]);
    assert_eq!(create(&server).await, newest + 2, "no ticket is left, and the ids still go on");
}

#[tokio::test]
async fn keys_keep_working_after_a_restart() {
    let data = fixtures::folder();
    let seed = fixtures::file(&data, "seed.json", &acme([ticket(7)]).to_string());
    assert_eq!(with_seed(&data, &seed).stop().code(), Some(0));

    let mut server = on(data.path(), &[]);
    KEY.clone_into(&mut server.key);
    assert_eq!(
        server.get("/api/v2/ticket/7").await.status,
        200,
        "the seed's key, without the seed"
    );
    DEV_KEY.clone_into(&mut server.key);
    assert_eq!(
        server.get("/api/v2/ticket/7").await.status,
        400,
        "another account has no such ticket"
    );
}

#[tokio::test]
async fn a_seed_is_not_planted_twice() {
    let data = fixtures::folder();
    let seed = acme([ticket(7), ticket(8), ticket(9)]).to_string();
    let seed = fixtures::file(&data, "seed.json", &seed);
    let server = with_seed(&data, &seed);
    assert_eq!(server.delete("/api/v2/ticket/8").await.status, 200);
    assert_eq!(server.form("PUT", "/api/v2/ticket/7", "title=Changed").await.status, 200);
    let before = fixtures::whole(&server).await;
    assert_eq!(server.stop().code(), Some(0));

    let server = with_seed(&data, &seed);
    assert_eq!(fixtures::whole(&server).await, before);
    assert_eq!(server.get("/api/v2/ticket/8").await.status, 400);
    assert_eq!(create(&server).await, 10);
}

#[tokio::test]
async fn a_new_account_of_a_seed_joins_those_that_are_kept() {
    let data = fixtures::folder();
    let first = fixtures::file(&data, "first.json", &acme([ticket(7)]).to_string());
    let server = with_seed(&data, &first);
    assert_eq!(server.form("PUT", "/api/v2/ticket/7", "title=Changed").await.status, 200);
    let before = fixtures::whole(&server).await;
    assert_eq!(server.stop().code(), Some(0));

    let mut both = acme([ticket(7), ticket(8)]);
    let mut other = acme([ticket(70)])["accounts"]["acme"].clone();
    other["keys"][0]["key"] = "other-key-0123456789".into();
    both["accounts"]["other"] = other;
    let second = fixtures::file(&data, "second.json", &both.to_string());
    let mut server = with_seed(&data, &second);
    assert_eq!(fixtures::whole(&server).await, before, "the kept account is as it was");
    server.key = "other-key-0123456789".to_owned();
    assert_eq!(server.get("/api/v2/ticket/70").await.status, 200);
    assert_eq!(server.get("/api/v2/ticket/7").await.status, 400);
}

#[tokio::test]
async fn an_ephemeral_server_leaves_nothing_behind() {
    let empty = fixtures::folder();
    let mut command = crate::program::command(&["--ephemeral", "--listen", "127.0.0.1:0"]);
    let mut running = crate::program::Running::spawn(command.current_dir(empty.path()));
    running.base();
    assert_eq!(running.stop().code, Some(0));
    assert_eq!(std::fs::read_dir(empty.path()).expect("readable").count(), 0);
}
