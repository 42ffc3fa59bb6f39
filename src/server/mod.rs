//! The server's lifecycle: opens the accounts, binds the address, serves requests and shuts down.

pub(crate) mod listener;
pub(crate) mod logging;
pub(crate) mod os_limits;
pub(crate) mod port_file;
pub(crate) mod router;
mod stream;
mod unread_body;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket, lookup_host};

use crate::accounts::{
    API_KEY_REGEX, AccountLimits, AccountPolicy, AccountSource, Accounts, NewAccount, NewApiKey,
    PermissionSet, SecretHash, StorageMode, UnknownKeyPolicy, generate_secret,
};
use crate::api::cache::ResponseCache;
use crate::api::limits::Limits;
use crate::api::state::{AppState, SharedState};
use crate::cli::output::BoxError;
use crate::cli::settings::{Settings, UnknownKeys};
use crate::contract::dialect::Dialect;
use crate::journal::{Journal, JournalLimits};
use crate::metrics::{Metrics, SqliteMetrics};
use crate::seed::Seed;
use crate::server::listener::DRAIN_TIMEOUT;
use crate::server::os_limits::FdBudget;
use crate::storage::{DatabaseLimit, Storage};

/// The account of a server without a seed, and the name of its key.
const DEV_ACCOUNT: &str = "dev";
/// The key of `dev` on loopback, where a well-known key does no harm.
const DEV_KEY: &str = "dev-key";

/// The listen backlog, in connections (Linux allows no more by default). Beyond it, the kernel drops the client's
/// handshake packets: the client retries after a second or more, or waits forever if it sends nothing.
const BACKLOG: u32 = 4096;

/// A server that listens but does not accept connections yet.
#[derive(Debug)]
pub(crate) struct Server {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
    pub(crate) state: SharedState,
    /// The API key to print, if it is well-known or generated.
    pub(crate) api_key_to_print: Option<String>,
    /// The token of the control API, if it was generated and must be printed.
    pub(crate) control_token_to_print: Option<String>,
}

impl Server {
    /// Binds the address, opens the accounts and applies the seed.
    ///
    /// # Errors
    /// If the settings, the seed, the address or the data directory cannot be used; the message is for users.
    pub(crate) async fn open(settings: &Settings) -> Result<Self, BoxError> {
        settings.api_key.as_deref().map_or(Ok(()), check_api_key)?;
        settings.control_token.as_deref().map_or(Ok(()), check_control_token)?;
        let dialect = Dialect::parse(&settings.dialect)?;
        let is_seeded = !(settings.seed.is_empty() && settings.seed_texts.is_empty());
        let seed = is_seeded.then(|| Seed::load(&settings.seed, &settings.seed_texts));
        let seed = seed.transpose()?;
        let limits = settings.limits.to_limits();
        let budget = FdBudget::from_process_limits(
            limits.connections.max_open + limits.connections.max_rejected,
        )?;
        // Runs in parallel to opening the accounts, which waits for the disk.
        tokio::task::spawn_blocking(listener::prebuild_router);
        let listener = bind(&settings.listen.address).await?;
        let address = listener.local_addr()?;
        let sqlite = SqliteMetrics::default();
        let metrics = Metrics::new(&sqlite);
        let storage = storage_options(settings, sqlite, budget);
        let opening =
            Accounts::open(storage_mode(settings), account_policy(settings), dialect, storage);
        let accounts = Arc::new(opening.await?);
        if let Some(file) = &settings.port_file {
            // Not earlier: if the address or the lock file is in use, the port file belongs to another server.
            port_file::remove_stale(file);
        }
        apply_seed(seed, settings, &accounts).await?;
        let api_key_to_print = ensure_dev_key(settings, address, is_seeded, &accounts).await?;
        let (control_token, control_token_to_print) = match &settings.control_token {
            Some(token) => (Some(token.clone()), None),
            None if address.ip().is_loopback() => (None, None),
            None => {
                let token = generate_secret()?;
                (Some(token.clone()), Some(token))
            }
        };
        let public_url = settings
            .public_url
            .clone()
            .unwrap_or_else(|| format!("http://{}", reachable_address(&address.to_string())));
        let state = Arc::new(AppState {
            accounts,
            limits: cap_to_fd_budget(limits, budget),
            metrics,
            listen_address: address,
            response_cache: ResponseCache::new(),
            public_url,
            import_lock: tokio::sync::Mutex::default(),
            compute_permits: AppState::new_compute_permits(),
            control_token: control_token.as_deref().map(SecretHash::from_secret),
            unmatched_journal: Arc::new(Journal::new(journal_limits(settings))),
            shutdown: tokio::sync::watch::Sender::new(false),
        });
        Ok(Self { listener, address, state, api_key_to_print, control_token_to_print })
    }

