//! Which requests a rule is about: by operation, by key, by what they hold.

use serde_json::{Value, json};

use super::{LIST, calm, counts, create, desk, provoke};
use crate::control::Account;
use crate::fixtures::NEW_TICKET;
use crate::support::Client;

/// Method, path below the tickets, and urlencoded body.
type Ask = (&'static str, &'static str, &'static str);

/// One request of each operation. Each succeeds or is refused for its own reasons; none gives 503.
const EACH: [(&str, Ask); 11] = [
    ("ticket.list", ("GET", "", "")),
    ("ticket.create", ("POST", "", "")),
    ("ticket.get", ("GET", "/1", "")),
    ("ticket.update", ("PUT", "/1", "title=Other")),
    ("ticket.delete", ("DELETE", "/999", "")),
    ("ticket.deleteMulti", ("DELETE", "/multi", "ticketIDs[]=999")),
    ("ticket.setStatus", ("POST", "/setStatus", "status=open&ticketIDs[]=1")),
    ("ticket.setPriority", ("POST", "/setPriority", "priority=low&ticketIDs[]=1")),
    ("ticket.solveUnfinishedTickets", ("PUT", "/solveUnfinishedTickets", "")),
    ("ticket.unlinkCustomerFromTicket", ("POST", "/unlinkCustomerFromTicket", "ticketID=1")),
    (
        "ticket.batch",
        ("POST", "/batch", "TicketIDs=1&actions[0][actionType]=status&actions[0][value]=open"),
    ),
];

async fn meets(client: &Client, (method, path, body): Ask) -> bool {
    let path = format!("{LIST}{path}");
    let reply = if body.is_empty() {
        client.json(method, &path, &json!({})).await
    } else {
        client.form(method, &path, body).await
    };
    reply.status == 503
}

fn rule(part: &Value) -> Value {
    let mut rule = part.clone();
    rule["effect"] = json!({ "status": 503 });
    rule
}

/// The rule is met by the first requests, and not by the others.
async fn is_about(account: &Account, part: Value, met: &[Ask], others: &[Ask]) {
    provoke(account, &rule(&part)).await;
    for ask in met {
        assert!(meets(&account.client, *ask).await, "{part} is about {ask:?}");
    }
    for ask in others {
        assert!(!meets(&account.client, *ask).await, "{part} is not about {ask:?}");
    }
    let count = met.len() as u64;
    assert_eq!(counts(account).await, [(count, count)], "{part}");
    calm(account).await;
}

async fn desk_with_tickets() -> (crate::support::Server, Account) {
    let (server, account) = desk().await;
    for _ in 0..3 {
        assert_eq!(create(&account).await.status, 200);
    }
    (server, account)
}

#[tokio::test]
async fn each_operation_is_known_by_its_name() {
    let (_server, account) = desk_with_tickets().await;
    for (name, own) in EACH {
        let others: Vec<Ask> =
            EACH.iter().filter(|(other, _)| *other != name).map(|(_, ask)| *ask).collect();
        let short = name.trim_start_matches("ticket.");
        for name in [name, short] {
            is_about(&account, json!({ "operation": name }), &[own], &others).await;
        }
    }
}

#[tokio::test]
async fn a_rule_that_names_nothing_is_about_every_request() {
    let (_server, account) = desk_with_tickets().await;
    let all = EACH.map(|(_, ask)| ask);
    is_about(&account, json!({}), &all, &[]).await;
}

#[rustfmt::skip]
fn cases() -> Vec<(Value, Vec<Ask>, Vec<Ask>)> {
    let title = |condition: Value| json!({ "operation": "ticket.update", "fields": { "title": condition } });
    let ids = |wanted: Value| json!({ "operation": "ticket.setStatus", "fields": { "ticketIDs": wanted } });
    let put = |body| ("PUT", "/1", body);
    let set = |body| ("POST", "/setStatus", body);
    let batch = |body| ("POST", "/batch", body);
    vec![
        (title(json!("Hello")), vec![put("title=Hello"), put("status=solved&title=Hello")],
            vec![put("title=hello"), put("title=Hello%20"), put("title="), put("status=solved")]),
        (title(json!({ "equals": "Hello" })), vec![put("title=Hello")], vec![put("title=Hello!")]),
        (title(json!({ "equals": "" })), vec![put("title=")], vec![put("title=a"), put("status=solved")]),
        (title(json!({ "matches": "^Hel+o" })), vec![put("title=Hello"), put("title=Helo%20there")],
            vec![put("title=Oh,%20Hello"), put("status=solved")]),
        (title(json!({ "matches": "e" })), vec![put("title=Hello")], vec![put("title=Oh"), put("title=")]),
        (title(json!({ "present": true })), vec![put("title=Hello"), put("title=")], vec![put("status=solved")]),
        (title(json!({ "absent": true })), vec![put("status=solved")], vec![put("title=Hello"), put("title=")]),
        (title(json!(12)), vec![put("title=12")], vec![put("title=12.0"), put("title=012")]),
        (title(json!("12")), vec![put("title=12")], vec![put("title=1")]),
        (json!({ "fields": { "ticketID": 2 } }), vec![("GET", "/2", ""), ("PUT", "/2", "title=a"),
            ("POST", "/unlinkCustomerFromTicket", "ticketID=2")], vec![("GET", "/1", ""), ("GET", "/22", ""), ("GET", "", "")]),
        (json!({ "operation": "ticket.list", "fields": { "status": "open" } }), vec![("GET", "?status=open", "")],
            vec![("GET", "?status=new", ""), ("GET", "", "")]),
        (json!({ "operation": "ticket.update", "fields": { "title": "Hello", "status": "solved" } }),
            vec![put("title=Hello&status=solved")], vec![put("title=Hello"), put("status=solved"), put("title=Hello&status=closed")]),
        (ids(json!(2)), vec![set("status=open&ticketIDs[]=2"), set("status=open&ticketIDs[]=1&ticketIDs[]=2")],
            vec![set("status=open&ticketIDs[]=1"), set("status=open&ticketIDs[]=22"), set("status=open")]),
        (ids(json!([1, 2])), vec![set("status=open&ticketIDs[]=1&ticketIDs[]=2"), set("status=open&ticketIDs[0]=1&ticketIDs[1]=2")],
            vec![set("status=open&ticketIDs[]=2&ticketIDs[]=1"), set("status=open&ticketIDs[]=1"),
                set("status=open&ticketIDs[]=1&ticketIDs[]=2&ticketIDs[]=3")]),
        (json!({ "fields": { "ticketIDs[1]": 3 } }), vec![set("status=open&ticketIDs[]=1&ticketIDs[]=3")],
            vec![set("status=open&ticketIDs[]=3&ticketIDs[]=1"), set("status=open&ticketIDs[]=3")]),
        (json!({ "fields": { "actions[0][value]": "urgent" } }),
            vec![batch("TicketIDs=1&actions[0][actionType]=priority&actions[0][value]=urgent")],
            vec![batch("TicketIDs=1&actions[0][actionType]=priority&actions[0][value]=low"),
                batch("TicketIDs=1&actions[0][actionType]=status&actions[0][value]=open&actions[1][actionType]=priority&actions[1][value]=urgent")]),
        (json!({ "operation": "ticket.batch", "fields": { "actions[1][actionType]": { "present": true } } }),
            vec![batch("TicketIDs=1&actions[0][actionType]=status&actions[0][value]=open&actions[1][actionType]=priority&actions[1][value]=low")],
            vec![batch("TicketIDs=1&actions[0][actionType]=status&actions[0][value]=open")]),
    ]
}

#[tokio::test]
async fn fields_are_compared_as_they_were_sent() {
    let (_server, account) = desk_with_tickets().await;
    for (part, met, others) in cases() {
        is_about(&account, part, &met, &others).await;
    }
}

#[tokio::test]
async fn it_is_the_same_in_whatever_form_they_were_sent() {
    let (_server, account) = desk().await;
    let fields = json!({ "title": "Printer", "brandID": 1, "formID": { "absent": true } });
    provoke(&account, &rule(&json!({ "operation": "ticket.create", "fields": fields }))).await;
    let parts = [
        ("brandID", "1"),
        ("channelID", "1"),
        ("direction", "inbound"),
        ("from", "ada@example.test"),
        ("to", "desk@example.test"),
        ("title", "Printer"),
    ];
    let mut body: Value = parts.iter().map(|(name, value)| (*name, *value)).collect();
    let client = &account.client;
    assert_eq!(client.form("POST", LIST, NEW_TICKET).await.status, 503);
    assert_eq!(client.multipart("POST", LIST, &parts).await.status, 503);
    assert_eq!(client.json("POST", LIST, &body).await.status, 503);
    body["brandID"] = json!(1);
    assert_eq!(client.json("POST", LIST, &body).await.status, 503);
    body["brandID"] = json!(2);
    assert_eq!(client.json("POST", LIST, &body).await.status, 200);
    assert_eq!(counts(&account).await, [(4, 4)]);
}

#[tokio::test]
async fn a_rule_is_about_one_key_of_several() {
    let (_server, account) = desk_with_tickets().await;
    let (agent, bot) = (account.clone().with_key("agent").await, account.with_key("bot").await);
    is_about(&bot, json!({ "key": "bot" }), &[EACH[0].1, EACH[2].1], &[]).await;
    provoke(&bot, &rule(&json!({ "key": "bot", "operation": "ticket.get" }))).await;
    assert!(!meets(&agent.client, EACH[2].1).await, "the other key");
    assert!(!meets(&bot.client, EACH[0].1).await, "another operation");
    assert!(meets(&bot.client, EACH[2].1).await);
    assert_eq!(counts(&bot).await, [(1, 1)]);
}

#[tokio::test]
async fn the_key_may_come_in_any_of_its_ways() {
    let (_server, account) = desk_with_tickets().await;
    let bot = account.with_key("bot").await;
    provoke(&bot, &rule(&json!({ "key": "bot" }))).await;
    let (client, key) = (&bot.client, &bot.client.key);
    for request in [
        client.ask_without_key("GET", LIST).header("apiKey", key),
        client.ask_without_key("GET", LIST).header("authorization", format!("apikey {key}")),
        client.ask_without_key("GET", &format!("{LIST}?apiKey={key}")),
    ] {
        let asked = format!("{request:?}");
        assert_eq!(crate::support::Reply::of(request).await.status, 503, "{asked}");
    }
}
