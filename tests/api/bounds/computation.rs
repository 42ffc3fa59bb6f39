//! What takes much work is done beside all else, for a bounded time: others get their answers meanwhile, and whoever asked
//! for it is told.

use futures_util::future::select_all;
use serde_json::{Value, json};

use super::many;
use crate::control::Account;
use crate::fixtures::{self, KEY, Seeded, acme, serve_with, ticket};
use crate::support::{Client, Reply, Server};

const VERIFY: &str = "/_control/accounts/acme/verify";
const FAULTS: &str = "/_control/accounts/acme/faults";
const LIST: &str = "/api/v2/ticket";

/// An expression that takes as long for each letter as one may.
const SLOW: &str = "([ab]{1,50}){1,20}y";
/// The longest text that such an expression looks at.
const LONGEST: usize = 4 * 1024;
/// More requests than there are threads that answer.
fn crowd() -> usize {
    std::thread::available_parallelism().map_or(4, usize::from) + 2
}

/// A text of `a` and `b` in which nothing comes again.
fn letters(length: usize) -> String {
    let mut state = 1_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if state >> 31 == 0 { 'a' } else { 'b' }
    };
    (0..length).map(next).collect()
}

fn server() -> Seeded {
    serve_with(&acme([ticket(7)]), &["--ephemeral"])
}

/// Sends requests at once, and asks for other things until the first of them is answered. Gives that, and how often the
/// others were answered.
async fn beside(client: &Client, requests: Vec<reqwest::RequestBuilder>) -> (Reply, usize) {
    let requests = requests.into_iter().map(|request| tokio::spawn(Reply::of(request)));
    let mut first = select_all(requests.collect::<Vec<_>>());
    let mut answered = 0;
    loop {
        tokio::select! {
            (reply, _, _) = &mut first => return (reply.expect("it is answered"), answered),
            other = client.get("/api/v2/ticket/7") => {
                assert_eq!(other.status, 200, "{}", other.body);
                answered += 1;
            }
        }
    }
}

fn detail(reply: &Reply) -> &str {
    reply.body["detail"].as_str().unwrap_or_default()
}

fn is(reply: &Reply, status: u16, kind: &str, words: &[&str]) {
    assert_eq!(reply.status, status, "{}", reply.body);
    assert_eq!(reply.body["type"], format!("/docs/control#{kind}"), "{}", reply.body);
    assert!(words.iter().all(|word| detail(reply).contains(word)), "{words:?}: {}", reply.body);
}

#[tokio::test]
async fn a_value_that_is_too_long_for_an_expression_is_named() {
    let server = server();
    let title = letters(240_000);
    for _ in 0..3 {
        server.form("PUT", "/api/v2/ticket/7", &format!("title={title}")).await;
    }
    let slow = json!({ "fields": { "title": { "matches": SLOW } }, "count": { "never": true } });
    let all = json!({ "order": vec![json!({ "fields": { "title": { "matches": SLOW } } }); 5] });
    for body in [&slow, &all] {
        let requests = (0..crowd()).map(|_| server.ask("POST", VERIFY).json(body)).collect();
        let (reply, _) = beside(&server, requests).await;
        is(&reply, 409, "too-much-work", &["title", "request 1", "240000", "4096", "smaller"]);
    }
    // A small expression looks at all of it, and what is about other requests needs not look.
    let small =
        json!({ "fields": { "title": { "matches": "^[ab]+$" } }, "count": { "exactly": 3 } });
    assert_eq!(server.json("POST", VERIFY, &small).await.status, 200);
    let other = json!({ "operation": "ticket.create", "fields": slow["fields"], "count": { "never": true } });
    assert_eq!(server.json("POST", VERIFY, &other).await.status, 200);
}

