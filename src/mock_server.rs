//! A server inside of a Rust test.

use std::path::Path;
use std::thread::JoinHandle;

use serde_json::{Map, Value};
use tokio::sync::oneshot;

use crate::client::Control;
use crate::server::Server;
use crate::settings::{Admitting, Settings};
use crate::terminal::Failure;

/// A server of one's own: in memory, on a free port of loopback, with a fresh account. It stops when it is dropped.
///
/// It has a thread and a runtime of its own, so that tests may block, and two servers share nothing.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use omnidesk_mock::MockServer;
///
/// let desk = MockServer::start().await;
/// let list: serde_json::Value = reqwest::Client::new()
///     .get(format!("{}/api/v2/ticket", desk.base_url()))
///     .header("apiKey", desk.api_key())
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
    /// Lets running requests finish.
    end: Option<oneshot::Sender<()>>,
    /// Lets nothing finish.
    cut: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Why a server did not start: a sentence for people.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(String);

impl MockServer {
    /// Starts a server with the built-in seed: names for the most usual ids, and no tickets.
    ///
    /// # Panics
    /// When the machine has no free port, no thread or no memory for it. [`Builder::try_start`] gives the error.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// A server that is set up otherwise.
    pub fn builder() -> Builder {
        Builder { settings: Settings::of_ones_own() }
    }

    /// Where the server is, without a slash at its end: `http://127.0.0.1:PORT`. The Ticket API is at
    /// `/api/v2/ticket` below it.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// A key of the fresh account, with all permissions.
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    /// A client of the control API. Its account `self` is that of [`MockServer::api_key`].
    pub fn control(&self) -> Control {
        let control = Control::new(&self.base_url).with_api_key(&self.api_key);
        match &self.control_token {
            Some(token) => control.with_token(token),
            None => control,
        }
    }

    /// Stops the server once running requests have finished, which takes 20 seconds at most. Needs a tokio runtime.
    pub async fn stop(mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // A runtime that is blocked could not serve the client of a running request.
            let _ = tokio::task::spawn_blocking(|| thread.join()).await;
        }
    }
}

impl Drop for MockServer {
    fn drop(&mut self) {
        drop(self.cut.take());
        if let Some(thread) = self.thread.take() {
            // What panicked there has been printed.
            let _ = thread.join();
        }
    }
}

/// Sets up a server, as the flags of the command do.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use omnidesk_mock::MockServer;
///
/// let desk = MockServer::builder()
///     .seed_text("accounts: { acme: { tickets: [{ id: 7, title: Printer on fire }] } }")
///     .start()
///     .await;
/// let own = desk.control().account("self");
/// assert_eq!(own.show().await?.counts.tickets, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    settings: Settings,
}

impl Builder {
    /// A seed, YAML or JSON, that accounts start from. May be given more than once.
    #[must_use]
    pub fn seed(mut self, file: impl AsRef<Path>) -> Self {
        self.settings.seed.push(file.as_ref().to_owned());
        self
    }

    /// A seed that is no file. May be given more than once.
    #[must_use]
    pub fn seed_text(mut self, text: impl Into<String>) -> Self {
        self.settings.seed_texts.push(text.into());
        self
    }

    /// A folder that keeps the accounts. Without one they are gone when the server stops. Each start adds a fresh
    /// account, unless [`Builder::api_key`] opens one that is there.
    #[must_use]
    pub fn data(mut self, folder: impl AsRef<Path>) -> Self {
        folder.as_ref().clone_into(&mut self.settings.data);
        self.settings.ephemeral = false;
        self
    }

