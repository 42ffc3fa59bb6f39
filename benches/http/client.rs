//! One request and its answer over a connection of its own, for the questions outside the load.

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use crate::{
    Outcome,
    connection::{Answer, Connection},
};

const PATIENCE: Duration = Duration::from_secs(30);

/// Short beside a start-up, long enough to leave the core to the server.
const BETWEEN_TRIES: Duration = Duration::from_micros(50);

/// Sends the bytes and reads the answer.
pub(crate) fn ask(address: SocketAddr, request: &str) -> Outcome<Answer> {
    Connection::open(address)?.ask(request)
}

/// Asks until the answer is a `200`, and returns it.
pub(crate) fn ask_until_ready(address: SocketAddr, request: &str) -> Outcome<Answer> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let last = match ask(address, request) {
            Ok(answer) if answer.status == 200 => return Ok(answer),
            Ok(answer) => format!("status {}", answer.status),
            Err(error) => error.to_string(),
        };
        if Instant::now() > deadline {
            return Err(format!("no 200 from {address} within {PATIENCE:?}: {last}").into());
        }
        thread::sleep(BETWEEN_TRIES);
    }
}