#[tokio::test]
async fn a_long_look_through_the_journal_ends_and_others_are_answered_meanwhile() {
    let server = server();
    let title = letters(LONGEST - 10);
    for at in 0..200 {
        let body = format!("title={title}{at}");
        server.form("PUT", "/api/v2/ticket/7", &body).await;
    }
    let fields = json!({ "title": { "matches": SLOW } });
    let body = json!({ "fields": fields, "count": { "never": true } });
    let requests = (0..crowd()).map(|_| server.ask("POST", VERIFY).json(&body)).collect();
    let (reply, answered) = beside(&server, requests).await;
    is(&reply, 409, "too-much-work", &["longer than 5s", "since"]);
    assert!(answered > 50, "{answered} requests were answered meanwhile");
}

#[tokio::test]
async fn expressions_are_small_and_few() {
    let server = server();
    let matching = |text: &str| json!({ "fields": { "title": { "matches": text } } });
    let deep = format!("{}a{}", "(".repeat(100), ")".repeat(100));
    for text in
        [r"\w{1,1000}", "((a{100}){100}){100}", &deep, &"a".repeat(1_001), r"(?i)\p{L}{900}"]
    {
        is(&server.json("POST", VERIFY, &matching(text)).await, 400, "invalid", &["matches"]);
        let mut rule = matching(text);
        rule["effect"] = json!({ "status": 503 });
        is(&server.json("POST", FAULTS, &rule).await, 400, "invalid", &["matches"]);
    }
    let fields: serde_json::Map<String, Value> =
        (0..11).map(|at| (format!("title[{at}]"), json!({ "matches": "a" }))).collect();
    is(&server.json("POST", VERIFY, &json!({ "fields": fields })).await, 400, "invalid", &["10"]);
    let mut rule = matching("a");
    rule["effect"] = json!({ "status": 503 });
    for _ in 0..20 {
        assert_eq!(server.json("POST", FAULTS, &rule).await.status, 201);
    }
    is(&server.json("POST", FAULTS, &rule).await, 409, "too-many", &["20", "equals"]);
    let plain = json!({ "fields": { "title": "a" }, "effect": { "status": 503 } });
    assert_eq!(server.json("POST", FAULTS, &plain).await.status, 201);
}

#[tokio::test]
async fn a_fault_rule_with_an_expression_holds_up_nobody() {
    let server = server();
    let other = Account::make(&server, &json!({})).await;
    let rule = json!({ "fields": { "title": { "matches": SLOW } }, "effect": { "status": 503 } });
    assert_eq!(server.json("POST", FAULTS, &rule).await.status, 201);
    let body = format!("title={}", letters(LONGEST));
    let form = "application/x-www-form-urlencoded";
    let send = |_| {
        let request = server.ask("PUT", "/api/v2/ticket/7").header("content-type", form);
        request.body(body.clone())
    };
    let requests: Vec<_> = (0..crowd()).map(send).collect();
    let requests = requests.into_iter().map(|request| tokio::spawn(Reply::of(request)));
    let mut first = select_all(requests.collect::<Vec<_>>());
    let mut answered = 0;
    let reply = loop {
        tokio::select! {
            (reply, _, _) = &mut first => break reply.expect("it is answered"),
            list = other.client.get(LIST) => {
                assert_eq!(list.status, 200, "{}", list.body);
                answered += 1;
            }
        }
    };
    assert_eq!(reply.status, 400, "the title is too long: {}", reply.body);
    assert!(answered > 10, "{answered} requests were answered meanwhile");
    // It does not look at what is longer, and goes on with what it matches.
    let longer = format!("title={}y", letters(100_000));
    assert_eq!(server.form("PUT", "/api/v2/ticket/7", &longer).await.status, 400);
    assert_eq!(server.form("PUT", "/api/v2/ticket/7", "title=aby").await.status, 503);
}

/// Tickets whose titles are as long as they may be, and of few letters.
fn alike(number: u64, title: impl Fn(u64) -> String) -> Vec<Value> {
    let one = |id| {
        let mut ticket = ticket(id);
        ticket["title"] = title(id).into();
        ticket
    };
    (1..=number).map(one).collect()
}