    /// The address to listen on; a free port of loopback by default.
    #[must_use]
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.settings.listen.address = address.into();
        self
    }

    /// The key of the fresh account, instead of a random one. With [`Builder::data`] it opens the same account
    /// again at the next start.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.settings.api_key = Some(key.into());
        self
    }

    /// Unknown keys make an account of their own.
    #[must_use]
    pub fn accounts_auto(mut self) -> Self {
        self.settings.accounts = Admitting::Auto;
        self
    }

    /// The most accounts; 10,000 by default.
    #[must_use]
    pub fn max_accounts(mut self, most: u32) -> Self {
        self.settings.max_accounts = most.max(1);
        self
    }

    /// How much the journal of an account keeps: requests, 1000 by default and none to turn it off, and bytes,
    /// 4 MiB by default.
    #[must_use]
    pub fn journal(mut self, entries: u32, bytes: u32) -> Self {
        self.settings.journal_entries = entries;
        self.settings.journal_bytes = bytes;
        self
    }

    /// The token that the control API asks for; none by default.
    #[must_use]
    pub fn control_token(mut self, token: impl Into<String>) -> Self {
        self.settings.control_token = Some(token.into());
        self
    }

    /// Where clients find the server, for links in answers.
    #[must_use]
    pub fn public_url(mut self, url: impl Into<String>) -> Self {
        self.settings.public_url = Some(url.into().trim_end_matches('/').to_owned());
        self
    }

    /// The settings of all accounts, such as `unknown_ticket_status`.
    #[must_use]
    pub fn dialect(mut self, settings: Map<String, Value>) -> Self {
        self.settings.dialect = settings;
        self
    }

    /// Starts the server.
    ///
    /// # Panics
    /// Where [`Builder::try_start`] gives an error.
    pub async fn start(self) -> MockServer {
        self.try_start()
            .await
            .unwrap_or_else(|error| panic!("the mock server did not start: {error}"))
    }

    /// Starts the server.
    ///
    /// # Errors
    /// What is wrong with the settings, the seed, the address or the folder.
    pub async fn try_start(self) -> Result<MockServer, StartError> {
        let (ready, started) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let (cut, was_cut) = oneshot::channel();
        let control_token = self.settings.control_token.clone();
        let serving = move || serve(&self.settings, ready, ended, was_cut);
        let thread = std::thread::Builder::new()
            .name("omnidesk-mock".to_owned())
            .spawn(serving)
            .map_err(|error| StartError(error.to_string()))?;
        let started = started.await.map_err(|_| StartError("it ended at once".to_owned()))?;
        let Started { base_url, api_key, token } =
            started.map_err(|error| StartError(error.to_string()))?;
        let control_token = control_token.or(token);
        let (end, cut, thread) = (Some(end), Some(cut), Some(thread));
        Ok(MockServer { base_url, api_key, control_token, end, cut, thread })
    }
}

/// What there is to know of a server that answers.
struct Started {
    base_url: String,
    api_key: String,
    token: Option<String>,
}

/// Serves until one of the senders is dropped.
fn serve(
    settings: &Settings,
    ready: oneshot::Sender<Result<Started, Failure>>,
    ended: oneshot::Receiver<()>,
    was_cut: oneshot::Receiver<()>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            // Who does not listen any more needs no server.
            let _ = ready.send(Err(error.into()));
            return;
        }
    };
    runtime.block_on(async {
        let server = match open(settings).await {
            Ok((server, started)) => {
                let _ = ready.send(Ok(started));
                server
            }
            Err(error) => {
                let _ = ready.send(Err(error));
                return;
            }
        };
        let end = async {
            let _ = ended.await;
        };
        tokio::select! {
            _ = was_cut => {}
            () = server.run(end) => {}
        }
    });
}

async fn open(settings: &Settings) -> Result<(Server, Started), Failure> {
    // The key is that of the fresh account, and of no account dev.
    let others = Settings { api_key: None, ..settings.clone() };
    let server = Server::open(&others).await?;
    let api_key = server.fresh_account(settings.api_key.clone()).await?;
    let base_url = format!("http://{}", crate::server::reachable(&server.address.to_string()));
    let started = Started { base_url, api_key, token: server.token.clone() };
    Ok((server, started))
}
