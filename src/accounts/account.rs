//! One customer's Omnidesk: a database, a clock, a time zone, a dialect.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::clock::{self, Clock};
use crate::dialect::Dialect;
use crate::storage::Database;

static OPENED: AtomicU64 = AtomicU64::new(0);

/// What an account is, apart from its data.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    /// An IANA name, `UTC` by default.
    pub(crate) time_zone: String,
    /// The settings that differ from the server's, as a JSON object.
    pub(crate) dialect: serde_json::Map<String, serde_json::Value>,
    pub(crate) clock: Clock,
}

impl Profile {
    /// What time it is in an account like this, as the API writes it.
    pub(crate) fn now(&self) -> String {
        let zone = clock::zone(&self.time_zone).unwrap_or(TimeZone::UTC);
        clock::written(self.clock.now(), &zone)
    }
}

/// An open account.
#[derive(Debug)]
pub(crate) struct Account {
    /// Unique among all accounts that this process has opened.
    pub(crate) serial: u64,
    pub(crate) name: Arc<str>,
    pub(crate) database: Database,
    pub(crate) dialect: Dialect,
    clock: Clock,
    zone: TimeZone,
}

impl Account {
    pub(super) fn new(
        name: &str,
        database: Database,
        dialect: Dialect,
        clock: Clock,
        zone: TimeZone,
    ) -> Self {
        let serial = OPENED.fetch_add(1, Ordering::Relaxed);
        Self { serial, name: name.into(), database, dialect, clock, zone }
    }

    /// What time it is here.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What time it is here, as the API writes it.
    pub(crate) fn date(&self) -> String {
        clock::written(self.now(), &self.zone)
    }

    /// The date before which a closed ticket is archived.
    pub(crate) fn archived_before(&self) -> String {
        clock::written(clock::earlier(self.now(), self.dialect.archive_after), &self.zone)
    }

    /// The `Date` header of its answers; None when the machine's time is right.
    pub(crate) fn date_header(&self) -> Option<String> {
        (self.clock != Clock::Real).then(|| clock::http_date(self.now()))
    }
}
