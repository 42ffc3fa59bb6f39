//! Expensive computations: they are limited in time, do not block other requests, and end with a clear
//! error.

use futures_util::future::select_all;
use serde_json::{Value, json};

use super::concat_indexed;
use crate::support::client::{ApiClient, JsonResponse};
use crate::support::control::Account;
use crate::support::files;
use crate::support::seed::{
    ACME_KEY, SeededServer, acme_seed, serve_seed_with_args, ticket_fixture,
};
use crate::support::server::Server;
use crate::support::ticket::{TICKETS_PATH, URLENCODED};

const VERIFY_PATH: &str = "/_control/accounts/acme/verify";
const FAULTS_PATH: &str = "/_control/accounts/acme/faults";

/// A regular expression with the highest possible cost per character.
const SLOW_REGEX: &str = "([ab]{1,50}){1,20}y";
/// The longest text that an expensive expression is applied to.
const MAX_REGEX_INPUT_BYTES: usize = 4 * 1024;
/// More requests than worker threads.
fn oversubscribed_request_count() -> usize {
    std::thread::available_parallelism().map_or(4, usize::from) + 2
}

/// Generates a text of `a` and `b` without repetition.
fn generate_letters(length: usize) -> String {
    let mut state = 1_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if state >> 31 == 0 { 'a' } else { 'b' }
    };
    (0..length).map(next).collect()
}

fn start_server() -> SeededServer {
    serve_seed_with_args(&acme_seed([ticket_fixture(7)]), &["--ephemeral"])
}

/// Sends requests concurrently and reads a ticket until the first one gets its response. Returns that response and
/// the number of reads.
async fn send_beside_reads(
    client: &ApiClient,
    requests: Vec<reqwest::RequestBuilder>,
) -> (JsonResponse, usize) {
    let requests = requests.into_iter().map(|request| tokio::spawn(JsonResponse::fetch(request)));
    let mut first = select_all(requests.collect::<Vec<_>>());
    let mut read_count = 0;
    loop {
        tokio::select! {
            (reply, _, _) = &mut first => return (reply.expect("the request does not panic"), read_count),
            ticket = client.get("/api/v2/ticket/7") => {
                assert_eq!(ticket.status, 200, "{}", ticket.body);
                read_count += 1;
            }
        }
    }
}

fn detail(reply: &JsonResponse) -> &str {
    reply.body["detail"].as_str().unwrap_or_default()
}

fn assert_problem(reply: &JsonResponse, status: u16, kind: &str, words: &[&str]) {
    assert_eq!(reply.status, status, "{}", reply.body);
    assert_eq!(reply.body["type"], format!("/docs/control#{kind}"), "{}", reply.body);
    assert!(words.iter().all(|word| detail(reply).contains(word)), "{words:?}: {}", reply.body);
}

#[tokio::test]
async fn value_too_long_for_regex_is_named_in_error() {
    let server = start_server();
    let title = generate_letters(240_000);
    for _ in 0..3 {
        server.send_form("PUT", "/api/v2/ticket/7", &format!("title={title}")).await;
    }
    let slow =
        json!({ "fields": { "title": { "matches": SLOW_REGEX } }, "count": { "never": true } });
    let all =
        json!({ "order": vec![json!({ "fields": { "title": { "matches": SLOW_REGEX } } }); 5] });
    for body in [&slow, &all] {
        let requests = (0..oversubscribed_request_count())
            .map(|_| server.request("POST", VERIFY_PATH).json(body))
            .collect();
        let (reply, _) = send_beside_reads(&server, requests).await;
        assert_problem(
            &reply,
            409,
            "evaluation-limit-exceeded",
            &["title", "request 1", "240000", "4096", "smaller"],
        );
    }
    // A cheap expression is applied to the whole text, and requests that differ otherwise are not searched.
    let small =
        json!({ "fields": { "title": { "matches": "^[ab]+$" } }, "count": { "exactly": 3 } });
    assert_eq!(server.send_json("POST", VERIFY_PATH, &small).await.status, 200);
    let other = json!({ "operation": "ticket.create", "fields": slow["fields"], "count": { "never": true } });
    assert_eq!(server.send_json("POST", VERIFY_PATH, &other).await.status, 200);
}

