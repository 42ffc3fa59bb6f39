//! Requests whose length can be read in two ways, or in none: whatever the server makes of them, it never takes a part
//! of one for another request.

use futures_util::future::join_all;

use super::talk::talk;
use super::{JSON, LIST, URLENCODED, asking, many, server, staying, total, unharmed};
use crate::fixtures::{KEY, NEW_TICKET, Seeded};
use crate::raw::Answer;

/// A server that waits for nobody for long.
fn hasty() -> Seeded {
    server(&["--header-timeout", "300ms", "--body-timeout", "300ms", "--idle-timeout", "300ms"])
}

/// A whole request that makes a ticket: what is hidden in another one.
fn hidden() -> String {
    let length = NEW_TICKET.len();
    format!(
        "POST {LIST} HTTP/1.1\r\nHost: localhost\r\napiKey: {KEY}\r\nContent-Type: {URLENCODED}\r\n\
         Content-Length: {length}\r\n\r\n{NEW_TICKET}"
    )
}

/// A request to make a ticket with these further header lines and whatever follows the head.
fn open(headers: &str, follows: &str) -> Vec<u8> {
    let headers = format!("Content-Type: {URLENCODED}\r\n{headers}");
    [&staying("POST", LIST, &headers), follows.as_bytes()].concat()
}

/// The form as one chunk, without the last.
fn chunk() -> String {
    format!("{:x}\r\n{NEW_TICKET}\r\n", NEW_TICKET.len())
}

/// What may become of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    /// A 400, and nothing else.
    Refused,
    /// Refused in any way, or made a ticket of; but only one.
    AtMostOne,
}

use Fate::{AtMostOne, Refused};

type Case = (&'static str, Fate, Vec<u8>);

/// All at once, each on a connection of its own: every answer is one, and there are as many tickets more as were told.
async fn run(cases: Vec<Case>) {
    let server = hasty();
    let mut made = 0;
    let all =
        cases.iter().map(async |(what, fate, bytes)| (what, fate, talk(&server.base, bytes).await));
    for (what, fate, answers) in join_all(all).await {
        let tickets = check(what, *fate, &answers);
        assert!(tickets <= 1, "{what}: one request makes one ticket: {answers:?}");
        made += tickets;
    }
    assert_eq!(total(&server.base).await, 1 + made);
    let before = super::tickets(&server.base).await;
    unharmed(&server.base, &before).await;
}

/// How many tickets were made according to the answers.
fn check(what: &str, fate: Fate, answers: &[Answer]) -> u64 {
    let mut made = 0;
    for answer in answers {
        if answer.status == 200 {
            made += u64::from(answer.body.contains("Ticket created"));
        } else {
            assert!(
                [400, 408, 411, 413, 415, 431, 501].contains(&answer.status),
                "{what}: {answer:?}"
            );
            assert!(!answer.message().is_empty(), "{what}: {answer:?}");
        }
    }
    if fate == Refused {
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [400], "{what}: {answers:?}");
        assert!(answers[0].head.contains("connection: close"), "{what}: {answers:?}");
    }
    made
}

#[tokio::test]
async fn two_lengths_are_no_length() {
    let (length, hidden) = (NEW_TICKET.len(), hidden());
    let line = |length: &str| format!("Content-Length: {length}\r\n");
    let one = line(&length.to_string());
    let body = format!("{NEW_TICKET}{hidden}");
    let with = |other: &str| open(&format!("{one}{}", line(other)), &body);
    let before = |other: &str| open(&format!("{}{one}", line(other)), &body);
    let alone = |length: &str| open(&line(length), &body);
    let all = body.len().to_string();
    run(vec![
        ("two lengths", Refused, with(&all)),
        ("two lengths, the larger first", Refused, before(&all)),
        ("a length and none", Refused, with("0")),
        ("none and a length", Refused, before("0")),
        ("a list of two", Refused, alone(&format!("{length}, {all}"))),
        ("a negative length", Refused, alone("-1")),
        ("a length with a sign", Refused, alone(&format!("+{length}"))),
        ("a length in hex", Refused, alone("0x10")),
        ("a length with a space inside", Refused, alone("1 0")),
        ("a length that is no number", Refused, alone("many")),
        ("an empty length", Refused, alone("")),
        ("a length of 2^64", Refused, alone("18446744073709551616")),
        ("a length with a fraction", Refused, alone("10.0")),
    ])
    .await;
}

