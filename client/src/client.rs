//! The clients of a server and of an account.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::types::{
    AccountDetails, AccountList, AccountSummary, ClockAdvance, ClockSetting, ClockStatus,
    CreatedAccount, CreatedKey, ImportResult, KeyList, KeySummary, NewAccount, NewKey,
    ProblemDetails, Snapshot, SnapshotList,
};

/// The path prefix of the control API.
pub const PATH_PREFIX: &str = "/_control";

/// An error of a request to the control API.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The server's error response.
    #[error("{} {}", .0.title, .0.detail)]
    Problem(ProblemDetails),
    /// The server was unreachable, or its response was invalid.
    #[error(transparent)]
    Transport(#[from] reqwest::Error),
}

/// A client of the control API of one server.
///
/// ```
/// # async fn example() -> Result<(), omnidesk_mock_client::ControlError> {
/// use omnidesk_mock_client::{ControlClient, types::NewAccount};
///
/// let control = ControlClient::new("http://127.0.0.1:8080");
/// let created = control.create_account(&NewAccount::default()).await?;
/// assert_eq!(control.account(&created.account).details().await?.counts["tickets"], 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ControlClient {
    base_url: String,
    token: Option<String>,
    api_key: Option<String>,
    client: reqwest::Client,
}

impl ControlClient {
    /// Creates a client of the server at this URL, such as `http://127.0.0.1:8080`.
    pub fn new(base_url: &str) -> Self {
        let base_url = base_url.trim_end_matches('/').to_owned();
        // A proxy cannot reach a loopback address of this machine.
        let client = reqwest::Client::builder().no_proxy().build().unwrap_or_default();
        Self { base_url, token: None, api_key: None, client }
    }

    /// Sets the token of `--control-token`.
    #[must_use]
    pub fn with_token(self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self }
    }

    /// Sets the API key. The account `self` is its account.
    #[must_use]
    pub fn with_api_key(self, key: &str) -> Self {
        Self { api_key: Some(key.to_owned()), ..self }
    }

    /// Lists all accounts, sorted by name.
    ///
    /// # Errors
    /// When the server is unreachable or rejects the request.
    pub async fn accounts(&self) -> Result<Vec<AccountSummary>, ControlError> {
        let list: AccountList = fetch_json(self.build_request(Method::GET, "/accounts")).await?;
        Ok(list.accounts)
    }

    /// Creates an account with an API key.
    ///
    /// # Errors
    /// When its name is in use, its source does not exist, or the server has the maximum number of accounts.
    pub async fn create_account(&self, new: &NewAccount) -> Result<CreatedAccount, ControlError> {
        fetch_json(self.build_request(Method::POST, "/accounts").json(new)).await
    }

    /// Returns the account's client; `self` is the API key's account.
    pub fn account(&self, name: &str) -> AccountClient {
        AccountClient { control: self.clone(), path: format!("/accounts/{}", percent_encode(name)) }
    }

    fn build_request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request =
            self.client.request(method, format!("{}{PATH_PREFIX}{path}", self.base_url));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = &self.api_key {
            request = request.header("apiKey", key);
        }
        request
    }
}

/// A client for one account.
///
/// ```
/// # async fn example() -> Result<(), omnidesk_mock_client::ControlError> {
/// use omnidesk_mock_client::ControlClient;
///
/// let control = ControlClient::new("http://127.0.0.1:8080").with_api_key("dev-key");
/// let account = control.account("self");
/// account.freeze("2026-03-01T12:00:00Z").await?;
/// account.take_snapshot("before").await?;
/// account.advance("P31D").await?;
/// account.restore("before").await?;
/// assert_eq!(account.clock().await?.now, "2026-03-01T12:00:00Z");
/// account.reset().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct AccountClient {
    control: ControlClient,
    path: String,
}

#[expect(
    clippy::missing_errors_doc,
    reason = "all methods fail alike: the server rejects the request or is unreachable"
)]
impl AccountClient {
    /// Returns its row counts, clock and dialect.
    pub async fn details(&self) -> Result<AccountDetails, ControlError> {
        fetch_json(self.build_request(Method::GET, "")).await
    }

    /// Removes it with all its data.
    pub async fn remove(&self) -> Result<(), ControlError> {
        send_and_discard(self.build_request(Method::DELETE, "")).await
    }

    /// Resets it to its initial state.
    pub async fn reset(&self) -> Result<(), ControlError> {
        send_and_discard(self.build_request(Method::POST, "/reset")).await
    }

