//! The configuration of a server, with its defaults; it does not know where the values come from.

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde_json::{Map, Value};

use crate::accounts::{AccountLimits, AccountPolicy, StorageMode, UnknownKeyPolicy};
use crate::api::limits::Limits;
use crate::console::ConsoleMode;
use crate::journal::JournalLimits;
use crate::storage::Durability;

/// The default address to listen on.
pub(crate) const DEFAULT_LISTEN_ADDRESS: &str = "127.0.0.1:8080";
/// A free port on loopback, for servers that other programs start.
pub(crate) const FREE_PORT_ADDRESS: &str = "127.0.0.1:0";
/// The default data directory.
pub(crate) const DEFAULT_DATA_DIR: &str = "./data";

/// The configuration of a server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ServerConfig {
    /// The addresses to listen on, as `HOST:PORT`.
    pub(crate) listen_addresses: Vec<String>,
    pub(crate) storage_mode: StorageMode,
    pub(crate) durability: Durability,
    /// Seed files that accounts start from.
    pub(crate) seed_files: Vec<PathBuf>,
    /// Seeds as texts instead of files.
    pub(crate) seed_texts: Vec<String>,
    /// The API key of the account `dev`.
    pub(crate) api_key: Option<String>,
    pub(crate) unknown_keys: UnknownKeyPolicy,
    pub(crate) max_accounts: usize,
    /// The token that the control API requires.
    pub(crate) control_token: Option<String>,
    pub(crate) journal: JournalLimits,
    /// The file that receives the server's addresses.
    pub(crate) port_file: Option<PathBuf>,
    /// The base URLs for links in responses, without a trailing slash.
    pub(crate) public_urls: Vec<String>,
    /// The networks of the proxies whose headers tell the address that the client used.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// The origins whose pages may use the Ticket API; `*` is any.
    pub(crate) cors_origins: Vec<String>,
    /// Whether the console has pages, and changes something.
    pub(crate) console_mode: ConsoleMode,
    /// The dialect of accounts that do not override it.
    pub(crate) dialect: Map<String, Value>,
    pub(crate) limits: Limits,
    /// The maximum number of concurrent waits and streams per account.
    pub(crate) max_waits: usize,
    /// The timeout of a queued request, and of a read.
    pub(crate) operation_timeout: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen_addresses: vec![DEFAULT_LISTEN_ADDRESS.to_owned()],
            storage_mode: StorageMode::DataDir(PathBuf::from(DEFAULT_DATA_DIR)),
            durability: Durability::Process,
            seed_files: Vec::new(),
            seed_texts: Vec::new(),
            api_key: None,
            unknown_keys: UnknownKeyPolicy::Fixed,
            max_accounts: 10_000,
            control_token: None,
            journal: JournalLimits { max_entries: 1000, max_bytes: 4 * 1024 * 1024 },
            port_file: None,
            public_urls: Vec::new(),
            trusted_proxies: Vec::new(),
            cors_origins: Vec::new(),
            console_mode: ConsoleMode::On,
            dialect: Map::new(),
            limits: Limits::DEFAULT,
            max_waits: 100,
            operation_timeout: Duration::from_mins(1),
        }
    }
}

impl ServerConfig {
    /// Returns the configuration of an in-memory server on a free port.
    pub(crate) fn in_memory() -> Self {
        Self {
            listen_addresses: vec![FREE_PORT_ADDRESS.to_owned()],
            storage_mode: StorageMode::Memory,
            ..Self::default()
        }
    }

    /// Returns the settings of the accounts.
    pub(super) fn account_policy(&self) -> AccountPolicy {
        AccountPolicy {
            dialect_defaults: self.dialect.clone(),
            max_accounts: self.max_accounts,
            unknown_keys: self.unknown_keys,
            account_limits: AccountLimits {
                journal: self.journal,
                max_waits: self.max_waits,
                lock_timeout: self.operation_timeout,
            },
        }
    }
}
