//! Requests whose length can be read in two ways, or in none: whatever the server makes of them, it never takes a part
//! of one for another request.

use futures_util::future::join_all;

use super::raw_connection::send_and_read_all;
use super::{
    JSON, LIST_PATH, URLENCODED, assert_unchanged_and_serving, build_keep_alive_request,
    build_request, concat_indexed, count_tickets, start_server,
};
use crate::fixtures::{ACME_KEY, NEW_TICKET_FORM, SeededServer};
use crate::raw_http::RawResponse;

/// A server that waits for nobody for long.
fn start_server_with_short_timeouts() -> SeededServer {
    start_server(&[
        "--header-timeout",
        "300ms",
        "--body-timeout",
        "300ms",
        "--idle-timeout",
        "300ms",
    ])
}

/// A whole request that makes a ticket: what is hidden in another one.
fn build_hidden_request() -> String {
    let length = NEW_TICKET_FORM.len();
    format!(
        "POST {LIST_PATH} HTTP/1.1\r\nHost: localhost\r\napiKey: {ACME_KEY}\r\nContent-Type: {URLENCODED}\r\n\
         Content-Length: {length}\r\n\r\n{NEW_TICKET_FORM}"
    )
}

/// A request to make a ticket with these further header lines and whatever follows the head.
fn build_create_request(headers: &str, follows: &str) -> Vec<u8> {
    let headers = format!("Content-Type: {URLENCODED}\r\n{headers}");
    [&build_keep_alive_request("POST", LIST_PATH, &headers), follows.as_bytes()].concat()
}

/// The form as one chunk, without the last.
fn build_chunk() -> String {
    format!("{:x}\r\n{NEW_TICKET_FORM}\r\n", NEW_TICKET_FORM.len())
}

/// What may become of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum ExpectedOutcome {
    /// A 400, and nothing else.
    Rejected,
    /// Refused in any way, or made a ticket of; but only one.
    AtMostOneTicket,
}

use ExpectedOutcome::{AtMostOneTicket, Rejected};

type Case = (&'static str, ExpectedOutcome, Vec<u8>);

/// All at once, each on a connection of its own: every answer is one, and there are as many tickets more as were told.
async fn run_cases(cases: Vec<Case>) {
    let server = start_server_with_short_timeouts();
    let mut made = 0;
    let all = cases.iter().map(async |(what, fate, bytes)| {
        (what, fate, send_and_read_all(&server.base_url, bytes).await)
    });
    for (what, fate, answers) in join_all(all).await {
        let tickets = count_created_tickets(what, *fate, &answers);
        assert!(tickets <= 1, "{what}: one request makes one ticket: {answers:?}");
        made += tickets;
    }
    assert_eq!(count_tickets(&server.base_url).await, 1 + made);
    let before = super::list_all_tickets(&server.base_url).await;
    assert_unchanged_and_serving(&server.base_url, &before).await;
}

/// How many tickets were made according to the answers.
fn count_created_tickets(what: &str, fate: ExpectedOutcome, answers: &[RawResponse]) -> u64 {
    let mut made = 0;
    for answer in answers {
        if answer.status == 200 {
            made += u64::from(answer.body.contains("Ticket created"));
        } else {
            assert!(
                [400, 408, 411, 413, 415, 431, 501].contains(&answer.status),
                "{what}: {answer:?}"
            );
            assert!(!answer.error_message().is_empty(), "{what}: {answer:?}");
        }
    }
    if fate == Rejected {
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [400], "{what}: {answers:?}");
        assert!(answers[0].head.contains("connection: close"), "{what}: {answers:?}");
    }
    made
}

