//! A server with a seed, and one client that measures the cost of its requests.

use std::time::{Duration, Instant};

use bytes::Bytes;
use omnidesk_mock_bench::{
    BenchResult, context::BenchContext, statistics::LatencySamples, storage::Storage,
    test_server::TestServer,
};
use reqwest::RequestBuilder;

use crate::{
    http_client::HttpClient,
    requests::{self, Account},
};

/// Pause after the last response, so that the work that the server does after it counts.
const PAUSE_AFTER_LAST_RESPONSE: Duration = Duration::from_millis(20);

/// The server closes idle databases a few seconds after their last request.
const IDLE_TIME: Duration = Duration::from_secs(8);
const IDLE_TIMEOUT: Duration = Duration::from_secs(45);
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// The server is idle after this number of equal readings.
const EQUAL_READINGS: u32 = 5;

pub(crate) struct Session {
    server: TestServer,
    pub(crate) client: HttpClient,
}

/// Resource usage of the server.
#[derive(Clone, Copy)]
pub(crate) struct ResourceUsage {
    /// Resident memory, in MB.
    pub(crate) memory: f64,
    pub(crate) threads: u32,
    pub(crate) open_files: usize,
}

impl ResourceUsage {
    fn is_almost_equal(self, other: Self) -> bool {
        let memory_change = (self.memory - other.memory).abs() / other.memory;
        self.threads == other.threads
            && self.open_files == other.open_files
            && memory_change < 0.005
    }
}

impl Session {
    pub(crate) fn start(
        context: &BenchContext,
        storage: Storage,
        seed_tickets: u32,
    ) -> BenchResult<Self> {
        let server = context.start_seeded_server(storage, seed_tickets)?;
        let client = HttpClient::new(server.process.address)?;
        Ok(Self { server, client })
    }

    pub(crate) fn stop(self) -> BenchResult<()> {
        self.server.stop()
    }

    /// Creates accounts from the seed.
    pub(crate) fn create_accounts(
        &self,
        samples: &mut LatencySamples,
        count: u32,
    ) -> BenchResult<Vec<Account>> {
        let requests = (0..count).map(|_| requests::create_account(&self.client));
        let bodies = self.measure(samples, requests)?;
        bodies.iter().map(|body| Ok(serde_json::from_slice(body)?)).collect()
    }

    /// Sends the requests one after the other, and returns the bodies of the responses.
    pub(crate) fn measure(
        &self,
        samples: &mut LatencySamples,
        requests: impl Iterator<Item = RequestBuilder>,
    ) -> BenchResult<Vec<Bytes>> {
        let requests = requests.map(RequestBuilder::build).collect::<Result<Vec<_>, _>>()?;
        let cpu_before = self.server.process.cpu_seconds()?;
        let (mut latencies, mut bodies) = (Vec::new(), Vec::new());
        for request in requests {
            let response = self.client.send(request)?;
            latencies.push(response.latency);
            bodies.push(response.body);
        }
        self.client.pause(PAUSE_AFTER_LAST_RESPONSE);
        let cpu_seconds = self.server.process.cpu_seconds()? - cpu_before;
        samples.extend(LatencySamples::new(latencies, cpu_seconds));
        Ok(bodies)
    }

    pub(crate) fn resource_usage(&self) -> BenchResult<ResourceUsage> {
        Ok(ResourceUsage {
            memory: self.server.process.resident_memory()?,
            threads: self.server.process.thread_count()?,
            open_files: self.server.process.open_file_count()?,
        })
    }

    /// Waits until the server has closed its idle databases and its resource usage does not change any more.
    pub(crate) fn wait_until_idle(&self) -> BenchResult<ResourceUsage> {
        self.client.pause(IDLE_TIME);
        let deadline = Instant::now() + IDLE_TIMEOUT;
        let (mut last, mut equal_readings) = (self.resource_usage()?, 0);
        while equal_readings < EQUAL_READINGS && Instant::now() < deadline {
            self.client.pause(POLL_INTERVAL);
            let usage = self.resource_usage()?;
            equal_readings = if usage.is_almost_equal(last) { equal_readings + 1 } else { 0 };
            last = usage;
        }
        Ok(last)
    }
}
