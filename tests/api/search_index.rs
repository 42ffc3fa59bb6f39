//! Search during indexing: results are complete whether or not the background index has caught up.

use tempfile::TempDir;

use crate::support::files::create_temp_dir;
use crate::support::server::Server;
use crate::support::ticket::{TICKETS_PATH, new_ticket_fields};

const TICKET_COUNT: i64 = 300;
/// A ticket that is in the index, and one that probably is not yet.
const INDEXED_TICKET: i64 = 3;
const UNINDEXED_TICKET: i64 = TICKET_COUNT - 1;

async fn get_total(server: &Server, query: &str) -> i64 {
    let reply = server.get(&format!("/api/v2/ticket?itemLimit=0&query={query}")).await;
    reply.body["itemTotal"].as_i64().unwrap_or_else(|| panic!("{:?}", reply.body))
}

async fn create_tickets(server: &Server, numbers: std::ops::RangeInclusive<i64>) {
    for number in numbers {
        let title = format!("Ticket qq{number}qq");
        let fields = new_ticket_fields(&title);
        assert_eq!(server.send_multipart("POST", TICKETS_PATH, &fields).await.status, 200);
    }
}

/// Starts a server whose index was completed at the last stop, and adds more tickets.
async fn start_server_with_pending_index() -> (Server, TempDir) {
    let data = create_temp_dir();
    let arguments = ["--data", data.path().to_str().expect("the path is UTF-8")];
    let server = Server::start_with_args(&arguments);
    create_tickets(&server, 1..=UNINDEXED_TICKET - 1).await;
    server.stop();
    let server = Server::start_with_args(&arguments);
    create_tickets(&server, UNINDEXED_TICKET..=TICKET_COUNT).await;
    (server, data)
}

#[tokio::test]
async fn every_ticket_is_found_before_and_after_it_is_indexed() {
    let (server, _data) = start_server_with_pending_index().await;
    assert_eq!(get_total(&server, "ticket").await, TICKET_COUNT);
    assert_eq!(
        get_total(&server, "QQ").await,
        TICKET_COUNT,
        "a two-letter query scans every ticket"
    );
    for number in [INDEXED_TICKET, UNINDEXED_TICKET] {
        assert_eq!(get_total(&server, &format!("qq{number}qq")).await, 1, "{number}");
    }
    assert_eq!(get_total(&server, "absent").await, 0);
}

#[tokio::test]
async fn a_new_title_replaces_the_old_one_in_every_search() {
    let (server, _data) = start_server_with_pending_index().await;
    for number in [INDEXED_TICKET, UNINDEXED_TICKET] {
        for title in ["Second", "Third"] {
            let path = format!("/api/v2/ticket/{number}");
            assert_eq!(
                server.send_form("PUT", &path, &format!("title={title}{number}")).await.status,
                200
            );
        }
        assert_eq!(get_total(&server, &format!("qq{number}qq")).await, 0, "{number}");
        assert_eq!(get_total(&server, &format!("second{number}")).await, 0, "{number}");
        assert_eq!(get_total(&server, &format!("third{number}")).await, 1, "{number}");
    }
    assert_eq!(get_total(&server, "ticket").await, TICKET_COUNT - 2);
}

#[tokio::test]
async fn search_does_not_find_deleted_ticket() {
    let (server, _data) = start_server_with_pending_index().await;
    let ids = format!("ticketIDs[]={INDEXED_TICKET}&ticketIDs[]={UNINDEXED_TICKET}");
    assert_eq!(server.send_form("DELETE", "/api/v2/ticket/multi", &ids).await.status, 200);
    for number in [INDEXED_TICKET, UNINDEXED_TICKET] {
        assert_eq!(get_total(&server, &format!("qq{number}qq")).await, 0, "{number}");
    }
    assert_eq!(get_total(&server, "ticket").await, TICKET_COUNT - 2);
}