#[tokio::test]
async fn conflicting_or_invalid_content_length_is_rejected() {
    let (length, hidden) = (NEW_TICKET_FORM.len(), build_hidden_request());
    let line = |length: &str| format!("Content-Length: {length}\r\n");
    let one = line(&length.to_string());
    let body = format!("{NEW_TICKET_FORM}{hidden}");
    let with = |other: &str| build_create_request(&format!("{one}{}", line(other)), &body);
    let before = |other: &str| build_create_request(&format!("{}{one}", line(other)), &body);
    let alone = |length: &str| build_create_request(&line(length), &body);
    let all = body.len().to_string();
    run_cases(vec![
        ("two lengths", Rejected, with(&all)),
        ("two lengths, the larger first", Rejected, before(&all)),
        ("a length and none", Rejected, with("0")),
        ("none and a length", Rejected, before("0")),
        ("a list of two", Rejected, alone(&format!("{length}, {all}"))),
        ("a negative length", Rejected, alone("-1")),
        ("a length with a sign", Rejected, alone(&format!("+{length}"))),
        ("a length in hex", Rejected, alone("0x10")),
        ("a length with a space inside", Rejected, alone("1 0")),
        ("a length that is no number", Rejected, alone("many")),
        ("an empty length", Rejected, alone("")),
        ("a length of 2^64", Rejected, alone("18446744073709551616")),
        ("a length with a fraction", Rejected, alone("10.0")),
    ])
    .await;
}

#[tokio::test]
async fn content_length_with_chunked_encoding_smuggles_no_request() {
    let (chunk, hidden) = (build_chunk(), build_hidden_request());
    let whole = format!("{chunk}0\r\n\r\n");
    let length = |length: usize| format!("Content-Length: {length}\r\n");
    let chunked = "Transfer-Encoding: chunked\r\n";
    let with = |length: &str, coding: &str, body: &str| {
        build_create_request(&format!("{length}{coding}"), body)
    };
    // By its length the body is all of it; by its chunks there is another request behind.
    let body = format!("{whole}{hidden}");
    let all = length(body.len());
    // By its length the body ends early; by its chunks the other request is a chunk.
    let inner = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
    let short = length(inner.find("POST").unwrap_or_default());
    run_cases(vec![
        ("length and chunks", AtMostOneTicket, with(&all, chunked, &body)),
        ("chunks and length", AtMostOneTicket, with(chunked, &all, &body)),
        ("a short length and chunks", AtMostOneTicket, with(&short, chunked, &inner)),
        ("chunks and a short length", AtMostOneTicket, with(chunked, &short, &inner)),
        ("no length and chunks", AtMostOneTicket, with(&length(0), chunked, &whole)),
        ("two lengths and chunks", Rejected, with(&format!("{all}{short}"), chunked, &body)),
    ])
    .await;
}

#[tokio::test]
async fn unsupported_transfer_encoding_is_rejected() {
    let (chunk, hidden) = (build_chunk(), build_hidden_request());
    let whole = format!("{chunk}0\r\n\r\n{hidden}");
    let coded =
        |coding: &str| build_create_request(&format!("Transfer-Encoding:{coding}\r\n"), &whole);
    let both = |one: &str, other: &str| {
        let line = |coding: &str| format!("Transfer-Encoding: {coding}\r\n");
        build_create_request(&(line(one) + &line(other)), &whole)
    };
    let length = format!("Content-Length: {}\r\n", NEW_TICKET_FORM.len());
    let beside = |coding: &str| {
        build_create_request(
            &format!("{length}Transfer-Encoding: {coding}\r\n"),
            &format!("{NEW_TICKET_FORM}{hidden}"),
        )
    };
    run_cases(vec![
        ("identity", Rejected, coded(" identity")),
        ("xchunked", Rejected, coded(" xchunked")),
        ("nothing", Rejected, coded("")),
        ("in quotes", Rejected, coded(" \"chunked\"")),
        ("with a vertical tab", Rejected, coded(" \x0bchunked")),
        ("chunked, then another", Rejected, coded(" chunked, identity")),
        ("chunked, then another in a line of its own", Rejected, both("chunked", "identity")),
        ("identity beside a length", Rejected, beside("identity")),
        ("xchunked beside a length", Rejected, beside("xchunked")),
        (
            "a space before the colon",
            Rejected,
            build_create_request("Transfer-Encoding : chunked\r\n", &whole),
        ),
        ("a folded line", Rejected, coded("\r\n chunked")),
        ("chunked twice", Rejected, both("chunked", "chunked")),
        ("chunked after another", Rejected, both("identity", "chunked")),
        ("chunked after gzip", Rejected, coded(" gzip, chunked")),
    ])
    .await;
    let one = |what, bytes| (what, AtMostOneTicket, bytes);
    // One may know these or not; what is behind them is a second request in any case.
    let behind = [one("in capitals", coded(" CHUNKED")), one("with a tab", coded("\tchunked"))];
    let without = behind.map(|(what, fate, bytes)| {
        let end = bytes.len() - hidden.len();
        (what, fate, bytes[..end].to_vec())
    });
    run_cases(without.into()).await;
}

