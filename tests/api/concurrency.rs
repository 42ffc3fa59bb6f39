//! Many concurrent clients of one account.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::task::JoinSet;

use crate::support::client::JsonResponse;
use crate::support::server::Server;
use crate::support::ticket::{self, create_ticket_with_title};
use crate::support::{files, seed};

const CLIENT_COUNT: u64 = 64;

/// Returns whether the request succeeded; asserts that the response mentions no database error.
fn check_is_success(reply: &JsonResponse) -> bool {
    let text = reply.body.to_string();
    assert!([200, 400].contains(&reply.status), "{}: {text}", reply.status);
    assert!(!text.contains("locked") && !text.contains("busy"), "{text}");
    reply.status == 200
}

async fn send_write(server: &Server, method: &str, path: &str, body: &str) -> bool {
    check_is_success(&server.send_form(method, &format!("/api/v2/ticket{path}"), body).await)
}

/// What one client did: the ids of its tickets, and the ids whose deletion was acknowledged.
#[derive(Default)]
struct ClientLog {
    created_ids: Vec<u64>,
    deleted_ids: Vec<u64>,
}

/// Creates, changes, reads and deletes its own tickets, and competes with other clients for shared ones.
async fn run_client(server: Arc<Server>, task: u64) -> ClientLog {
    let mut log = ClientLog::default();
    for round in 0..4 {
        let id = create_ticket_with_title(&server, &format!("task{task}")).await;
        log.created_ids.push(id);
        let status = ["open", "pending", "solved", "closed"][round];
        assert!(
            send_write(&server, "POST", "/setStatus", &format!("status={status}&ticketIDs[]={id}"))
                .await
        );
        assert!(
            send_write(&server, "PUT", &format!("/{id}"), &format!("title=round{round}")).await
        );
        let batch = format!(
            "TicketIDs={id}, 1&actions[0][actionType]=assigned_user_id&actions[0][value]={task}"
        );
        assert!(send_write(&server, "POST", "/batch", &batch).await);
        let list = server.get("/api/v2/ticket?itemLimit=50").await;
        assert!(check_is_success(&list));
        let total = list.body["itemTotal"].as_u64().expect("a total");
        let listed = list.body["items"].as_array().expect("items").len() as u64;
        assert_eq!(listed, total.min(50), "the list length matches its total");
    }
    let last = log.created_ids[3];
    if send_write(&server, "DELETE", &format!("/{last}"), "").await {
        log.deleted_ids.push(last);
    }
    // All clients delete the same tickets: exactly one of them succeeds for each.
    for shared in 2..=9 {
        if send_write(&server, "DELETE", "/multi", &format!("ticketIDs[]={shared}")).await {
            log.deleted_ids.push(shared);
        }
    }
    log
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_clients_lose_and_duplicate_nothing() {
    let data = files::create_temp_dir();
    let server =
        Server::start_with_args(&["--data", data.path().to_str().expect("the path is UTF-8")]);
    for _ in 1..=9 {
        create_ticket_with_title(&server, "shared").await;
    }
    let server = Arc::new(server);
    let tasks: JoinSet<ClientLog> =
        (0..CLIENT_COUNT).map(|task| run_client(Arc::clone(&server), task)).collect();
    let logs = tasks.join_all().await;

    let created: Vec<u64> = logs.iter().flat_map(|log| log.created_ids.clone()).collect();
    let unique: BTreeSet<u64> = created.iter().copied().collect();
    assert_eq!(unique.len(), created.len(), "ids are unique");
    assert_eq!(unique, (10..10 + CLIENT_COUNT * 4).collect(), "ids have no gaps");
    let deleted: Vec<u64> = logs.iter().flat_map(|log| log.deleted_ids.clone()).collect();
    assert_eq!(deleted.len() as u64, CLIENT_COUNT + 8, "each deletion is acknowledged once");

    let list = server.get_text("/api/v2/ticket?itemLimit=9999").await;
    let mut expected: Vec<u64> = unique.into_iter().chain(1..=9).collect();
    expected.retain(|id| !deleted.contains(id));
    expected.sort_unstable_by(|one, other| other.cmp(one));
    assert_eq!(ticket::parse_ticket_ids(&list), expected);
    let total = format!("\"itemTotal\":{}", expected.len());
    assert!(list.replace(": ", ":").contains(&total), "{total} is not in {list:.200}");
}

/// Updates the title repeatedly; the next item and list show each acknowledged write.
async fn write_and_read(server: Arc<Server>, task: u64) {
    let id = create_ticket_with_title(&server, "first").await;
    let (item_path, list_path) =
        (format!("/api/v2/ticket/{id}"), "/api/v2/ticket?itemLimit=9999".to_owned());
    for round in 0..12 {
        let title = format!("task{task}round{round}");
        // Concurrent reads cache the old or the new response.
        let (path, body) = (format!("/{id}"), format!("title={title}"));
        let put = send_write(&server, "PUT", &path, &body);
        let (succeeded, ..) = tokio::join!(put, server.get(&item_path), server.get(&list_path));
        assert!(succeeded);
        let (item, list) = tokio::join!(server.get(&item_path), server.get(&list_path));
        assert_eq!(item.body["item"]["title"], title);
        let listed =
            list.body["items"].as_array().expect("items").iter().find(|item| item["id"] == id);
        assert_eq!(listed.expect("the ticket is listed")["title"], title);
        let found = server.get(&format!("/api/v2/ticket?query={title}")).await;
        assert_eq!(found.body["itemTotal"], 1, "{title}: {}", found.body);
    }
    assert!(send_write(&server, "DELETE", &format!("/{id}"), "").await);
    assert_eq!(server.get(&item_path).await.status, 400, "a deleted ticket is gone at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_write_is_seen_by_the_next_read() {
    let data = files::create_temp_dir();
    let server =
        Server::start_with_args(&["--data", data.path().to_str().expect("the path is UTF-8")]);
    let server = Arc::new(server);
    let tasks: JoinSet<()> =
        (0..16).map(|task| write_and_read(Arc::clone(&server), task)).collect();
    tasks.join_all().await;
    assert_eq!(server.get("/api/v2/ticket").await.body["itemTotal"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writes_to_two_accounts_stay_isolated() {
    let mut seed = seed::acme_seed([seed::ticket_fixture(1)]);
    let mut other = seed["accounts"]["acme"].clone();
    other["keys"][0]["key"] = "other-key-0123456789".into();
    seed["accounts"]["other"] = other;
    let server = Arc::new(seed::serve_seed(&seed));
    let write = |key: &'static str, title: &'static str| {
        let server = Arc::clone(&server);
        async move {
            for _ in 0..40 {
                let request =
                    server.request_without_key("PUT", "/api/v2/ticket/1").header("apiKey", key);
                let form = [("title", title)];
                assert_eq!(JsonResponse::fetch(request.form(&form)).await.status, 200);
                let request =
                    server.request_without_key("GET", "/api/v2/ticket/1").header("apiKey", key);
                assert_eq!(JsonResponse::fetch(request).await.body["item"]["title"], title);
            }
        }
    };
    tokio::join!(write(seed::ACME_KEY, "Acme's"), write("other-key-0123456789", "Other's"));
}
