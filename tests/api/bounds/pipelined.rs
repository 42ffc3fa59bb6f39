//! Requests that come before the earlier ones are answered: each has its answer, in order, and a bad one harms none
//! that came before it.

use futures_util::future::join_all;

use super::talk::{next, only, say, talk, trickle};
use super::{
    BAD_HTTP, CONTROL, HEADERS_TOO_LARGE, LIST, Refusal, TOO_SLOW, URL_TOO_LONG, URLENCODED,
    asking, server, staying, total,
};
use crate::fixtures::{KEY, NEW_TICKET};
use crate::raw::Answer;

fn create(title: &str) -> Vec<u8> {
    let body = NEW_TICKET.replace("Printer", title);
    let headers = format!("Content-Type: {URLENCODED}\r\nContent-Length: {}\r\n", body.len());
    [&staying("POST", LIST, &headers), body.as_bytes()].concat()
}

fn statuses(answers: &[Answer]) -> Vec<u16> {
    answers.iter().map(|answer| answer.status).collect()
}

#[tokio::test]
async fn whole_requests_are_answered_in_order() {
    let server = server(&[]);
    let mut bytes = Vec::new();
    for number in 0..20 {
        bytes.extend(create(&format!("Printer{number}")));
        bytes.extend(staying("GET", &format!("{LIST}?itemLimit=1&query=Printer{number}"), ""));
    }
    bytes.extend(asking("GET", "/docs", ""));
    let answers = talk(&server.base, &bytes).await;
    assert_eq!(statuses(&answers), [200; 41]);
    for (number, pair) in answers.chunks_exact(2).enumerate() {
        let id = 8 + number;
        assert!(pair[0].body.contains(&format!("\"ticketID\":{id}")), "{number}: {pair:?}");
        assert!(pair[1].body.contains(&format!("\"title\":\"Printer{number}\"")), "{pair:?}");
    }
    assert!(answers[40].head.contains("text/html"), "{:?}", answers[40].head);
    assert_eq!(total(&server.base).await, 21);
}

#[tokio::test]
async fn requests_that_come_in_pieces_are_as_good() {
    let server = server(&[]);
    let bytes = [create("One"), create("Two"), asking("GET", LIST, "")].concat();
    let answers = pieces(&server.base, &bytes).await;
    assert_eq!(statuses(&answers), [200; 3], "{answers:?}");
    assert_eq!(total(&server.base).await, 3);
}

/// Sends all but the last request's end at once, and that byte by byte.
async fn pieces(base: &str, bytes: &[u8]) -> Vec<Answer> {
    let mut stream = say(base, &bytes[..70]).await;
    for piece in bytes[70..].chunks(70) {
        tokio::io::AsyncWriteExt::write_all(&mut stream, piece).await.expect("it is open");
        tokio::task::yield_now().await;
    }
    super::talk::rest(stream).await
}

#[tokio::test]
async fn a_bad_second_request_does_not_harm_the_first() {
    let time = "500ms";
    let server =
        server(&["--header-timeout", time, "--body-timeout", time, "--idle-timeout", "2s"]);
    let large = format!("X-Large: {}\r\n", "x".repeat(200_000));
    let long = |path: &str| format!("{path}?x={}", "x".repeat(70_000));
    let mut cases: Vec<(&str, &str, Refusal, Vec<u8>)> = vec![
        ("no HTTP", "", BAD_HTTP, b"\x16\x03\x01\x00\xa5\x01\x00\r\n\r\n".to_vec()),
        ("half a method", "", TOO_SLOW, b"POS".to_vec()),
    ];
    // The library forgets this head before it refuses it, and with it the path.
    let lengths = "Content-Length: 1\r\nContent-Length: 2\r\n";
    cases.push(("two lengths", LIST, BAD_HTTP, staying("POST", LIST, lengths)));
    for path in [LIST, CONTROL] {
        let half = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nX-Half");
        let body = "Content-Type: application/json\r\nContent-Length: 100\r\n";
        cases.extend([
            ("a bad header", path, BAD_HTTP, staying("POST", path, "X : y\r\n")),
            ("large headers", path, HEADERS_TOO_LARGE, staying("POST", path, &large)),
            ("a long URL", path, URL_TOO_LONG, staying("POST", &long(path), "")),
            ("half a head", path, TOO_SLOW, half.into_bytes()),
            ("half a body", path, TOO_SLOW, [&staying("POST", path, body), &b"{"[..]].concat()),
        ]);
    }
    let all = cases.iter().map(async |(what, path, refusal, second)| {
        let bytes = [&create("First"), &second[..]].concat();
        let answers = talk(&server.base, &bytes).await;
        assert_eq!(statuses(&answers), [200, refusal.status], "{what}, {path}: {answers:?}");
        assert!(answers[0].body.contains("Ticket created"), "{what}, {path}: {answers:?}");
        refusal.check(what, path, &answers[1]);
    });
    join_all(all).await;
    assert_eq!(total(&server.base).await, 1 + cases.len() as u64);
}

#[tokio::test]
async fn nothing_behind_a_refused_request_is_carried_out() {
    let server = server(&["--header-timeout", "500ms"]);
    for bad in [&b"\x00\r\n\r\n"[..], b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nX : y\r\n\r\n"]
    {
        let bytes = [bad, &create("Behind")].concat();
        let answers = talk(&server.base, &bytes).await;
        assert_eq!(statuses(&answers), [400], "{answers:?}");
    }
    // Nor behind one that ends its connection.
    let bytes = [asking("GET", LIST, ""), create("Behind")].concat();
    assert_eq!(statuses(&talk(&server.base, &bytes).await), [200]);
    assert_eq!(total(&server.base).await, 1);
}

#[tokio::test]
async fn a_second_request_that_begins_before_the_first_is_answered_has_its_time() {
    let server = server(&["--header-timeout", "300ms", "--idle-timeout", "2s"]);
    let start = format!("GET {LIST} HTTP/1.1\r\napiKey: {KEY}\r\nX-Long: ");
    let bytes = [create("First"), start.into_bytes()].concat();
    let mut stream = say(&server.base, &bytes).await;
    assert_eq!(next(&mut stream).await.status, 200);
    let answer = only("the second", trickle(stream, std::iter::repeat(b'x')).await);
    TOO_SLOW.check("the second", LIST, &answer);
    assert_eq!(total(&server.base).await, 2);
}
