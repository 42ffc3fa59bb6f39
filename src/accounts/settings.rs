//! An account's settings, apart from its data: dialect, clock, time zone, strict mode.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::AccountError;
use crate::clock;
use crate::clock::{Clock, Zone};
use crate::contract::dialect::Dialect;
use crate::journal::{Warning, WarningKind};

/// Settings of an account, as stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AccountSettings {
    /// An IANA name, `UTC` by default.
    pub(crate) time_zone: String,
    /// Overrides of the server's dialect, as a JSON object.
    pub(crate) dialect: Map<String, Value>,
    pub(crate) clock: Clock,
    /// Strict mode; None accepts requests that leave a warning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) strict: Option<StrictMode>,
}

/// Rejects requests that leave a warning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StrictMode {
    /// The kinds of warnings to ignore.
    pub(crate) allow: Vec<WarningKind>,
}

impl StrictMode {
    /// Whether to reject a request with this warning.
    pub(crate) fn rejects(&self, warning: &Warning) -> bool {
        warning.is_avoidable() && !self.allow.contains(&warning.kind)
    }
}

impl Default for AccountSettings {
    fn default() -> Self {
        Self { time_zone: "UTC".to_owned(), dialect: Map::new(), clock: Clock::Real, strict: None }
    }
}

impl AccountSettings {
    /// Returns the account's time, in the stored format.
    pub(crate) fn now_text(&self) -> String {
        clock::format_stored_date(self.clock.now())
    }

    /// Returns its time zone. Unknown names were rejected before.
    pub(crate) fn zone(&self) -> Zone {
        clock::find_zone(&self.time_zone).unwrap_or_default()
    }
}

/// Settings in use. Immutable: a change replaces the whole.
#[derive(Debug)]
pub(crate) struct EffectiveSettings {
    pub(crate) account_settings: AccountSettings,
    /// The server's dialect with the account's overrides.
    pub(crate) dialect: Dialect,
    /// Zone of its dates.
    pub(crate) zone: Zone,
    /// The dialect of the server's configuration.
    server_dialect: Arc<Map<String, Value>>,
}

impl EffectiveSettings {
    /// Merges account and server settings, and validates them.
    ///
    /// # Errors
    /// If the dialect or the time zone is invalid.
    pub(super) fn new(
        account: &str,
        account_settings: AccountSettings,
        server_dialect: &Arc<Map<String, Value>>,
    ) -> Result<Self, AccountError> {
        let invalid =
            |reason| AccountError::InvalidSettings { account: account.to_owned(), reason };
        let mut dialect_settings = Map::clone(server_dialect);
        dialect_settings.extend(account_settings.dialect.clone());
        let dialect =
            Dialect::parse(&dialect_settings).map_err(|error| invalid(error.to_string()))?;
        let zone = clock::find_zone(&account_settings.time_zone)
            .map_err(|error| invalid(error.to_string()))?;
        Ok(Self { account_settings, dialect, zone, server_dialect: Arc::clone(server_dialect) })
    }

    /// Merges other settings of the same account with the server's, and validates them.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(super) fn with_account_settings(
        &self,
        account: &str,
        account_settings: AccountSettings,
    ) -> Result<Self, AccountError> {
        Self::new(account, account_settings, &self.server_dialect)
    }

    /// Reads the clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.account_settings.clock.now()
    }

    /// Converts system time to the account's time.
    pub(crate) fn to_account_time(&self, system_time: Timestamp) -> Timestamp {
        self.account_settings.clock.time_at(system_time)
    }

    /// Returns now, as stored text.
    pub(crate) fn now_text(&self) -> String {
        clock::format_stored_date(self.now())
    }

    /// Returns whether its clock follows the system time.
    pub(crate) fn uses_system_time(&self) -> bool {
        self.account_settings.clock == Clock::Real
    }
}
