//! Many clients of one account at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::task::JoinSet;

use crate::fixtures::{self, NEW_TICKET};
use crate::support::{Reply, Server};

const TASKS: u64 = 64;

/// The answer is a success or a refusal, and never tells of the store's own troubles.
fn sound(reply: &Reply) -> bool {
    let text = reply.body.to_string();
    assert!([200, 400].contains(&reply.status), "{}: {text}", reply.status);
    assert!(!text.contains("locked") && !text.contains("busy"), "{text}");
    reply.status == 200
}

async fn create(server: &Server, title: &str) -> u64 {
    let body = NEW_TICKET.replace("Printer", title);
    let reply = server.form("POST", "/api/v2/ticket", &body).await;
    assert!(sound(&reply), "{}", reply.body);
    reply.body["ticketID"].as_u64().expect("the new id")
}

async fn send(server: &Server, method: &str, path: &str, body: &str) -> bool {
    sound(&server.form(method, &format!("/api/v2/ticket{path}"), body).await)
}

/// What one client did: the tickets that it made, and those that it was told to have deleted.
#[derive(Default)]
struct Done {
    made: Vec<u64>,
    deleted: Vec<u64>,
}

/// Makes, changes, reads and deletes tickets of its own, and quarrels about a shared one.
async fn work(server: Arc<Server>, task: u64) -> Done {
    let mut done = Done::default();
    for round in 0..4 {
        let id = create(&server, &format!("task{task}")).await;
        done.made.push(id);
        let status = ["open", "pending", "solved", "closed"][round];
        assert!(
            send(&server, "POST", "/setStatus", &format!("status={status}&ticketIDs[]={id}")).await
        );
        assert!(send(&server, "PUT", &format!("/{id}"), &format!("title=round{round}")).await);
        let batch = format!(
            "TicketIDs={id}, 1&actions[0][actionType]=assigned_user_id&actions[0][value]={task}"
        );
        assert!(send(&server, "POST", "/batch", &batch).await);
        let list = server.get("/api/v2/ticket?itemLimit=50").await;
        assert!(sound(&list));
        let total = list.body["itemTotal"].as_u64().expect("a total");
        let shown = list.body["items"].as_array().expect("items").len() as u64;
        assert_eq!(shown, total.min(50), "a list agrees with itself");
    }
    let last = done.made[3];
    if send(&server, "DELETE", &format!("/{last}"), "").await {
        done.deleted.push(last);
    }
    // All want to delete the same tickets: one of them is told that it did.
    for shared in 2..=9 {
        if send(&server, "DELETE", "/multi", &format!("ticketIDs[]={shared}")).await {
            done.deleted.push(shared);
        }
    }
    done
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_clients_at_once_lose_and_repeat_nothing() {
    let data = fixtures::folder();
    let server = Server::with(&["--data", data.path().to_str().expect("the path is text")]);
    for _ in 1..=9 {
        create(&server, "shared").await;
    }
    let server = Arc::new(server);
    let tasks: JoinSet<Done> = (0..TASKS).map(|task| work(Arc::clone(&server), task)).collect();
    let done = tasks.join_all().await;

    let made: Vec<u64> = done.iter().flat_map(|done| done.made.clone()).collect();
    let unique: BTreeSet<u64> = made.iter().copied().collect();
    assert_eq!(unique.len(), made.len(), "an id is given once");
    assert_eq!(unique, (10..10 + TASKS * 4).collect(), "no id is left out");
    let deleted: Vec<u64> = done.iter().flat_map(|done| done.deleted.clone()).collect();
    assert_eq!(deleted.len() as u64, TASKS + 8, "each deletion is acknowledged once");

    let list = fixtures::text(&server, "/api/v2/ticket?itemLimit=9999").await;
    let mut expected: Vec<u64> = unique.into_iter().chain(1..=9).collect();
    expected.retain(|id| !deleted.contains(id));
    expected.sort_unstable_by(|one, other| other.cmp(one));
    assert_eq!(fixtures::ids(&list), expected);
    let total = format!("\"itemTotal\":{}", expected.len());
    assert!(list.replace(": ", ":").contains(&total), "{total} is not in {list:.200}");
}

/// Writes the title again and again; each acknowledged write shows in the next item and list.
async fn write_and_read(server: Arc<Server>, task: u64) {
    let id = create(&server, "first").await;
    let (item_path, list_path) =
        (format!("/api/v2/ticket/{id}"), "/api/v2/ticket?itemLimit=9999".to_owned());
    for round in 0..12 {
        let title = format!("task{task}round{round}");
        // Somebody reads meanwhile, and so has the old or the new answer kept.
        let (path, body) = (format!("/{id}"), format!("title={title}"));
        let put = send(&server, "PUT", &path, &body);
        let (sent, ..) = tokio::join!(put, server.get(&item_path), server.get(&list_path));
        assert!(sent);
        let (item, list) = tokio::join!(server.get(&item_path), server.get(&list_path));
        assert_eq!(item.body["item"]["title"], title);
        let listed =
            list.body["items"].as_array().expect("items").iter().find(|item| item["id"] == id);
        assert_eq!(listed.expect("it is listed")["title"], title);
        let found = server.get(&format!("/api/v2/ticket?query={title}")).await;
        assert_eq!(found.body["itemTotal"], 1, "{title}: {}", found.body);
    }
    assert!(send(&server, "DELETE", &format!("/{id}"), "").await);
    assert_eq!(server.get(&item_path).await.status, 400, "it is gone at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_write_is_seen_by_the_next_read() {
    let data = fixtures::folder();
    let server = Server::with(&["--data", data.path().to_str().expect("the path is text")]);
    let server = Arc::new(server);
    let tasks: JoinSet<()> =
        (0..16).map(|task| write_and_read(Arc::clone(&server), task)).collect();
    tasks.join_all().await;
    assert_eq!(server.get("/api/v2/ticket").await.body["itemTotal"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_accounts_that_are_written_at_once_do_not_mix() {
    let mut seed = fixtures::acme([fixtures::ticket(1)]);
    let mut other = seed["accounts"]["acme"].clone();
    other["keys"][0]["key"] = "other-key-0123456789".into();
    seed["accounts"]["other"] = other;
    let server = Arc::new(fixtures::serve(&seed));
    let write = |key: &'static str, title: &'static str| {
        let server = Arc::clone(&server);
        async move {
            for _ in 0..40 {
                let request =
                    server.ask_without_key("PUT", "/api/v2/ticket/1").header("apiKey", key);
                let form = [("title", title)];
                assert_eq!(Reply::of(request.form(&form)).await.status, 200);
                let request =
                    server.ask_without_key("GET", "/api/v2/ticket/1").header("apiKey", key);
                assert_eq!(Reply::of(request).await.body["item"]["title"], title);
            }
        }
    };
    tokio::join!(write(fixtures::KEY, "Acme's"), write("other-key-0123456789", "Other's"));
}
