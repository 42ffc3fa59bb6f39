//! A full disk: changes are refused and change nothing, all else goes on, and so do changes once there is room.

use serde_json::json;

use super::mount::Mount;
use super::room::{TICKETS, titles, use_up, use_up_by_many};
use super::{
    FULL, Serving, account, create, created, goes_on, refused, refused_control, serve, whole,
};
use crate::control::{ACCOUNTS, Account, answer};
use crate::fixtures::{self, KEY, acme, ticket};
use crate::program::{Running, Stream};

#[tokio::test]
async fn a_full_disk_refuses_changes_until_there_is_room_again() {
    let Some(disk) = Mount::make() else { return };
    let server = Serving::start(&mut disk.server(&serve(disk.path())));
    let acme = account(&server.client, "acme", TICKETS).await;
    let other = account(&server.client, "other", 1).await;
    disk.leave(400 * 1024);
    let (newest, before) = use_up(&acme, &other).await;
    let ready = server.client.ask_without_key("GET", "/_control/ready").send().await;
    assert_eq!(ready.expect("it answers").status(), 200);

    disk.make_room();
    assert_eq!(whole(&acme).await, before);
    assert_eq!(created(&acme).await, newest + 1, "a refused creation took no id");
    goes_on(&other).await;
    let shown = [whole(&acme).await, whole(&other).await];
    server.stop_naming(&[&disk.path().join("accounts/acme.db")]);

    let server = Serving::start(&mut disk.server(&serve(disk.path())));
    let [acme, other] = [acme, other].map(|account| account.at(&server.client));
    assert_eq!([whole(&acme).await, whole(&other).await], shown);
    goes_on(&acme).await;
    server.stop();
}

#[tokio::test]
async fn a_server_that_is_killed_on_a_full_disk_has_lost_nothing() {
    let Some(disk) = Mount::make() else { return };
    let server = Serving::start(&mut disk.server(&serve(disk.path())));
    let acme = account(&server.client, "acme", TICKETS).await;
    let other = account(&server.client, "other", 1).await;
    disk.leave(200 * 1024);
    let (newest, before) = use_up(&acme, &other).await;
    // Dropping it sends SIGKILL.
    drop(server);

    // It may start without room, or say why it does not.
    let mut started = Running::spawn(&mut disk.server(&serve(disk.path())));
    let path = disk.path().to_str().expect("text");
    let told = started.wait_for(|stream, line| stream == Stream::Out || line.contains(path));
    let ended = if told.starts_with("listening on") { started.stop() } else { started.finish() };
    assert_eq!(ended.code, Some(i32::from(!told.starts_with("listening on"))), "{ended:?}");
    assert!(!ended.text().contains("panicked"), "{ended:?}");

    disk.make_room();
    let server = Serving::start(&mut disk.server(&serve(disk.path())));
    let acme = acme.at(&server.client);
    assert_eq!(whole(&acme).await, before);
    assert_eq!(created(&acme).await, newest + 1);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_writers_exactly_what_was_acknowledged_is_kept() {
    let Some(disk) = Mount::make() else { return };
    let server = Serving::start(&mut disk.server(&serve(disk.path())));
    let acme = account(&server.client, "acme", 0).await;
    assert_eq!(acme.client.get("/api/v2/ticket").await.status, 200);
    disk.leave(1024 * 1024);
    let acknowledged = use_up_by_many(&acme).await;
    assert!(titles(&acme).await == acknowledged, "while the disk is full");
    drop(server);
    disk.make_room();
    let server = Serving::start(&mut disk.server(&serve(disk.path())));
    let acme = acme.at(&server.client);
    assert!(titles(&acme).await == acknowledged, "after a kill");
    goes_on(&acme).await;
    server.stop();
}

#[tokio::test]
async fn a_change_of_a_thousand_tickets_that_finds_no_room_half_way_changes_none() {
    let Some(disk) = Mount::make() else { return };
    let folder = fixtures::folder();
    // More than SQLite keeps in memory, so that it writes before it is asked to commit.
    let large = (1..=1000).map(|id| {
        let mut ticket = ticket(id);
        ticket["external_gui_url"] = "https://desk.example.test/".repeat(70).into();
        ticket
    });
    let seed = fixtures::file(&folder, "seed.json", &acme(large).to_string());
    let mut command = disk.server(&serve(disk.path()));
    let server = Serving::start(command.args(["--seed", &seed]));
    let acme = Account::known(&server.client, "acme", KEY);
    created(&acme).await;
    disk.leave(300 * 1024);
    let list = "/api/v2/ticket?itemLimit=9999";
    let before = fixtures::text(&acme.client, list).await;
    for _ in 0..2 {
        let solved = acme.client.form("PUT", "/api/v2/ticket/solveUnfinishedTickets", "").await;
        refused(&solved, FULL, "solve all");
        assert!(fixtures::text(&acme.client, list).await == before, "nothing was changed");
    }
    disk.make_room();
    let solved = acme.client.form("PUT", "/api/v2/ticket/solveUnfinishedTickets", "").await;
    assert_eq!(solved.status, 200, "{}", solved.body);
    let open = acme.client.get("/api/v2/ticket?status=new&itemLimit=1").await;
    assert_eq!(open.body["itemTotal"], 0, "{}", open.body);
    server.stop();
}

#[tokio::test]
async fn an_account_for_which_there_is_no_room_is_refused_until_there_is() {
    let Some(disk) = Mount::make() else { return };
    let server = Serving::start(&mut disk.server(&serve(disk.path())));
    let mut made = vec![account(&server.client, "acme", 1).await];
    disk.leave(150 * 1024);
    let mut refusals = 0;
    for number in 0..200 {
        let name = format!("more-{number}");
        let reply =
            answer(server.client.ask_without_key("POST", ACCOUNTS).json(&json!({ "name": name })))
                .await;
        if reply.status != 201 {
            refused_control(&reply, "The disk of the server is full", &name);
            let shown = answer(server.client.ask_without_key("GET", &format!("{ACCOUNTS}/{name}")));
            assert_eq!(shown.await.status, 404, "a refused account is not there");
            refusals += 1;
            break;
        }
        let key = reply.body["api_key"].as_str().expect("a key");
        let account = Account::known(&server.client, &name, key);
        let first = create(&account).await;
        if first.status != 200 {
            refused(&first, FULL, &name);
            refusals += 1;
        }
        made.push(account);
    }
    assert_ne!(refusals, 0);
    disk.make_room();
    for account in &made {
        goes_on(account).await;
    }
    goes_on(&account(&server.client, "last", 1).await).await;
    server.stop();
}
