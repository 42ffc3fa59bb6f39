//! A search finds what there is, whether the index has it yet or not: it catches up every few hundred tickets.

use crate::support::Server;

/// More than the index leaves waiting, so that some tickets are in it and some are not.
const TICKETS: i64 = 300;
const INDEXED: i64 = 3;
const WAITING: i64 = TICKETS - 1;

async fn total(server: &Server, query: &str) -> i64 {
    let reply = server.get(&format!("/api/v2/ticket?itemLimit=0&query={query}")).await;
    reply.body["itemTotal"].as_i64().unwrap_or_else(|| panic!("{:?}", reply.body))
}

async fn filled() -> Server {
    let server = Server::start();
    for number in 1..=TICKETS {
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
    server
}

#[tokio::test]
async fn every_ticket_is_found_before_and_after_it_is_indexed() {
    let server = filled().await;
    assert_eq!(total(&server, "ticket").await, TICKETS);
    assert_eq!(total(&server, "QQ").await, TICKETS, "two letters look at every ticket");
    for number in [INDEXED, WAITING] {
        assert_eq!(total(&server, &format!("qq{number}qq")).await, 1, "{number}");
    }
    assert_eq!(total(&server, "absent").await, 0);
}

#[tokio::test]
async fn a_new_title_replaces_the_old_one_in_every_search() {
    let server = filled().await;
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
    let server = filled().await;
    let ids = format!("ticketIDs[]={INDEXED}&ticketIDs[]={WAITING}");
    assert_eq!(server.form("DELETE", "/api/v2/ticket/multi", &ids).await.status, 200);
    for number in [INDEXED, WAITING] {
        assert_eq!(total(&server, &format!("qq{number}qq")).await, 0, "{number}");
    }
    assert_eq!(total(&server, "ticket").await, TICKETS - 2);
}
