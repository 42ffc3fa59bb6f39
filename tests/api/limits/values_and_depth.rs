//! Limits of the number and the nesting depth of values, in every encoding.

use super::{
    build_part, build_request, build_request_with_body, count_tickets, list_all_tickets,
    start_server,
};
use crate::support::raw::exchange;
use crate::support::seed::SeededServer;
use crate::support::ticket::{
    JSON, MULTIPART, NEW_TICKET_FIELDS, NEW_TICKET_FORM, TICKETS_PATH, URLENCODED,
};

/// An encoding of request values.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Encoding {
    Query,
    Urlencoded,
    Multipart,
    Json,
}

const ENCODINGS: [Encoding; 4] =
    [Encoding::Query, Encoding::Urlencoded, Encoding::Multipart, Encoding::Json];

impl Encoding {
    /// Returns a request with these values and the required fields. Names may have brackets; JSON values are inserted
    /// unquoted.
    fn build_request_with_values(self, more: &[(String, String)]) -> Vec<u8> {
        let pairs = || more.iter().map(|(name, value)| format!("&{name}={value}"));
        match self {
            Self::Query => {
                let query: String = pairs().collect();
                build_request("GET", &format!("{TICKETS_PATH}?status=open{query}"), "")
            }
            Self::Urlencoded => {
                let body = NEW_TICKET_FORM.to_owned() + &pairs().collect::<String>();
                build_request_with_body("POST", TICKETS_PATH, URLENCODED, body.as_bytes())
            }
            Self::Multipart => {
                let required =
                    NEW_TICKET_FIELDS.map(|(name, value)| build_part(name, value)).concat();
                let more: String =
                    more.iter().map(|(name, value)| build_part(name, value)).collect();
                build_request_with_body(
                    "POST",
                    TICKETS_PATH,
                    MULTIPART,
                    format!("{required}{more}--edge--\r\n").as_bytes(),
                )
            }
            Self::Json => {
                let required = NEW_TICKET_FIELDS.map(|(name, value)| match value.parse::<u64>() {
                    Ok(number) => format!("\"{name}\":{number}"),
                    Err(_) => format!("\"{name}\":\"{value}\""),
                });
                let more = more.iter().map(|(name, value)| format!("\"{name}\":{value}"));
                let all: Vec<String> = required.into_iter().chain(more).collect();
                build_request_with_body(
                    "POST",
                    TICKETS_PATH,
                    JSON,
                    format!("{{{}}}", all.join(",")).as_bytes(),
                )
            }
        }
    }

    /// Returns the number of values that such a request always has.
    fn required_value_count(self) -> usize {
        if self == Self::Query { 1 } else { NEW_TICKET_FIELDS.len() }
    }

    /// Returns a request with `count` values.
    fn build_request_with_value_count(self, count: usize) -> Vec<u8> {
        let more: Vec<_> = (self.required_value_count()..count)
            .map(|index| (format!("f{index}"), "1".to_owned()))
            .collect();
        self.build_request_with_values(&more)
    }

    /// Returns requests with a value nested `levels` deep.
    fn build_nested_requests(self, levels: usize) -> Vec<Vec<u8>> {
        let inner = levels - 1;
        if self == Self::Json {
            let lists = format!("{}1{}", "[".repeat(inner), "]".repeat(inner));
            let objects = format!("{}1{}", "{\"a\":".repeat(inner), "}".repeat(inner));
            return [lists, objects]
                .map(|value| self.build_request_with_values(&[("deep".into(), value)]))
                .into();
        }
        let names = ["[]", "[0]", "[a]"].map(|bracket| format!("deep{}", bracket.repeat(inner)));
        names.map(|name| self.build_request_with_values(&[(name, "1".to_owned())])).into()
    }
}

async fn assert_accepted(label: &str, server: &SeededServer, request: &[u8]) {
    let response = exchange(&server.base_url, request).await;
    assert_eq!(response.status, 200, "{label}: {response:?}");
}

async fn assert_rejected(
    label: &str,
    server: &SeededServer,
    request: &[u8],
    expected_message: &str,
) {
    let response = exchange(&server.base_url, request).await;
    assert_eq!(response.status, 400, "{label}: {response:?}");
    let message = response.error_message();
    assert!(message.contains(expected_message) && message.len() < 500, "{label}: {message}");
}

