//! A search finds what there is, whether the index has it yet or not: it catches up when nobody waits.

use tempfile::TempDir;

use crate::fixtures::folder;
use crate::support::Server;

const TICKETS: i64 = 300;
/// A ticket that the index has, and one that it is unlikely to have.
const INDEXED: i64 = 3;
const WAITING: i64 = TICKETS - 1;

async fn total(server: &Server, query: &str) -> i64 {
    let reply = server.get(&format!("/api/v2/ticket?itemLimit=0&query={query}")).await;
    reply.body["itemTotal"].as_i64().unwrap_or_else(|| panic!("{:?}", reply.body))
}

async fn create(server: &Server, numbers: std::ops::RangeInclusive<i64>) {
    for number in numbers {
        let title = format!("Ticket qq{number}qq");
        let fields = [
            ("brandID", "1"),
            ("channelID", "1"),
            ("direction", "inbound"),
            ("from", "ada@example.test"),
            ("to", "desk@example.test"),
            ("title", &title),
        ];
        assert_eq!(server.multipart("POST", "/api/v2/ticket", &fields).await.status, 200);
    }
}

/// A server that was stopped, which the index catches up before, and has had one more ticket since.
async fn filled() -> (Server, TempDir) {
    let data = folder();
    let arguments = ["--data", data.path().to_str().expect("the path is text")];
    let server = Server::with(&arguments);
    create(&server, 1..=WAITING - 1).await;
    server.stop();
    let server = Server::with(&arguments);
    create(&server, WAITING..=TICKETS).await;
    (server, data)
}

#[tokio::test]
async fn every_ticket_is_found_before_and_after_it_is_indexed() {
    let (server, _data) = filled().await;
    assert_eq!(total(&server, "ticket").await, TICKETS);
    assert_eq!(total(&server, "QQ").await, TICKETS, "two letters look at every ticket");
    for number in [INDEXED, WAITING] {
        assert_eq!(total(&server, &format!("qq{number}qq")).await, 1, "{number}");
    }
    assert_eq!(total(&server, "absent").await, 0);
}

#[tokio::test]
async fn a_new_title_replaces_the_old_one_in_every_search() {
    let (server, _data) = filled().await;
    for number in [INDEXED, WAITING] {
        for title in ["Second", "Third"] {
            let path = format!("/api/v2/ticket/{number}");
            assert_eq!(
                server.form("PUT", &path, &format!("title={title}{number}")).await.status,
                200
            );
        }
        assert_eq!(total(&server, &format!("qq{number}qq")).await, 0, "{number}");
        assert_eq!(total(&server, &format!("second{number}")).await, 0, "{number}");
        assert_eq!(total(&server, &format!("third{number}")).await, 1, "{number}");
    }
    assert_eq!(total(&server, "ticket").await, TICKETS - 2);
}

#[tokio::test]
async fn a_deleted_ticket_is_found_no_more() {
    let (server, _data) = filled().await;
    let ids = format!("ticketIDs[]={INDEXED}&ticketIDs[]={WAITING}");
    assert_eq!(server.form("DELETE", "/api/v2/ticket/multi", &ids).await.status, 200);
    for number in [INDEXED, WAITING] {
        assert_eq!(total(&server, &format!("qq{number}qq")).await, 0, "{number}");
    }
    assert_eq!(total(&server, "ticket").await, TICKETS - 2);
}
