//! Fills the account through the Ticket API, as its clients would.

use std::thread;

use serde::Deserialize;

use crate::{Outcome, connection::Connection, desk::Desk, ticket::Ticket};

/// Tickets in one request that changes several.
pub(crate) const BATCH: usize = 1_000;

/// A sixth of the tickets each; another sixth stays as new as it is.
const STATUSES: [&str; 5] = ["open", "pending", "holding", "solved", "closed"];

/// One in twenty tickets each; the others stay at medium.
const PRIORITIES: [&str; 3] = ["low", "high", "urgent"];

#[derive(Deserialize)]
struct Created {
    #[serde(rename = "ticketID")]
    id: u64,
}

pub(crate) struct Filler {
    connections: Vec<Connection>,
    /// The number of the next ticket.
    next: u32,
}

impl Filler {
    pub(crate) fn new(desk: &Desk, connections: u32) -> Outcome<Self> {
        let connections = (0..connections).map(|_| desk.connect()).collect::<Outcome<_>>()?;
        Ok(Self { connections, next: 0 })
    }

    /// Creates so many tickets over all connections, and gives their ids in order.
    pub(crate) fn create(&mut self, desk: &Desk, count: u32) -> Outcome<Vec<u64>> {
        let (first, step) = (self.next, self.connections.len());
        self.next += count;
        let last = self.next;
        let made: Vec<_> = thread::scope(|scope| {
            let threads = self.connections.iter_mut().zip(first..).map(|(connection, first)| {
                let numbers = (first..last).step_by(step);
                scope.spawn(move || {
                    create(desk, connection, numbers).map_err(|error| error.to_string())
                })
            });
            let threads: Vec<_> = threads.collect();
            threads.into_iter().map(|thread| thread.join().expect("it does not panic")).collect()
        });
        let mut ids = made.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
        ids.sort_unstable();
        Ok(ids)
    }

    /// Gives the tickets their statuses and priorities.
    pub(crate) fn sort_out(&mut self, desk: &Desk, ids: &[u64]) -> Outcome<()> {
        let each = |step: usize, place: usize| -> Vec<u64> {
            ids.iter().copied().skip(place).step_by(step).collect()
        };
        for (place, status) in (1..).zip(STATUSES) {
            for ids in each(STATUSES.len() + 1, place).chunks(BATCH) {
                self.connections[0].ask(&desk.set_status(status, ids))?.succeeded()?;
            }
        }
        for (place, priority) in PRIORITIES.into_iter().enumerate() {
            for ids in each(20, place).chunks(BATCH) {
                self.connections[0].ask(&desk.set_priority(priority, ids))?.succeeded()?;
            }
        }
        Ok(())
    }
}

fn create(
    desk: &Desk,
    connection: &mut Connection,
    numbers: impl Iterator<Item = u32>,
) -> Outcome<Vec<u64>> {
    let ids = numbers.map(|number| {
        let answer = connection.ask(&desk.create(&Ticket::new(number)))?;
        answer.succeeded()?;
        Ok(serde_json::from_slice::<Created>(&answer.body)?.id)
    });
    ids.collect()
}