#[tokio::test]
async fn malformed_chunks_close_the_connection() {
    let (chunk, hidden, size) = (build_chunk(), build_hidden_request(), NEW_TICKET_FORM.len());
    let sized = |size: &str| format!("{size}\r\n{NEW_TICKET_FORM}\r\n0\r\n\r\n");
    let cases = [
        ("a size that is no number", sized("zz")),
        ("no size", sized("")),
        ("a negative size", sized("-1")),
        ("a size with 0x", sized(&format!("0x{size:x}"))),
        ("a size beyond 64 bits", sized(&format!("10000000000000000{size:x}"))),
        ("the largest size", sized("ffffffffffffffff")),
        ("a size that is too small", sized(&format!("{:x}", size - 3))),
        ("a size that is too large", sized(&format!("{:x}", size + 3))),
        ("a NUL in the size", sized(&format!("{size:x}\0"))),
        ("a space before the size", format!(" {chunk}0\r\n\r\n")),
        ("no end of the chunk", format!("{size:x}\r\n{NEW_TICKET_FORM}0\r\n\r\n")),
        ("bare line feeds", format!("{size:x}\n{NEW_TICKET_FORM}\n0\n\n")),
        ("bare carriage returns", format!("{size:x}\r{NEW_TICKET_FORM}\r0\r\r")),
        ("no last chunk", chunk.clone()),
    ];
    let cases = cases.map(|(what, body)| {
        (
            what,
            AtMostOneTicket,
            build_create_request("Transfer-Encoding: chunked\r\n", &(body + &hidden)),
        )
    });
    run_cases(cases.into()).await;
}

#[tokio::test]
async fn huge_chunk_extensions_and_trailers_are_limited() {
    let (chunk, size) = (build_chunk(), NEW_TICKET_FORM.len());
    let coded = |body: &str| build_create_request("Transfer-Encoding: chunked\r\n", body);
    let huge = "x".repeat(2_000_000);
    let many = concat_indexed(100_000, |at| format!("x{at}: y\r\n"));
    let extensions = "1;x=y\r\n&\r\n".repeat(100_000);
    run_cases(vec![
        (
            "a huge extension",
            AtMostOneTicket,
            coded(&format!("{size:x};{huge}\r\n{NEW_TICKET_FORM}\r\n0\r\n\r\n")),
        ),
        ("a huge last extension", AtMostOneTicket, coded(&format!("{chunk}0;{huge}\r\n\r\n"))),
        ("many extensions", AtMostOneTicket, coded(&format!("{chunk}{extensions}0\r\n\r\n"))),
        (
            "a huge size",
            AtMostOneTicket,
            coded(&format!("{}{size:x}\r\n{NEW_TICKET_FORM}\r\n0\r\n\r\n", "0".repeat(2_000_000))),
        ),
        ("a huge trailer", AtMostOneTicket, coded(&format!("{chunk}0\r\nx: {huge}\r\n\r\n"))),
        ("many trailers", AtMostOneTicket, coded(&format!("{chunk}0\r\n{many}\r\n"))),
        (
            "a trailer that says how long it was",
            AtMostOneTicket,
            coded(&format!("{chunk}0\r\nContent-Length: 5\r\n\r\n")),
        ),
        (
            "a trailer with another key",
            AtMostOneTicket,
            coded(&format!("{chunk}0\r\napiKey: other-key-0123\r\n\r\n")),
        ),
    ])
    .await;
}

