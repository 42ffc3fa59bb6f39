//! Memory of requests: it stays within a small multiple of the body's size, for accepted and rejected
//! requests.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::client::JsonResponse;
use crate::support::server::Server;
use crate::support::text::concat_indexed;
use crate::support::ticket::{JSON, URLENCODED};
use crate::support::tools::PRLIMIT;
use crate::tool_test::{ToolTest, tool_tests};

pub(super) fn tests() -> Vec<ToolTest> {
    tool_tests![PRLIMIT =>
        async yaml_aliases_count_at_their_expanded_size,
        async yaml_alias_text_is_limited_for_in_memory_accounts,
        async many_small_values_are_rejected_during_parsing,
        async import_error_at_end_is_located_within_memory_limit,
        async valid_large_imports_stay_within_memory_limit,
        async other_request_bodies_stay_within_memory_limit,
        async yaml_aliases_and_json_numbers_are_imported_correctly,
        async large_response_memory_is_a_small_multiple_of_its_size,
    ]
}

const IMPORT_PATH: &str = "/_control/accounts/dev/import";
const VERIFY_PATH: &str = "/_control/accounts/dev/verify";
const CREATE_PATH: &str = "/api/v2/ticket";

const YAML: &str = "application/yaml";

/// The memory limit of a request: a multiple of its body plus a base, as SECURITY.md promises.
const MAX_BODY_MULTIPLE: u64 = 20;
const BASE_MEMORY_BYTES: u64 = 256 * 1024 * 1024;

/// Returns the value of a line of `/proc/PID/status`, in bytes.
fn read_proc_status_bytes(server: &Server, name: &str) -> u64 {
    let path = format!("/proc/{}/status", server.pid());
    let text = fs::read_to_string(path).expect("the server runs");
    let line =
        text.lines().find_map(|line| line.strip_prefix(name)).expect("the status has the line");
    let number = line.trim_matches(|letter: char| !letter.is_ascii_digit());
    number.parse::<u64>().expect("the value is a number") * 1024
}

/// Sends a body to a new server with an address space limit. Returns the response.
async fn send_with_memory_limit(
    label: &str,
    path: &str,
    content_type: &str,
    body: String,
) -> JsonResponse {
    send_with_memory_limit_to(Server::start(), label, (path, content_type), body).await
}

/// Does the same on a running server.
async fn send_with_memory_limit_to(
    server: Server,
    label: &str,
    (path, content_type): (&str, &str),
    body: String,
) -> JsonResponse {
    // The first request allocates what all requests share.
    assert_eq!(server.get("/api/v2/ticket").await.status, 200);
    let allowed = MAX_BODY_MULTIPLE * body.len() as u64 + BASE_MEMORY_BYTES;
    let address_space = read_proc_status_bytes(&server, "VmSize:") + allowed;
    let limit = Command::new("prlimit")
        .args(["--pid", &server.pid().to_string(), &format!("--as={address_space}")])
        .status();
    assert!(limit.expect("prlimit runs").success(), "{label}");
    let before = read_proc_status_bytes(&server, "VmHWM:");
    let request = server.request("POST", path).header("content-type", content_type).body(body);
    let reply = JsonResponse::fetch(request).await;
    let used = read_proc_status_bytes(&server, "VmHWM:").saturating_sub(before);
    assert!(used <= allowed, "{label}: {used} bytes used, at most {allowed} allowed");
    assert_eq!(
        server.get("/api/v2/ticket").await.status,
        200,
        "{label}: the server still responds"
    );
    reply
}

/// Checks that the request was rejected with a short message that contains the words.
fn assert_rejected(label: &str, reply: &JsonResponse, words: &[&str]) {
    assert_eq!(reply.status, 400, "{label}: {}", reply.body);
    let text = reply.body["detail"].as_str().unwrap_or(reply.message()).to_owned();
    assert!(words.iter().all(|word| text.contains(word)), "{label}: {words:?}: {text}");
    assert!(text.len() < 4_000, "{label}: {} characters", text.len());
}

