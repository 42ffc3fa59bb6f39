//! Requests that no HTTP library sends, and clients that disconnect early.

use omnidesk_mock_bench::BenchResult;

use crate::{
    account::{Account, TICKETS_PATH},
    check::check_equal,
    paced_client::PacedClient,
    random::Random,
};

/// Above the limit of a URL, and above the limit of all headers together.
const LONG_URL: usize = 70_000;
const LONG_HEADER: usize = 140_000;

/// Sends invalid or too large HTTP. The server must send an error and close the connection.
pub(crate) fn send_invalid_http(
    client: &mut PacedClient,
    account: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    let host = format!("HTTP/1.1\r\nHost: {}\r\n", client.address());
    let (request, status) = match random.below(4) {
        0 => ("NO HTTP\r\n\r\n".to_owned(), 400),
        1 => (format!("GET {TICKETS_PATH} {host}no colon\r\n\r\n"), 400),
        2 => {
            let query = "x".repeat(LONG_URL);
            let key = &account.api_key;
            (format!("GET {TICKETS_PATH}?query={query} {host}apiKey: {key}\r\n\r\n"), 414)
        }
        _ => (format!("GET {TICKETS_PATH} {host}long: {}\r\n\r\n", "x".repeat(LONG_HEADER)), 431),
    };
    let mut connection = client.open_connection()?;
    let body = connection.exchange(&request)?.expect_status(status)?;
    check_equal("status in the body", body["status"].as_str(), Some("error"))?;
    check_equal("whether the server closes the connection", connection.wait_for_close()?, true)
}

/// Disconnects before the request is complete, or before the response.
pub(crate) fn disconnect_early(
    client: &mut PacedClient,
    account: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    let request = match random.below(4) {
        0 => String::new(),
        1 => {
            let complete = account.with_form("POST", "", "title=never");
            complete[..complete.len() - 3].to_owned()
        }
        2 => format!("GET {TICKETS_PATH} HTTP/1.1\r\nHo"),
        _ => account.get("?searchArchived=yes&itemLimit=100"),
    };
    Ok(client.open_connection()?.send(&request)?)
}
