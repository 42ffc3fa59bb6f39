//! A client that sends one request after the other at a limited rate, and the counters of all clients.

use omnidesk_mock_bench::prelude::*;

/// Latencies by the largest number of microseconds in a bucket. The error of a percentile is at most a sixteenth.
#[derive(Clone, Default)]
pub(crate) struct Histogram {
    counts: BTreeMap<u32, u32>,
    pub(crate) max: f64,
}

impl Histogram {
    fn add(&mut self, latency: Duration) {
        let micros = u32::try_from(latency.as_micros()).unwrap_or(u32::MAX);
        let unused_bits = micros.max(1).ilog2().saturating_sub(4);
        *self.counts.entry(micros | ((1 << unused_bits) - 1)).or_default() += 1;
        self.max = self.max.max(milliseconds(latency));
    }

    /// The latency that this percentage does not exceed, in milliseconds; 0 if the histogram is empty.
    pub(crate) fn percentile(&self, percent: u64) -> f64 {
        let count: u64 = self.counts.values().map(|count| u64::from(*count)).sum();
        let mut rest = (count * percent).div_ceil(100);
        let bucket = self.counts.iter().find(|(_, count)| {
            let is_last = rest <= u64::from(**count);
            rest = rest.saturating_sub(u64::from(**count));
            is_last
        });
        bucket.map_or(0.0, |(micros, _)| (f64::from(*micros) / 1e3).min(self.max))
    }
}

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) requests: u32,
    pub(crate) errors: u32,
    pub(crate) requested_failures: u32,
    pub(crate) is_stopped: bool,
    /// Since the last printed line, and by action with the number of requests. Delayed responses are not timed.
    pub(crate) recent: Histogram,
    pub(crate) by_action: BTreeMap<usize, (u32, Histogram)>,
}

#[derive(Default)]
pub(crate) struct SharedCounters(Mutex<Counters>);

impl SharedCounters {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Counters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an error, and prints the first ones. After many errors the load ends.
    pub(crate) fn add_error(&self, name: &str, error: impl Display) {
        let mut counters = self.lock();
        counters.errors += 1;
        match counters.errors {
            number @ ..=20 => note!("error {number}: {name}: {error}"),
            200.. => counters.is_stopped = true,
            _ => (),
        }
    }
}

pub(crate) struct Client<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) counters: &'a SharedCounters,
    pub(crate) random: Rng,
    pub(crate) action: usize,
    pub(crate) interval: Duration,
    pub(crate) next_send: Instant,
    pub(crate) connection: Option<Connection>,
}

impl Client<'_> {
    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.random.usize(..all.len())]
    }

    /// Sends a request, and returns the body of the response, which must have this status.
    pub(crate) fn expect(&mut self, request: &str, status: u16) -> Result<Value> {
        self.wait_for_turn();
        let start = Instant::now();
        let response = self.exchange(request);
        let latency = start.elapsed();
        let mut counters = self.counters.lock();
        counters.recent.add(latency);
        counters.by_action.entry(self.action).or_default().1.add(latency);
        drop(counters);
        let body = response.map_err(Into::into).and_then(|response| response.expect(status));
        // Flat, so that the request is a part of a printed error.
        body.map_err(|error| anyhow!("{error:#}\n    after {}", excerpt(request.as_bytes())))
    }

    /// Sends a request without a check of the response. A 5xx counts as requested.
    pub(crate) fn send_unchecked(&mut self, request: &str) -> io::Result<Response> {
        self.wait_for_turn();
        let response = self.exchange(request)?;
        self.counters.lock().requested_failures += u32::from(response.status >= 500);
        Ok(response)
    }

    /// Sends a request over another connection, because it waits or closes its connection.
    pub(crate) fn send_apart(&mut self, request: &str) -> io::Result<Connection> {
        self.wait_for_turn();
        let mut connection = Connection::open(self.address)?;
        connection.send(request)?;
        Ok(connection)
    }

    fn exchange(&mut self, request: &str) -> io::Result<Response> {
        let open = self.connection.take();
        let mut connection = open.map_or_else(|| Connection::open(self.address), Ok)?;
        let response = connection.exchange(request)?;
        if response.header("connection") != Some("close") {
            self.connection = Some(connection);
        }
        Ok(response)
    }

    /// Waits until the next request may be sent, and counts it. After a delay, the client does not catch up.
    fn wait_for_turn(&mut self) {
        let now = Instant::now();
        thread::sleep(self.next_send.saturating_duration_since(now));
        self.next_send = self.next_send.max(now) + self.interval.mul_f64(2.0 * self.random.f64());
        let mut counters = self.counters.lock();
        counters.requests += 1;
        counters.by_action.entry(self.action).or_default().0 += 1;
    }
}
