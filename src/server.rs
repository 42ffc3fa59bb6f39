//! A server: its accounts are opened, its address is bound, requests are served, all is closed.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket, lookup_host};

use crate::accounts::{
    Accounts, Admission, Allowance, Digest, Home, KEY_FORM, NewAccount, NewKey, Permissions, Rules,
    Source, random_key,
};
use crate::answers::Answers;
use crate::connections::{self, DRAIN};
use crate::dialect::Dialect;
use crate::journal::{Bounds, Journal};
use crate::limits::Limits;
use crate::metrics::{Metrics, Sqlite};
use crate::port_file;
use crate::seed::Seed;
use crate::settings::{Admitting, Settings};
use crate::state::{Shared, State};
use crate::storage::{Slots, Storage};
use crate::system::FileBudget;
use crate::terminal::Failure;

/// The account that every server has unless a seed says otherwise, and the name of its key.
const DEV: &str = "dev";
/// Its key on loopback, where a well-known one does no harm.
const DEV_KEY: &str = "dev-key";

/// How many connections may wait to be accepted (chosen: Linux allows no more by default). The kernel drops a client's
/// part of the handshake beyond it: that client waits a second or more for the next try, or for good if it sends nothing.
const BACKLOG: u32 = 4096;

/// A server that listens, and does not answer yet.
#[derive(Debug)]
pub(crate) struct Server {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
    pub(crate) state: Shared,
    /// A key that may be shown.
    pub(crate) key: Option<String>,
    /// The token of the control API, if it was made up and has to be shown.
    pub(crate) token: Option<String>,
}

impl Server {
    /// Binds the address, opens the accounts and plants the seed.
    ///
    /// # Errors
    /// What is wrong with the settings, the seed, the address or the folder, in words for people.
    pub(crate) async fn open(settings: &Settings) -> Result<Self, Failure> {
        settings.api_key.as_deref().map_or(Ok(()), checked)?;
        settings.control_token.as_deref().map_or(Ok(()), plain)?;
        let dialect = Dialect::read(&settings.dialect)?;
        let is_seeded = !(settings.seed.is_empty() && settings.seed_texts.is_empty());
        let seed = is_seeded.then(|| Seed::read(&settings.seed, &settings.seed_texts));
        let seed = seed.transpose()?;
        let limits = settings.limits.limits();
        let budget = FileBudget::of_process(limits.line.most + limits.line.crowd)?;
        // Beside the opening of the accounts, which waits for the disk.
        tokio::task::spawn_blocking(connections::prepare);
        let listener = bind(&settings.listen.address).await?;
        let address = listener.local_addr()?;
        let sqlite = Sqlite::default();
        let metrics = Metrics::new(&sqlite);
        let storage = storage(settings, sqlite, budget);
        let opened = Accounts::open(home(settings), rules(settings), dialect, storage);
        let accounts = Arc::new(opened.await?);
        if let Some(file) = &settings.port_file {
            // Not before: a start that fails by the address or the folder's lock leaves another server's file.
            port_file::remove_stale(file);
        }
        plant(seed, settings, &accounts).await?;
        let key = open_to_developer(settings, address, is_seeded, &accounts).await?;
        let (control_token, token) = match &settings.control_token {
            Some(token) => (Some(token.clone()), None),
            None if address.ip().is_loopback() => (None, None),
            None => {
                let token = random_key()?;
                (Some(token.clone()), Some(token))
            }
        };
        let public_url = settings
            .public_url
            .clone()
            .unwrap_or_else(|| format!("http://{}", reachable(&address.to_string())));
        let state = Arc::new(State {
            accounts,
            limits: within(limits, budget),
            metrics,
            address,
            answers: Answers::new(),
            public_url,
            importing: tokio::sync::Mutex::default(),
            computing: State::computers(),
            control_token: control_token.as_deref().map(Digest::of),
            journal: Arc::new(Journal::new(bounds(settings))),
            ending: tokio::sync::watch::Sender::new(false),
        });
        Ok(Self { listener, address, state, key, token })
    }

    /// Makes an account from the seed, unless the key opens one already. Gives its key.
    ///
    /// # Errors
    /// When the key is none, or there can be no more accounts.
    pub(crate) async fn fresh_account(&self, key: Option<String>) -> Result<String, Failure> {
        let text = match key {
            Some(key) => checked(&key).map(|()| key)?,
            None => random_key()?,
        };
        if text == DEV_KEY && !self.address.ip().is_loopback() {
            return Err(well_known(self.address));
        }
        if self.state.accounts.find_key(&text).is_some() {
            return Ok(text);
        }
        let new = NewAccount::with_key(NewKey::first(&text));
        self.state.accounts.make(new, Source::Seed(None)).await?;
        Ok(text)
    }

    /// Answers requests until `end`, lets those that run finish, and closes everything.
    pub(crate) async fn run(self, end: impl Future<Output = ()>) {
        let tending = tokio::spawn(Arc::clone(&self.state.accounts).tend());
        connections::serve(self.listener, Arc::clone(&self.state), end).await;
        tending.abort();
        // An import that runs may take long; what was acknowledged is kept all the same.
        if tokio::time::timeout(DRAIN, self.state.accounts.close()).await.is_err() {
            tracing::warn!("accounts were still in use after {DRAIN:?}");
        }
    }
}

