//! Hundreds of clients that are slow in every way at once, beside one that is not.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::{join_all, try_join_all};

use super::raw_connection::{connect_and_send, read_remaining, with_timeout};
use super::{
    ACCOUNTS_PATH, JSON, LIST_PATH, REQUEST_TIMED_OUT, URLENCODED, assert_unchanged_and_serving,
    build_request, build_request_with_body, count_tickets, send_request, start_server,
};
use crate::fixtures::NEW_TICKET_FORM;
use crate::raw_http::RawResponse;
use crate::third_party_clients::can_run;

const SLOW_CLIENTS: usize = 300;

/// What a slow client begins and never ends, and what it is told, and below which path.
fn build_partial_request(number: usize) -> (Vec<u8>, Option<&'static str>) {
    let form = format!("Content-Type: {URLENCODED}\r\nContent-Length: 1000\r\n");
    let chunks = format!("Content-Type: {JSON}\r\nTransfer-Encoding: chunked\r\n");
    match number % 9 {
        0 => (b"POST /api/v2/ti".to_vec(), None),
        1 => (build_request("POST", LIST_PATH, "X-Slow: 1")[..100].to_vec(), Some(LIST_PATH)),
        2 => (
            format!("POST {ACCOUNTS_PATH} HTTP/1.1\r\nHost: loc").into_bytes(),
            Some(ACCOUNTS_PATH),
        ),
        3 => (
            [&build_request("POST", LIST_PATH, &form), &b"title=Slow"[..]].concat(),
            Some(LIST_PATH),
        ),
        4 => (build_request("POST", LIST_PATH, &chunks), Some(LIST_PATH)),
        5 => (
            [&build_request("POST", ACCOUNTS_PATH, &chunks), &b"1\r\n{\r\n"[..]].concat(),
            Some(ACCOUNTS_PATH),
        ),
        _ => (Vec::new(), None),
    }
}

/// Those in a head or a body are told that they are too slow, and those who are idle nothing.
fn assert_slow_client_responses(number: usize, answers: &[RawResponse]) {
    let what = format!("client {number}");
    match (number % 9, answers) {
        (0..6, [answer]) => REQUEST_TIMED_OUT.assert_matches(
            &what,
            build_partial_request(number).1.unwrap_or_default(),
            answer,
        ),
        (6.., []) => {}
        _ => panic!("{what}: {answers:?}"),
    }
}

#[tokio::test]
async fn client_is_served_beside_hundreds_of_slow_clients() {
    let time = "1s";
    let server =
        start_server(&["--header-timeout", time, "--body-timeout", time, "--idle-timeout", time]);
    let before = super::list_all_tickets(&server.base_url).await;
    let slow_ones = (0..SLOW_CLIENTS).map(async |number| {
        connect_and_send(&server.base_url, &build_partial_request(number).0).await
    });
    let slow_ones = join_all(slow_ones).await;
    let left = AtomicUsize::new(SLOW_CLIENTS);
    let heard = slow_ones.into_iter().map(async |stream| {
        let answers = read_remaining(stream).await;
        left.fetch_sub(1, Ordering::Relaxed);
        answers
    });
    let normal = async {
        let mut made = Vec::new();
        // As long as any of them is there, and some time more.
        while left.load(Ordering::Relaxed) > 0 || made.len() < 20 {
            let bytes =
                build_request_with_body("POST", LIST_PATH, URLENCODED, NEW_TICKET_FORM.as_bytes());
            let created = send_request("a ticket", &server.base_url, &bytes).await;
            assert_eq!(created.status, 200, "{created:?}");
            let shown =
                send_request("a list", &server.base_url, &build_request("GET", LIST_PATH, ""))
                    .await;
            assert_eq!(shown.status, 200, "{shown:?}");
            made.push(created);
        }
        made.len() as u64
    };
    let (heard, made) = tokio::join!(join_all(heard), normal);
    for (number, answers) in heard.iter().enumerate() {
        assert_slow_client_responses(number, answers);
    }
    assert_eq!(count_tickets(&server.base_url).await, 1 + made, "the slow ones made none");
    let reset = format!("{ACCOUNTS_PATH}/acme/reset");
    assert_eq!(
        send_request("a reset", &server.base_url, &build_request("POST", &reset, "")).await.status,
        204
    );
    assert_unchanged_and_serving(&server.base_url, &before).await;
}

/// As many as wait on any Linux; more than libraries ask for by default.
const BURST_CONNECTIONS: usize = 1_000;

#[tokio::test]
async fn listen_backlog_holds_connection_burst_of_suspended_server() {
    let server = start_server(&["--idle-timeout", "200ms"]);
    let id = server.pid().to_string();
    assert!(can_run("kill", &["-STOP", &id]), "the server is held up");
    let address = server.base_url.trim_start_matches("http://");
    let burst =
        try_join_all((0..BURST_CONNECTIONS).map(|_| tokio::net::TcpStream::connect(address)));
    let burst = with_timeout("all connections", burst).await.expect("the kernel takes them");
    assert!(can_run("kill", &["-CONT", &id]), "the server goes on");
    // None sends anything, so the kernel tries none again: one that was lost would stay open.
    for answers in join_all(burst.into_iter().map(read_remaining)).await {
        assert!(answers.is_empty(), "idle connections are closed in silence: {answers:?}");
    }
}
