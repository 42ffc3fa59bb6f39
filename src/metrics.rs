//! The server's metrics, in the format of Prometheus. No label holds input of a client.

use std::sync::OnceLock;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::encoding::{
    EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, prometheus_text,
};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

pub(crate) use prometheus_text::CONTENT_TYPE;

/// The prefix of each name.
const METRIC_PREFIX: &str = "omnidesk_mock";
/// Upper bounds of the duration buckets, in seconds: from a cached response to a client's timeout.
const DURATION_BUCKETS_SECONDS: [f64; 14] =
    [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    operation: &'static str,
    status: StatusLabel,
}

/// None without a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct StatusLabel(Option<u16>);

impl EncodeLabelValue for StatusLabel {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> std::fmt::Result {
        match self.0 {
            Some(status) => EncodeLabelValue::encode(&u64::from(status), encoder),
            None => EncodeLabelValue::encode(&"none", encoder),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SqliteLabels {
    access: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RejectionLabels {
    reason: &'static str,
}

/// Why a connection or an unparsed request was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RejectionReason {
    TooManyConnections,
    HeadersTooLarge,
    UrlTooLong,
    MalformedHttp,
    HeaderTimeout,
}

impl RejectionReason {
    const ALL: [Self; 5] = [
        Self::TooManyConnections,
        Self::HeadersTooLarge,
        Self::UrlTooLong,
        Self::MalformedHttp,
        Self::HeaderTimeout,
    ];

    const fn labels(self) -> RejectionLabels {
        RejectionLabels {
            reason: match self {
                Self::TooManyConnections => "too-many-connections",
                Self::HeadersTooLarge => "headers-too-large",
                Self::UrlTooLong => "url-too-long",
                Self::MalformedHttp => "malformed-http",
                Self::HeaderTimeout => "header-timeout",
            },
        }
    }
}

/// The operation label of requests to the control API.
pub(crate) const CONTROL_OPERATION: &str = "control";
/// The operation label of all other requests outside the Ticket API.
pub(crate) const OTHER_OPERATION: &str = "other";

/// Constructs duration histograms.
#[derive(Clone, Copy, Debug)]
struct DurationHistogram;

impl MetricConstructor<Histogram> for DurationHistogram {
    fn new_metric(&self) -> Histogram {
        Histogram::new(DURATION_BUCKETS_SECONDS)
    }
}

/// SQLite's durations, and its number of commits.
#[derive(Clone, Debug)]
pub(crate) struct SqliteMetrics {
    durations: Family<SqliteLabels, Histogram, DurationHistogram>,
    read_duration: Histogram,
    write_duration: Histogram,
    commits: Counter,
}

impl Default for SqliteMetrics {
    fn default() -> Self {
        let durations = Family::new_with_constructor(DurationHistogram);
        let [read_duration, write_duration] =
            ["read", "write"].map(|access| durations.get_or_create_owned(&SqliteLabels { access }));
        Self { durations, read_duration, write_duration, commits: Counter::default() }
    }
}

impl SqliteMetrics {
    /// Records a query.
    pub(crate) fn record_read(&self, duration: Duration) {
        self.read_duration.observe(duration.as_secs_f64());
    }

    /// Records a group commit, or its rollback.
    pub(crate) fn record_write(&self, duration: Duration, is_committed: bool) {
        self.write_duration.observe(duration.as_secs_f64());
        if is_committed {
            self.commits.inc();
        }
    }
}

/// Gauge values at the time of a scrape.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct GaugeSnapshot {
    pub(crate) accounts: usize,
    pub(crate) journal_entries: usize,
    pub(crate) open_databases: usize,
}

/// How the requests to an operation ended since the start of the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ResponseCounts {
    /// Statuses up to 399.
    pub(crate) succeeded: u64,
    /// Statuses from 400 to 499.
    pub(crate) client_errors: u64,
    /// Statuses from 500.
    pub(crate) server_errors: u64,
    /// Requests whose response a fault dropped.
    pub(crate) dropped: u64,
}

impl ResponseCounts {
    pub(crate) const fn total(self) -> u64 {
        self.succeeded + self.client_errors + self.server_errors + self.dropped
    }
}

/// Metric handles for the `200` responses of one operation. None is exported before the first response.
#[derive(Debug)]
pub(crate) struct EndpointMetrics {
    operation: &'static str,
    handles: OnceLock<(Counter, Histogram)>,
}

impl EndpointMetrics {
    pub(crate) const fn new(operation: &'static str) -> Self {
        Self { operation, handles: OnceLock::new() }
    }
}

/// All metrics.
#[derive(Debug)]
pub(crate) struct Metrics {
    requests: Family<RequestLabels, Counter>,
    durations: Family<OperationLabels, Histogram, DurationHistogram>,
    rejections: Family<RejectionLabels, Counter>,
    connections: Gauge<i64, AtomicI64>,
    accounts: Gauge<i64, AtomicI64>,
    journal_entries: Gauge<i64, AtomicI64>,
    open_databases: Gauge<i64, AtomicI64>,
    /// Locked during a scrape, so that the gauges of two scrapes do not mix.
    registry: Mutex<Registry>,
}

impl Metrics {
    /// Creates metrics at zero. `sqlite` are the metrics of SQLite.
    pub(crate) fn new(sqlite: &SqliteMetrics) -> Self {
        let mut metrics = Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(DurationHistogram),
            rejections: Family::default(),
            connections: Gauge::default(),
            accounts: Gauge::default(),
            journal_entries: Gauge::default(),
            open_databases: Gauge::default(),
            registry: Mutex::default(),
        };
        for reason in RejectionReason::ALL {
            // Exports a zero for each reason.
            drop(metrics.rejections.get_or_create(&reason.labels()));
        }
        metrics.registry = Mutex::new(metrics.build_registry(sqlite));
        metrics
    }

