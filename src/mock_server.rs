//! An embedded server for Rust tests.

use std::path::Path;
use std::thread::JoinHandle;

use serde_json::{Map, Value};
use tokio::sync::oneshot;

use crate::cli::output::BoxError;
use crate::cli::settings::{Settings, UnknownKeys};
use crate::client::Control;
use crate::server::Server;

/// An embedded server: in memory, on a free port of loopback, with a fresh account. It stops when dropped.
///
/// Each server has its own thread and runtime, so that tests may block, and servers share nothing.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use omnidesk_mock::MockServer;
///
/// let server = MockServer::start().await;
/// let list: serde_json::Value = reqwest::Client::new()
///     .get(format!("{}/api/v2/ticket", server.base_url()))
///     .header("apiKey", server.api_key())
///     .send()
///     .await?
///     .json()
///     .await?;
/// assert_eq!(list["itemTotal"], 0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct MockServer {
    base_url: String,
    api_key: String,
    control_token: Option<String>,
    /// Dropped for a graceful shutdown.
    shutdown_tx: Option<oneshot::Sender<()>>,
    /// Dropped to stop at once.
    abort_tx: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Why a server did not start, as a message for the user.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(String);

impl MockServer {
    /// Starts a server with the built-in seed: names for the most common ids, and no tickets.
    ///
    /// # Panics
    /// If no port, thread or memory is available. [`Builder::try_start`] returns the error.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// Returns a builder for other settings.
    pub fn builder() -> Builder {
        Builder { settings: Settings::ephemeral_defaults() }
    }

    /// Returns the server's URL without a trailing slash: `http://127.0.0.1:PORT`. The Ticket API is at
    /// `/api/v2/ticket` below it.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Returns the API key of the fresh account, with all permissions.
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    /// Returns a client of the control API. Its account `self` is that of [`MockServer::api_key`].
    pub fn control(&self) -> Control {
        let control = Control::new(&self.base_url).with_api_key(&self.api_key);
        match &self.control_token {
            Some(token) => control.with_token(token),
            None => control,
        }
    }

    /// Stops the server gracefully: drains running requests, for 20 seconds at most. Needs a tokio runtime.
    pub async fn stop(mut self) {
        drop(self.shutdown_tx.take());
        if let Some(thread) = self.thread.take() {
            // Blocking the runtime would stall the client of a running request.
            let _ = tokio::task::spawn_blocking(|| thread.join()).await;
        }
    }
}

impl Drop for MockServer {
    fn drop(&mut self) {
        drop(self.abort_tx.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has already been printed.
            let _ = thread.join();
        }
    }
}

/// Configures a server, like the flags of the command `serve`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use omnidesk_mock::MockServer;
///
/// let server = MockServer::builder()
///     .seed_text("accounts: { acme: { tickets: [{ id: 7, title: Printer on fire }] } }")
///     .start()
///     .await;
/// let account = server.control().account("self");
/// assert_eq!(account.show().await?.counts.tickets, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    settings: Settings,
}

impl Builder {
    /// Adds a seed file, YAML or JSON, that accounts start from.
    #[must_use]
    pub fn seed(mut self, file: impl AsRef<Path>) -> Self {
        self.settings.seed.push(file.as_ref().to_owned());
        self
    }

    /// Adds a seed given as text.
    #[must_use]
    pub fn seed_text(mut self, text: impl Into<String>) -> Self {
        self.settings.seed_texts.push(text.into());
        self
    }

    /// Sets the data directory of the accounts. Without one they are lost when the server stops. Each start adds a
    /// fresh account, unless [`Builder::api_key`] opens an existing one.
    #[must_use]
    pub fn data(mut self, folder: impl AsRef<Path>) -> Self {
        folder.as_ref().clone_into(&mut self.settings.data);
        self.settings.ephemeral = false;
        self
    }

