//! Fills the account through the Ticket API.

use std::{io, thread};

use omnidesk_mock_bench::{
    BenchResult, connection::Connection, request::RequestEncoder, test_server::TestServer,
};
use serde::Deserialize;

use crate::generated_ticket::GeneratedTicket;

/// Tickets in one request that changes several.
pub(crate) const BATCH_SIZE: usize = 1_000;

/// Each is the status of a sixth of the tickets; the last sixth stays new.
const STATUSES: [&str; 5] = ["open", "pending", "holding", "solved", "closed"];

/// Each is the priority of one in twenty tickets; the others stay at medium.
const PRIORITIES: [&str; 3] = ["low", "high", "urgent"];

#[derive(Deserialize)]
struct CreatedTicket {
    #[serde(rename = "ticketID")]
    id: u64,
}

pub(crate) struct AccountFiller {
    requests: RequestEncoder<'static>,
    connections: Vec<Connection>,
    /// The number of the next ticket.
    next_number: u32,
}

impl AccountFiller {
    pub(crate) fn connect(server: &TestServer, connections: u32) -> io::Result<Self> {
        let connections = server.connect_many(connections as usize)?;
        Ok(Self { requests: server.requests(), connections, next_number: 0 })
    }

    /// Creates tickets over all connections, and returns their sorted ids.
    pub(crate) fn create_tickets(&mut self, count: u32) -> BenchResult<Vec<u64>> {
        let (first, step, requests) = (self.next_number, self.connections.len(), self.requests);
        self.next_number += count;
        let end = self.next_number;
        let ids = thread::scope(|scope| {
            let threads = self.connections.iter_mut().zip(first..).map(|(connection, first)| {
                let numbers = (first..end).step_by(step);
                scope.spawn(move || create_tickets(requests, connection, numbers))
            });
            let threads: Vec<_> = threads.collect();
            let results = threads.into_iter().map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err("a thread that creates tickets panicked".into()))
            });
            results.collect::<BenchResult<Vec<_>>>()
        });
        let mut ids = ids?.concat();
        ids.sort_unstable();
        Ok(ids)
    }

    /// Sets the statuses and priorities of the tickets.
    pub(crate) fn set_statuses_and_priorities(&mut self, ids: &[u64]) -> BenchResult<()> {
        let every = |step: usize, offset: usize| -> Vec<u64> {
            ids.iter().copied().skip(offset).step_by(step).collect()
        };
        let connection = &mut self.connections[0];
        for (offset, status) in (1..).zip(STATUSES) {
            for ids in every(STATUSES.len() + 1, offset).chunks(BATCH_SIZE) {
                connection.exchange(&self.requests.set_status(status, ids))?.check_success()?;
            }
        }
        for (offset, priority) in PRIORITIES.into_iter().enumerate() {
            for ids in every(20, offset).chunks(BATCH_SIZE) {
                connection.exchange(&self.requests.set_priority(priority, ids))?.check_success()?;
            }
        }
        Ok(())
    }
}

fn create_tickets(
    requests: RequestEncoder,
    connection: &mut Connection,
    numbers: impl Iterator<Item = u32>,
) -> BenchResult<Vec<u64>> {
    let ids = numbers.map(|number| {
        let request = requests.create_ticket(&GeneratedTicket::new(number).fields());
        Ok(connection.exchange(&request)?.json::<CreatedTicket>()?.id)
    });
    ids.collect()
}
