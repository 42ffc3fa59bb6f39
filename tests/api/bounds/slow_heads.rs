//! Heads that do not end: from a request's first byte on, there is only so much time for the rest.

use std::iter;
use std::time::Duration;

use futures_util::future::join_all;

use super::talk::{next, only, rest, say, stays_silent, trickle};
use super::{CONTROL, LIST, TOO_SLOW, asking, server, staying, tickets, unharmed};
use crate::fixtures::Seeded;

const HEADER_TIME: &str = "300ms";
/// Longer than that.
const LONGER: Duration = Duration::from_millis(600);

fn impatient() -> Seeded {
    server(&["--header-timeout", HEADER_TIME])
}

/// The beginning of a head, and what follows it over and over.
fn cases() -> Vec<(&'static str, &'static str, String, &'static str)> {
    let mut cases =
        vec![("a method", "", "G".to_owned(), "E"), ("empty lines", "", "\r".to_owned(), "\n\r")];
    for path in [LIST, CONTROL] {
        let line = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n");
        cases.extend([
            ("a URL", path, format!("POST {path}?x="), "x"),
            ("a header's name", path, format!("{line}X-"), "a"),
            ("a header's value", path, format!("{line}X-Long: "), "a"),
            ("header after header", path, line.clone(), "a: b\r\n"),
            ("all but the last byte, and nothing", path, format!("{line}\r"), ""),
            ("a line, and nothing", path, line, ""),
        ]);
    }
    cases
}

#[tokio::test]
async fn a_head_that_does_not_end_is_refused() {
    let server = impatient();
    let before = tickets(&server.base).await;
    let all = cases().into_iter().map(async |(what, path, start, more)| {
        let bytes = start.bytes().chain(more.bytes().cycle());
        let stream = say(&server.base, b"").await;
        (what, path, trickle(stream, bytes).await)
    });
    for (what, path, answers) in join_all(all).await {
        let what = format!("{what}, {path}");
        // Empty lines before a request are none of it, and may end in silence.
        if what.starts_with("empty lines") && answers.is_empty() {
            continue;
        }
        TOO_SLOW.check(&what, path, &only(&what, answers));
    }
    unharmed(&server.base, &before).await;
}

#[tokio::test]
async fn a_second_request_that_does_not_end_is_refused() {
    let server = impatient();
    let before = tickets(&server.base).await;
    let all = [LIST, CONTROL].map(async |path| {
        let mut stream = say(&server.base, &staying("GET", LIST, "")).await;
        assert_eq!(next(&mut stream).await.status, 200);
        let start = format!("POST {path} HTTP/1.1\r\nX-Long: ");
        (path, trickle(stream, start.bytes().chain(iter::repeat(b'a'))).await)
    });
    for (path, answers) in join_all(all).await {
        TOO_SLOW.check(path, path, &only(path, answers));
    }
    unharmed(&server.base, &before).await;
}

#[tokio::test]
async fn the_time_begins_with_the_first_byte() {
    let server = impatient();
    let mut stream = say(&server.base, b"").await;
    for round in ["the first", "the second", "the third"] {
        stays_silent(round, &stream, LONGER).await;
        tokio::io::AsyncWriteExt::write_all(&mut stream, &staying("GET", LIST, ""))
            .await
            .expect("it is open");
        let answer = next(&mut stream).await;
        assert_eq!(answer.status, 200, "{round}: {answer:?}");
    }
}

#[tokio::test]
async fn a_slow_head_that_is_in_time_is_answered() {
    let server = server(&[]);
    let stream = say(&server.base, b"").await;
    let answer = only("a slow head", trickle(stream, asking("GET", LIST, "")).await);
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn those_who_stop_together_all_get_the_answer() {
    let server = impatient();
    let before = tickets(&server.base).await;
    let all = (0..100).map(async |at| {
        let path = [LIST, CONTROL][at % 2];
        (path, rest(say(&server.base, format!("GET {path} HT").as_bytes()).await).await)
    });
    for (path, answers) in join_all(all).await {
        TOO_SLOW.check(path, path, &only(path, answers));
    }
    unharmed(&server.base, &before).await;
}
