//! Many requests on many connections, each a known number of times.

use crate::{Outcome, connection::Connection};

/// Sends the requests, one on each connection at a time, so that the server always has work.
pub(crate) fn send_all(
    connections: &mut [Connection],
    mut requests: impl Iterator<Item = String>,
) -> Outcome<()> {
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
            connection.answer()?.succeeded()?;
        }
    }
}
