//! Bodies far beyond the limit: a readable refusal, and a server that goes on.

use std::time::Duration;

use futures_util::stream;
use reqwest::Body;
use serde_json::Value;
use tokio::io::AsyncWriteExt;

use crate::fixtures::{self, KEY, NEW_TICKET, Seeded, acme, ticket};
use crate::raw;
use crate::support::Reply;

const HUGE: usize = 100 * 1024 * 1024;
const CHUNK: usize = 64 * 1024;
const LIMIT: usize = 10 * 1024 * 1024;

fn server() -> Seeded {
    fixtures::serve(&acme([ticket(7)]))
}

/// 100 MiB of one title, made as it is sent.
fn huge() -> Body {
    let chunks = (0..HUGE / CHUNK).map(|at| {
        let mut chunk = vec![b'x'; CHUNK];
        if at == 0 {
            chunk[..6].copy_from_slice(b"title=");
        }
        Ok::<_, std::io::Error>(chunk)
    });
    Body::wrap_stream(stream::iter(chunks))
}

fn refused(status: u16, body: &Value) {
    assert_eq!(status, 413, "{body}");
    assert_eq!(body["status"], "error", "{body}");
    let message = body["message"].as_str().expect("a message");
    assert!(
        message.contains("10") || message.contains("10485760"),
        "the limit is named: {message}"
    );
}

async fn goes_on(server: &Seeded, before: &str) {
    assert_eq!(fixtures::whole(server).await, before);
    assert_eq!(server.form("POST", "/api/v2/ticket", NEW_TICKET).await.status, 200);
}

#[tokio::test]
async fn a_body_of_100_mb_without_a_length_is_refused_readably() {
    let server = server();
    let before = fixtures::whole(&server).await;
    for content_type in [
        "application/x-www-form-urlencoded",
        "application/json",
        "multipart/form-data; boundary=edge",
    ] {
        let request = server.ask("POST", "/api/v2/ticket").header("content-type", content_type);
        let reply = Reply::of(request.body(huge())).await;
        refused(reply.status, &reply.body);
    }
    goes_on(&server, &before).await;
}

#[tokio::test]
async fn a_body_of_100_mb_with_a_length_is_refused_readably() {
    let server = server();
    let before = fixtures::whole(&server).await;
    let request = server
        .ask("POST", "/api/v2/ticket")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("content-length", HUGE);
    let reply = Reply::of(request.body(huge())).await;
    refused(reply.status, &reply.body);
    goes_on(&server, &before).await;
}

#[tokio::test]
async fn a_client_that_sends_all_before_it_reads_gets_the_refusal_too() {
    let server = server();
    let before = fixtures::whole(&server).await;
    let headers = format!(
        "apiKey: {KEY}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {HUGE}\r\n"
    );
    let mut stream = raw::connect(&server.base).await;
    stream
        .write_all(&raw::head("POST", "/api/v2/ticket", &headers))
        .await
        .expect("the server reads");
    let chunk = vec![b'x'; CHUNK];
    for _ in 0..HUGE / CHUNK {
        if stream.write_all(&chunk).await.is_err() {
            break;
        }
    }
    let answer = raw::read(stream).await;
    refused(answer.status, &serde_json::from_str(&answer.body).expect("JSON"));
    goes_on(&server, &before).await;
}

#[tokio::test]
async fn a_client_that_asks_first_is_refused_before_it_sends() {
    let server = server();
    let headers = format!(
        "apiKey: {KEY}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {HUGE}\r\nExpect: 100-continue\r\n"
    );
    let head = raw::head("POST", "/api/v2/ticket", &headers);
    let answer = raw::exchange(&server.base, &head);
    let answer = tokio::time::timeout(Duration::from_secs(10), answer).await.expect("in time");
    refused(answer.status, &serde_json::from_str(&answer.body).expect("JSON"));
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_read_and_one_byte_more_is_not() {
    let server = server();
    let fill = LIMIT - NEW_TICKET.len() - "&note=".len();
    let body = format!("{NEW_TICKET}&note={}", "x".repeat(fill));
    let reply = server.form("POST", "/api/v2/ticket", &body).await;
    assert_ne!(reply.status, 413, "{}", reply.body);
    let reply = server.form("POST", "/api/v2/ticket", &format!("{body}x")).await;
    refused(reply.status, &reply.body);
}

#[tokio::test]
async fn a_client_that_goes_away_in_the_middle_leaves_nothing() {
    let server = server();
    let before = fixtures::whole(&server).await;
    let bytes = raw::request(
        "POST",
        "/api/v2/ticket",
        KEY,
        "application/x-www-form-urlencoded",
        NEW_TICKET.as_bytes(),
    );
    for _ in 0..20 {
        let mut stream = raw::connect(&server.base).await;
        stream.write_all(&bytes[..bytes.len() - 3]).await.expect("the server reads");
        drop(stream);
    }
    assert_eq!(fixtures::whole(&server).await, before);
}