#[tokio::test]
async fn slow_verification_times_out_without_blocking_other_requests() {
    let server = start_server();
    let title = generate_letters(MAX_REGEX_INPUT_BYTES - 10);
    for index in 0..200 {
        let body = format!("title={title}{index}");
        server.send_form("PUT", "/api/v2/ticket/7", &body).await;
    }
    let fields = json!({ "title": { "matches": SLOW_REGEX } });
    let body = json!({ "fields": fields, "count": { "never": true } });
    let requests = (0..oversubscribed_request_count())
        .map(|_| server.request("POST", VERIFY_PATH).json(&body))
        .collect();
    let (reply, read_count) = send_beside_reads(&server, requests).await;
    assert_problem(&reply, 409, "evaluation-limit-exceeded", &["longer than 5s", "since"]);
    assert!(read_count > 50, "{read_count} reads were served during the verification");
}

#[tokio::test]
async fn regex_size_and_count_are_limited() {
    let server = start_server();
    let matching = |text: &str| json!({ "fields": { "title": { "matches": text } } });
    let deep = format!("{}a{}", "(".repeat(100), ")".repeat(100));
    for text in
        [r"\w{1,1000}", "((a{100}){100}){100}", &deep, &"a".repeat(1_001), r"(?i)\p{L}{900}"]
    {
        assert_problem(
            &server.send_json("POST", VERIFY_PATH, &matching(text)).await,
            400,
            "invalid-request",
            &["matches"],
        );
        let mut rule = matching(text);
        rule["effect"] = json!({ "status": 503 });
        assert_problem(
            &server.send_json("POST", FAULTS_PATH, &rule).await,
            400,
            "invalid-request",
            &["matches"],
        );
    }
    let fields: serde_json::Map<String, Value> =
        (0..11).map(|index| (format!("title[{index}]"), json!({ "matches": "a" }))).collect();
    assert_problem(
        &server.send_json("POST", VERIFY_PATH, &json!({ "fields": fields })).await,
        400,
        "invalid-request",
        &["10"],
    );
    let mut rule = matching("a");
    rule["effect"] = json!({ "status": 503 });
    for _ in 0..20 {
        assert_eq!(server.send_json("POST", FAULTS_PATH, &rule).await.status, 201);
    }
    assert_problem(
        &server.send_json("POST", FAULTS_PATH, &rule).await,
        409,
        "limit-reached",
        &["20", "equals"],
    );
    let plain = json!({ "fields": { "title": "a" }, "effect": { "status": 503 } });
    assert_eq!(server.send_json("POST", FAULTS_PATH, &plain).await.status, 201);
}

#[tokio::test]
async fn fault_rule_with_regex_does_not_block_other_accounts() {
    let server = start_server();
    let other = Account::create(&server, &json!({})).await;
    let rule =
        json!({ "fields": { "title": { "matches": SLOW_REGEX } }, "effect": { "status": 503 } });
    assert_eq!(server.send_json("POST", FAULTS_PATH, &rule).await.status, 201);
    let body = format!("title={}", generate_letters(MAX_REGEX_INPUT_BYTES));
    let send = |_| {
        let request = server.request("PUT", "/api/v2/ticket/7").header("content-type", URLENCODED);
        request.body(body.clone())
    };
    let requests: Vec<_> = (0..oversubscribed_request_count()).map(send).collect();
    let requests = requests.into_iter().map(|request| tokio::spawn(JsonResponse::fetch(request)));
    let mut first = select_all(requests.collect::<Vec<_>>());
    let mut list_count = 0;
    let reply = loop {
        tokio::select! {
            (reply, _, _) = &mut first => break reply.expect("the request does not panic"),
            list = other.client.get(TICKETS_PATH) => {
                assert_eq!(list.status, 200, "{}", list.body);
                list_count += 1;
            }
        }
    };
    assert_eq!(reply.status, 400, "the title exceeds its limit: {}", reply.body);
    assert!(list_count > 10, "{list_count} lists were served during the fault matching");
    // The rule skips longer values, and still applies to those that match.
    let longer = format!("title={}y", generate_letters(100_000));
    assert_eq!(server.send_form("PUT", "/api/v2/ticket/7", &longer).await.status, 400);
    assert_eq!(server.send_form("PUT", "/api/v2/ticket/7", "title=aby").await.status, 503);
}

/// Returns tickets with these titles.
fn build_tickets_with_titles(number: u64, title: impl Fn(u64) -> String) -> Vec<Value> {
    let ticket_with_title = |id| {
        let mut ticket = ticket_fixture(id);
        ticket["title"] = title(id).into();
        ticket
    };
    (1..=number).map(ticket_with_title).collect()
}