#[tokio::test]
async fn max_values_are_accepted_and_one_more_is_rejected() {
    for (flags, max_values) in [
        (&[][..], 8_192),
        (&["--max-values", "7"], 7),
        (&["--max-values", "300"], 300),
        (&["--max-values", "12000", "--max-header-bytes", "500000"], 12_000),
    ] {
        let server = start_server(flags);
        let message = format!("More than {max_values} values were sent");
        for encoding in ENCODINGS {
            let label = format!("{max_values} by {encoding:?}");
            // A longer URL exceeds its limit.
            let max_request_bytes = if encoding == Encoding::Query { 65_000 } else { usize::MAX };
            let requests = [max_values, max_values + 1, (max_values * 3).min(max_values + 5_000)];
            let requests = requests.map(|count| encoding.build_request_with_value_count(count));
            if requests[2].len() < max_request_bytes {
                assert_accepted(&label, &server, &requests[0]).await;
                let before = list_all_tickets(&server.base_url).await;
                assert_rejected(&label, &server, &requests[1], &message).await;
                assert_rejected(&label, &server, &requests[2], &message).await;
                assert_eq!(list_all_tickets(&server.base_url).await, before, "{label}");
            }
        }
        assert_eq!(count_tickets(&server.base_url).await, 4);
    }
}

#[tokio::test]
async fn max_values_can_be_one() {
    let server = start_server(&["--max-values", "1"]);
    assert_accepted(
        "one",
        &server,
        &build_request("GET", &format!("{TICKETS_PATH}?status=open"), ""),
    )
    .await;
    let two = build_request("GET", &format!("{TICKETS_PATH}?status=open&query=a"), "");
    assert_rejected("two", &server, &two, "More than 1 value").await;
}

#[tokio::test]
async fn nested_values_count_toward_max_values() {
    let server = start_server(&["--max-values", "20"]);
    let list = |count: usize| format!("[{}]", vec!["1"; count].join(","));
    let request =
        |count| Encoding::Json.build_request_with_values(&[("many".to_owned(), list(count))]);
    // The list itself counts as a value.
    assert_accepted("a list", &server, &request(13)).await;
    let message = "More than 20 values were sent";
    assert_rejected("a longer list", &server, &request(14), message).await;
    for encoding in [Encoding::Urlencoded, Encoding::Multipart] {
        let pairs = |count| vec![("many[]".to_owned(), "1".to_owned()); count];
        assert_accepted("a list", &server, &encoding.build_request_with_values(&pairs(14))).await;
        assert_rejected(
            "a longer list",
            &server,
            &encoding.build_request_with_values(&pairs(15)),
            message,
        )
        .await;
    }
}

#[tokio::test]
async fn values_at_max_depth_are_accepted_and_deeper_ones_rejected() {
    for (flags, max_depth) in
        [(&[][..], 8), (&["--max-depth", "4"], 4), (&["--max-depth", "64"], 64)]
    {
        let server = start_server(flags);
        let message = format!("deep is nested deeper than {max_depth} levels");
        for encoding in ENCODINGS {
            for levels in [max_depth, max_depth - 1, 1] {
                for request in encoding.build_nested_requests(levels) {
                    assert_accepted(&format!("{levels} levels by {encoding:?}"), &server, &request)
                        .await;
                }
            }
            let before = list_all_tickets(&server.base_url).await;
            for levels in [max_depth + 1, max_depth + 2, 100] {
                for request in encoding.build_nested_requests(levels) {
                    let label = format!("{levels} levels by {encoding:?}");
                    assert_rejected(&label, &server, &request, &message).await;
                }
            }
            assert_eq!(list_all_tickets(&server.base_url).await, before, "{encoding:?}");
        }
    }
}

#[tokio::test]
async fn extreme_nesting_is_rejected_without_harm() {
    let server = start_server(&["--max-depth", "64"]);
    let before = list_all_tickets(&server.base_url).await;
    for encoding in [Encoding::Urlencoded, Encoding::Multipart] {
        for request in encoding.build_nested_requests(500_000) {
            assert_rejected(&format!("{encoding:?}"), &server, &request, "deep is nested deeper")
                .await;
        }
    }
    for opening in ["[", "{\"a\":"] {
        let body = format!("{{\"deep\":{}", opening.repeat(1_000_000));
        let request = build_request_with_body("POST", TICKETS_PATH, JSON, body.as_bytes());
        assert_rejected(opening, &server, &request, "deep is nested deeper").await;
    }
    assert_eq!(list_all_tickets(&server.base_url).await, before);
}
