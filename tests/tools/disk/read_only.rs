//! A disk that becomes read-only.

use serde_json::json;

use super::tmpfs::{MOUNT, TmpfsDisk};
use crate::support::control::{ACCOUNTS_PATH, Account, fetch_response};
use crate::support::disk::{
    READ_ONLY_MESSAGE, assert_account_usable, assert_server_error, create_account_with_tickets,
    server_arguments, stop_and_check_log,
};
use crate::support::process::RunningProcess;
use crate::support::server::Server;
use crate::support::ticket::{dump_tickets, post_ticket};
use crate::tool_test::{ToolTest, tool_tests};

pub(super) fn tests() -> Vec<ToolTest> {
    tool_tests![MOUNT =>
        async read_only_accounts_reject_writes_until_writable_again,
        async server_on_read_only_data_dir_fails_to_start_and_names_file,
    ]
}

async fn read_only_accounts_reject_writes_until_writable_again() {
    let disk = TmpfsDisk::mount();
    // A disk with files open for writing cannot become read-only. The catalogue is always open, so accounts are on another disk.
    let accounts = disk.path().join("accounts");
    let path = accounts.to_str().expect("text");
    disk.run(&["mkdir", path]);
    disk.run(&["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", path]);
    let server =
        Server::start_command(&mut disk.build_server_command(&server_arguments(disk.path())));
    let acme = create_account_with_tickets(&server, "acme", 3).await;
    let fresh = create_account_with_tickets(&server, "fresh", 0).await;
    let before = dump_tickets(&acme.client).await;
    server.stop_cleanly();

    let server =
        Server::start_command(&mut disk.build_server_command(&server_arguments(disk.path())));
    let [acme, fresh] = [acme, fresh].map(|account| account.with_server(&server));
    disk.set_writable(&accounts, false);
    assert_server_error(&post_ticket(&acme.client).await, READ_ONLY_MESSAGE, "a closed account");
    assert_server_error(
        &post_ticket(&fresh.client).await,
        READ_ONLY_MESSAGE,
        "an account without its own file",
    );
    let put = acme.client.send_form("PUT", "/api/v2/ticket/1", "title=Changed").await;
    assert_server_error(&put, READ_ONLY_MESSAGE, "an update");
    let ephemeral = Account::create(&server, &json!({ "ephemeral": true })).await;
    assert_account_usable(&ephemeral).await;
    let list = fetch_response(server.request_without_key("GET", ACCOUNTS_PATH)).await;
    assert_eq!(list.status, 200, "{}", list.body);

    disk.set_writable(&accounts, true);
    assert_eq!(dump_tickets(&acme.client).await, before, "a ticket was changed");
    assert_account_usable(&acme).await;
    assert_account_usable(&fresh).await;
    stop_and_check_log(server, &[&accounts.join("acme.db"), &accounts.join("fresh.db")]);
}

async fn server_on_read_only_data_dir_fails_to_start_and_names_file() {
    let disk = TmpfsDisk::mount();
    let path = disk.path().to_str().expect("text");
    for is_initialized in [false, true] {
        if is_initialized {
            let server = Server::start_command(
                &mut disk.build_server_command(&server_arguments(disk.path())),
            );
            create_account_with_tickets(&server, "acme", 1).await;
            server.stop_cleanly();
        }
        disk.set_writable(disk.path(), false);
        let output =
            RunningProcess::spawn(&mut disk.build_server_command(&server_arguments(disk.path())))
                .wait_for_exit();
        assert_eq!(output.exit_code, Some(1), "{output:?}");
        assert!(output.stderr.contains(path), "the error does not name the file: {output:?}");
        assert!(!output.combined_output().contains("panicked"), "{output:?}");
        disk.set_writable(disk.path(), true);
    }
}