#[tokio::test]
async fn a_length_beside_chunks_smuggles_nothing() {
    let (chunk, hidden) = (chunk(), hidden());
    let whole = format!("{chunk}0\r\n\r\n");
    let length = |length: usize| format!("Content-Length: {length}\r\n");
    let chunked = "Transfer-Encoding: chunked\r\n";
    let with = |length: &str, coding: &str, body: &str| open(&format!("{length}{coding}"), body);
    // By its length the body is all of it; by its chunks there is another request behind.
    let body = format!("{whole}{hidden}");
    let all = length(body.len());
    // By its length the body ends early; by its chunks the other request is a chunk.
    let inner = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
    let short = length(inner.find("POST").unwrap_or_default());
    run(vec![
        ("length and chunks", AtMostOne, with(&all, chunked, &body)),
        ("chunks and length", AtMostOne, with(chunked, &all, &body)),
        ("a short length and chunks", AtMostOne, with(&short, chunked, &inner)),
        ("chunks and a short length", AtMostOne, with(chunked, &short, &inner)),
        ("no length and chunks", AtMostOne, with(&length(0), chunked, &whole)),
        ("two lengths and chunks", Refused, with(&format!("{all}{short}"), chunked, &body)),
    ])
    .await;
}

#[tokio::test]
async fn an_encoding_that_is_not_understood_is_refused() {
    let (chunk, hidden) = (chunk(), hidden());
    let whole = format!("{chunk}0\r\n\r\n{hidden}");
    let coded = |coding: &str| open(&format!("Transfer-Encoding:{coding}\r\n"), &whole);
    let both = |one: &str, other: &str| {
        let line = |coding: &str| format!("Transfer-Encoding: {coding}\r\n");
        open(&(line(one) + &line(other)), &whole)
    };
    let length = format!("Content-Length: {}\r\n", NEW_TICKET.len());
    let beside = |coding: &str| {
        open(&format!("{length}Transfer-Encoding: {coding}\r\n"), &format!("{NEW_TICKET}{hidden}"))
    };
    run(vec![
        ("identity", Refused, coded(" identity")),
        ("xchunked", Refused, coded(" xchunked")),
        ("nothing", Refused, coded("")),
        ("in quotes", Refused, coded(" \"chunked\"")),
        ("with a vertical tab", Refused, coded(" \x0bchunked")),
        ("chunked, then another", Refused, coded(" chunked, identity")),
        ("chunked, then another in a line of its own", Refused, both("chunked", "identity")),
        ("identity beside a length", Refused, beside("identity")),
        ("xchunked beside a length", Refused, beside("xchunked")),
        ("a space before the colon", Refused, open("Transfer-Encoding : chunked\r\n", &whole)),
        ("a folded line", Refused, coded("\r\n chunked")),
        ("chunked twice", Refused, both("chunked", "chunked")),
        ("chunked after another", Refused, both("identity", "chunked")),
        ("chunked after gzip", Refused, coded(" gzip, chunked")),
    ])
    .await;
    let one = |what, bytes| (what, AtMostOne, bytes);
    // One may know these or not; what is behind them is a second request in any case.
    let behind = [one("in capitals", coded(" CHUNKED")), one("with a tab", coded("\tchunked"))];
    let without = behind.map(|(what, fate, bytes)| {
        let end = bytes.len() - hidden.len();
        (what, fate, bytes[..end].to_vec())
    });
    run(without.into()).await;
}

#[tokio::test]
async fn broken_chunks_end_the_connection() {
    let (chunk, hidden, size) = (chunk(), hidden(), NEW_TICKET.len());
    let sized = |size: &str| format!("{size}\r\n{NEW_TICKET}\r\n0\r\n\r\n");
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
        ("no end of the chunk", format!("{size:x}\r\n{NEW_TICKET}0\r\n\r\n")),
        ("bare line feeds", format!("{size:x}\n{NEW_TICKET}\n0\n\n")),
        ("bare carriage returns", format!("{size:x}\r{NEW_TICKET}\r0\r\r")),
        ("no last chunk", chunk.clone()),
    ];
    let cases = cases.map(|(what, body)| {
        (what, AtMostOne, open("Transfer-Encoding: chunked\r\n", &(body + &hidden)))
    });
    run(cases.into()).await;
}

#[tokio::test]
async fn huge_extensions_and_trailers_are_bounded() {
    let (chunk, size) = (chunk(), NEW_TICKET.len());
    let coded = |body: &str| open("Transfer-Encoding: chunked\r\n", body);
    let huge = "x".repeat(2_000_000);
    let many = many(100_000, |at| format!("x{at}: y\r\n"));
    let extensions = "1;x=y\r\n&\r\n".repeat(100_000);
    run(vec![
        (
            "a huge extension",
            AtMostOne,
            coded(&format!("{size:x};{huge}\r\n{NEW_TICKET}\r\n0\r\n\r\n")),
        ),
        ("a huge last extension", AtMostOne, coded(&format!("{chunk}0;{huge}\r\n\r\n"))),
        ("many extensions", AtMostOne, coded(&format!("{chunk}{extensions}0\r\n\r\n"))),
        (
            "a huge size",
            AtMostOne,
            coded(&format!("{}{size:x}\r\n{NEW_TICKET}\r\n0\r\n\r\n", "0".repeat(2_000_000))),
        ),
        ("a huge trailer", AtMostOne, coded(&format!("{chunk}0\r\nx: {huge}\r\n\r\n"))),
        ("many trailers", AtMostOne, coded(&format!("{chunk}0\r\n{many}\r\n"))),
        (
            "a trailer that says how long it was",
            AtMostOne,
            coded(&format!("{chunk}0\r\nContent-Length: 5\r\n\r\n")),
        ),
        (
            "a trailer with another key",
            AtMostOne,
            coded(&format!("{chunk}0\r\napiKey: other-key-0123\r\n\r\n")),
        ),
    ])
    .await;
}

