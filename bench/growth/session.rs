//! A client of a filled account, and the latency of its requests over one connection.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use omnidesk_mock_bench::{
    BenchResult,
    connection::{Connection, Response},
    statistics::LatencySamples,
    test_server::TestServer,
};
use serde::Deserialize;

use crate::{
    fill::{AccountFiller, BATCH_SIZE},
    generated_ticket::GeneratedTicket,
    operation::Operation,
    reset::ResetSession,
};

/// After this time a slow operation is not repeated again.
const TIME_LIMIT: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
struct TicketList {
    #[serde(rename = "itemTotal")]
    total: u32,
}

pub(crate) struct Session {
    pub(crate) server: TestServer,
    filler: AccountFiller,
    connection: Connection,
    /// Ids of all tickets, sorted.
    ids: Vec<u64>,
    resets: Option<ResetSession>,
    /// Position of the next `GetItem`.
    read_position: usize,
    writes: u32,
    pub(crate) samples: BTreeMap<Operation, LatencySamples>,
}

impl Session {
    pub(crate) fn new(
        server: TestServer,
        filler: AccountFiller,
        ids: Vec<u64>,
    ) -> BenchResult<Self> {
        let connection = server.connect()?;
        Ok(Self {
            server,
            filler,
            connection,
            ids,
            resets: None,
            read_position: 0,
            writes: 0,
            samples: BTreeMap::new(),
        })
    }

    /// Repeats the operation up to this number of times.
    pub(crate) fn measure(&mut self, operation: Operation, max: u32) -> BenchResult<()> {
        if operation == Operation::Reset {
            return self.measure_resets(max);
        }
        self.warm_up()?;
        for _ in limited_repetitions(max) {
            let latency = match operation {
                Operation::GetItem => self.get_item(),
                Operation::Create => self.create(),
                Operation::Delete => self.delete(),
                Operation::SetStatus => self.set_status(),
                list => self.list(list),
            };
            self.samples.entry(operation).or_default().push(latency?);
        }
        Ok(())
    }

    /// Reads a ticket that was not read before.
    fn get_item(&mut self) -> BenchResult<Duration> {
        // A prime that divides no round number, so every ticket is read once before one is read again.
        self.read_position += 7_919;
        let id = self.ids[self.read_position % self.ids.len()];
        Ok(self.time(&self.server.requests().get_ticket(id))?.0)
    }

    /// Requests a list right after a write.
    fn list(&mut self, operation: Operation) -> BenchResult<Duration> {
        let path = format!("/api/v2/ticket{}", operation.query(self.ids.len()));
        let request = self.server.requests().get(&path);
        self.empty_response_cache()?;
        if operation == Operation::SearchCommonWordCached {
            self.time(&request)?;
        }
        let (latency, response) = self.time(&request)?;
        let total = response.json::<TicketList>()?.total;
        let is_expected = match operation {
            Operation::SearchAbsentWord => total == 0,
            Operation::SearchRareWord
            | Operation::SearchCommonWord
            | Operation::SearchCommonWordCached => total > 0,
            // The view of closed tickets is empty if they are archived.
            _ => true,
        };
        if !is_expected {
            return Err(format!("{path}: {total} tickets").into());
        }
        Ok(latency)
    }

    fn create(&mut self) -> BenchResult<Duration> {
        self.writes += 1;
        let ticket = GeneratedTicket::new(self.writes);
        Ok(self.time(&self.server.requests().create_ticket(&ticket.fields()))?.0)
    }

    /// Deletes the oldest 1,000 tickets, and creates as many new ones outside the measured time.
    fn delete(&mut self) -> BenchResult<Duration> {
        let oldest = self.ids.drain(..BATCH_SIZE).map(|id| format!("ticketIDs[]={id}"));
        let body = oldest.collect::<Vec<_>>().join("&");
        let request = self.server.requests().with_form("DELETE", "/api/v2/ticket/multi", &body);
        let latency = self.time(&request)?.0;
        let new = self.filler.create_tickets(u32::try_from(BATCH_SIZE)?)?;
        self.filler.set_statuses_and_priorities(&new)?;
        self.ids.extend(new);
        Ok(latency)
    }

    /// Changes the status of the newest 1,000 tickets.
    fn set_status(&mut self) -> BenchResult<Duration> {
        let newest = &self.ids[self.ids.len() - BATCH_SIZE..];
        let requests =
            ["open", "pending"].map(|status| self.server.requests().set_status(status, newest));
        self.connection.exchange(&requests[0])?.check_success()?;
        Ok(self.time(&requests[1])?.0)
    }

    fn measure_resets(&mut self, max: u32) -> BenchResult<()> {
        let session = match &mut self.resets {
            Some(session) => session,
            none => none.insert(ResetSession::prepare(&self.server, self.ids[0])?),
        };
        for _ in limited_repetitions(max) {
            for (operation, latency) in session.measure(&self.server)? {
                self.samples.entry(operation).or_default().push(latency);
            }
        }
        Ok(())
    }

    /// Opens the database again, which the server may have closed during the measurements of other sizes.
    fn warm_up(&mut self) -> BenchResult<()> {
        self.empty_response_cache()?;
        self.connection.exchange(&self.server.requests().list_tickets())?.check_success()
    }

    /// Sends a small write, which invalidates the cached responses.
    fn empty_response_cache(&mut self) -> BenchResult<()> {
        self.writes += 1;
        let title = format!("Renamed+{}+times", self.writes);
        let update = self.server.requests().update_title(self.ids[0], &title);
        self.connection.exchange(&update)?.check_success()
    }

    /// From before the request is sent until its response is read.
    fn time(&mut self, request: &str) -> BenchResult<(Duration, Response)> {
        let start = Instant::now();
        let response = self.connection.exchange(request)?;
        let latency = start.elapsed();
        response.check_success()?;
        Ok((latency, response))
    }
}

/// This number of repetitions, or fewer if the time limit ends before; at least one.
fn limited_repetitions(max: u32) -> impl Iterator<Item = u32> {
    let start = Instant::now();
    (0..max).take_while(move |index| *index == 0 || start.elapsed() < TIME_LIMIT)
}
