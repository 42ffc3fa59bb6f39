//! A full disk: writes are rejected without effect, reads work, and writes work again after space is freed.

use serde_json::json;

use super::fill_disk::{
    TICKET_COUNT, fetch_distinct_titles, write_concurrently_until_full, write_until_full,
};
use super::tmpfs::{MOUNT, TmpfsDisk};
use crate::support::control::{ACCOUNTS_PATH, Account, fetch_response};
use crate::support::disk::{
    DISK_FULL_MESSAGE, assert_account_usable, assert_control_server_error, assert_server_error,
    create_account_with_tickets, server_arguments, stop_and_check_log,
};
use crate::support::files;
use crate::support::process::{OutputStream, RunningProcess};
use crate::support::seed::{ACME_KEY, acme_seed, ticket_fixture};
use crate::support::server::Server;
use crate::support::ticket::{create_ticket, dump_tickets, post_ticket};
use crate::tool_test::{ToolTest, tool_tests};

pub(super) fn tests() -> Vec<ToolTest> {
    tool_tests![MOUNT =>
        async full_disk_rejects_writes_until_space_is_freed,
        async server_killed_on_full_disk_loses_nothing,
        async concurrent_writes_to_full_disk_keep_exactly_the_acknowledged,
        async bulk_write_that_fills_disk_changes_no_ticket,
        async account_creation_fails_on_full_disk_until_space_is_freed,
    ]
}

async fn full_disk_rejects_writes_until_space_is_freed() {
    let disk = TmpfsDisk::mount();
    let server =
        Server::start_command(&mut disk.build_server_command(&server_arguments(disk.path())));
    let acme = create_account_with_tickets(&server, "acme", TICKET_COUNT).await;
    let other = create_account_with_tickets(&server, "other", 1).await;
    disk.fill_leaving(400 * 1024);
    let (newest, before) = write_until_full(&acme, &other).await;
    let ready = server.request_without_key("GET", "/_control/ready").send().await;
    assert_eq!(ready.expect("the server responds").status(), 200);

    disk.free_space();
    assert_eq!(dump_tickets(&acme.client).await, before);
    assert_eq!(create_ticket(&acme.client).await, newest + 1, "a rejected request used an id");
    assert_account_usable(&other).await;
    let expected = [dump_tickets(&acme.client).await, dump_tickets(&other.client).await];
    stop_and_check_log(server, &[&disk.path().join("accounts/acme.db")]);

    let server =
        Server::start_command(&mut disk.build_server_command(&server_arguments(disk.path())));
    let [acme, other] = [acme, other].map(|account| account.with_server(&server));
    assert_eq!([dump_tickets(&acme.client).await, dump_tickets(&other.client).await], expected);
    assert_account_usable(&acme).await;
    server.stop_cleanly();
}

async fn server_killed_on_full_disk_loses_nothing() {
    let disk = TmpfsDisk::mount();
    let server =
        Server::start_command(&mut disk.build_server_command(&server_arguments(disk.path())));
    let acme = create_account_with_tickets(&server, "acme", TICKET_COUNT).await;
    let other = create_account_with_tickets(&server, "other", 1).await;
    disk.fill_leaving(200 * 1024);
    let (newest, before) = write_until_full(&acme, &other).await;
    server.kill();

    // Without free space the server may start, or exit with an error that names the path.
    let mut started =
        RunningProcess::spawn(&mut disk.build_server_command(&server_arguments(disk.path())));
    let path = disk.path().to_str().expect("text");
    let first_line =
        started.wait_for_line(|stream, line| stream == OutputStream::Stdout || line.contains(path));
    let output = if first_line.starts_with("listening on") {
        started.stop()
    } else {
        started.wait_for_exit()
    };
    assert_eq!(
        output.exit_code,
        Some(i32::from(!first_line.starts_with("listening on"))),
        "{output:?}"
    );
    assert!(!output.combined_output().contains("panicked"), "{output:?}");

    disk.free_space();
    let server =
        Server::start_command(&mut disk.build_server_command(&server_arguments(disk.path())));
    let acme = acme.with_server(&server);
    assert_eq!(dump_tickets(&acme.client).await, before);
    assert_eq!(create_ticket(&acme.client).await, newest + 1);
    server.stop_cleanly();
}

