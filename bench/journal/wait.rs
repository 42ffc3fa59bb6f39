//! How soon a client that waits for a request or a ticket gets its response.

use std::{
    iter, thread,
    time::{Duration, Instant},
};

use omnidesk_mock_bench::{
    BenchResult,
    connection::{Connection, Response},
    context::BenchContext,
    statistics::LatencySamples,
    storage::Storage,
    test_server::TestServer,
};
use serde::Deserialize;

use crate::options::Options;

const TICKETS: u32 = 100;

const MANY_WAITERS: usize = 50;

/// Pause before the write, so that the server has processed the waits: in any case, and more for each of them.
const PAUSE: Duration = Duration::from_millis(2);
const PAUSE_PER_WAITER: Duration = Duration::from_micros(60);

/// What the clients wait for.
#[derive(Clone, Copy)]
enum WaitTarget {
    Request,
    Ticket,
}

pub(crate) struct WaitMeasurement {
    pub(crate) name: String,
    /// From the request until its response. Processor time includes the responses to the waiters.
    pub(crate) round_trip: LatencySamples,
    /// From that response until the last waiter has read its own. None without waiters.
    pub(crate) wake_up: Option<LatencySamples>,
}

/// The part of a response that the next request needs.
#[derive(Deserialize)]
struct JournalPage {
    cursor: String,
}

impl WaitMeasurement {
    pub(crate) fn run_all(
        options: &Options,
        context: &BenchContext,
        storage: Storage,
    ) -> BenchResult<Vec<Self>> {
        let server = context.start_seeded_server(storage, TICKETS)?;
        let mut runner = Runner { server: &server, rounds: options.rounds, title_number: 0 };
        let get_item = server.requests().get_ticket(2);
        let past_request = runner.control_get("wait?operation=ticket.update");
        let get_item = runner.measure_single("GET item", &get_item)?;
        let writes = [
            ("PUT item, nobody waits", 0, WaitTarget::Request),
            ("PUT item, 1 waits for the request", 1, WaitTarget::Request),
            ("PUT item, 50 wait for the request", MANY_WAITERS, WaitTarget::Request),
            ("PUT item, 1 waits for the ticket", 1, WaitTarget::Ticket),
            ("PUT item, 50 wait for the ticket", MANY_WAITERS, WaitTarget::Ticket),
        ];
        let writes = writes
            .into_iter()
            .map(|(name, waiters, target)| runner.measure_wait(name, waiters, target));
        let writes = writes.collect::<BenchResult<Vec<_>>>()?;
        // After the writes, because one of them is the request that it finds.
        let past_request = runner.measure_single("wait for a past request", &past_request)?;
        server.stop()?;
        Ok([get_item, past_request].into_iter().chain(writes).collect())
    }
}

struct Runner<'a> {
    server: &'a TestServer,
    rounds: u32,
    /// Makes each title a new one.
    title_number: u32,
}

impl Runner<'_> {
    fn measure_single(&self, name: &str, request: &str) -> BenchResult<WaitMeasurement> {
        let requests = iter::repeat_n(request, self.rounds as usize);
        let requests = requests.inspect(|_| thread::sleep(PAUSE));
        let mut connection = self.server.connect()?;
        let round_trip = self.server.measure(&mut connection, requests, Response::check_success)?;
        Ok(WaitMeasurement { name: name.to_owned(), round_trip, wake_up: None })
    }

    fn measure_wait(
        &mut self,
        name: &str,
        waiter_count: usize,
        target: WaitTarget,
    ) -> BenchResult<WaitMeasurement> {
        let mut writer = self.server.connect()?;
        let mut waiters = self.server.connect_many(waiter_count)?;
        let page: JournalPage = writer.exchange(&self.control_get("requests"))?.json()?;
        let (mut cursor, mut round_trips, mut wake_ups) = (page.cursor, Vec::new(), Vec::new());
        let cpu_before = self.server.process.cpu_seconds()?;
        for _ in 0..self.rounds {
            self.title_number += 1;
            let round = Round {
                wait: &self.wait_request(target, &cursor),
                write: &self.server.requests().update_title(1, &self.title()),
            };
            let (round_trip, wake_up, next_cursor) = round.run(&mut writer, &mut waiters)?;
            round_trips.push(round_trip);
            if let Some(next_cursor) = next_cursor {
                wake_ups.push(wake_up);
                cursor = next_cursor;
            }
        }
        let cpu_seconds = self.server.process.cpu_seconds()? - cpu_before;
        Ok(WaitMeasurement {
            name: name.to_owned(),
            round_trip: LatencySamples::new(round_trips, cpu_seconds),
            wake_up: (waiter_count > 0).then(|| LatencySamples::new(wake_ups, cpu_seconds)),
        })
    }

    fn title(&self) -> String {
        format!("Renamed-{}", self.title_number)
    }

    fn wait_request(&self, target: WaitTarget, cursor: &str) -> String {
        self.control_get(&match target {
            WaitTarget::Request => {
                format!("wait?operation=ticket.update&since={cursor}&timeout=20s")
            }
            WaitTarget::Ticket => format!("wait?ticket=1&title={}&timeout=20s", self.title()),
        })
    }

    /// A `GET` of the control API about the account of the seed.
    fn control_get(&self, rest: &str) -> String {
        self.server.requests().get(&format!("/_control/accounts/self/{rest}"))
    }
}

/// A write and the waits for it.
struct Round<'a> {
    wait: &'a str,
    write: &'a str,
}

impl Round<'_> {
    /// Returns the round trip of the write, the time until the last waiter has its response, and the next cursor.
    fn run(
        &self,
        writer: &mut Connection,
        waiters: &mut [Connection],
    ) -> BenchResult<(Duration, Duration, Option<String>)> {
        for waiter in waiters.iter_mut() {
            waiter.send(self.wait)?;
        }
        let count = u32::try_from(waiters.len())?;
        thread::sleep(PAUSE + count * PAUSE_PER_WAITER);
        let start = Instant::now();
        let write_response = writer.exchange(self.write)?;
        let write_end = Instant::now();
        let responses: Vec<_> =
            waiters.iter_mut().map(Connection::receive).collect::<Result<_, _>>()?;
        let wake_up = write_end.elapsed();
        write_response.check_success()?;
        let pages = responses.iter().map(Response::json::<JournalPage>);
        let pages = pages.collect::<BenchResult<Vec<_>>>()?;
        let cursor = pages.into_iter().last().map(|page| page.cursor);
        Ok((write_end - start, wake_up, cursor))
    }
}
