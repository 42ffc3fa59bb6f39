//! Acknowledged writes survive a graceful stop and a restart.

use std::path::Path;

use tempfile::TempDir;

use crate::support::client::DEV_KEY;
use crate::support::files;
use crate::support::seed::{ACME_KEY, acme_seed, ticket_fixture};
use crate::support::server::Server;
use crate::support::ticket::{self, create_ticket};

/// Starts a server on the data directory with a fixed public URL, so that responses of different runs are comparable.
fn start_server(data: &Path, extra_args: &[&str]) -> Server {
    let data = data.to_str().expect("the path is UTF-8");
    let common = ["--data", data, "--public-url", "https://desk.example.test"];
    Server::start_with_args(&[&common, extra_args].concat())
}

fn start_server_with_seed(data: &TempDir, seed: &str) -> Server {
    let mut server = start_server(data.path(), &["--seed", seed]);
    ACME_KEY.clone_into(&mut server.api_key);
    server
}

#[tokio::test]
async fn restart_preserves_responses_byte_for_byte() {
    let data = files::create_temp_dir();
    let server = start_server(data.path(), &[]);
    for _ in 0..3 {
        create_ticket(&server).await;
    }
    server.send_form("PUT", "/api/v2/ticket/1", "title=%C3%84rger&externalPrimaryID=C-1").await;
    server.send_form("POST", "/api/v2/ticket/setStatus", "status=closed&ticketIDs[]=2").await;
    server.send_form("PUT", "/api/v2/ticket/3", "status=solved").await;
    let before = ticket::dump_tickets(&server).await;
    let ended = server.stop();
    assert_eq!(ended.exit_code, Some(0), "{ended:?}");

    let server = start_server(data.path(), &[]);
    assert_eq!(ticket::dump_tickets(&server).await, before);
    assert_eq!(create_ticket(&server).await, 4, "ids continue");
}

#[tokio::test]
async fn deleted_ticket_id_is_not_reused_after_restart() {
    let data = files::create_temp_dir();
    let server = start_server(data.path(), &[]);
    let (_, newest) = (create_ticket(&server).await, create_ticket(&server).await);
    assert_eq!(server.delete(&format!("/api/v2/ticket/{newest}")).await.status, 200);
    assert_eq!(server.stop().exit_code, Some(0));

    let server = start_server(data.path(), &[]);
    assert_eq!(create_ticket(&server).await, newest + 1);
    assert_eq!(server.delete("/api/v2/ticket/multi?ticketIDs[]=1&ticketIDs[]=3").await.status, 200);
    assert_eq!(server.stop().exit_code, Some(0));

    let server = start_server(data.path(), &[]);
    assert_eq!(create_ticket(&server).await, newest + 2, "ids continue although no ticket is left");
}

#[tokio::test]
async fn keys_keep_working_after_a_restart() {
    let data = files::create_temp_dir();
    let seed = files::write_file(&data, "seed.json", &acme_seed([ticket_fixture(7)]).to_string());
    assert_eq!(start_server_with_seed(&data, &seed).stop().exit_code, Some(0));

    let mut server = start_server(data.path(), &[]);
    ACME_KEY.clone_into(&mut server.api_key);
    assert_eq!(
        server.get("/api/v2/ticket/7").await.status,
        200,
        "the seed's key works without the seed"
    );
    DEV_KEY.clone_into(&mut server.api_key);
    assert_eq!(
        server.get("/api/v2/ticket/7").await.status,
        400,
        "the other account does not have this ticket"
    );
}

#[tokio::test]
async fn seed_is_not_applied_twice() {
    let data = files::create_temp_dir();
    let seed = acme_seed([ticket_fixture(7), ticket_fixture(8), ticket_fixture(9)]).to_string();
    let seed = files::write_file(&data, "seed.json", &seed);
    let server = start_server_with_seed(&data, &seed);
    assert_eq!(server.delete("/api/v2/ticket/8").await.status, 200);
    assert_eq!(server.send_form("PUT", "/api/v2/ticket/7", "title=Changed").await.status, 200);
    let before = ticket::dump_tickets(&server).await;
    assert_eq!(server.stop().exit_code, Some(0));

    let server = start_server_with_seed(&data, &seed);
    assert_eq!(ticket::dump_tickets(&server).await, before);
    assert_eq!(server.get("/api/v2/ticket/8").await.status, 400);
    assert_eq!(create_ticket(&server).await, 10);
}

#[tokio::test]
async fn new_account_in_seed_is_added_to_existing_data() {
    let data = files::create_temp_dir();
    let first = files::write_file(&data, "first.json", &acme_seed([ticket_fixture(7)]).to_string());
    let server = start_server_with_seed(&data, &first);
    assert_eq!(server.send_form("PUT", "/api/v2/ticket/7", "title=Changed").await.status, 200);
    let before = ticket::dump_tickets(&server).await;
    assert_eq!(server.stop().exit_code, Some(0));

    let mut both = acme_seed([ticket_fixture(7), ticket_fixture(8)]);
    let mut other = acme_seed([ticket_fixture(70)])["accounts"]["acme"].clone();
    other["keys"][0]["key"] = "other-key-0123456789".into();
    both["accounts"]["other"] = other;
    let second = files::write_file(&data, "second.json", &both.to_string());
    let mut server = start_server_with_seed(&data, &second);
    assert_eq!(ticket::dump_tickets(&server).await, before, "the existing account is unchanged");
    server.api_key = "other-key-0123456789".to_owned();
    assert_eq!(server.get("/api/v2/ticket/70").await.status, 200);
    assert_eq!(server.get("/api/v2/ticket/7").await.status, 400);
}

#[tokio::test]
async fn ephemeral_server_leaves_no_files() {
    let empty = files::create_temp_dir();
    let mut command =
        crate::support::process::build_command(&["--ephemeral", "--listen", "127.0.0.1:0"]);
    let mut running =
        crate::support::process::RunningProcess::spawn(command.current_dir(empty.path()));
    running.base_url();
    assert_eq!(running.stop().exit_code, Some(0));
    assert_eq!(std::fs::read_dir(empty.path()).expect("the directory is readable").count(), 0);
}
