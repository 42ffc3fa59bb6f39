//! Sends a known number of requests over many connections.

use crate::{BenchResult, connection::Connection};

/// Sends one request on each connection at a time, so that the server is never idle. Every response must be a success.
pub fn send_all(
    connections: &mut [Connection],
    mut requests: impl Iterator<Item = String>,
) -> BenchResult<()> {
    loop {
        let mut sent = 0;
        for (connection, request) in connections.iter_mut().zip(&mut requests) {
            connection.send(&request)?;
            sent += 1;
        }
        if sent == 0 {
            return Ok(());
        }
        for connection in &mut connections[..sent] {
            connection.receive()?.check_success()?;
        }
    }
}