    /// Sets the address to listen on; a free port of loopback by default.
    #[must_use]
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.settings.listen.address = address.into();
        self
    }

    /// Sets the API key of the fresh account, which is random by default. With [`Builder::data`] it opens the same
    /// account again at the next start.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.settings.api_key = Some(key.into());
        self
    }

    /// Creates an account for each unknown API key.
    #[must_use]
    pub fn accounts_auto(mut self) -> Self {
        self.settings.accounts = UnknownKeys::Auto;
        self
    }

    /// Sets the maximum number of accounts; 10,000 by default.
    #[must_use]
    pub fn max_accounts(mut self, max: u32) -> Self {
        self.settings.max_accounts = max.max(1);
        self
    }

    /// Sets the maximum size of an account's journal: in requests, 1000 by default and 0 to turn it off, and in bytes,
    /// 4 MiB by default.
    #[must_use]
    pub fn journal(mut self, entries: u32, bytes: u32) -> Self {
        self.settings.journal_entries = entries;
        self.settings.journal_bytes = bytes;
        self
    }

    /// Sets the token that the control API requires; none by default.
    #[must_use]
    pub fn control_token(mut self, token: impl Into<String>) -> Self {
        self.settings.control_token = Some(token.into());
        self
    }

    /// Sets the base URL for links in responses.
    #[must_use]
    pub fn public_url(mut self, url: impl Into<String>) -> Self {
        self.settings.public_url = Some(url.into().trim_end_matches('/').to_owned());
        self
    }

    /// Sets the dialect settings of all accounts, such as `unknown_ticket_status`.
    #[must_use]
    pub fn dialect(mut self, settings: Map<String, Value>) -> Self {
        self.settings.dialect = settings;
        self
    }

    /// Starts the server.
    ///
    /// # Panics
    /// If [`Builder::try_start`] returns an error.
    pub async fn start(self) -> MockServer {
        self.try_start()
            .await
            .unwrap_or_else(|error| panic!("the mock server did not start: {error}"))
    }

    /// Starts the server.
    ///
    /// # Errors
    /// If the settings, the seed, the address or the data directory cannot be used.
    pub async fn try_start(self) -> Result<MockServer, StartError> {
        let (ready_tx, ready_rx) = oneshot::channel();
        let (shutdown_tx, shutdown_rx) = oneshot::channel();
        let (abort_tx, abort_rx) = oneshot::channel();
        let control_token = self.settings.control_token.clone();
        let run = move || run_server(&self.settings, ready_tx, shutdown_rx, abort_rx);
        let thread = std::thread::Builder::new()
            .name("omnidesk-mock".to_owned())
            .spawn(run)
            .map_err(|error| StartError(error.to_string()))?;
        let started = ready_rx.await.map_err(|_| StartError("it ended at once".to_owned()))?;
        let ServerInfo { base_url, api_key, control_token: generated_token } =
            started.map_err(|error| StartError(error.to_string()))?;
        Ok(MockServer {
            base_url,
            api_key,
            control_token: control_token.or(generated_token),
            shutdown_tx: Some(shutdown_tx),
            abort_tx: Some(abort_tx),
            thread: Some(thread),
        })
    }
}

/// What a caller needs to know about a started server.
struct ServerInfo {
    base_url: String,
    api_key: String,
    control_token: Option<String>,
}

/// Serves until one of the senders is dropped.
fn run_server(
    settings: &Settings,
    ready_tx: oneshot::Sender<Result<ServerInfo, BoxError>>,
    shutdown_rx: oneshot::Receiver<()>,
    abort_rx: oneshot::Receiver<()>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            // If the receiver is dropped, nobody needs the server.
            let _ = ready_tx.send(Err(error.into()));
            return;
        }
    };
    runtime.block_on(async {
        let server = match open_server(settings).await {
            Ok((server, info)) => {
                let _ = ready_tx.send(Ok(info));
                server
            }
            Err(error) => {
                let _ = ready_tx.send(Err(error));
                return;
            }
        };
        let shutdown = async {
            let _ = shutdown_rx.await;
        };
        tokio::select! {
            _ = abort_rx => {}
            () = server.run(shutdown) => {}
        }
    });
}

async fn open_server(settings: &Settings) -> Result<(Server, ServerInfo), BoxError> {
    // The key belongs to the fresh account, so there is no account `dev`.
    let server_settings = Settings { api_key: None, ..settings.clone() };
    let server = Server::open(&server_settings).await?;
    let api_key = server.ensure_account(settings.api_key.clone()).await?;
    let base_url =
        format!("http://{}", crate::server::reachable_address(&server.address.to_string()));
    let info =
        ServerInfo { base_url, api_key, control_token: server.control_token_to_print.clone() };
    Ok((server, info))
}