    /// Creates an account from the seed, unless the key already opens one. Returns its key.
    ///
    /// # Errors
    /// If the key is invalid, or the maximum number of accounts is reached.
    pub(crate) async fn ensure_account(&self, key: Option<String>) -> Result<String, BoxError> {
        let key = match key {
            Some(key) => check_api_key(&key).map(|()| key)?,
            None => generate_secret()?,
        };
        if key == DEV_KEY && !self.address.ip().is_loopback() {
            return Err(well_known_key_error(self.address));
        }
        if self.state.accounts.find_key(&key).is_some() {
            return Ok(key);
        }
        let account = NewAccount::with_key(NewApiKey::with_all_permissions(&key));
        self.state.accounts.create_account(account, AccountSource::Seed(None)).await?;
        Ok(key)
    }

    /// Serves requests until `shutdown` is ready, drains running requests, and closes everything.
    pub(crate) async fn run(self, shutdown: impl Future<Output = ()>) {
        let maintenance = tokio::spawn(Arc::clone(&self.state.accounts).run_maintenance());
        listener::serve(self.listener, Arc::clone(&self.state), shutdown).await;
        maintenance.abort();
        // A running import may take longer; acknowledged writes are stored all the same.
        if tokio::time::timeout(DRAIN_TIMEOUT, self.state.accounts.close()).await.is_err() {
            tracing::warn!("accounts were still in use after {DRAIN_TIMEOUT:?}");
        }
    }
}

fn check_api_key(key: &str) -> Result<(), BoxError> {
    if API_KEY_REGEX.is_match(key) {
        return Ok(());
    }
    Err("--api-key: a key has 4 to 128 letters, digits, - or _".into())
}

/// Validates the token here and not in clap, whose messages repeat rejected values.
fn check_control_token(token: &str) -> Result<(), BoxError> {
    let is_plain = token.bytes().all(|byte| byte.is_ascii_graphic());
    if (8..=256).contains(&token.len()) && is_plain {
        return Ok(());
    }
    Err("--control-token: a token has 8 to 256 visible ASCII characters".into())
}

fn well_known_key_error(address: SocketAddr) -> BoxError {
    format!(
        "{DEV_KEY} is a well-known key; {address} can be reached by others, so choose another key"
    )
    .into()
}

async fn bind(address: &str) -> Result<TcpListener, BoxError> {
    listen_on_name(address).await.map_err(|error| {
        format!("cannot listen on {address}: {error}; choose another address with --listen").into()
    })
}

/// Listens on the first address of this name that can be bound.
async fn listen_on_name(address: &str) -> io::Result<TcpListener> {
    let mut last_error = io::Error::new(io::ErrorKind::InvalidInput, "the name has no address");
    for address in lookup_host(address).await? {
        match listen_on_address(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => last_error = error,
        }
    }
    Err(last_error)
}

fn listen_on_address(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // On Windows this option would let another process hijack the port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn storage_mode(settings: &Settings) -> StorageMode {
    if settings.ephemeral {
        StorageMode::Memory
    } else {
        StorageMode::DataDir(settings.data.clone())
    }
}