    /// Lists its snapshots, sorted by name.
    pub async fn snapshots(&self) -> Result<Vec<Snapshot>, ControlError> {
        let list: SnapshotList = fetch_json(self.build_request(Method::GET, "/snapshots")).await?;
        Ok(list.snapshots)
    }

    /// Saves its current state as a snapshot.
    pub async fn take_snapshot(&self, name: &str) -> Result<Snapshot, ControlError> {
        fetch_json(self.build_request(Method::PUT, &format!("/snapshots/{}", percent_encode(name))))
            .await
    }

    /// Restores it to a snapshot.
    pub async fn restore(&self, name: &str) -> Result<(), ControlError> {
        send_and_discard(
            self.build_request(
                Method::POST,
                &format!("/snapshots/{}/restore", percent_encode(name)),
            ),
        )
        .await
    }

    /// Removes a snapshot.
    pub async fn remove_snapshot(&self, name: &str) -> Result<(), ControlError> {
        send_and_discard(
            self.build_request(Method::DELETE, &format!("/snapshots/{}", percent_encode(name))),
        )
        .await
    }

    /// Exports it as a fixture, without its API keys.
    pub async fn export(&self) -> Result<Value, ControlError> {
        fetch_json(self.build_request(Method::GET, "/export")).await
    }

    /// Imports a fixture with one account, atomically.
    pub async fn import(&self, fixture: &Value) -> Result<ImportResult, ControlError> {
        fetch_json(self.build_request(Method::POST, "/import").json(fixture)).await
    }

    /// Returns the state of its clock.
    pub async fn clock(&self) -> Result<ClockStatus, ControlError> {
        fetch_json(self.build_request(Method::GET, "/clock")).await
    }

    /// Sets its clock.
    pub async fn set_clock(&self, clock: &ClockSetting) -> Result<ClockStatus, ControlError> {
        fetch_json(self.build_request(Method::PUT, "/clock").json(clock)).await
    }

    /// Freezes its clock at a time, RFC 3339.
    pub async fn freeze(&self, at: &str) -> Result<ClockStatus, ControlError> {
        self.set_clock(&ClockSetting::Frozen { at: Some(at.to_owned()) }).await
    }

    /// Advances its clock immediately: `P3D`, `90m`.
    pub async fn advance(&self, by: &str) -> Result<ClockStatus, ControlError> {
        let by = ClockAdvance { by: by.to_owned() };
        fetch_json(self.build_request(Method::POST, "/clock/advance").json(&by)).await
    }

    /// Lists its API keys, the oldest first.
    pub async fn keys(&self) -> Result<Vec<KeySummary>, ControlError> {
        let list: KeyList = fetch_json(self.build_request(Method::GET, "/keys")).await?;
        Ok(list.keys)
    }

    /// Creates an API key.
    pub async fn create_key(&self, new: &NewKey) -> Result<CreatedKey, ControlError> {
        fetch_json(self.build_request(Method::POST, "/keys").json(new)).await
    }

    /// Removes an API key.
    pub async fn remove_key(&self, id: i64) -> Result<(), ControlError> {
        send_and_discard(self.build_request(Method::DELETE, &format!("/keys/{id}"))).await
    }

    /// Returns its effective dialect.
    pub async fn dialect(&self) -> Result<Map<String, Value>, ControlError> {
        fetch_json(self.build_request(Method::GET, "/dialect")).await
    }

    /// Replaces its dialect overrides.
    pub async fn set_dialect(
        &self,
        settings: &impl Serialize,
    ) -> Result<Map<String, Value>, ControlError> {
        fetch_json(self.build_request(Method::PUT, "/dialect").json(settings)).await
    }

    pub(crate) fn build_request(&self, method: Method, path: &str) -> RequestBuilder {
        self.control.build_request(method, &format!("{}{path}", self.path))
    }
}

fn percent_encode(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}

pub(crate) async fn send(request: RequestBuilder) -> Result<Response, ControlError> {
    let response = request.send().await?;
    if response.status().is_success() {
        return Ok(response);
    }
    Err(ControlError::Problem(response.json().await?))
}

pub(crate) async fn fetch_json<T: DeserializeOwned>(
    request: RequestBuilder,
) -> Result<T, ControlError> {
    Ok(send(request).await?.json().await?)
}

pub(crate) async fn send_and_discard(request: RequestBuilder) -> Result<(), ControlError> {
    send(request).await.map(drop)
}
