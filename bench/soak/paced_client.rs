//! A client that sends one request after the other at a limited rate, over a connection that is kept alive.

use std::{
    fmt::Display,
    io,
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use omnidesk_mock_bench::{
    BenchResult,
    connection::{Connection, Response, excerpt},
};
use serde_json::Value;

use crate::{counters::Counters, random::Random};

/// The server must respond within this time.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(15);

pub(crate) struct PacedClient<'a> {
    address: SocketAddr,
    counters: &'a Counters,
    connection: Option<Connection>,
    /// Index of the current action.
    pub(crate) action: usize,
    /// Mean time between two requests.
    interval: Duration,
    next_send: Instant,
    random: Random,
}

impl<'a> PacedClient<'a> {
    pub(crate) fn new(
        address: SocketAddr,
        counters: &'a Counters,
        interval: Duration,
        random: Random,
    ) -> Self {
        let next_send = Instant::now();
        Self { address, counters, connection: None, action: 0, interval, next_send, random }
    }

    /// Sends a request, and returns the body of the response, which must have this status.
    pub(crate) fn expect(&mut self, request: &str, status: u16) -> BenchResult<Value> {
        self.wait_for_turn();
        let start = Instant::now();
        let response = self.exchange(request).map_err(|error| add_request(request, error))?;
        self.counters.add_response(self.action, start.elapsed());
        response.expect_status(status).map_err(|error| add_request(request, error))
    }

    /// The same for an error in the format of the Ticket API, whose message must contain the words.
    pub(crate) fn expect_error(
        &mut self,
        request: &str,
        status: u16,
        words: &str,
    ) -> BenchResult<()> {
        let body = self.expect(request, status)?;
        let message = body["message"].as_str().unwrap_or_default();
        if body["status"] == "error" && message.contains(words) {
            return Ok(());
        }
        Err(add_request(request, format_args!("the message lacks {words:?}: {body}")))
    }

    /// The same for a problem of the control API, which must be of this type.
    pub(crate) fn expect_problem(
        &mut self,
        request: &str,
        status: u16,
        problem_type: &str,
    ) -> BenchResult<()> {
        let body = self.expect(request, status)?;
        if body["type"] == format!("/docs/control#{problem_type}") {
            return Ok(());
        }
        Err(add_request(request, format_args!("the problem is not {problem_type}: {body}")))
    }

    /// Sends a request without a check of the response. A 5xx counts as requested.
    pub(crate) fn send_unchecked(&mut self, request: &str) -> io::Result<Response> {
        self.wait_for_turn();
        self.counters.add_request(self.action);
        let response = self.exchange(request);
        if let Ok(response) = &response {
            self.counters.add_requested_failure(response.status);
        }
        response
    }

    /// Opens another connection, for a request that waits or that closes its connection.
    pub(crate) fn open_connection(&mut self) -> BenchResult<Connection> {
        self.wait_for_turn();
        self.counters.add_request(self.action);
        Ok(Connection::open_with_timeout(self.address, TIMEOUT)?)
    }

    /// Closes the connection; the next request opens another.
    pub(crate) fn disconnect(&mut self) {
        self.connection = None;
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    fn exchange(&mut self, request: &str) -> io::Result<Response> {
        let open = self.connection.take();
        let mut connection =
            open.map_or_else(|| Connection::open_with_timeout(self.address, TIMEOUT), Ok)?;
        let response = connection.exchange(request)?;
        self.connection = (!response.closes_connection).then_some(connection);
        Ok(response)
    }

    /// Waits until the next request may be sent. After a delay, the client does not catch up.
    fn wait_for_turn(&mut self) {
        let now = Instant::now();
        thread::sleep(self.next_send.saturating_duration_since(now));
        self.next_send = self.next_send.max(now) + self.random.vary(self.interval);
    }
}

/// Adds the request to the error.
fn add_request(request: &str, error: impl Display) -> Box<dyn std::error::Error + Send + Sync> {
    format!("{error}\n    after {}", excerpt(request.as_bytes())).into()
}