async fn concurrent_writes_to_full_disk_keep_exactly_the_acknowledged() {
    let disk = TmpfsDisk::mount();
    let server =
        Server::start_command(&mut disk.build_server_command(&server_arguments(disk.path())));
    let acme = create_account_with_tickets(&server, "acme", 0).await;
    assert_eq!(acme.client.get("/api/v2/ticket").await.status, 200);
    disk.fill_leaving(1024 * 1024);
    let acknowledged = write_concurrently_until_full(&acme).await;
    assert!(fetch_distinct_titles(&acme).await == acknowledged, "while the disk is full");
    drop(server);
    disk.free_space();
    let server =
        Server::start_command(&mut disk.build_server_command(&server_arguments(disk.path())));
    let acme = acme.with_server(&server);
    assert!(fetch_distinct_titles(&acme).await == acknowledged, "after a kill");
    assert_account_usable(&acme).await;
    server.stop_cleanly();
}

async fn bulk_write_that_fills_disk_changes_no_ticket() {
    let disk = TmpfsDisk::mount();
    let folder = files::create_temp_dir();
    // The transaction exceeds the page cache of SQLite, so it writes before the commit.
    let large = (1..=1000).map(|id| {
        let mut ticket = ticket_fixture(id);
        ticket["external_gui_url"] = "https://desk.example.test/".repeat(70).into();
        ticket
    });
    let seed = files::write_file(&folder, "seed.json", &acme_seed(large).to_string());
    let mut command = disk.build_server_command(&server_arguments(disk.path()));
    let server = Server::start_command(command.args(["--seed", &seed]));
    let acme = Account::new(&server, "acme", ACME_KEY);
    create_ticket(&acme.client).await;
    disk.fill_leaving(300 * 1024);
    let list = "/api/v2/ticket?itemLimit=9999";
    let before = acme.client.get_text(list).await;
    for _ in 0..2 {
        let solved =
            acme.client.send_form("PUT", "/api/v2/ticket/solveUnfinishedTickets", "").await;
        assert_server_error(&solved, DISK_FULL_MESSAGE, "solve all");
        assert!(acme.client.get_text(list).await == before, "a ticket was changed");
    }
    disk.free_space();
    let solved = acme.client.send_form("PUT", "/api/v2/ticket/solveUnfinishedTickets", "").await;
    assert_eq!(solved.status, 200, "{}", solved.body);
    let open = acme.client.get("/api/v2/ticket?status=new&itemLimit=1").await;
    assert_eq!(open.body["itemTotal"], 0, "{}", open.body);
    server.stop_cleanly();
}

async fn account_creation_fails_on_full_disk_until_space_is_freed() {
    let disk = TmpfsDisk::mount();
    let server =
        Server::start_command(&mut disk.build_server_command(&server_arguments(disk.path())));
    let mut accounts = vec![create_account_with_tickets(&server, "acme", 1).await];
    disk.fill_leaving(150 * 1024);
    let mut rejections = 0;
    for number in 0..200 {
        let name = format!("more-{number}");
        let reply = fetch_response(
            server.request_without_key("POST", ACCOUNTS_PATH).json(&json!({ "name": name })),
        )
        .await;
        if reply.status != 201 {
            assert_control_server_error(&reply, "The disk of the server is full", &name);
            let lookup = fetch_response(
                server.request_without_key("GET", &format!("{ACCOUNTS_PATH}/{name}")),
            );
            assert_eq!(lookup.await.status, 404, "the rejected account exists");
            rejections += 1;
            break;
        }
        let key = reply.body["api_key"].as_str().expect("a key");
        let account = Account::new(&server, &name, key);
        let first = post_ticket(&account.client).await;
        if first.status != 200 {
            assert_server_error(&first, DISK_FULL_MESSAGE, &name);
            rejections += 1;
        }
        accounts.push(account);
    }
    assert_ne!(rejections, 0);
    disk.free_space();
    for account in &accounts {
        assert_account_usable(account).await;
    }
    assert_account_usable(&create_account_with_tickets(&server, "last", 1).await).await;
    server.stop_cleanly();
}