fn build_fixture(text: &str) -> String {
    format!(r#"{{"accounts":{{"a":{{{text}}}}}}}"#)
}

async fn yaml_aliases_count_at_their_expanded_size() {
    let megabyte_text = "x".repeat(1_000_000);
    let ladder = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    let rung = |index: usize| {
        format!("a{index}: &a{index} [{}]\n", vec![format!("*a{}", index - 1); 9].join(","))
    };
    let fields = "a0: &a0 { k: v }\n".to_owned();
    let field = |index: usize| {
        let fields = concat_indexed(9, |key| format!("k{key}: *a{},", index - 1));
        format!("a{index}: &a{index} {{{fields}}}\n")
    };
    let nested = |text: &str| {
        let open = concat_indexed(60, |index| format!("&a{index} ["));
        format!(
            "x: {open}{text}{}\ny: [{}]\n",
            "]".repeat(60),
            concat_indexed(60, |index| format!("*a{index},"))
        )
    };
    let key = format!("a: &a {}\nb:\n{}", "k".repeat(60_000), "- { *a : 1 }\n".repeat(8_000));
    let merged =
        format!("a: &a {{ text: {megabyte_text} }}\nb:\n{}", "- { <<: *a }\n".repeat(4_000));
    for (label, body) in [
        ("one large text", format!("x: &a {megabyte_text}\ny:\n{}", "- *a\n".repeat(4_000))),
        ("a ladder of lists", ladder + &concat_indexed(12, |index| rung(index + 1))),
        ("a ladder of mappings", fields + &concat_indexed(12, |index| field(index + 1))),
        ("anchors inside of anchors", nested(&megabyte_text)),
        ("a key", key),
        ("a merge key", merged),
    ] {
        let reply = send_with_memory_limit(label, IMPORT_PATH, YAML, body).await;
        assert_rejected(label, &reply, &["fixture.yaml:"]);
    }
}

/// Generates text without repetition, so that its trigram index is as large as possible.
fn generate_random_text(length: usize) -> String {
    let next = |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    let letters = std::iter::successors(Some(1_u64), next).skip(1);
    letters.map(|state| char::from(b'a' + state.to_be_bytes()[0] % 26)).take(length).collect()
}

async fn yaml_alias_text_is_limited_for_in_memory_accounts() {
    let accounts = |tickets: String| format!("accounts:\n  a:\n    tickets:\n{tickets}");
    let row = |text: &str, times: usize| {
        let aliases = "    - *t\n".repeat(times);
        format!("    - &t {{ title: \"{text}\" }}\n{aliases}")
    };
    let title = |text: &str, times: usize| {
        let aliases = "    - { title: *t }\n".repeat(times);
        format!("    - {{ title: &t \"{text}\" }}\n{aliases}")
    };
    for (label, tickets) in [
        ("rows", row(&"A".repeat(1_000), 49_000)),
        ("titles", title(&"A".repeat(900), 40_000)),
        ("titles without a pattern", title(&generate_random_text(1_000), 4_300)),
    ] {
        let server = Server::start();
        let reply =
            send_with_memory_limit_to(server, label, (IMPORT_PATH, YAML), accounts(tickets)).await;
        assert_rejected(label, &reply, &["fixture.yaml:", "aliases", "4 MiB of text"]);
    }
    // The maximum number of aliases, in the fewest rows and in the most.
    for (label, tickets, added) in [
        ("few titles", title(&generate_random_text(1_000), 4_100), 4_101),
        ("many rows", row(&generate_random_text(350), 9_800), 9_801),
    ] {
        let server = Server::start();
        let reply =
            send_with_memory_limit_to(server, label, (IMPORT_PATH, YAML), accounts(tickets)).await;
        assert_eq!(reply.status, 200, "{label}: {}", reply.body);
        assert_eq!(reply.body["added"]["tickets"], added, "{label}: {}", reply.body);
    }
}

async fn many_small_values_are_rejected_during_parsing() {
    let deep =
        |index: usize| format!("\"{index:x}\":{}0{},", r#"{"a":"#.repeat(60), "}".repeat(60));
    let rows = format!("\"tickets\":[{}{{}}]", "{},".repeat(1_000_000));
    let numbers = format!("[{}0]", "0,".repeat(2_000_000));
    for (label, content_type, body, word) in [
        ("rows", JSON, build_fixture(&rows), "50000 rows"),
        ("rows of YAML", YAML, build_fixture(&rows), "commas and brackets"),
        ("numbers", JSON, numbers.clone(), "50000 rows"),
        ("numbers of YAML", YAML, numbers.clone(), "commas and brackets"),
        ("an item of YAML", YAML, format!("- [{}0]", "0,".repeat(130_000)), "50000 rows"),
        (
            "fields",
            JSON,
            build_fixture(
                &(concat_indexed(1_000_000, |index| format!("\"{index:x}\":0,")) + "\"z\":0"),
            ),
            "MB",
        ),
        ("mappings", JSON, build_fixture(&(concat_indexed(20_000, deep) + "\"z\":0")), "MB"),
        ("no JSON", JSON, numbers.replace("0]", "0"), "50000 rows"),
    ] {
        let reply = send_with_memory_limit(label, IMPORT_PATH, content_type, body).await;
        assert_rejected(label, &reply, &["fixture.", word]);
    }
}

const TICKET_FIELDS: &str = r#""direction":"inbound","from":"a@b.c","to":"a@b.c""#;

fn build_ticket_rows(number: usize) -> String {
    let ticket = |id| format!("{{\"id\":{},\"title\":\"T\",{TICKET_FIELDS}}},\n", id + 1);
    concat_indexed(number, ticket)
}

async fn import_error_at_end_is_located_within_memory_limit() {
    let many_tickets = build_ticket_rows(20_000);
    let bad = r#"{"id":0,"title":"T"}"#;
    let json = build_fixture(&format!("\"tickets\":[\n{many_tickets}{bad}]"));
    let label = "an error at the end of JSON";
    assert_rejected(
        label,
        &send_with_memory_limit(label, IMPORT_PATH, JSON, json.clone()).await,
        &["fixture.json:20002: "],
    );
    let label = "an error at the end of YAML";
    let yaml = format!("accounts:\n  a:\n    tickets:\n{}    - {{ id: 0 }}\n", {
        concat_indexed(5_000, |id| {
            format!("    - {{ id: {}, title: T, direction: inbound }}\n", id + 1)
        })
    });
    assert_rejected(
        label,
        &send_with_memory_limit(label, IMPORT_PATH, YAML, yaml).await,
        &["fixture.yaml:5004: "],
    );
    let label = "JSON that ends early";
    assert_rejected(
        label,
        &send_with_memory_limit(label, IMPORT_PATH, JSON, json[..json.len() - 1].to_owned()).await,
        &["EOF"],
    );
    let label = "a repeated ID";
    let same = concat_indexed(49_000, |_| r#"{"id":5,"name":"A"},"#.to_owned());
    let same = build_fixture(&format!("\"brands\":[{}]", same.trim_end_matches(',')));
    assert_rejected(
        label,
        &send_with_memory_limit(label, IMPORT_PATH, JSON, same).await,
        &["duplicate"],
    );
}

async fn valid_large_imports_stay_within_memory_limit() {
    let notes = concat_indexed(10_000, |_| r#"{"type":"note"},"#.to_owned());
    let notes = format!(
        "{{\"title\":\"T\",{TICKET_FIELDS},\"timeline\":[{}]}}",
        notes.trim_end_matches(',')
    );
    let brands = concat_indexed(49_000, |id| format!("{{\"id\":{},\"name\":\"A\"}},", id + 10));
    let text = "x".repeat(60_000);
    let large = concat_indexed(200, |_| {
        format!(
            "{{\"title\":\"T\",{TICKET_FIELDS},\"timeline\":[{{\"type\":\"note\",\"content\":\"{text}\"}}]}},"
        )
    });
    for (label, list, rows, counted, number) in [
        ("short tickets", "tickets", build_ticket_rows(5_000), "tickets", 5_000),
        ("short notes", "tickets", notes, "timeline", 10_000),
        ("brands", "brands", brands, "brands", 49_000),
        ("long notes", "tickets", large, "timeline", 200),
    ] {
        let body =
            build_fixture(&format!("\"{list}\":[{}]", rows.trim_end().trim_end_matches(',')));
        let reply = send_with_memory_limit(label, IMPORT_PATH, JSON, body).await;
        assert_eq!(reply.status, 200, "{label}: {}", reply.body);
        assert_eq!(reply.body["added"][counted], number, "{label}: {}", reply.body);
    }
}

async fn other_request_bodies_stay_within_memory_limit() {
    let nested =
        |index: usize| format!("\"{index:x}\":{}0{},", r#"{"a":"#.repeat(25), "}".repeat(25));
    let small = |index: usize| format!("\"{index:x}\":{{\"a\":0}},");
    let fields = |fields: String| format!("{{\"fields\":{{{}}}}}", fields.trim_end_matches(','));
    let key = "dev-key".repeat(300_000);
    for (label, path, content_type, body, words) in [
        (
            "mappings",
            VERIFY_PATH,
            JSON,
            fields(concat_indexed(60_000, small)),
            &["32768 values"][..],
        ),
        (
            "nested mappings",
            VERIFY_PATH,
            JSON,
            fields(concat_indexed(4_000, nested)),
            &["32768 values"],
        ),
        ("levels", VERIFY_PATH, JSON, "[".repeat(900_000), &["JSON object"]),
        (
            "levels of a field",
            VERIFY_PATH,
            JSON,
            fields(format!("\"a\":{}", "[".repeat(900_000))),
            &["32"],
        ),
        (
            "values of a ticket",
            CREATE_PATH,
            JSON,
            format!("{{\"title\":[{}0]}}", "0,".repeat(1_000_000)),
            &["8192"],
        ),
        ("a form", CREATE_PATH, URLENCODED, "a[b][c][d]=&".repeat(200_000), &["8192"]),
        ("keys in a form", CREATE_PATH, URLENCODED, format!("title={key}"), &["title"]),
        (
            "control characters",
            CREATE_PATH,
            URLENCODED,
            format!("title={}", "%01".repeat(600_000)),
            &["title"],
        ),
    ] {
        assert_rejected(
            label,
            &send_with_memory_limit(label, path, content_type, body).await,
            words,
        );
    }
}

async fn yaml_aliases_and_json_numbers_are_imported_correctly() {
    let server = Server::start();
    let yaml = "accounts:\n  dev:\n    users: [{ id: &id 77, name: &name Ada }]\n    groups:\n    - id: *id\n      name: *name\n    \
                tickets:\n    - { title: &t 'Größe', direction: inbound, from: a@b.c, to: a@b.c, brand_id: ~ }\n    - { title: *t, direction: inbound, from: a@b.c, to: a@b.c }\n";
    let request = server.request("POST", IMPORT_PATH).header("content-type", YAML).body(yaml);
    let reply = JsonResponse::fetch(request).await;
    assert_eq!(reply.body["added"]["tickets"], 2, "{}", reply.body);
    assert_eq!(reply.body["added"]["groups"], 1, "{}", reply.body);
    let list = server.get("/api/v2/ticket").await.body;
    let items = list["items"].as_array().expect("items is an array");
    assert!(items.iter().all(|item| item["title"] == "Größe" && item["priority"] == "medium"));
    let numbers = json!({ "accounts": { "dev": { "brands": [{ "id": 1e300, "name": "B" }] } } });
    let reply = server.send_json("POST", IMPORT_PATH, &numbers).await;
    assert_eq!((reply.status, &reply.body["status"]), (400, &Value::from(400)), "{}", reply.body);
}

/// The memory of a response as a multiple of its size, as docs/limits.md promises.
const MAX_RESPONSE_MULTIPLE: u64 = 12;

async fn large_response_memory_is_a_small_multiple_of_its_size() {
    let server = Server::start();
    let text = generate_random_text(900);
    let tickets = concat_indexed(3_000, |_| format!("{{\"title\":\"{text}\",{TICKET_FIELDS}}},"));
    let note = format!("{{\"type\":\"note\",\"content\":\"{text}\"}},");
    let notes = concat_indexed(4_000, |_| note.clone());
    let notes = notes.trim_end_matches(',');
    let long = format!("{{\"id\":500000,\"title\":\"T\",{TICKET_FIELDS},\"timeline\":[{notes}]}}");
    let body = build_fixture(&format!("\"tickets\":[{tickets}{long}]"));
    let request = server.request("POST", IMPORT_PATH).header("content-type", JSON).body(body);
    assert_eq!(JsonResponse::fetch(request).await.status, 200);
    for (path, multiple) in
        [("/_control/accounts/dev/export", 6), ("/api/v2/ticket/500000", MAX_RESPONSE_MULTIPLE)]
    {
        // Resets the peak memory, so that it measures only the next request.
        let peak = format!("/proc/{}/clear_refs", server.pid());
        fs::write(peak, "5").expect("the peak memory is reset");
        let before = read_proc_status_bytes(&server, "VmHWM:");
        let response = server.request("GET", path).send().await.expect("the server responds");
        let length = response.bytes().await.expect("the body arrives").len() as u64;
        assert!(length > 3_500_000, "{path}: {length}");
        let used = read_proc_status_bytes(&server, "VmHWM:").saturating_sub(before);
        let allowed = multiple * length;
        assert!(used <= allowed, "{path}: {used} bytes used for a response of {length} bytes");
    }
}
