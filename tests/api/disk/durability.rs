//! Durability modes: acknowledged writes survive a kill of the process. `scripts/power-check.sh` tests that they survive
//! a power loss, which needs root.

use std::path::Path;

use tokio::task::JoinSet;

use crate::support::control::Account;
use crate::support::disk::{assert_account_usable, create_account_with_tickets, server_arguments};
use crate::support::files;
use crate::support::process::{build_command, run_to_exit};
use crate::support::server::Server;
use crate::support::ticket::{
    NEW_TICKET_FORM, URLENCODED, create_ticket, dump_tickets, parse_ticket_ids, post_ticket,
};

fn start_with_durability(data: &Path, mode: &str) -> Server {
    Server::start_command(build_command(&server_arguments(data)).args(["--durability", mode]))
}

/// Writes concurrently, kills the server after this many responses, and returns the acknowledged ids.
async fn write_until_killed(server: Server, account: &Account, response_count: usize) -> Vec<u64> {
    let mut writers = JoinSet::new();
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    for _ in 0..8 {
        let (account, sender) = (account.clone(), sender.clone());
        writers.spawn(async move {
            loop {
                let request = account.client.request("POST", "/api/v2/ticket");
                let request = request.header("content-type", URLENCODED).body(NEW_TICKET_FORM);
                let Ok(response) = request.send().await else { return };
                let Ok(body) = response.json::<serde_json::Value>().await else { return };
                let Some(id) = body["ticketID"].as_u64() else { return };
                let _ = sender.send(id);
            }
        });
    }
    drop(sender);
    let mut acknowledged = Vec::new();
    while acknowledged.len() < response_count {
        acknowledged.push(receiver.recv().await.expect("the writers are running"));
    }
    server.kill();
    while let Some(id) = receiver.recv().await {
        acknowledged.push(id);
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_survive_kill_in_every_durability_mode() {
    for mode in ["power", "process"] {
        let data = files::create_temp_dir();
        let server = start_with_durability(data.path(), mode);
        let acme = create_account_with_tickets(&server, "acme", 1).await;
        let acknowledged = write_until_killed(server, &acme, 60).await;
        let server = start_with_durability(data.path(), mode);
        let acme = acme.with_server(&server);
        let ids = parse_ticket_ids(&acme.client.get_text("/api/v2/ticket?itemLimit=9999").await);
        for id in acknowledged {
            assert!(ids.contains(&id), "{mode}: the acknowledged ticket {id} is missing");
        }
        server.stop_cleanly();
    }
}

#[tokio::test]
async fn durability_mode_can_change_between_starts() {
    let data = files::create_temp_dir();
    let mut acme: Option<Account> = None;
    let mut tickets = String::new();
    for mode in ["process", "power", "process", "power"] {
        let server = start_with_durability(data.path(), mode);
        let account = match acme.take() {
            Some(account) => account.with_server(&server),
            None => create_account_with_tickets(&server, "acme", 1).await,
        };
        if !tickets.is_empty() {
            assert_eq!(dump_tickets(&account.client).await, tickets, "{mode}");
        }
        create_ticket(&account.client).await;
        assert_eq!(account.send_control("PUT", "/snapshots/one").await.status / 100, 2, "{mode}");
        assert_account_usable(&account).await;
        tickets = dump_tickets(&account.client).await;
        acme = Some(account);
        server.kill();
    }
}

#[tokio::test]
async fn ephemeral_server_accepts_durability_flag() {
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--ephemeral", "--durability", "power"];
    let server = Server::start_command(&mut build_command(&arguments));
    let acme = create_account_with_tickets(&server, "acme", 0).await;
    assert_eq!(post_ticket(&acme.client).await.status, 200);
    server.stop_cleanly();
}

#[test]
fn unknown_durability_mode_is_rejected_and_valid_ones_are_named() {
    for mode in ["disk", "POWER", "", "full"] {
        let output = run_to_exit(&["serve", "--ephemeral", "--durability", mode]);
        assert_eq!(output.exit_code, Some(2), "{mode:?}: {output:?}");
        for valid in ["process", "power"] {
            assert!(output.stderr.contains(valid), "{mode:?}: {output:?}");
        }
    }
}
