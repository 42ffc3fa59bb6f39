//! How durable a change is when it is acknowledged: against the end of the process, or of the power as well.
//! `scripts/power-check.sh` shows that the latter reaches the disk; here is what a test without rights can see.

use std::path::Path;

use tokio::task::JoinSet;

use super::{Serving, account, create, created, goes_on, serve, whole};
use crate::control::Account;
use crate::fixtures;
use crate::program::{command, run};

fn durable(data: &Path, how: &str) -> Serving {
    Serving::start(command(&serve(data)).args(["--durability", how]))
}

/// Writes until the server is gone, which is after so many answers, and gives the ids that were acknowledged.
async fn write_until_killed(server: Serving, account: &Account, enough: usize) -> Vec<u64> {
    let mut writers = JoinSet::new();
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    for _ in 0..8 {
        let (account, sender) = (account.clone(), sender.clone());
        writers.spawn(async move {
            let form = "application/x-www-form-urlencoded";
            loop {
                let request = account.client.ask("POST", "/api/v2/ticket");
                let request = request.header("content-type", form).body(fixtures::NEW_TICKET);
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
async fn what_was_acknowledged_is_there_after_a_kill_whatever_the_durability() {
    for how in ["power", "process"] {
        let data = fixtures::folder();
        let server = durable(data.path(), how);
        let acme = account(&server.client, "acme", 1).await;
        let acknowledged = write_until_killed(server, &acme, 60).await;
        let server = durable(data.path(), how);
        let acme = acme.at(&server.client);
        let kept =
            fixtures::ids(&fixtures::text(&acme.client, "/api/v2/ticket?itemLimit=9999").await);
        for id in acknowledged {
            assert!(kept.contains(&id), "{how}: ticket {id} was acknowledged");
        }
        server.stop();
    }
}

#[tokio::test]
async fn the_durability_can_be_another_one_at_each_start() {
    let data = fixtures::folder();
    let mut acme: Option<Account> = None;
    let mut shown = String::new();
    for how in ["process", "power", "process", "power"] {
        let server = durable(data.path(), how);
        let known = match acme.take() {
            Some(known) => known.at(&server.client),
            None => account(&server.client, "acme", 1).await,
        };
        if !shown.is_empty() {
            assert_eq!(whole(&known).await, shown, "{how}");
        }
        created(&known).await;
        assert_eq!(known.control("PUT", "/snapshots/one").await.status / 100, 2, "{how}");
        goes_on(&known).await;
        shown = whole(&known).await;
        acme = Some(known);
        // Dropping it sends SIGKILL.
        drop(server);
    }
}

#[tokio::test]
async fn a_server_in_memory_takes_the_setting_as_well() {
    let fixed = ["serve", "--listen", "127.0.0.1:0", "--ephemeral", "--durability", "power"];
    let server = Serving::start(&mut command(&fixed));
    let acme = account(&server.client, "acme", 0).await;
    assert_eq!(create(&acme).await.status, 200);
    server.stop();
}

#[test]
fn another_word_is_refused_and_both_are_named() {
    for word in ["disk", "POWER", "", "full"] {
        let refused = run(&["serve", "--ephemeral", "--durability", word]);
        assert_eq!(refused.code, Some(2), "{word:?}: {refused:?}");
        for choice in ["process", "power"] {
            assert!(refused.stderr.contains(choice), "{word:?}: {refused:?}");
        }
    }
}