#[tokio::test]
async fn search_finds_texts_of_few_distinct_letters() {
    let titles = |id: u64| match id % 4 {
        0 => "a".repeat(1_000),
        1 => "a".repeat(499) + "b" + &"a".repeat(500),
        2 => "ab".repeat(500),
        _ => format!("{}\"\"\"{}", "a".repeat(20), "\"".repeat(400)),
    };
    let seed = acme_seed(build_tickets_with_titles(3_000, titles));
    let server = serve_seed_with_args(&seed, &["--ephemeral", "--operation-timeout", "5s"]);
    for (query, expected_total) in [
        ("a".repeat(500), 1_500),
        ("a".repeat(501), 750),
        ("a".repeat(499) + "B" + &"a".repeat(500), 750),
        ("ab".repeat(400), 750),
        ("ba".repeat(400), 750),
        ("a".repeat(400) + "c" + &"a".repeat(500), 0),
        ("\"".repeat(300), 750),
        ("a".repeat(20) + &"\"".repeat(300), 750),
    ] {
        let request = server
            .request("GET", TICKETS_PATH)
            .query(&[("query", &query), ("itemLimit", &"1".into())]);
        let reply = JsonResponse::fetch(request).await;
        assert_eq!(reply.status, 200, "{query}: {}", reply.body);
        assert_eq!(reply.body["itemTotal"], expected_total, "{query}");
    }
}

/// Returns a seed with a view that compares each title with a hundred long texts.
fn build_seed_with_slow_view() -> Value {
    let mut seed = acme_seed(build_tickets_with_titles(3_000, |_| "a".repeat(1_000)));
    let condition = |index: usize| {
        let value = format!("{}b{index}", "a".repeat(500));
        json!({ "fact": "title", "operation": "contains", "value": value })
    };
    let any: Vec<Value> = (0..100).map(condition).collect();
    let view = json!({ "id": 77, "slug": "slow", "conditions": { "any": any } });
    seed["accounts"]["acme"]["views"] = json!([view]);
    seed
}

async fn assert_slow_view_times_out(server: &ApiClient) {
    let slow = server.request("GET", TICKETS_PATH).query(&[("applyView", "slow")]);
    let requests =
        (0..8).map(|_| slow.try_clone().expect("the request has no body")).map(JsonResponse::fetch);
    let replies = futures_util::future::join_all(requests).await;
    let interrupted = replies.iter().filter(|reply| reply.message().contains("was interrupted"));
    assert!(interrupted.count() > 0, "{replies:?}");
    for reply in &replies {
        assert_eq!(reply.status, 503, "{}", reply.body);
        assert!(reply.message().contains("--operation-timeout"), "{}", reply.body);
    }
}

#[tokio::test]
async fn slow_query_is_interrupted_in_memory_database() {
    let server = serve_seed_with_args(
        &build_seed_with_slow_view(),
        &["--ephemeral", "--operation-timeout", "1s"],
    );
    let slow = server.request("GET", TICKETS_PATH).query(&[("applyView", "slow")]);
    let reply = JsonResponse::fetch(slow).await;
    assert_eq!(reply.status, 503, "{}", reply.body);
    assert!(reply.message().contains("was interrupted"), "{}", reply.body);
    // The only database connection is free again.
    let reply = server.send_form("PUT", "/api/v2/ticket/7", "title=Printer").await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(server.get("/api/v2/ticket/8").await.status, 200);
}

#[tokio::test]
async fn slow_queries_are_interrupted_in_file_database() {
    let folder = files::create_temp_dir();
    let seed = files::write_file(&folder, "seed.json", &build_seed_with_slow_view().to_string());
    let data = folder.path().join("data").display().to_string();
    let mut server =
        Server::start_with_args(&["--data", &data, "--seed", &seed, "--operation-timeout", "1s"]);
    ACME_KEY.clone_into(&mut server.api_key);
    assert_slow_view_times_out(&server).await;
    // All database connections are free again, and new queries get the full timeout.
    let ids = concat_indexed(8, |index| format!("{}\n", index + 1));
    for id in ids.lines() {
        let reply = server.get(&format!("/api/v2/ticket/{id}")).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
    assert_eq!(server.get("/api/v2/ticket?query=aaa&itemLimit=1").await.body["itemTotal"], 3_000);
}
