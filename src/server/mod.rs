//! The server's lifecycle: opens the accounts, binds the address, serves requests and shuts down.

pub(crate) mod config;
mod connection;
mod cors;
pub(crate) mod listener;
mod logging;
pub(crate) mod os_limits;
pub(crate) mod port_file;
pub(crate) mod router;
mod start;
mod unread_body;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::net::TcpListener;

use crate::accounts::{Accounts, SecretHash};
use crate::api::cache::ResponseCache;
use crate::api::state::{AppState, SharedState};
use crate::api::{OwnUrls, TrustedProxies};
use crate::console::ConsoleAccess;
use crate::contract::dialect::Dialect;
use crate::journal::Journal;
use crate::metrics::{Metrics, SqliteMetrics};
use crate::server::config::ServerConfig;
use crate::server::listener::DRAIN_TIMEOUT;
use crate::server::os_limits::FdBudget;
use crate::server::router::App;
use crate::server::start::{ControlToken, KeySummary};
use crate::storage::{DatabaseLimit, Storage};

/// A server that listens but does not accept connections yet.
#[derive(Debug)]
pub(crate) struct Server {
    listeners: Vec<TcpListener>,
    /// The bound addresses, in the order of the configuration; at least one.
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) state: SharedState,
    pub(crate) console: ConsoleAccess,
    #[cfg_attr(
        not(feature = "cli"),
        expect(dead_code, reason = "only the command line prints something")
    )]
    pub(crate) api_keys: KeySummary,
    /// The token of the control API, if it was generated and must be printed.
    pub(crate) control_token_to_print: Option<String>,
}

impl Server {
    /// Binds the addresses, opens the accounts and applies the seed.
    ///
    /// # Errors
    /// If the configuration, the seed, the address or the data directory cannot be used; the message is for users.
    pub(crate) async fn open(config: &ServerConfig) -> anyhow::Result<Self> {
        start::check_secrets(config)?;
        let dialect = Dialect::parse(&config.dialect)?;
        let seed = start::load_seed(config)?;
        let is_seeded = seed.is_some();
        let budget = FdBudget::from_process_limits(&config.limits.connections)?;
        // Runs in parallel to opening the accounts, which waits for the disk.
        tokio::task::spawn_blocking(router::prebuild_router);
        let listeners = listener::bind_all(&config.listen_addresses).await?;
        let addresses: Vec<SocketAddr> =
            listeners.iter().map(TcpListener::local_addr).collect::<std::io::Result<_>>()?;
        let public_address = find_public_address(&addresses);
        let sqlite = SqliteMetrics::default();
        let metrics = Metrics::new(&sqlite);
        let storage = Storage {
            durability: config.durability,
            operation_timeout: config.operation_timeout,
            metrics: sqlite,
            database_limit: DatabaseLimit::new(budget.open_databases, budget.readers_per_database),
        };
        let policy = config.account_policy();
        let opening = Accounts::open(config.storage_mode.clone(), policy, dialect, storage);
        let accounts = Arc::new(opening.await?);
        if let Some(file) = &config.port_file {
            // Not earlier: if the address or the lock file is in use, the port file belongs to another server.
            port_file::remove_stale(file);
        }
        let key_account = start::choose_key_account(seed.as_ref(), config.api_key.as_deref());
        start::apply_seed(seed, config, &key_account, &accounts).await?;
        let api_keys =
            start::ensure_key(config, public_address, is_seeded, key_account, &accounts).await?;
        let ControlToken { required, generated } =
            start::choose_control_token(config, public_address)?;
        let listen_url = base_url(&addresses);
        let state = Arc::new(AppState {
            accounts,
            limits: budget.cap(config.limits),
            metrics,
            listen_addresses: addresses.clone(),
            response_cache: ResponseCache::new(),
            own_urls: OwnUrls { configured: config.public_urls.clone(), listen_url },
            trusted_proxies: TrustedProxies::new(config.trusted_proxies.clone()),
            cors_origins: config.cors_origins.clone(),
            import_lock: tokio::sync::Mutex::default(),
            compute_permits: AppState::new_compute_permits(),
            control_token: required.as_deref().map(SecretHash::from_secret),
            unmatched_journal: Arc::new(Journal::new(config.journal)),
            is_draining: AtomicBool::new(false),
            shutdown: tokio::sync::watch::Sender::new(false),
        });
        let control_token_to_print = generated;
        let console = ConsoleAccess::new(config.console_mode)?;
        Ok(Self { listeners, addresses, state, console, api_keys, control_token_to_print })
    }

    /// Opens a server whose API key belongs to a fresh account instead of `dev`, unless the key already opens one.
    /// Returns the key.
    ///
    /// # Errors
    /// As [`Server::open`], or if the maximum number of accounts is reached, or the port file cannot be written.
    pub(crate) async fn open_with_account(config: &ServerConfig) -> anyhow::Result<(Self, String)> {
        let server = Self::open(&ServerConfig { api_key: None, ..config.clone() }).await?;
        let key = config.api_key.as_deref();
        let public_address = find_public_address(&server.addresses);
        let key = start::ensure_account(key, public_address, &server.state.accounts).await?;
        if let Some(file) = &config.port_file {
            port_file::write(file, &server.addresses)?;
        }
        Ok((server, key))
    }

    /// Returns the URL at which this machine reaches the server.
    pub(crate) fn base_url(&self) -> String {
        base_url(&self.addresses)
    }

    /// Serves requests until `shutdown` is ready, drains running requests, and closes everything.
    pub(crate) async fn run(self, shutdown: impl Future<Output = ()>) {
        let maintenance = tokio::spawn(Arc::clone(&self.state.accounts).run_maintenance());
        let app = App::new(Arc::clone(&self.state), &self.console);
        listener::serve(self.listeners, Arc::clone(&self.state), app, shutdown).await;
        maintenance.abort();
        // A running import may take longer; acknowledged writes are stored all the same.
        if tokio::time::timeout(DRAIN_TIMEOUT, self.state.accounts.close()).await.is_err() {
            tracing::warn!("close timeout: accounts are still in use after {DRAIN_TIMEOUT:?}");
        }
    }
}

/// Returns an address that other machines can reach, if there is one.
fn find_public_address(addresses: &[SocketAddr]) -> Option<SocketAddr> {
    addresses.iter().find(|address| !address.ip().is_loopback()).copied()
}

/// Returns the URL at which this machine reaches a server with these addresses.
fn base_url(addresses: &[SocketAddr]) -> String {
    let first = addresses.first().map(ToString::to_string).unwrap_or_default();
    format!("http://{}", listener::reachable_address(&first))
}
