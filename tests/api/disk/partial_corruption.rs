//! A partly corrupt account file: requests that read the corrupt part fail, and the file is not modified.

use super::corruption::create_data_dir;
use super::data_dir::{
    account_file, copy_data_dir, fill_with_garbage, modify_file, read_database_files,
};
use crate::support::disk::{
    UNREADABLE_DATA_MESSAGE, assert_account_usable, assert_server_error, start_on,
    stop_and_check_log,
};
use crate::support::ticket::{ALL_TICKETS_PATH, dump_tickets};

/// The page size of the account files in bytes.
const PAGE_BYTES: usize = 1024;

/// Returns the offset of the first occurrence.
fn find_bytes(bytes: &[u8], text: &[u8]) -> usize {
    bytes.windows(text.len()).position(|window| window == text).expect("the text occurs")
}

#[tokio::test]
async fn corrupt_page_is_never_served_and_reads_do_not_modify_the_file() {
    let (before, [acme, other]) = create_data_dir().await;
    let data = copy_data_dir(before.path());
    let file = account_file(data.path(), "acme").await;
    modify_file(&file, |bytes| {
        let page = find_bytes(bytes, b"ada@example.test") / PAGE_BYTES * PAGE_BYTES;
        assert_ne!(page, 0, "tickets are not on the first page");
        fill_with_garbage(&mut bytes[page..page + PAGE_BYTES]);
    });
    let corrupted = read_database_files(&data.path().join("accounts"));
    let server = start_on(data.path());
    let [acme, other] = [acme, other].map(|account| account.with_server(&server));
    let other_tickets = dump_tickets(&other.client).await;
    for path in ["/api/v2/ticket", "/api/v2/ticket?query=printer", "/api/v2/ticket?itemLimit=9999"]
    {
        let reply = acme.client.get(path).await;
        assert_server_error(&reply, UNREADABLE_DATA_MESSAGE, path);
        assert_server_error(&reply, "damaged", path);
    }
    assert_eq!(dump_tickets(&other.client).await, other_tickets);
    stop_and_check_log(server, &[&file]);
    assert!(read_database_files(&data.path().join("accounts")) == corrupted, "a file was changed");
}

#[tokio::test]
async fn corruption_of_an_open_account_is_reported() {
    let (data, [acme, other]) = create_data_dir().await;
    let file = account_file(data.path(), "acme").await;
    let server = start_on(data.path());
    let [acme, other] = [acme, other].map(|account| account.with_server(&server));
    assert_eq!(acme.send_control("GET", "/keys").await.status, 200);
    let item = acme.client.get("/api/v2/ticket/1").await;
    assert_eq!(item.status, 200, "{}", item.body);
    modify_file(&file, |bytes| fill_with_garbage(&mut bytes[PAGE_BYTES..]));
    // A write invalidates the page cache of other connections.
    let _ = acme.client.send_form("PUT", "/api/v2/ticket/1", "title=Changed").await;
    let reply = acme.client.get(ALL_TICKETS_PATH).await;
    assert_server_error(&reply, UNREADABLE_DATA_MESSAGE, "a list");
    assert_account_usable(&other).await;
    stop_and_check_log(server, &[&file]);
}