#[tokio::test]
async fn malformed_header_lines_smuggle_no_request() {
    let (length, hidden) = (NEW_TICKET_FORM.len(), build_hidden_request());
    let body = format!("{NEW_TICKET_FORM}{hidden}");
    let head = format!("Content-Type: {URLENCODED}\r\n");
    let exact = format!("Content-Length: {length}\r\n");
    let bare = String::from_utf8(build_create_request(&exact, NEW_TICKET_FORM)).expect("text");
    let bare = bare.replace("\r\n", "\n").into_bytes();
    run_cases(vec![
        (
            "a space before the colon",
            Rejected,
            build_create_request(&format!("Content-Length : {length}\r\n"), &body),
        ),
        ("a folded length", Rejected, build_create_request(&format!("Content-Length:\r\n {length}\r\n"), &body)),
        ("a folded line after the length", Rejected, build_create_request(&format!("{exact} 0\r\n"), &body)),
        (
            "a NUL after the length",
            Rejected,
            build_create_request(&format!("Content-Length: {length}\0\r\n"), &body),
        ),
        ("a NUL in another header", Rejected, build_create_request(&format!("{exact}X-Other: a\0b\r\n"), &body)),
        (
            "a CR in another header",
            Rejected,
            build_create_request(&format!("X-Other: a\rContent-Length: 0\r\n{exact}"), &body),
        ),
        ("only line feeds", AtMostOneTicket, bare),
        ("a line feed in a head", AtMostOneTicket, build_create_request(&exact.replace("\r\n", "\n"), NEW_TICKET_FORM)),
        ("HTTP/1.0 with chunks", AtMostOneTicket, {
            let text = format!(
                "POST {LIST_PATH} HTTP/1.0\r\napiKey: {ACME_KEY}\r\n{head}Transfer-Encoding: chunked\r\n\r\n"
            );
            format!("{text}{}0\r\n\r\n{hidden}", build_chunk()).into_bytes()
        }),
        ("HTTP/1.0 and more behind", AtMostOneTicket, {
            let text = format!("POST {LIST_PATH} HTTP/1.0\r\napiKey: {ACME_KEY}\r\n{head}{exact}\r\n");
            format!("{text}{body}").into_bytes()
        }),
        ("the last request, and more behind", AtMostOneTicket, {
            let head = format!("{head}{exact}");
            [&build_request("POST", LIST_PATH, &head), body.as_bytes()].concat()
        }),
    ])
    .await;
}

#[tokio::test]
async fn unread_request_body_is_not_parsed_as_request() {
    let hidden = build_hidden_request();
    let server = start_server_with_short_timeouts();
    let framings = [
        format!("Content-Length: {}\r\n", hidden.len()),
        "Transfer-Encoding: chunked\r\n".to_owned(),
    ];
    let chunked = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
    let mut all = Vec::new();
    for (method, path, content_type) in [
        ("GET", LIST_PATH, URLENCODED),
        ("GET", "/api/v2/ticket/7", JSON),
        ("GET", "/docs", JSON),
        ("GET", "/_control/accounts", JSON),
        ("GET", "/_control/health", JSON),
        ("HEAD", LIST_PATH, JSON),
        ("POST", LIST_PATH, "text/plain"),
        ("POST", "/api/v2/ticket?apiKey=another-key-0123456789", URLENCODED),
        ("POST", "/nothing", JSON),
        ("POST", "/_control/nothing", JSON),
        ("POST", "/_control/accounts/nobody/reset", JSON),
        ("PATCH", LIST_PATH, JSON),
        ("OPTIONS", LIST_PATH, JSON),
    ] {
        for (framing, body) in framings.iter().zip([&hidden, &chunked]) {
            for expect in ["", "Expect: 100-continue\r\n"] {
                let headers = format!("Content-Type: {content_type}\r\n{framing}{expect}");
                let head = build_keep_alive_request(method, path, &headers);
                all.push((
                    format!("{method} {path} {headers:?}"),
                    [&head, body.as_bytes()].concat(),
                ));
            }
        }
    }
    let talks = all
        .iter()
        .map(async |(what, bytes)| (what, read_raw_response(&server.base_url, bytes).await));
    for (what, told) in join_all(talks).await {
        assert!(!told.contains("Ticket created"), "{what}: {told}");
        assert!(
            told.matches("HTTP/1.1 ").count() - told.matches("HTTP/1.1 100").count() <= 1,
            "{what}: {told}"
        );
    }
    assert_eq!(count_tickets(&server.base_url).await, 1);
}

/// All that comes, as it comes: an answer to `HEAD` has no body although it has a length.
async fn read_raw_response(base: &str, bytes: &[u8]) -> String {
    let mut stream = super::raw_connection::connect_and_send(base, bytes).await;
    let mut heard = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut heard);
    let _ = super::raw_connection::with_timeout("the end", read).await;
    String::from_utf8_lossy(&heard).into_owned()
}
