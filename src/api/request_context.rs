//! The context of an authenticated request.

use std::slice;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::Uri;

use super::auth;
use super::cross_origin::UntrustedOrigin;
use super::error::ApiError;
use super::recorder::{JournalRecorder, RequestHead, RequestTimes};
use super::redactor::Redactor;
use super::state::SharedState;
use crate::accounts::{AccountError, AccountGuard, ApiKey, Lease};
use crate::clock;
use crate::contract::Operation;
use crate::journal::{Warning, WarningKind};

/// The path as it was sent, before normalization.
#[derive(Clone, Debug)]
pub(crate) struct OriginalPath(pub(crate) Arc<str>);

/// An authenticated request.
#[derive(Debug)]
pub(super) struct RequestContext {
    pub(super) state: SharedState,
    pub(super) key: Arc<ApiKey>,
    /// Keeps the account from expiring by its time to live.
    pub(super) account_guard: AccountGuard,
    /// Warnings about its path, key and time.
    pub(super) warnings: Vec<Warning>,
    pub(super) recorder: JournalRecorder,
    /// The base URL of the links in the response.
    pub(super) base_url: String,
    /// Whether a foreign page may have sent it; checked only if unknown keys create accounts.
    untrusted_origin: Option<UntrustedOrigin>,
}

impl RequestContext {
    /// Starts recording.
    pub(super) fn new(
        state: SharedState,
        key: Arc<ApiKey>,
        key_text: String,
        operation: &Operation,
        request: &Request,
    ) -> Self {
        let system_now = clock::system_now();
        let now = key.account.settings().to_account_time(system_now);
        let original_path = request.extensions().get::<OriginalPath>();
        let path = original_path.map_or(request.uri().path(), |OriginalPath(path)| path);
        let journal = &key.account.journal;
        let times = RequestTimes { account: now, system: system_now };
        let head = RequestHead {
            method: request.method(),
            path,
            route: Some(operation.path),
            headers: request.headers(),
        };
        let redactor = Redactor { key: key_text.into(), other_keys: Vec::new() };
        let mut recorder = JournalRecorder::begin(journal, times, head, redactor);
        let mut warnings = Vec::new();
        if original_path.is_some() {
            warnings.push(path_case_warning(path, operation));
        }
        warnings.extend(key_in_query_warning(request.uri()));
        if let Some(early_by) = key.account.retry_after.remaining(&key.name, operation.name, now) {
            let text = format!(
                "The request came {} before the Retry-After time of an earlier response.",
                clock::format_signed_duration(early_by)
            );
            warnings.push(Warning::new(WarningKind::EarlyRetry, text));
        }
        recorder.set_caller(operation, &key);
        recorder.update_entry(|entry| entry.context_warnings.clone_from(&warnings));
        let account_guard = key.account.acquire();
        let untrusted_origin = if state.accounts.auto_creates_accounts() {
            UntrustedOrigin::detect(&state, request.into())
        } else {
            None
        };
        let secrets = slice::from_ref(&recorder.redactor().key);
        let base_url = state.own_urls.base_url_for(request, secrets).to_string();
        Self { state, key, account_guard, warnings, recorder, base_url, untrusted_origin }
    }

    /// Leases the account's database. If the account was removed after the key lookup (a race), resolves the key again,
    /// which may create an account.
    pub(super) async fn lease_or_reauthenticate(&mut self) -> Result<Lease, ApiError> {
        let accounts = &self.state.accounts;
        match accounts.lease(&self.key.account).await {
            Ok(lease) => Ok(lease),
            Err(AccountError::NotFound(_)) => {
                let (key_text, untrusted_origin) =
                    (self.recorder.redactor().key.to_string(), self.untrusted_origin);
                self.key = auth::resolve_key(accounts, &key_text, || untrusted_origin).await?;
                self.account_guard = self.key.account.acquire();
                self.recorder.switch_journal(&self.key.account.journal);
                Ok(Box::pin(accounts.lease(&self.key.account)).await?)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Warns of a key in the query.
pub(super) fn key_in_query_warning(uri: &Uri) -> Option<Warning> {
    let text =
        "The API key was sent in the query, where logs and proxies record it; send it in a header.";
    let has_key = auth::has_key_parameter(uri.query().unwrap_or_default());
    has_key.then(|| Warning::new(WarningKind::KeyInQuery, text))
}

fn path_case_warning(path: &str, operation: &Operation) -> Warning {
    let documented = operation.path.rsplit('/').next().unwrap_or_default();
    let text = format!(
        "The path {path} differs from {documented} only in case, and is accepted (undocumented)."
    );
    Warning::new(WarningKind::Undocumented, text)
}
