//! Refused requests are in the journal too; those of nobody known in the server's own.

use serde_json::{Value, json};

use super::asks::{create, documented, get, set_status};
use super::look::{list, strangers, text};
use crate::control::{Account, answer};
use crate::fixtures::{NEW_TICKET, acme, serve, ticket};
use crate::support::{Client, Server};

/// Method, path, content type, body; the status and the operation of the entry.
type Case = (&'static str, &'static str, &'static str, String, u16, Value);

const FORM: &str = "application/x-www-form-urlencoded";

#[rustfmt::skip]
fn cases() -> Vec<Case> {
    let (new, none) = (|| NEW_TICKET.to_owned(), String::new);
    vec![
        ("POST", "/api/v2/ticket", FORM, none(), 400, json!("ticket.create")),
        ("POST", "/api/v2/ticket", FORM, "title=%zz".to_owned(), 400, json!("ticket.create")),
        ("POST", "/api/v2/ticket", "application/json", "{".to_owned(), 400, json!("ticket.create")),
        ("GET", "/api/v2/ticket/99", FORM, none(), 400, json!("ticket.get")),
        ("GET", "/api/v2/ticket/x", FORM, none(), 400, json!("ticket.get")),
        ("GET", "/api/v2/ticket?applyView=none", FORM, none(), 400, json!("ticket.list")),
        ("POST", "/api/v2/ticket/setStatus", FORM, "status=open&ticketIDs[]=99".to_owned(), 400, json!("ticket.setStatus")),
        ("DELETE", "/api/v2/ticket/multi", FORM, none(), 400, json!("ticket.deleteMulti")),
        ("POST", "/api/v2/ticket", FORM, "x".repeat(11_000_000), 413, json!("ticket.create")),
        ("POST", "/api/v2/ticket", "text/plain", new(), 415, json!("ticket.create")),
        ("GET", "/api/v2/nothing", FORM, none(), 404, Value::Null),
        ("POST", "/api/v2/ticket/7/timeline", FORM, new(), 404, Value::Null),
        ("GET", "/api/", FORM, none(), 404, Value::Null),
        ("PATCH", "/api/v2/ticket", FORM, none(), 405, Value::Null),
        ("POST", "/api/v2/ticket/7", FORM, new(), 405, Value::Null),
        ("BREW", "/api/v2/ticket", FORM, none(), 405, Value::Null),
    ]
}

#[tokio::test]
async fn each_leaves_an_entry_that_says_how_it_was_refused() {
    let server = serve(&acme([ticket(7)]));
    let acme = Account::acme(&server);
    for (number, (method, path, kind, body, status, operation)) in (1..).zip(cases()) {
        let asked = format!("{method} {path} {body:.60}");
        let request = server.ask(method, path).header("content-type", kind).body(body);
        let reply = answer(request).await;
        assert_eq!(reply.status, status, "{asked}: {}", reply.body);
        let entry = acme.newest().await;
        assert_eq!(entry["seq"], number, "{asked}: {entry}");
        assert_eq!(entry["status"], status, "{asked}: {entry}");
        assert_eq!(entry["operation"], operation, "{asked}: {entry}");
        assert_eq!(entry["method"], method, "{asked}: {entry}");
        assert_eq!(entry["path"], path.split('?').next().expect("a path"), "{asked}: {entry}");
        assert_eq!(entry["body"], reply.body, "{asked}: {entry}");
        assert_eq!(entry["key"], "ci", "{asked}: {entry}");
        assert_eq!(entry["changes"], json!([]), "{asked}: {entry}");
    }
    let all = strangers(&server, &[]).await;
    assert_eq!(all["requests"], json!([]), "a known key is no stranger's");
}

#[tokio::test]
async fn one_without_permission_leaves_an_entry() {
    let server = Server::start();
    let made = json!({ "permissions": ["TICKET_READ"] });
    let account = Account::make(&server, &made).await;
    assert_eq!(create(&[]).send(&account.client).await.status, 403);
    let entry = account.newest().await;
    assert_eq!(entry["status"], 403, "{entry}");
    assert_eq!(entry["operation"], "ticket.create", "{entry}");
    assert_eq!(entry["key"], "key 1", "{entry}");
    assert!(text(&entry["body"]["message"]).contains("TICKET_CREATE"), "{entry}");
}

#[tokio::test]
async fn a_refused_request_is_warned_about_as_well() {
    let server = serve(&acme([ticket(7)]));
    let acme = Account::acme(&server);
    let ask = set_status(&[("Status", "open"), ("ticketIDs[]", "7")]);
    assert_eq!(ask.send(&server).await.status, 400);
    let entry = acme.newest().await;
    assert_eq!(entry["warnings"][0]["kind"], "wrong-case", "{entry}");
    assert_eq!(entry["warnings"][0]["nearest"], "status", "{entry}");
}

/// The same client without a key, and with ones that nobody has.
fn unknown(client: &Client) -> Vec<Client> {
    ["", "unknown-key-0123456789", "x"].map(|key| client.with_key(key)).to_vec()
}

#[tokio::test]
async fn unknown_keys_and_no_key_are_in_the_journal_of_the_server_alone() {
    let server = serve(&acme([7, 8, 9].map(ticket)));
    let acme = Account::acme(&server);
    let other = Account::make(&server, &json!({})).await;
    let mut asked = Vec::new();
    for client in unknown(&server) {
        for ask in documented() {
            assert_eq!(ask.send(&client).await.status, 401);
            asked.push((ask.method, ask.whole_path(), 401));
        }
        let missing = client.get("/api/v2/nothing").await;
        asked.push(("GET", "/api/v2/nothing".to_owned(), missing.status));
    }
    let all = list(&strangers(&server, &[]).await["requests"]);
    assert_eq!(all.len(), asked.len());
    for (entry, (method, path, status)) in all.iter().zip(asked) {
        assert_eq!(entry["key"], Value::Null, "{entry}");
        assert_eq!((&entry["method"], &entry["path"]), (&json!(method), &json!(path)), "{entry}");
        assert_eq!(entry["status"], status, "{entry}");
        assert_eq!(entry["changes"], json!([]), "{entry}");
    }
    for account in [acme, other] {
        assert_eq!(account.entries(&[]).await, Vec::<Value>::new());
        assert_eq!(account.changes(&[]).await["changes"], json!([]));
    }
}

#[tokio::test]
async fn the_journal_of_the_server_takes_filters_and_is_emptied() {
    let server = serve(&acme([ticket(7)]));
    let nobody = server.with_key("unknown-key-0123456789");
    get("/7").send(&nobody).await;
    create(&[]).send(&nobody).await;
    nobody.get("/api/v1/ticket").await;
    for (name, value, count) in [
        ("operation", "ticket.get", 1),
        ("method", "get", 2),
        ("status", "401", 2),
        ("status", "4xx", 3),
        ("changed", "true", 0),
        ("limit", "2", 2),
    ] {
        let found = strangers(&server, &[(name, value)]).await;
        assert_eq!(list(&found["requests"]).len(), count, "{name}={value}: {found}");
        assert_eq!(found["more"], name == "limit", "{name}={value}: {found}");
        assert_eq!(found["truncated"], false, "{name}={value}: {found}");
    }
    let emptied = answer(server.ask_without_key("DELETE", "/_control/requests")).await;
    assert_eq!(emptied.status, 204, "{}", emptied.body);
    assert_eq!(strangers(&server, &[]).await["requests"], json!([]));
}

#[tokio::test]
async fn what_is_not_below_api_is_in_no_journal() {
    let server = serve(&acme([ticket(7)]));
    for path in ["/openapi.json", "/docs", "/nothing", "/_control/health", "/_control/accounts"] {
        for request in [server.ask("GET", path), server.ask_without_key("GET", path)] {
            request.send().await.expect("the server answers");
        }
    }
    assert_eq!(Account::acme(&server).entries(&[]).await, Vec::<Value>::new());
    assert_eq!(strangers(&server, &[]).await["requests"], json!([]));
}

#[tokio::test]
async fn a_key_that_makes_an_account_is_no_strangers() {
    let server = Server::with(&["--ephemeral", "--accounts", "auto"]);
    let client = server.with_key("my-own-key-1");
    get("/7").send(&client).await;
    let shown = answer(client.ask("GET", "/_control/accounts/self")).await;
    let own = Account::known(&server, &text(&shown.body["account"]), "my-own-key-1");
    assert_eq!(own.entries(&[]).await.len(), 1);
    assert_eq!(strangers(&server, &[]).await["requests"], json!([]));
}
