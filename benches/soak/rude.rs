//! What no library sends, and clients that do not stay.

use crate::{
    Outcome,
    account::{Account, TICKETS},
    caller::Caller,
    line::must_be,
    random::Random,
};

/// Longer than a URL may be, and longer than all headers together may be.
const LONG_URL: usize = 70_000;
const LONG_HEADER: usize = 140_000;

/// Says what is no HTTP, or too much. The answer says so, and the connection ends.
pub(crate) fn speak(
    caller: &mut Caller,
    account: &mut Account,
    random: &mut Random,
) -> Outcome<()> {
    let host = format!("HTTP/1.1\r\nHost: {}\r\n", caller.address());
    let (request, status) = match random.below(4) {
        0 => ("NO HTTP\r\n\r\n".to_owned(), 400),
        1 => (format!("GET {TICKETS} {host}no colon\r\n\r\n"), 400),
        2 => {
            let long = "x".repeat(LONG_URL);
            (format!("GET {TICKETS}?query={long} {host}apiKey: {}\r\n\r\n", account.key), 414)
        }
        _ => (format!("GET {TICKETS} {host}long: {}\r\n\r\n", "x".repeat(LONG_HEADER)), 431),
    };
    let mut line = caller.connect()?;
    line.send(&request)?;
    let answer = line.answer()?.expect(status)?;
    must_be("the envelope", answer["status"].as_str(), Some("error"))?;
    must_be("whether the connection ends", line.ends()?, true)
}

/// Goes away before it has said all, or before it was answered.
pub(crate) fn leave(
    caller: &mut Caller,
    account: &mut Account,
    random: &mut Random,
) -> Outcome<()> {
    let request = match random.below(4) {
        0 => String::new(),
        1 => {
            let whole = account.form("POST", "", "title=never");
            whole[..whole.len() - 3].to_owned()
        }
        2 => format!("GET {TICKETS} HTTP/1.1\r\nHo"),
        _ => account.get("?searchArchived=yes&itemLimit=100"),
    };
    Ok(caller.connect()?.send(&request)?)
}