#[tokio::test]
async fn texts_of_few_letters_are_found_like_all_others() {
    let titles = |id: u64| match id % 4 {
        0 => "a".repeat(1_000),
        1 => "a".repeat(499) + "b" + &"a".repeat(500),
        2 => "ab".repeat(500),
        _ => format!("{}\"\"\"{}", "a".repeat(20), "\"".repeat(400)),
    };
    let seed = acme(alike(3_000, titles));
    let server = serve_with(&seed, &["--ephemeral", "--answer-timeout", "5s"]);
    for (query, found) in [
        ("a".repeat(500), 1_500),
        ("a".repeat(501), 750),
        ("a".repeat(499) + "B" + &"a".repeat(500), 750),
        ("ab".repeat(400), 750),
        ("ba".repeat(400), 750),
        ("a".repeat(400) + "c" + &"a".repeat(500), 0),
        ("\"".repeat(300), 750),
        ("a".repeat(20) + &"\"".repeat(300), 750),
    ] {
        let request =
            server.ask("GET", LIST).query(&[("query", &query), ("itemLimit", &"1".into())]);
        let reply = Reply::of(request).await;
        assert_eq!(reply.status, 200, "{query}: {}", reply.body);
        assert_eq!(reply.body["itemTotal"], found, "{query}");
    }
}

/// A view that compares each title with a hundred long texts.
fn with_a_slow_view() -> Value {
    let mut seed = acme(alike(3_000, |_| "a".repeat(1_000)));
    let condition = |at: usize| {
        let value = format!("{}b{at}", "a".repeat(500));
        json!({ "fact": "title", "operation": "contains", "value": value })
    };
    let any: Vec<Value> = (0..100).map(condition).collect();
    let view = json!({ "id": 77, "slug": "slow", "conditions": { "any": any } });
    seed["accounts"]["acme"]["views"] = json!([view]);
    seed
}

async fn gives_up(server: &Client) {
    let slow = server.ask("GET", LIST).query(&[("applyView", "slow")]);
    let asked = (0..8).map(|_| slow.try_clone().expect("it has no body")).map(Reply::of);
    let replies = futures_util::future::join_all(asked).await;
    let given_up = replies.iter().filter(|reply| reply.message().contains("was given up"));
    assert!(given_up.count() > 0, "{replies:?}");
    for reply in &replies {
        assert_eq!(reply.status, 503, "{}", reply.body);
        assert!(reply.message().contains("--answer-timeout"), "{}", reply.body);
    }
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_interrupted_in_memory() {
    let server = serve_with(&with_a_slow_view(), &["--ephemeral", "--answer-timeout", "1s"]);
    let slow = server.ask("GET", LIST).query(&[("applyView", "slow")]);
    let reply = Reply::of(slow).await;
    assert_eq!(reply.status, 503, "{}", reply.body);
    assert!(reply.message().contains("was given up"), "{}", reply.body);
    // The only connection is free again.
    let reply = server.form("PUT", "/api/v2/ticket/7", "title=Printer").await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(server.get("/api/v2/ticket/8").await.status, 200);
}

#[tokio::test]
async fn queries_that_take_too_long_are_interrupted_in_a_file() {
    let folder = fixtures::folder();
    let seed = fixtures::file(&folder, "seed.json", &with_a_slow_view().to_string());
    let data = folder.path().join("data").display().to_string();
    let mut server = Server::with(&["--data", &data, "--seed", &seed, "--answer-timeout", "1s"]);
    KEY.clone_into(&mut server.key);
    gives_up(&server).await;
    // All connections are free again, and their next queries have time.
    let asked = many(8, |at| format!("{}\n", at + 1));
    for id in asked.lines() {
        let reply = server.get(&format!("/api/v2/ticket/{id}")).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
    assert_eq!(server.get("/api/v2/ticket?query=aaa&itemLimit=1").await.body["itemTotal"], 3_000);
}
