//! A typed client of the control API.

mod follow;
mod see;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::control::PREFIX;
use crate::control::wire::{
    AccountEntry, AccountList, Advance, Imported, KeyList, MadeAccount, MadeKey, NewAccount,
    NewKey, ProblemBody, SetClock, ShownAccount, ShownClock, ShownKey, Snapshot, SnapshotList,
};

pub use follow::Requests;
pub use see::Filter;

/// Why the control API did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The server refused, and says why.
    #[error("{} {}", .0.title, .0.detail)]
    Problem(ProblemBody),
    /// The server was not reached, or said something that is no answer.
    #[error(transparent)]
    Transport(#[from] reqwest::Error),
}

/// A client of the control API of one server.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use omnidesk_mock::{MockServer, wire::NewAccount};
///
/// let desk = MockServer::start().await;
/// let control = desk.control();
/// let made = control.make_account(&NewAccount::default()).await?;
/// assert_eq!(control.account(&made.account).show().await?.counts.tickets, 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Control {
    base_url: String,
    token: Option<String>,
    api_key: Option<String>,
    client: reqwest::Client,
}

impl Control {
    /// A client of the server at this address, such as `http://127.0.0.1:8080`.
    pub fn new(base_url: &str) -> Self {
        let base_url = base_url.trim_end_matches('/').to_owned();
        // A proxy cannot reach a server on this machine's loopback.
        let client = reqwest::Client::builder().no_proxy().build().unwrap_or_default();
        Self { base_url, token: None, api_key: None, client }
    }

    /// The same client, with the token of `--control-token`.
    #[must_use]
    pub fn with_token(self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self }
    }

    /// The same client, whose account `self` is that of this key.
    #[must_use]
    pub fn with_api_key(self, key: &str) -> Self {
        Self { api_key: Some(key.to_owned()), ..self }
    }

    /// All accounts, by name.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn accounts(&self) -> Result<Vec<AccountEntry>, ControlError> {
        let list: AccountList = read(self.ask(Method::GET, "/accounts")).await?;
        Ok(list.accounts)
    }

    /// Makes an account with a key.
    ///
    /// # Errors
    /// When its name is taken, there is nothing to make it from, or there are too many.
    pub async fn make_account(&self, new: &NewAccount) -> Result<MadeAccount, ControlError> {
        read(self.ask(Method::POST, "/accounts").json(new)).await
    }

    /// The account with this name; `self` is that of the API key.
    pub fn account(&self, name: &str) -> Account {
        Account { control: self.clone(), path: format!("/accounts/{}", encoded(name)) }
    }

    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.client.request(method, format!("{}{PREFIX}{path}", self.base_url));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = &self.api_key {
            request = request.header("apiKey", key);
        }
        request
    }
}

/// One account of a server.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use omnidesk_mock::MockServer;
///
/// let desk = MockServer::start().await;
/// let own = desk.control().account("self");
/// own.freeze("2026-03-01T12:00:00Z").await?;
/// own.take_snapshot("before").await?;
/// own.advance("P31D").await?;
/// own.restore("before").await?;
/// assert_eq!(own.clock().await?.now, "2026-03-01T12:00:00Z");
/// own.reset().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Account {
    control: Control,
    path: String,
}

#[expect(
    clippy::missing_errors_doc,
    reason = "all fail alike: the server refuses, or is not reached"
)]
impl Account {
    /// How much it holds, its clock, its dialect.
    pub async fn show(&self) -> Result<ShownAccount, ControlError> {
        read(self.ask(Method::GET, "")).await
    }

    /// Removes it with all that it has.
    pub async fn remove(&self) -> Result<(), ControlError> {
        done(self.ask(Method::DELETE, "")).await
    }

    /// Puts it back to what it was made from.
    pub async fn reset(&self) -> Result<(), ControlError> {
        done(self.ask(Method::POST, "/reset")).await
    }

