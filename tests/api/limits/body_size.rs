//! The size limit of request bodies, in every encoding.

use super::{
    assert_unchanged_and_serving, build_chunked_request, build_multipart_body,
    build_request_with_body, count_tickets, list_all_tickets, start_server,
};
use crate::support::raw::exchange;
use crate::support::ticket::{JSON, MULTIPART, NEW_TICKET_FORM, TICKETS_PATH, URLENCODED};

/// Returns bodies of exactly `size` bytes that create a ticket, one per encoding.
fn build_bodies(size: usize) -> [(&'static str, Vec<u8>); 3] {
    let filler = |empty: usize| "x".repeat(size - empty);
    let form = format!("{NEW_TICKET_FORM}&note=");
    let form = format!("{form}{}", filler(form.len()));
    let multipart = build_multipart_body("note", &filler(build_multipart_body("note", "").len()));
    let json = |note: &str| {
        format!(
            "{{\"brandID\":1,\"channelID\":1,\"direction\":\"inbound\",\"from\":\"ada@example.test\",\
             \"to\":\"desk@example.test\",\"title\":\"Printer\",\"note\":\"{note}\"}}"
        )
    };
    let json = json(&filler(json("").len()));
    [(URLENCODED, form.into_bytes()), (MULTIPART, multipart), (JSON, json.into_bytes())]
}

/// Returns requests with each body, with Content-Length and chunked.
fn build_requests(size: usize) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for (content_type, body) in build_bodies(size) {
        assert_eq!(body.len(), size);
        all.push((
            content_type.to_owned(),
            build_request_with_body("POST", TICKETS_PATH, content_type, &body),
        ));
        for chunk in [100, 1_000_000] {
            let label = format!("{content_type} in chunks of {chunk}");
            all.push((
                label,
                build_chunked_request("POST", TICKETS_PATH, content_type, &body, chunk),
            ));
        }
    }
    all
}

#[tokio::test]
async fn body_at_size_limit_is_accepted_and_one_byte_more_is_rejected() {
    for max_bytes in [1_024, 70_000] {
        let server = start_server(&["--max-body-bytes", &max_bytes.to_string()]);
        for (label, request) in build_requests(max_bytes) {
            let response = exchange(&server.base_url, &request).await;
            assert_eq!(response.status, 200, "{label}: {response:?}");
        }
        let before = list_all_tickets(&server.base_url).await;
        for size in [max_bytes + 1, max_bytes + 1_000, 20 * max_bytes] {
            for (label, request) in build_requests(size) {
                let response = exchange(&server.base_url, &request).await;
                assert_eq!(response.status, 413, "{size} by {label}: {response:?}");
                let message = response.error_message();
                assert!(message.contains(&max_bytes.to_string()), "{label}: {message}");
            }
        }
        assert_unchanged_and_serving(&server.base_url, &before).await;
    }
}

#[tokio::test]
async fn raised_body_size_limit_accepts_larger_body() {
    let default_max_bytes = 10 * 1024 * 1024;
    let server = start_server(&["--max-body-bytes", &(default_max_bytes + 2).to_string()]);
    for (size, status) in [(default_max_bytes + 2, 200), (default_max_bytes + 3, 413)] {
        for (content_type, body) in build_bodies(size) {
            let request = build_request_with_body("POST", TICKETS_PATH, content_type, &body);
            let response = exchange(&server.base_url, &request).await;
            assert_eq!(response.status, status, "{size} of {content_type}: {response:?}");
        }
    }
    assert_eq!(count_tickets(&server.base_url).await, 4);
}
