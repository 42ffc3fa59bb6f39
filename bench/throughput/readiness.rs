//! Requests outside the load, over a connection of their own each.

use std::{
    net::{SocketAddr, TcpListener},
    thread,
    time::{Duration, Instant},
};

use omnidesk_mock_bench::{
    BenchResult,
    connection::{Connection, Response},
};

const TIMEOUT: Duration = Duration::from_secs(30);

/// Short compared with a start-up, but long enough to leave the core to the server.
const RETRY_INTERVAL: Duration = Duration::from_micros(50);

/// Sends the request over a new connection.
pub(crate) fn send_once(address: SocketAddr, request: &str) -> BenchResult<Response> {
    Ok(Connection::open(address)?.exchange(request)?)
}

/// Repeats the request until the status of the response is 200.
pub(crate) fn wait_until_ready(address: SocketAddr, request: &str) -> BenchResult<()> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let last = match send_once(address, request) {
            Ok(response) if response.status == 200 => return Ok(()),
            Ok(response) => format!("status {}", response.status),
            Err(error) => error.to_string(),
        };
        if Instant::now() > deadline {
            return Err(format!("{address} sent no 200 within {TIMEOUT:?}: {last}").into());
        }
        thread::sleep(RETRY_INTERVAL);
    }
}

/// An address for a server that cannot report the port that it has chosen, or whose output is not read.
pub(crate) fn find_free_address() -> BenchResult<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
