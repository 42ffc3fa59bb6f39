//! How durable a change is when it is acknowledged: against the end of the process, or of the power as well.
//! `scripts/power-check.sh` shows that the latter reaches the disk; here is what a test without rights can see.

use std::path::Path;

use tokio::task::JoinSet;

use super::{
    ServerProcess, assert_account_usable, create_account_with_tickets, create_ticket, dump_tickets,
    post_ticket, server_arguments,
};
use crate::control_client::Account;
use crate::fixtures;
use crate::process::{build_command, run_to_exit};

fn start_with_durability(data: &Path, how: &str) -> ServerProcess {
    ServerProcess::start(build_command(&server_arguments(data)).args(["--durability", how]))
}

/// Writes until the server is gone, which is after so many answers, and gives the ids that were acknowledged.
async fn write_until_killed(server: ServerProcess, account: &Account, enough: usize) -> Vec<u64> {
    let mut writers = JoinSet::new();
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    for _ in 0..8 {
        let (account, sender) = (account.clone(), sender.clone());
        writers.spawn(async move {
            let form = "application/x-www-form-urlencoded";
            loop {
                let request = account.client.request("POST", "/api/v2/ticket");
                let request = request.header("content-type", form).body(fixtures::NEW_TICKET_FORM);
                let Ok(answer) = request.send().await else { return };
                let Ok(body) = answer.json::<serde_json::Value>().await else { return };
                let Some(id) = body["ticketID"].as_u64() else { return };
                let _ = sender.send(id);
            }
        });
    }
    drop(sender);
    let mut acknowledged = Vec::new();
    while acknowledged.len() < enough {
        acknowledged.push(receiver.recv().await.expect("writers go on"));
    }
    // Dropping it sends SIGKILL.
    drop(server);
    while let Some(id) = receiver.recv().await {
        acknowledged.push(id);
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_survive_kill_in_every_durability_mode() {
    for how in ["power", "process"] {
        let data = fixtures::create_temp_dir();
        let server = start_with_durability(data.path(), how);
        let acme = create_account_with_tickets(&server.client, "acme", 1).await;
        let acknowledged = write_until_killed(server, &acme, 60).await;
        let server = start_with_durability(data.path(), how);
        let acme = acme.with_server(&server.client);
        let kept = fixtures::parse_ticket_ids(
            &fixtures::get_text(&acme.client, "/api/v2/ticket?itemLimit=9999").await,
        );
        for id in acknowledged {
            assert!(kept.contains(&id), "{how}: ticket {id} was acknowledged");
        }
        server.stop();
    }
}

#[tokio::test]
async fn durability_mode_can_change_between_starts() {
    let data = fixtures::create_temp_dir();
    let mut acme: Option<Account> = None;
    let mut shown = String::new();
    for how in ["process", "power", "process", "power"] {
        let server = start_with_durability(data.path(), how);
        let known = match acme.take() {
            Some(known) => known.with_server(&server.client),
            None => create_account_with_tickets(&server.client, "acme", 1).await,
        };
        if !shown.is_empty() {
            assert_eq!(dump_tickets(&known).await, shown, "{how}");
        }
        create_ticket(&known).await;
        assert_eq!(known.send_control("PUT", "/snapshots/one").await.status / 100, 2, "{how}");
        assert_account_usable(&known).await;
        shown = dump_tickets(&known).await;
        acme = Some(known);
        // Dropping it sends SIGKILL.
        drop(server);
    }
}

#[tokio::test]
async fn ephemeral_server_accepts_durability_flag() {
    let fixed = ["serve", "--listen", "127.0.0.1:0", "--ephemeral", "--durability", "power"];
    let server = ServerProcess::start(&mut build_command(&fixed));
    let acme = create_account_with_tickets(&server.client, "acme", 0).await;
    assert_eq!(post_ticket(&acme).await.status, 200);
    server.stop();
}

#[test]
fn unknown_durability_mode_is_rejected_and_valid_ones_are_named() {
    for word in ["disk", "POWER", "", "full"] {
        let refused = run_to_exit(&["serve", "--ephemeral", "--durability", word]);
        assert_eq!(refused.exit_code, Some(2), "{word:?}: {refused:?}");
        for choice in ["process", "power"] {
            assert!(refused.stderr.contains(choice), "{word:?}: {refused:?}");
        }
    }
}
