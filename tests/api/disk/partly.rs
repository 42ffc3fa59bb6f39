//! An account's file of which only a part is damaged: who asks for that part is told so, and nothing gets worse.

use super::damage::prepared;
use super::files::{contents, copy, garbage, of_account, overwrite};
use super::{Serving, UNREADABLE, goes_on, refused, whole};

/// SQLite's page, in bytes (documented: its default).
const PAGE: usize = 4096;

/// Where the bytes are, for the first time.
fn find(bytes: &[u8], text: &[u8]) -> usize {
    bytes.windows(text.len()).position(|window| window == text).expect("the text is there")
}

#[tokio::test]
async fn a_damaged_page_is_never_answered_from_and_reading_does_not_change_the_file() {
    let (before, [acme, other]) = prepared().await;
    let data = copy(before.path());
    let file = of_account(data.path(), "acme").await;
    overwrite(&file, |bytes| {
        let page = find(bytes, b"ada@example.test") / PAGE * PAGE;
        assert_ne!(page, 0, "tickets have pages of their own");
        garbage(&mut bytes[page..page + PAGE]);
    });
    let spoilt = contents(&data.path().join("accounts"));
    let server = Serving::on(data.path());
    let [acme, other] = [acme, other].map(|account| account.at(&server.client));
    let others = whole(&other).await;
    for path in ["/api/v2/ticket", "/api/v2/ticket?query=printer", "/api/v2/ticket?itemLimit=9999"]
    {
        let reply = acme.client.get(path).await;
        refused(&reply, UNREADABLE, path);
        refused(&reply, "damaged", path);
    }
    assert_eq!(whole(&other).await, others);
    server.stop_naming(&[&file]);
    assert!(contents(&data.path().join("accounts")) == spoilt, "no file was changed");
}

#[tokio::test]
async fn damage_that_comes_while_the_account_is_open_is_told_as_well() {
    let (data, [acme, other]) = prepared().await;
    let file = of_account(data.path(), "acme").await;
    let server = Serving::on(data.path());
    let [acme, other] = [acme, other].map(|account| account.at(&server.client));
    assert_eq!(acme.control("GET", "/keys").await.status, 200);
    let shown = acme.client.get("/api/v2/ticket/1").await;
    assert_eq!(shown.status, 200, "{}", shown.body);
    overwrite(&file, |bytes| garbage(&mut bytes[PAGE..]));
    // A change makes other connections forget what they have read.
    let _ = acme.client.form("PUT", "/api/v2/ticket/1", "title=Changed").await;
    let reply = acme.client.get("/api/v2/ticket?itemLimit=9999&searchArchived=yes").await;
    refused(&reply, UNREADABLE, "a list");
    goes_on(&other).await;
    server.stop_naming(&[&file]);
}