    fn build_registry(&self, sqlite: &SqliteMetrics) -> Registry {
        let mut registry = Registry::with_prefix(METRIC_PREFIX);
        registry.register(
            "requests",
            "Requests by operation and status; the status is none if no response was sent",
            self.requests.clone(),
        );
        registry.register(
            "request_duration_seconds",
            "Time from the head of a request to the head of its response",
            self.durations.clone(),
        );
        registry.register(
            "rejections",
            "Connections and requests that were rejected before they were parsed",
            self.rejections.clone(),
        );
        registry.register(
            "sqlite_seconds",
            "Time in SQLite per read and per group commit",
            sqlite.durations.clone(),
        );
        registry.register("sqlite_commits", "Group commits", sqlite.commits.clone());
        registry.register("accounts", "Accounts", self.accounts.clone());
        registry.register(
            "journal_entries",
            "Requests in the journals of all accounts",
            self.journal_entries.clone(),
        );
        registry.register(
            "open_databases",
            "Open databases of accounts",
            self.open_databases.clone(),
        );
        registry.register("open_connections", "Open connections", self.connections.clone());
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The version of the server", build);
        registry
    }

    /// Records the response to a request; the status is None if a fault dropped it.
    pub(crate) fn record_response(
        &self,
        operation: &'static str,
        status: Option<u16>,
        duration: Duration,
    ) {
        self.requests
            .get_or_create(&RequestLabels { operation, status: StatusLabel(status) })
            .inc();
        self.durations
            .get_or_create(&OperationLabels { operation })
            .observe(duration.as_secs_f64());
    }

    /// Records a `200` response of the endpoint.
    pub(crate) fn record_ok_response(&self, endpoint: &EndpointMetrics, duration: Duration) {
        let (requests, durations) = endpoint.handles.get_or_init(|| {
            let operation = endpoint.operation;
            let labels = RequestLabels { operation, status: StatusLabel(Some(200)) };
            let requests = self.requests.get_or_create_owned(&labels);
            (requests, self.durations.get_or_create_owned(&OperationLabels { operation }))
        });
        requests.inc();
        durations.observe(duration.as_secs_f64());
    }

    /// Records a rejection.
    pub(crate) fn record_rejection(&self, reason: RejectionReason) {
        self.rejections.get_or_create(&reason.labels()).inc();
    }

    /// Counts how the requests to the operation ended.
    pub(crate) fn response_counts(&self, operation: &'static str) -> ResponseCounts {
        let mut counts = ResponseCounts::default();
        for status in (100..600).map(Some).chain([None]) {
            let labels = RequestLabels { operation, status: StatusLabel(status) };
            let Some(requests) = self.requests.get(&labels).map(|counter| counter.get()) else {
                continue;
            };
            let sum = match status {
                None => &mut counts.dropped,
                Some(..400) => &mut counts.succeeded,
                Some(400..500) => &mut counts.client_errors,
                Some(500..) => &mut counts.server_errors,
            };
            *sum += requests;
        }
        counts
    }

    /// Counts the rejections by reason.
    pub(crate) fn rejection_counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        RejectionReason::ALL.into_iter().map(|reason| {
            let labels = reason.labels();
            (labels.reason, self.rejections.get_or_create(&labels).get())
        })
    }

    /// The number of open connections.
    pub(crate) fn open_connections(&self) -> i64 {
        self.connections.get()
    }

    /// Counts an open connection until the guard is dropped.
    pub(crate) fn track_connection(&self) -> ConnectionGuard {
        self.connections.inc();
        ConnectionGuard(self.connections.clone())
    }

    /// Encodes all metrics in Prometheus's text format.
    ///
    /// # Errors
    /// None known; the library's functions may return some.
    pub(crate) fn encode(&self, gauges: GaugeSnapshot) -> Result<String, std::fmt::Error> {
        let registry = self.registry.lock();
        let to_i64 = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.accounts.set(to_i64(gauges.accounts));
        self.journal_entries.set(to_i64(gauges.journal_entries));
        self.open_databases.set(to_i64(gauges.open_databases));
        let mut text = String::new();
        prometheus_text::encode(&mut text, &registry)?;
        Ok(text)
    }
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct ConnectionGuard(Gauge<i64, AtomicI64>);

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_counted_by_the_class_of_their_status() {
        let metrics = Metrics::new(&SqliteMetrics::default());
        assert_eq!(metrics.response_counts("other"), ResponseCounts::default());
        for status in [200, 204, 399, 400, 499, 500, 599] {
            metrics.record_response("other", Some(status), Duration::ZERO);
        }
        metrics.record_response("other", None, Duration::ZERO);
        metrics.record_response("control", Some(404), Duration::ZERO);
        let counts = metrics.response_counts("other");
        let expected =
            ResponseCounts { succeeded: 3, client_errors: 2, server_errors: 2, dropped: 1 };
        assert_eq!((counts, counts.total()), (expected, 8));
    }

    #[test]
    fn rejections_are_counted_by_reason() {
        let metrics = Metrics::new(&SqliteMetrics::default());
        metrics.record_rejection(RejectionReason::UrlTooLong);
        metrics.record_rejection(RejectionReason::UrlTooLong);
        let rejected: Vec<_> = metrics.rejection_counts().filter(|(_, count)| *count > 0).collect();
        assert_eq!(rejected, [("url-too-long", 2)]);
    }
}