#[tokio::test]
async fn strange_lines_smuggle_nothing() {
    let (length, hidden) = (NEW_TICKET.len(), hidden());
    let body = format!("{NEW_TICKET}{hidden}");
    let head = format!("Content-Type: {URLENCODED}\r\n");
    let exact = format!("Content-Length: {length}\r\n");
    let bare = String::from_utf8(open(&exact, NEW_TICKET)).expect("text");
    let bare = bare.replace("\r\n", "\n").into_bytes();
    run(vec![
        (
            "a space before the colon",
            Refused,
            open(&format!("Content-Length : {length}\r\n"), &body),
        ),
        ("a folded length", Refused, open(&format!("Content-Length:\r\n {length}\r\n"), &body)),
        ("a folded line after the length", Refused, open(&format!("{exact} 0\r\n"), &body)),
        (
            "a NUL after the length",
            Refused,
            open(&format!("Content-Length: {length}\0\r\n"), &body),
        ),
        ("a NUL in another header", Refused, open(&format!("{exact}X-Other: a\0b\r\n"), &body)),
        (
            "a CR in another header",
            Refused,
            open(&format!("X-Other: a\rContent-Length: 0\r\n{exact}"), &body),
        ),
        ("only line feeds", AtMostOne, bare),
        ("a line feed in a head", AtMostOne, open(&exact.replace("\r\n", "\n"), NEW_TICKET)),
        ("HTTP/1.0 with chunks", AtMostOne, {
            let text = format!(
                "POST {LIST} HTTP/1.0\r\napiKey: {KEY}\r\n{head}Transfer-Encoding: chunked\r\n\r\n"
            );
            format!("{text}{}0\r\n\r\n{hidden}", chunk()).into_bytes()
        }),
        ("HTTP/1.0 and more behind", AtMostOne, {
            let text = format!("POST {LIST} HTTP/1.0\r\napiKey: {KEY}\r\n{head}{exact}\r\n");
            format!("{text}{body}").into_bytes()
        }),
        ("the last request, and more behind", AtMostOne, {
            let head = format!("{head}{exact}");
            [&asking("POST", LIST, &head), body.as_bytes()].concat()
        }),
    ])
    .await;
}

#[tokio::test]
async fn the_body_of_a_request_that_is_refused_or_reads_none_is_no_request() {
    let hidden = hidden();
    let server = hasty();
    let framings = [
        format!("Content-Length: {}\r\n", hidden.len()),
        "Transfer-Encoding: chunked\r\n".to_owned(),
    ];
    let chunked = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
    let mut all = Vec::new();
    for (method, path, content_type) in [
        ("GET", LIST, URLENCODED),
        ("GET", "/api/v2/ticket/7", JSON),
        ("GET", "/docs", JSON),
        ("GET", "/_control/accounts", JSON),
        ("GET", "/_control/health", JSON),
        ("HEAD", LIST, JSON),
        ("POST", LIST, "text/plain"),
        ("POST", "/api/v2/ticket?apiKey=another-key-0123456789", URLENCODED),
        ("POST", "/nothing", JSON),
        ("POST", "/_control/nothing", JSON),
        ("POST", "/_control/accounts/nobody/reset", JSON),
        ("PATCH", LIST, JSON),
        ("OPTIONS", LIST, JSON),
    ] {
        for (framing, body) in framings.iter().zip([&hidden, &chunked]) {
            for expect in ["", "Expect: 100-continue\r\n"] {
                let headers = format!("Content-Type: {content_type}\r\n{framing}{expect}");
                let head = staying(method, path, &headers);
                all.push((
                    format!("{method} {path} {headers:?}"),
                    [&head, body.as_bytes()].concat(),
                ));
            }
        }
    }
    let talks = all.iter().map(async |(what, bytes)| (what, told(&server.base, bytes).await));
    for (what, told) in join_all(talks).await {
        assert!(!told.contains("Ticket created"), "{what}: {told}");
        assert!(
            told.matches("HTTP/1.1 ").count() - told.matches("HTTP/1.1 100").count() <= 1,
            "{what}: {told}"
        );
    }
    assert_eq!(total(&server.base).await, 1);
}

/// All that comes, as it comes: an answer to `HEAD` has no body although it has a length.
async fn told(base: &str, bytes: &[u8]) -> String {
    let mut stream = super::talk::say(base, bytes).await;
    let mut heard = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut heard);
    let _ = super::talk::soon("the end", read).await;
    String::from_utf8_lossy(&heard).into_owned()
}
