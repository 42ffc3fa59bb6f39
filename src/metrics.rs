//! What the server counts of itself, as Prometheus reads it. No label holds anything that a client chose.

use std::sync::atomic::AtomicI64;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

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

/// What stands before each name.
const PREFIX: &str = "omnidesk_mock";
/// Upper ends of the classes of durations, in seconds: from what a kept answer takes to what a client waits.
const DURATIONS: [f64; 14] =
    [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Served {
    operation: &'static str,
    status: Status,
}

/// None where there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Status(Option<u16>);

impl EncodeLabelValue for Status {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> std::fmt::Result {
        match self.0 {
            Some(status) => EncodeLabelValue::encode(&u64::from(status), encoder),
            None => EncodeLabelValue::encode(&"none", encoder),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Operation {
    operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Work {
    work: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Cause {
    reason: &'static str,
}

/// Why something was refused before it was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Connections,
    HeadersTooLarge,
    UrlTooLong,
    BadHttp,
    TooSlow,
}

impl Reason {
    const ALL: [Self; 5] =
        [Self::Connections, Self::HeadersTooLarge, Self::UrlTooLong, Self::BadHttp, Self::TooSlow];

    const fn cause(self) -> Cause {
        Cause {
            reason: match self {
                Self::Connections => "connections",
                Self::HeadersTooLarge => "headers-too-large",
                Self::UrlTooLong => "url-too-long",
                Self::BadHttp => "bad-http",
                Self::TooSlow => "too-slow",
            },
        }
    }
}

/// What a request is about, where that is no operation of the Ticket API.
pub(crate) const CONTROL: &str = "control";
/// The same, for all else.
pub(crate) const OTHER: &str = "other";

/// Makes a histogram of durations.
#[derive(Clone, Copy, Debug)]
struct Durations;

impl MetricConstructor<Histogram> for Durations {
    fn new_metric(&self) -> Histogram {
        Histogram::new(DURATIONS)
    }
}

/// The time that SQLite takes, and how often it commits.
#[derive(Clone, Debug)]
pub(crate) struct Sqlite {
    times: Family<Work, Histogram, Durations>,
    read: Histogram,
    write: Histogram,
    commits: Counter,
}

impl Default for Sqlite {
    fn default() -> Self {
        let times = Family::new_with_constructor(Durations);
        let [read, write] = ["read", "write"].map(|work| times.get_or_create_owned(&Work { work }));
        Self { times, read, write, commits: Counter::default() }
    }
}

impl Sqlite {
    /// A query has been answered.
    pub(crate) fn has_read(&self, time: Duration) {
        self.read.observe(time.as_secs_f64());
    }

    /// A group of changes has been committed, or undone.
    pub(crate) fn has_written(&self, time: Duration, committed: bool) {
        self.write.observe(time.as_secs_f64());
        if committed {
            self.commits.inc();
        }
    }
}

/// What is counted at the moment that somebody asks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Census {
    pub(crate) accounts: usize,
    pub(crate) journal_entries: usize,
    pub(crate) open_databases: usize,
}

/// What is counted of the good answers of one operation, at hand. Nothing of it is shown before the first.
#[derive(Debug)]
pub(crate) struct Tally {
    operation: &'static str,
    counts: OnceLock<(Counter, Histogram)>,
}

impl Tally {
    pub(crate) const fn of(operation: &'static str) -> Self {
        Self { operation, counts: OnceLock::new() }
    }
}

/// All that is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    requests: Family<Served, Counter>,
    durations: Family<Operation, Histogram, Durations>,
    refused: Family<Cause, Counter>,
    connections: Gauge<i64, AtomicI64>,
    accounts: Gauge<i64, AtomicI64>,
    journal_entries: Gauge<i64, AtomicI64>,
    open_databases: Gauge<i64, AtomicI64>,
    /// Held while it is written out, so that the census of two askers does not mix.
    registry: Mutex<Registry>,
}

impl Metrics {
    /// Nothing has been counted; the time in SQLite is that of `sqlite`.
    pub(crate) fn new(sqlite: &Sqlite) -> Self {
        let mut metrics = Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(Durations),
            refused: Family::default(),
            connections: Gauge::default(),
            accounts: Gauge::default(),
            journal_entries: Gauge::default(),
            open_databases: Gauge::default(),
            registry: Mutex::default(),
        };
        for reason in Reason::ALL {
            // So that one can see that there were none.
            drop(metrics.refused.get_or_create(&reason.cause()));
        }
        metrics.registry = Mutex::new(metrics.registered(sqlite));
        metrics
    }

    fn registered(&self, sqlite: &Sqlite) -> Registry {
        let mut all = Registry::with_prefix(PREFIX);
        all.register(
            "requests",
            "Requests, by operation and status; none is a request that a fault left without an answer",
            self.requests.clone(),
        );
        all.register(
            "request_duration_seconds",
            "Time from the head of a request to the head of its answer",
            self.durations.clone(),
        );
        all.register(
            "refused",
            "Requests and connections that were refused before they were understood",
            self.refused.clone(),
        );
        all.register(
            "sqlite_seconds",
            "Time in SQLite: of a read, and of a group of writes that is committed at once",
            sqlite.times.clone(),
        );
        all.register("sqlite_commits", "Committed groups of writes", sqlite.commits.clone());
        all.register("accounts", "Accounts", self.accounts.clone());
        all.register(
            "journal_entries",
            "Requests that the journals of all accounts hold",
            self.journal_entries.clone(),
        );
        all.register(
            "open_databases",
            "Databases of accounts that are open",
            self.open_databases.clone(),
        );
        all.register("open_connections", "Open connections", self.connections.clone());
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        all.register("build", "The program", build);
        all
    }

    /// A request of an operation has been answered; None where a fault left it without an answer.
    pub(crate) fn answered(&self, operation: &'static str, status: Option<u16>, time: Duration) {
        self.requests.get_or_create(&Served { operation, status: Status(status) }).inc();
        self.durations.get_or_create(&Operation { operation }).observe(time.as_secs_f64());
    }

    /// A request of a tally's operation has been answered with `200`.
    pub(crate) fn answered_well(&self, tally: &Tally, time: Duration) {
        let (count, durations) = tally.counts.get_or_init(|| {
            let operation = tally.operation;
            let served = Served { operation, status: Status(Some(200)) };
            let count = self.requests.get_or_create_owned(&served);
            (count, self.durations.get_or_create_owned(&Operation { operation }))
        });
        count.inc();
        durations.observe(time.as_secs_f64());
    }

    /// Something was refused before it was understood.
    pub(crate) fn refused(&self, reason: Reason) {
        self.refused.get_or_create(&reason.cause()).inc();
    }

    /// A connection has been opened. It is counted as long as this is held.
    pub(crate) fn connected(&self) -> Connected {
        self.connections.inc();
        Connected(self.connections.clone())
    }

    /// All of it in the text format of Prometheus.
    ///
    /// # Errors
    /// None that is known; the format's library can have some.
    pub(crate) fn text(&self, census: Census) -> Result<String, std::fmt::Error> {
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.accounts.set(number(census.accounts));
        self.journal_entries.set(number(census.journal_entries));
        self.open_databases.set(number(census.open_databases));
        let mut text = String::new();
        prometheus_text::encode(&mut text, &registry)?;
        Ok(text)
    }
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connected(Gauge<i64, AtomicI64>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.dec();
    }
}
