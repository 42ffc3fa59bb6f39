//! How many values a request may have and how deep they may be nested, in every form in which they are sent.

use super::{
    FIELDS, JSON, LIST, MULTIPART, URLENCODED, asking, one, part, sending, server, tickets, total,
};
use crate::fixtures::{NEW_TICKET, Seeded};

/// A form in which values are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    Query,
    Urlencoded,
    Multipart,
    Json,
}

const FORMS: [Form; 4] = [Form::Query, Form::Urlencoded, Form::Multipart, Form::Json];

impl Form {
    /// A request with these texts beside the fields that it needs; what they are called may have brackets. JSON that is
    /// no text comes as it is.
    fn request(self, more: &[(String, String)]) -> Vec<u8> {
        let pairs = || more.iter().map(|(name, value)| format!("&{name}={value}"));
        match self {
            Self::Query => {
                let query: String = pairs().collect();
                asking("GET", &format!("{LIST}?status=open{query}"), "")
            }
            Self::Urlencoded => {
                let body = NEW_TICKET.to_owned() + &pairs().collect::<String>();
                sending("POST", LIST, URLENCODED, body.as_bytes())
            }
            Self::Multipart => {
                let own = FIELDS.map(|(name, value)| part(name, value)).concat();
                let more: String = more.iter().map(|(name, value)| part(name, value)).collect();
                sending("POST", LIST, MULTIPART, format!("{own}{more}--edge--\r\n").as_bytes())
            }
            Self::Json => {
                let own = FIELDS.map(|(name, value)| match value.parse::<u64>() {
                    Ok(number) => format!("\"{name}\":{number}"),
                    Err(_) => format!("\"{name}\":\"{value}\""),
                });
                let more = more.iter().map(|(name, value)| format!("\"{name}\":{value}"));
                let all: Vec<String> = own.into_iter().chain(more).collect();
                sending("POST", LIST, JSON, format!("{{{}}}", all.join(",")).as_bytes())
            }
        }
    }

    /// The values that such a request has anyway.
    fn own(self) -> usize {
        if self == Self::Query { 1 } else { FIELDS.len() }
    }

    /// A request with so many values.
    fn many(self, count: usize) -> Vec<u8> {
        let more: Vec<_> =
            (self.own()..count).map(|at| (format!("f{at}"), "1".to_owned())).collect();
        self.request(&more)
    }

    /// Requests with a value that is nested so deep.
    fn nested(self, levels: usize) -> Vec<Vec<u8>> {
        let inner = levels - 1;
        if self == Self::Json {
            let lists = format!("{}1{}", "[".repeat(inner), "]".repeat(inner));
            let objects = format!("{}1{}", "{\"a\":".repeat(inner), "}".repeat(inner));
            return [lists, objects].map(|value| self.request(&[("deep".into(), value)])).into();
        }
        let names = ["[]", "[0]", "[a]"].map(|bracket| format!("deep{}", bracket.repeat(inner)));
        names.map(|name| self.request(&[(name, "1".to_owned())])).into()
    }
}

async fn is_taken(what: &str, server: &Seeded, request: &[u8]) {
    let answer = one(what, &server.base, request).await;
    assert_eq!(answer.status, 200, "{what}: {answer:?}");
}

async fn is_refused(what: &str, server: &Seeded, request: &[u8], said: &str) {
    let answer = one(what, &server.base, request).await;
    assert_eq!(answer.status, 400, "{what}: {answer:?}");
    let message = answer.message();
    assert!(message.contains(said) && message.len() < 500, "{what}: {message}");
}

#[tokio::test]
async fn as_many_values_as_there_may_be_are_taken_and_one_more_is_not() {
    for (flags, most) in [
        (&[][..], 8_192),
        (&["--max-values", "7"], 7),
        (&["--max-values", "300"], 300),
        (&["--max-values", "12000", "--max-header-bytes", "500000"], 12_000),
    ] {
        let server = server(flags);
        let said = format!("More than {most} values were sent");
        for form in FORMS {
            let what = format!("{most} by {form:?}");
            // A URL has no room for more.
            let room = if form == Form::Query { 65_000 } else { usize::MAX };
            let requests = [most, most + 1, (most * 3).min(most + 5_000)];
            let requests = requests.map(|count| form.many(count));
            if requests[2].len() < room {
                is_taken(&what, &server, &requests[0]).await;
                let before = tickets(&server.base).await;
                is_refused(&what, &server, &requests[1], &said).await;
                is_refused(&what, &server, &requests[2], &said).await;
                assert_eq!(tickets(&server.base).await, before, "{what}");
            }
        }
        assert_eq!(total(&server.base).await, 4);
    }
}

#[tokio::test]
async fn a_single_value_may_be_all() {
    let server = server(&["--max-values", "1"]);
    is_taken("one", &server, &asking("GET", &format!("{LIST}?status=open"), "")).await;
    let two = asking("GET", &format!("{LIST}?status=open&query=a"), "");
    is_refused("two", &server, &two, "More than 1 value").await;
}

#[tokio::test]
async fn values_inside_of_others_count() {
    let server = server(&["--max-values", "20"]);
    let list = |count: usize| format!("[{}]", vec!["1"; count].join(","));
    let request = |count| Form::Json.request(&[("many".to_owned(), list(count))]);
    // The list itself is one, too.
    is_taken("a list", &server, &request(13)).await;
    let said = "More than 20 values were sent";
    is_refused("a longer list", &server, &request(14), said).await;
    for form in [Form::Urlencoded, Form::Multipart] {
        let pairs = |count| vec![("many[]".to_owned(), "1".to_owned()); count];
        is_taken("a list", &server, &form.request(&pairs(14))).await;
        is_refused("a longer list", &server, &form.request(&pairs(15)), said).await;
    }
}

#[tokio::test]
async fn values_as_deep_as_they_may_be_are_taken_and_deeper_ones_are_not() {
    for (flags, most) in [(&[][..], 8), (&["--max-depth", "4"], 4), (&["--max-depth", "64"], 64)] {
        let server = server(flags);
        let said = format!("deep is nested deeper than {most} levels");
        for form in FORMS {
            for levels in [most, most - 1, 1] {
                for request in form.nested(levels) {
                    is_taken(&format!("{levels} levels by {form:?}"), &server, &request).await;
                }
            }
            let before = tickets(&server.base).await;
            for levels in [most + 1, most + 2, 100] {
                for request in form.nested(levels) {
                    let what = format!("{levels} levels by {form:?}");
                    is_refused(&what, &server, &request, &said).await;
                }
            }
            assert_eq!(tickets(&server.base).await, before, "{form:?}");
        }
    }
}

#[tokio::test]
async fn nesting_without_end_does_no_harm() {
    let server = server(&["--max-depth", "64"]);
    let before = tickets(&server.base).await;
    for form in [Form::Urlencoded, Form::Multipart] {
        for request in form.nested(500_000) {
            is_refused(&format!("{form:?}"), &server, &request, "deep is nested deeper").await;
        }
    }
    for opened in ["[", "{\"a\":"] {
        let body = format!("{{\"deep\":{}", opened.repeat(1_000_000));
        let request = sending("POST", LIST, JSON, body.as_bytes());
        is_refused(opened, &server, &request, "deep is nested deeper").await;
    }
    assert_eq!(tickets(&server.base).await, before);
}