fn account_policy(settings: &Settings) -> AccountPolicy {
    let unknown_keys = match settings.accounts {
        UnknownKeys::Fixed => UnknownKeyPolicy::Fixed,
        UnknownKeys::Auto => UnknownKeyPolicy::Auto,
    };
    let max_accounts = usize::try_from(settings.max_accounts).unwrap_or(usize::MAX);
    let account_limits = AccountLimits {
        journal: journal_limits(settings),
        max_waits: settings.limits.max_waits(),
        lock_timeout: settings.limits.answer_timeout,
    };
    AccountPolicy {
        dialect_defaults: settings.dialect.clone(),
        max_accounts,
        unknown_keys,
        account_limits,
    }
}

fn storage_options(settings: &Settings, metrics: SqliteMetrics, budget: FdBudget) -> Storage {
    let database_limit = DatabaseLimit::new(budget.open_databases, budget.readers_per_database);
    Storage {
        durability: settings.durability,
        operation_timeout: settings.limits.answer_timeout,
        metrics,
        database_limit,
    }
}

/// Lowers the connection limits to the file descriptor budget.
fn cap_to_fd_budget(mut limits: Limits, budget: FdBudget) -> Limits {
    let connections = &mut limits.connections;
    if budget.connections < connections.max_open + connections.max_rejected {
        let most = budget.connections - budget.rejecting_connections;
        if most < connections.max_open {
            tracing::warn!(
                most,
                "the system lets this process open few files (ulimit -n), so there are fewer connections than asked for"
            );
            connections.max_open = most;
        }
        connections.max_rejected =
            connections.max_rejected.min(budget.connections - connections.max_open);
    }
    limits
}

fn journal_limits(settings: &Settings) -> JournalLimits {
    let to_usize = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    JournalLimits {
        max_entries: to_usize(settings.journal_entries),
        max_bytes: to_usize(settings.journal_bytes),
    }
}

/// Applies the seed; without one, or with an API key for `dev`, also the built-in one.
async fn apply_seed(
    seed: Option<Seed>,
    settings: &Settings,
    accounts: &Accounts,
) -> Result<(), BoxError> {
    let is_seeded = seed.is_some();
    let mut applied = seed.unwrap_or_else(Seed::empty).apply(accounts).await?;
    for account in &applied.existing_accounts {
        tracing::info!(
            account,
            "kept as it is; the seed is planted into accounts that do not exist yet"
        );
    }
    if !is_seeded || settings.api_key.is_some() {
        applied.saved_states.extend(Seed::built_in().apply(accounts).await?.saved_states);
    }
    Ok(accounts.set_seeds(applied.saved_states).await?)
}

/// Adds the key of the account `dev`, if configured or needed. Returns the key if it may be printed.
async fn ensure_dev_key(
    settings: &Settings,
    address: SocketAddr,
    is_seeded: bool,
    accounts: &Accounts,
) -> Result<Option<String>, BoxError> {
    let is_public = !address.ip().is_loopback();
    let dev_key_is_known =
        accounts.find_key(DEV_KEY).is_some_and(|key| &*key.account.name == DEV_ACCOUNT);
    let (key, key_to_print) = match &settings.api_key {
        Some(key) => (Some(key.clone()), None),
        None if is_seeded && !(is_public && dev_key_is_known) => (None, None),
        None if !is_public => (Some(DEV_KEY.to_owned()), Some(DEV_KEY.to_owned())),
        None if has_keys(accounts, DEV_ACCOUNT) && !dev_key_is_known => (None, None),
        None => {
            let key = generate_secret()?;
            (Some(key.clone()), Some(key))
        }
    };
    if let Some(key) = key {
        accounts
            .put_key(DEV_ACCOUNT, NewApiKey::new(DEV_ACCOUNT, &key, PermissionSet::ALL))
            .await?;
    }
    if is_public && accounts.find_key(DEV_KEY).is_some() {
        return Err(well_known_key_error(address));
    }
    Ok(key_to_print)
}

fn has_keys(accounts: &Accounts, name: &str) -> bool {
    accounts.find(name).is_some_and(|account| !account.keys().is_empty())
}

/// Returns the address at which this machine reaches the server.
pub(crate) fn reachable_address(listen: &str) -> String {
    match listen.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_unspecified() => format!("127.0.0.1:{}", address.port()),
        _ => listen.to_owned(),
    }
}
