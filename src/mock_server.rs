//! An embedded server for Rust tests.

use std::path::Path;
use std::thread::JoinHandle;

use omnidesk_mock_client::ControlClient;
use serde_json::{Map, Value};
use tokio::sync::{oneshot, watch};

use crate::accounts::{StorageMode, UnknownKeyPolicy};
use crate::journal::JournalLimits;
use crate::server::Server;
use crate::server::config::ServerConfig;

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
    stop_tx: watch::Sender<Option<StopMode>>,
    thread: Option<JoinHandle<()>>,
}

/// How to stop a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StopMode {
    /// Drain running requests first.
    Drain,
    /// Stop at once.
    Abort,
}

/// Why a server did not start, as a message for the user.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(String);

impl MockServer {
    /// Starts a server with the built-in seed: names for the most common ids, and no tickets.
    ///
    /// # Panics
    /// If no port, thread or memory is available. [`MockServerBuilder::try_start`] returns the error.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// Returns a builder for other settings.
    pub fn builder() -> MockServerBuilder {
        MockServerBuilder { config: ServerConfig::in_memory() }
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
    pub fn control(&self) -> ControlClient {
        let control = ControlClient::new(&self.base_url).with_api_key(&self.api_key);
        match &self.control_token {
            Some(token) => control.with_token(token),
            None => control,
        }
    }

    /// Stops the server gracefully: drains running requests, for 20 seconds at most. Needs a tokio runtime.
    pub async fn stop(mut self) {
        self.stop_tx.send_replace(Some(StopMode::Drain));
        if let Some(thread) = self.thread.take() {
            // Blocking the runtime would stall the client of a running request.
            let _ = tokio::task::spawn_blocking(|| thread.join()).await;
        }
    }
}

impl Drop for MockServer {
    fn drop(&mut self) {
        self.stop_tx.send_replace(Some(StopMode::Abort));
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
/// assert_eq!(account.details().await?.counts["tickets"], 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct MockServerBuilder {
    config: ServerConfig,
}

impl MockServerBuilder {
    /// Adds a seed file, YAML or JSON, that accounts start from.
    #[must_use]
    pub fn seed(mut self, file: impl AsRef<Path>) -> Self {
        self.config.seed_files.push(file.as_ref().to_owned());
        self
    }

    /// Adds a seed, YAML or JSON, as text.
    #[must_use]
    pub fn seed_text(mut self, text: impl Into<String>) -> Self {
        self.config.seed_texts.push(text.into());
        self
    }

    /// Sets the data directory of the accounts. Without one they are lost when the server stops. Each start adds a
    /// fresh account, unless [`MockServerBuilder::api_key`] opens an existing one.
    #[must_use]
    pub fn data_dir(mut self, directory: impl AsRef<Path>) -> Self {
        self.config.storage_mode = StorageMode::DataDir(directory.as_ref().to_owned());
        self
    }

    /// Sets the address to listen on; a free port of loopback by default.
    #[must_use]
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.config.listen_addresses = vec![address.into()];
        self
    }

    /// Sets the API key of the fresh account, which is random by default. With [`MockServerBuilder::data_dir`] it opens the same
    /// account again at the next start.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.config.api_key = Some(key.into());
        self
    }

    /// Creates an account for each unknown API key.
    #[must_use]
    pub fn auto_create_accounts(mut self) -> Self {
        self.config.unknown_keys = UnknownKeyPolicy::Auto;
        self
    }

    /// Sets the maximum number of accounts; 10,000 by default.
    #[must_use]
    pub fn max_accounts(mut self, max: u32) -> Self {
        self.config.max_accounts = to_usize(max.max(1));
        self
    }

    /// Sets the maximum size of an account's journal: in requests, 1000 by default and 0 to turn it off, and in bytes,
    /// 4 MiB by default.
    #[must_use]
    pub fn journal_limits(mut self, entries: u32, bytes: u32) -> Self {
        self.config.journal =
            JournalLimits { max_entries: to_usize(entries), max_bytes: to_usize(bytes) };
        self
    }

    /// Sets the token that the control API requires; none by default.
    #[must_use]
    pub fn control_token(mut self, token: impl Into<String>) -> Self {
        self.config.control_token = Some(token.into());
        self
    }

    /// Sets the base URL for links in responses.
    #[must_use]
    pub fn public_url(mut self, url: impl Into<String>) -> Self {
        self.config.public_urls = vec![url.into().trim_end_matches('/').to_owned()];
        self
    }

    /// Sets the dialect settings of all accounts, such as `unknown_ticket_status`.
    #[must_use]
    pub fn dialect(mut self, settings: Map<String, Value>) -> Self {
        self.config.dialect = settings;
        self
    }

    /// Starts the server.
    ///
    /// # Panics
    /// If [`MockServerBuilder::try_start`] returns an error.
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
        let (stop_tx, stop_rx) = watch::channel(None);
        let control_token = self.config.control_token.clone();
        let run = move || run_server(&self.config, ready_tx, stop_rx);
        let thread = std::thread::Builder::new()
            .name("omnidesk-mock".to_owned())
            .spawn(run)
            .map_err(|error| StartError(error.to_string()))?;
        let started = ready_rx
            .await
            .map_err(|_| StartError("the server thread exited during startup".to_owned()))?;
        let ServerInfo { base_url, api_key, control_token: generated_token } =
            started.map_err(|error| StartError(error.to_string()))?;
        Ok(MockServer {
            base_url,
            api_key,
            control_token: control_token.or(generated_token),
            stop_tx,
            thread: Some(thread),
        })
    }
}

fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The address and credentials of a started server.
struct ServerInfo {
    base_url: String,
    api_key: String,
    control_token: Option<String>,
}

/// Opens a server, reports it, and serves until a stop is requested.
fn run_server(
    config: &ServerConfig,
    ready_tx: oneshot::Sender<anyhow::Result<ServerInfo>>,
    stop_rx: watch::Receiver<Option<StopMode>>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            // If the receiver is dropped, the caller no longer needs the server.
            let _ = ready_tx.send(Err(error.into()));
            return;
        }
    };
    runtime.block_on(async {
        let server = match open_server(config).await {
            Ok((server, info)) => {
                let _ = ready_tx.send(Ok(info));
                server
            }
            Err(error) => {
                let _ = ready_tx.send(Err(error));
                return;
            }
        };
        tokio::select! {
            () = wait_for_stop(stop_rx.clone(), StopMode::Abort) => {}
            () = server.run(wait_for_stop(stop_rx, StopMode::Drain)) => {}
        }
    });
}

/// Waits until this stop is requested, or the sender is gone.
async fn wait_for_stop(mut stop_rx: watch::Receiver<Option<StopMode>>, wanted: StopMode) {
    let _ = stop_rx.wait_for(|stop| *stop == Some(wanted)).await;
}

async fn open_server(config: &ServerConfig) -> anyhow::Result<(Server, ServerInfo)> {
    let (server, api_key) = Server::open_with_account(config).await?;
    let base_url = server.base_url();
    let info =
        ServerInfo { base_url, api_key, control_token: server.control_token_to_print.clone() };
    Ok((server, info))
}
