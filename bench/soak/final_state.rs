//! The server after all clients have disconnected: it must have freed their accounts, databases and connections.

use std::{
    thread,
    time::{Duration, Instant},
};

use omnidesk_mock_bench::{BenchResult, test_server::TestServer};

use crate::{
    counters::Counters, metrics::Metrics, options::Options, resource_usage::ResourceUsage,
};

/// Longer than the lifetime of an expiring account and of an idle database: two seconds each.
const TIMEOUT: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(500);

pub(crate) struct FinalState {
    pub(crate) resource_usage: ResourceUsage,
    /// Responses with a 5xx according to the server's metrics.
    pub(crate) failures: f64,
}

impl FinalState {
    /// Waits until the server is idle. It is an error if that takes too long, if there was an unexpected 5xx, or if the
    /// server has logged anything.
    pub(crate) fn wait_and_check(
        options: &Options,
        server: &TestServer,
        counters: &Counters,
    ) -> BenchResult<Self> {
        let deadline = Instant::now() + TIMEOUT;
        let names = ["accounts", "open_databases", "open_connections"];
        // The clients' accounts and the shared one; the connection that fetches the metrics.
        let expected = [f64::from(options.clients + 1), 0.0, 1.0];
        let metrics = loop {
            let metrics = Metrics::fetch(server.process.address)?;
            let actual = names.map(|name| metrics.gauge(name));
            let mut pairs = actual.iter().zip(expected);
            if pairs.all(|(actual, expected)| (actual - expected).abs() < 0.5) {
                break metrics;
            }
            if Instant::now() > deadline {
                let error = format!("{names:?} are {actual:?}, expected {expected:?}");
                counters.add_error("idle server", error);
                break metrics;
            }
            thread::sleep(POLL_INTERVAL);
        };
        let failures = metrics.failures();
        let requested = f64::from(counters.requested_failures());
        if (failures - requested).abs() > 0.5 {
            let error = format!("the server counted {failures}, fault rules requested {requested}");
            counters.add_error("responses with a 5xx", error);
        }
        for line in server.read_log()?.lines() {
            counters.add_error("log of the server", line);
        }
        Ok(Self { resource_usage: ResourceUsage::read(server)?, failures })
    }
}
