//! What a request to an account runs under, beside its data: dialect, clock, time zone.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::{self, Clock, Zone};
use crate::dialect::Dialect;
use crate::journal::{Warning, WarningKind};

/// What an account is, apart from its data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Profile {
    /// An IANA name, `UTC` by default.
    pub(crate) time_zone: String,
    /// The settings that differ from the server's, as a JSON object.
    pub(crate) dialect: Map<String, Value>,
    pub(crate) clock: Clock,
    /// What its requests must keep to; None where what is understood is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) strict: Option<Strict>,
}

/// That a request which leaves a warning is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Strict {
    /// The kinds of warnings that are let pass.
    pub(crate) allow: Vec<WarningKind>,
}

impl Strict {
    /// Whether a request with this warning is refused.
    pub(crate) fn refuses(&self, warning: &Warning) -> bool {
        !self.allow.contains(&warning.kind)
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self { time_zone: "UTC".to_owned(), dialect: Map::new(), clock: Clock::Real, strict: None }
    }
}

impl Profile {
    /// What time it is in an account like this, as it is stored.
    pub(crate) fn now(&self) -> String {
        clock::written(self.clock.now())
    }

    /// The zone of its dates. One that nobody knows never gets this far.
    pub(crate) fn zone(&self) -> Zone {
        clock::zone(&self.time_zone).unwrap_or_default()
    }
}

/// A profile in use. It never changes; an account gets another one.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) profile: Profile,
    /// The server's settings with the account's own over them.
    pub(crate) dialect: Dialect,
    /// The zone of its dates.
    pub(crate) zone: Zone,
}

impl Terms {
    /// The terms of a profile, on a server with these settings.
    ///
    /// # Errors
    /// What is wrong with the dialect or the time zone.
    pub(super) fn new(profile: Profile, server: &Map<String, Value>) -> Result<Self, String> {
        let mut settings = server.clone();
        settings.extend(profile.dialect.clone());
        let dialect = Dialect::read(&settings).map_err(|error| error.to_string())?;
        let zone = clock::zone(&profile.time_zone).map_err(|error| error.to_string())?;
        Ok(Self { profile, dialect, zone })
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.profile.clock.now()
    }

    /// What time it is at a moment of the machine's time.
    pub(crate) fn at(&self, machine: Timestamp) -> Timestamp {
        self.profile.clock.at(machine)
    }

    /// What time it is, as it is stored.
    pub(crate) fn date(&self) -> String {
        clock::written(self.now())
    }

    /// The date before which a closed ticket is archived, as it is stored.
    pub(crate) fn archived_before(&self) -> String {
        clock::written(clock::earlier(self.now(), self.dialect.archive_after))
    }

    /// The `Date` header of its answers; None when the machine's time is right.
    pub(crate) fn date_header(&self) -> Option<String> {
        (self.profile.clock != Clock::Real).then(|| clock::http_date(self.now()))
    }
}
