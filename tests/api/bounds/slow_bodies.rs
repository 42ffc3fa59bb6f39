//! Bodies that do not arrive: there is only so much time for one, however it is sent and wherever it goes.

use std::iter;

use futures_util::future::join_all;
use tokio::net::TcpStream;

use super::talk::{next, only, rest, say, trickle};
use super::{
    CONTROL, ITEM, JSON, LIST, MULTIPART, TOO_SLOW, URLENCODED, asking, parts, sending, server,
    staying, tickets, total, unharmed,
};
use crate::fixtures::{KEY, NEW_TICKET, Seeded};
use crate::raw::Answer;

const BODY_TIME: &str = "300ms";
/// What the head says of a body that does not come to its end.
const LENGTH: &str = "Content-Length: 100000\r\n";
const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

fn impatient() -> Seeded {
    server(&["--body-timeout", BODY_TIME])
}

/// A head, and a body that begins so and goes on so, over and over.
#[derive(Clone)]
struct Slow {
    method: &'static str,
    path: String,
    headers: String,
    start: &'static str,
    more: &'static str,
}

impl Slow {
    fn new(
        (method, path): (&'static str, &str),
        (content_type, framing): (&str, &str),
        (start, more): (&'static str, &'static str),
    ) -> Self {
        let headers = format!("Content-Type: {content_type}\r\n{framing}");
        Self { method, path: path.to_owned(), headers, start, more }
    }

    fn what(&self) -> String {
        let Self { method, path, headers, .. } = self;
        format!("{method} {path} {headers:?} {:?} {:?}", self.start, self.more)
    }

    /// Sends it until there is an answer, and gives all that come.
    async fn sent(self, base: &str) -> (Self, Vec<Answer>) {
        let stream = say(base, &staying(self.method, &self.path, &self.headers)).await;
        let bytes = self.start.bytes().chain(self.more.bytes().cycle());
        let answers = trickle(stream, bytes).await;
        (self, answers)
    }
}

const PART: &str = "--edge\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\n";

/// To the Ticket API, in every encoding.
fn tickets_api() -> Vec<Slow> {
    let mut all = Vec::new();
    let update = ("PUT", "/api/v2/ticket/7");
    for target in [("POST", LIST), update, ("POST", "/api/v2/ticket/setStatus")] {
        all.extend([
            Slow::new(target, (URLENCODED, LENGTH), ("title=", "x")),
            Slow::new(target, (URLENCODED, LENGTH), ("", "")),
            Slow::new(target, (URLENCODED, LENGTH), ("status=solved&ticketIDs[]=7", "")),
            Slow::new(target, (MULTIPART, LENGTH), (PART, "x")),
            Slow::new(target, (MULTIPART, LENGTH), ("--ed", "")),
            Slow::new(target, (JSON, LENGTH), ("{\"title\":\"", "x")),
            Slow::new(target, (URLENCODED, CHUNKED), ("", "1\r\nx\r\n")),
            Slow::new(target, (URLENCODED, CHUNKED), ("6\r\ntitle=", "")),
            Slow::new(target, (JSON, CHUNKED), ("1\r\n{\r\n", "1\r\n \r\n")),
            Slow::new(target, (MULTIPART, CHUNKED), ("5", "")),
        ]);
    }
    all
}

/// To the control API, whose bodies are JSON, and YAML in an import.
fn control_api() -> Vec<Slow> {
    let own = |rest: &str| format!("{CONTROL}/acme/{rest}");
    let mut all = Vec::new();
    for (method, path) in [
        ("POST", CONTROL.to_owned()),
        ("PUT", own("clock")),
        ("POST", own("clock/advance")),
        ("POST", own("keys")),
        ("PUT", own("dialect")),
        ("POST", own("import")),
        ("POST", own("verify")),
        ("POST", own("faults")),
        ("PUT", own("limits")),
        ("PUT", own("strict")),
    ] {
        all.extend([
            Slow::new((method, &path), (JSON, LENGTH), ("{", " ")),
            Slow::new((method, &path), (JSON, LENGTH), ("", "")),
            Slow::new((method, &path), (JSON, CHUNKED), ("", "1\r\n \r\n")),
        ]);
    }
    all
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_refused() {
    let server = impatient();
    let before = tickets(&server.base).await;
    let all = tickets_api().into_iter().chain(control_api());
    for (slow, answers) in join_all(all.map(|slow| slow.sent(&server.base))).await {
        let what = slow.what();
        TOO_SLOW.check(&what, &slow.path, &only(&what, answers));
    }
    unharmed(&server.base, &before).await;
    let accounts = super::one("accounts", &server.base, &asking("GET", CONTROL, "")).await;
    assert_eq!(accounts.body.matches("\"account\"").count(), 1, "{accounts:?}");
}

#[tokio::test]
async fn a_body_that_is_announced_and_does_not_begin_is_refused() {
    let server = impatient();
    let before = tickets(&server.base).await;
    let all = [LIST, CONTROL].map(async |path| {
        let headers = format!("Content-Type: {JSON}\r\n{LENGTH}Expect: 100-continue\r\n");
        (path, rest(say(&server.base, &asking("POST", path, &headers)).await).await)
    });
    for (path, answers) in join_all(all).await {
        TOO_SLOW.check(path, path, &only(path, answers));
    }
    unharmed(&server.base, &before).await;
}

/// What is refused for another reason, or asks for no body, with the status that it has.
fn unwanted() -> Vec<(u16, Slow)> {
    let mut all = Vec::new();
    for (framing, filler) in [(LENGTH, ("title=", "x")), (CHUNKED, ("", "1\r\nx\r\n"))] {
        let form = (URLENCODED, framing);
        let other_key = format!("{LIST}?apiKey=another-key-0123456789");
        all.extend([
            (400, Slow::new(("POST", &other_key), form, filler)),
            (404, Slow::new(("POST", "/nothing"), form, filler)),
            (404, Slow::new(("POST", "/_control/nothing"), form, filler)),
            (404, Slow::new(("POST", "/_control/accounts/nobody/keys"), form, filler)),
            (405, Slow::new(("PATCH", ITEM), form, filler)),
            (415, Slow::new(("POST", LIST), ("text/plain", framing), filler)),
            (200, Slow::new(("GET", ITEM), form, filler)),
            (200, Slow::new(("GET", "/docs"), form, filler)),
        ]);
    }
    all
}

#[tokio::test]
async fn a_slow_body_that_nobody_wants_ends_too() {
    let server = impatient();
    let before = tickets(&server.base).await;
    let all =
        unwanted().into_iter().map(async |(status, slow)| (status, slow.sent(&server.base).await));
    for (status, (slow, answers)) in join_all(all).await {
        let what = slow.what();
        let answer = only(&what, answers);
        assert!([status, 408].contains(&answer.status), "{what}: {answer:?}");
    }
    unharmed(&server.base, &before).await;
}

/// Sends all but the last bytes, then those with a pause after each.
async fn in_time(base: &str, bytes: &[u8]) -> Vec<Answer> {
    let (first, last) = bytes.split_at(bytes.len() - 30);
    trickle(say(base, first).await, last.to_vec()).await
}

#[tokio::test]
async fn a_slow_body_that_is_in_time_is_taken() {
    let server = server(&[]);
    let form = NEW_TICKET.as_bytes();
    let json = format!(
        "{{{}}}",
        super::FIELDS.map(|(name, value)| format!("\"{name}\":\"{value}\"")).join(",")
    );
    let json = json.replace("\"1\"", "1");
    let requests = [
        sending("POST", LIST, URLENCODED, form),
        sending("POST", LIST, MULTIPART, &parts("note", "x")),
        sending("POST", LIST, JSON, json.as_bytes()),
        super::in_chunks("POST", LIST, URLENCODED, form, 7),
        sending("POST", CONTROL, JSON, b"{                              }"),
    ];
    let all = requests.map(async |bytes| in_time(&server.base, &bytes).await);
    for (at, answers) in join_all(all).await.into_iter().enumerate() {
        let answer = only("a slow body", answers);
        assert_eq!(answer.status, if at == 4 { 201 } else { 200 }, "{at}: {answer:?}");
    }
    assert_eq!(total(&server.base).await, 5);
}

#[tokio::test]
async fn a_second_body_has_as_much_time_as_the_first() {
    let server = impatient();
    let head = |length: usize| {
        format!(
            "POST {LIST} HTTP/1.1\r\nHost: localhost\r\napiKey: {KEY}\r\n\
             Content-Type: {URLENCODED}\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    let whole = [head(NEW_TICKET.len()).as_bytes(), NEW_TICKET.as_bytes()].concat();
    let mut stream = say(&server.base, &whole).await;
    assert_eq!(next(&mut stream).await.status, 200);
    let more = head(100_000).into_bytes();
    let answers = second(stream, more).await;
    TOO_SLOW.check("the second", LIST, &only("the second", answers));
    assert_eq!(total(&server.base).await, 2, "the first has been made");
}

async fn second(mut stream: TcpStream, head: Vec<u8>) -> Vec<Answer> {
    tokio::io::AsyncWriteExt::write_all(&mut stream, &head).await.expect("it is open");
    trickle(stream, iter::repeat(b'x')).await
}