    /// Its snapshots, by name.
    pub async fn snapshots(&self) -> Result<Vec<Snapshot>, ControlError> {
        let list: SnapshotList = read(self.ask(Method::GET, "/snapshots")).await?;
        Ok(list.snapshots)
    }

    /// Keeps its present state under a name.
    pub async fn take_snapshot(&self, name: &str) -> Result<Snapshot, ControlError> {
        read(self.ask(Method::PUT, &format!("/snapshots/{}", encoded(name)))).await
    }

    /// Puts it back to a snapshot.
    pub async fn restore(&self, name: &str) -> Result<(), ControlError> {
        done(self.ask(Method::POST, &format!("/snapshots/{}/restore", encoded(name)))).await
    }

    /// Removes a snapshot.
    pub async fn remove_snapshot(&self, name: &str) -> Result<(), ControlError> {
        done(self.ask(Method::DELETE, &format!("/snapshots/{}", encoded(name)))).await
    }

    /// Gives it as a fixture, without its keys.
    pub async fn export(&self) -> Result<Value, ControlError> {
        read(self.ask(Method::GET, "/export")).await
    }

    /// Adds a fixture with one account: all of it, or nothing.
    pub async fn import(&self, fixture: &Value) -> Result<Imported, ControlError> {
        read(self.ask(Method::POST, "/import").json(fixture)).await
    }

    /// What its clock shows.
    pub async fn clock(&self) -> Result<ShownClock, ControlError> {
        read(self.ask(Method::GET, "/clock")).await
    }

    /// Sets its clock.
    pub async fn set_clock(&self, clock: &SetClock) -> Result<ShownClock, ControlError> {
        read(self.ask(Method::PUT, "/clock").json(clock)).await
    }

    /// Stops its clock at a moment, RFC 3339.
    pub async fn freeze(&self, at: &str) -> Result<ShownClock, ControlError> {
        self.set_clock(&SetClock::Frozen { at: Some(at.to_owned()) }).await
    }

    /// Lets time pass at once: `P3D`, `90m`.
    pub async fn advance(&self, by: &str) -> Result<ShownClock, ControlError> {
        let by = Advance { by: by.to_owned() };
        read(self.ask(Method::POST, "/clock/advance").json(&by)).await
    }

    /// Its keys, the oldest first.
    pub async fn keys(&self) -> Result<Vec<ShownKey>, ControlError> {
        let list: KeyList = read(self.ask(Method::GET, "/keys")).await?;
        Ok(list.keys)
    }

    /// Makes a key.
    pub async fn make_key(&self, new: &NewKey) -> Result<MadeKey, ControlError> {
        read(self.ask(Method::POST, "/keys").json(new)).await
    }

    /// Takes a key away.
    pub async fn remove_key(&self, id: i64) -> Result<(), ControlError> {
        done(self.ask(Method::DELETE, &format!("/keys/{id}"))).await
    }

    /// The settings that hold in it.
    pub async fn dialect(&self) -> Result<Map<String, Value>, ControlError> {
        read(self.ask(Method::GET, "/dialect")).await
    }

    /// Sets what is different in it from the server's settings.
    pub async fn set_dialect(
        &self,
        settings: &impl Serialize,
    ) -> Result<Map<String, Value>, ControlError> {
        read(self.ask(Method::PUT, "/dialect").json(settings)).await
    }

    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.control.ask(method, &format!("{}{path}", self.path))
    }
}

fn encoded(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}

async fn answer(request: RequestBuilder) -> Result<Response, ControlError> {
    let response = request.send().await?;
    if response.status().is_success() {
        return Ok(response);
    }
    Err(ControlError::Problem(response.json().await?))
}

async fn read<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, ControlError> {
    Ok(answer(request).await?.json().await?)
}

async fn done(request: RequestBuilder) -> Result<(), ControlError> {
    answer(request).await.map(drop)
}
