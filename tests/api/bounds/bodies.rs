//! How large a body may be, in every form in which it is sent.

use super::{
    JSON, LIST, MULTIPART, URLENCODED, in_chunks, one, parts, sending, server, tickets, total,
    unharmed,
};
use crate::fixtures::NEW_TICKET;

/// A body that makes a ticket, of exactly so many bytes, in each encoding.
fn bodies(size: usize) -> [(&'static str, Vec<u8>); 3] {
    let filler = |empty: usize| "x".repeat(size - empty);
    let form = format!("{NEW_TICKET}&note=");
    let form = format!("{form}{}", filler(form.len()));
    let multipart = parts("note", &filler(parts("note", "").len()));
    let json = |note: &str| {
        format!(
            "{{\"brandID\":1,\"channelID\":1,\"direction\":\"inbound\",\"from\":\"ada@example.test\",\
             \"to\":\"desk@example.test\",\"title\":\"Printer\",\"note\":\"{note}\"}}"
        )
    };
    let json = json(&filler(json("").len()));
    [(URLENCODED, form.into_bytes()), (MULTIPART, multipart), (JSON, json.into_bytes())]
}

/// Each body whole and in chunks.
fn requests(size: usize) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for (content_type, body) in bodies(size) {
        assert_eq!(body.len(), size);
        all.push((content_type.to_owned(), sending("POST", LIST, content_type, &body)));
        for chunk in [100, 1_000_000] {
            let what = format!("{content_type} in chunks of {chunk}");
            all.push((what, in_chunks("POST", LIST, content_type, &body, chunk)));
        }
    }
    all
}

#[tokio::test]
async fn a_body_of_the_largest_size_is_taken_and_one_byte_more_is_not() {
    for most in [1_024, 70_000] {
        let server = server(&["--max-body-bytes", &most.to_string()]);
        for (what, request) in requests(most) {
            let answer = one(&what, &server.base, &request).await;
            assert_eq!(answer.status, 200, "{what}: {answer:?}");
        }
        let before = tickets(&server.base).await;
        for size in [most + 1, most + 1_000, 20 * most] {
            for (what, request) in requests(size) {
                let answer = one(&what, &server.base, &request).await;
                assert_eq!(answer.status, 413, "{size} by {what}: {answer:?}");
                let message = answer.message();
                assert!(message.contains(&most.to_string()), "{what}: {message}");
            }
        }
        unharmed(&server.base, &before).await;
    }
}

#[tokio::test]
async fn a_larger_bound_takes_what_is_refused_otherwise() {
    let usual = 10 * 1024 * 1024;
    let server = server(&["--max-body-bytes", &(usual + 2).to_string()]);
    for (size, status) in [(usual + 2, 200), (usual + 3, 413)] {
        for (content_type, body) in bodies(size) {
            let request = sending("POST", LIST, content_type, &body);
            let answer = one(content_type, &server.base, &request).await;
            assert_eq!(answer.status, status, "{size} of {content_type}: {answer:?}");
        }
    }
    assert_eq!(total(&server.base).await, 4);
}