fn checked(key: &str) -> Result<(), Failure> {
    if KEY_FORM.is_match(key) {
        return Ok(());
    }
    Err("--api-key: a key has 4 to 128 letters, digits, - or _".into())
}

/// Checked here and not where it is read, since that repeats what it refuses.
fn plain(token: &str) -> Result<(), Failure> {
    let is_plain = token.bytes().all(|byte| byte.is_ascii_graphic());
    if (8..=256).contains(&token.len()) && is_plain {
        return Ok(());
    }
    Err("--control-token: a token has 8 to 256 visible ASCII characters".into())
}

fn well_known(address: SocketAddr) -> Failure {
    format!(
        "{DEV_KEY} is a well-known key; {address} can be reached by others, so choose another key"
    )
    .into()
}

async fn bind(address: &str) -> Result<TcpListener, Failure> {
    listen(address).await.map_err(|error| {
        format!("cannot listen on {address}: {error}; choose another address with --listen").into()
    })
}

/// Listens on the first address of this name that can be had.
async fn listen(address: &str) -> io::Result<TcpListener> {
    let mut last = io::Error::new(io::ErrorKind::InvalidInput, "the name has no address");
    for address in lookup_host(address).await? {
        match listen_on(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // On Windows this would let another process take the port away.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn home(settings: &Settings) -> Home {
    if settings.ephemeral { Home::Memory } else { Home::Folder(settings.data.clone()) }
}

fn rules(settings: &Settings) -> Rules {
    let admission = match settings.accounts {
        Admitting::Fixed => Admission::Fixed,
        Admitting::Auto => Admission::Auto,
    };
    let most = usize::try_from(settings.max_accounts).unwrap_or(usize::MAX);
    let each = Allowance {
        journal: bounds(settings),
        waits: settings.limits.waits(),
        patience: settings.limits.answer_timeout,
    };
    Rules { dialect: settings.dialect.clone(), most, admission, each }
}

fn storage(settings: &Settings, times: Sqlite, budget: FileBudget) -> Storage {
    let patience = settings.limits.answer_timeout;
    let slots = Slots::new(budget.databases, budget.readers);
    Storage { durability: settings.durability, patience, times, slots }
}

/// The limits, as far as there are files for the connections.
fn within(mut limits: Limits, budget: FileBudget) -> Limits {
    let line = &mut limits.line;
    if budget.connections < line.most + line.crowd {
        let most = budget.connections - budget.crowd;
        if most < line.most {
            tracing::warn!(
                most,
                "the system lets this process open few files (ulimit -n), so there are fewer connections than asked for"
            );
            line.most = most;
        }
        line.crowd = line.crowd.min(budget.connections - line.most);
    }
    limits
}

fn bounds(settings: &Settings) -> Bounds {
    let number = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    Bounds { entries: number(settings.journal_entries), bytes: number(settings.journal_bytes) }
}

/// Plants the seed; without one, or where `dev` is asked for, the built-in one as well.
async fn plant(
    seed: Option<Seed>,
    settings: &Settings,
    accounts: &Accounts,
) -> Result<(), Failure> {
    let is_seeded = seed.is_some();
    let mut planted = seed.unwrap_or_else(Seed::none).plant(accounts).await?;
    for account in &planted.kept {
        tracing::info!(
            account,
            "kept as it is; the seed is planted into accounts that do not exist yet"
        );
    }
    if !is_seeded || settings.api_key.is_some() {
        planted.seeds.extend(Seed::built_in().plant(accounts).await?.seeds);
    }
    Ok(accounts.set_seeds(planted.seeds).await?)
}

/// Gives the account `dev` its key, where it is wanted. Gives back a key that may be shown.
async fn open_to_developer(
    settings: &Settings,
    address: SocketAddr,
    planted: bool,
    accounts: &Accounts,
) -> Result<Option<String>, Failure> {
    let open_to_others = !address.ip().is_loopback();
    let dev_key_is_known = accounts.find_key(DEV_KEY).is_some_and(|key| &*key.account.name == DEV);
    let (text, shown) = match &settings.api_key {
        Some(key) => (Some(key.clone()), None),
        None if planted && !(open_to_others && dev_key_is_known) => (None, None),
        None if !open_to_others => (Some(DEV_KEY.to_owned()), Some(DEV_KEY.to_owned())),
        None if has_keys(accounts, DEV) && !dev_key_is_known => (None, None),
        None => {
            let key = random_key()?;
            (Some(key.clone()), Some(key))
        }
    };
    if let Some(text) = text {
        accounts.put_key(DEV, NewKey::new(DEV, &text, Permissions::ALL)).await?;
    }
    if open_to_others && accounts.find_key(DEV_KEY).is_some() {
        return Err(well_known(address));
    }
    Ok(shown)
}

fn has_keys(accounts: &Accounts, name: &str) -> bool {
    accounts.find(name).is_some_and(|account| !account.keys().is_empty())
}

/// The address under which the server can be reached from this machine.
pub(crate) fn reachable(listen: &str) -> String {
    match listen.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_unspecified() => format!("127.0.0.1:{}", address.port()),
        _ => listen.to_owned(),
    }
}
