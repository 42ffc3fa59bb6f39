//! The context of an authenticated request, and its outcome.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::Uri;
use bytes::Bytes;
use tokio::sync::oneshot::{self, error::TryRecvError};

use super::origin::UntrustedOrigin;
use super::recorder::JournalRecorder;
use super::redact::Redactor;
use super::response::RenderedResponse;
use super::{ApiError, Endpoint, auth};
use crate::accounts::{AccountError, AccountGuard, ApiKey, EffectiveSettings, Lease};
use crate::api::state::SharedState;
use crate::clock;
use crate::journal::{PendingEntry, RecordedInput, Warning, WarningKind};

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
    /// Of its path, key and time.
    pub(super) warnings: Vec<Warning>,
    pub(super) recorder: JournalRecorder,
    /// Whether a foreign page may have sent it; checked only if unknown keys create accounts.
    untrusted_origin: Option<UntrustedOrigin>,
}

/// Signals a disconnect: it is owned by the connection's future, and dropped with it.
#[derive(Debug)]
pub(super) struct DisconnectGuard(
    #[expect(dead_code, reason = "held for its drop")] oneshot::Sender<()>,
);

/// Detects that the client disconnects.
#[derive(Debug)]
pub(super) struct DisconnectWatcher(oneshot::Receiver<()>);

impl DisconnectGuard {
    pub(super) fn with_watcher() -> (Self, DisconnectWatcher) {
        let (sender, receiver) = oneshot::channel();
        (Self(sender), DisconnectWatcher(receiver))
    }
}

impl DisconnectWatcher {
    pub(super) fn is_connected(&mut self) -> bool {
        self.0.try_recv() == Err(TryRecvError::Empty)
    }

    pub(super) async fn wait_for_disconnect(&mut self) {
        // Nothing is ever sent: this ends when the guard is dropped.
        let _ = (&mut self.0).await;
    }
}

#[derive(Debug)]
pub(super) struct HandlerOutcome {
    pub(super) result: Result<Bytes, ApiError>,
    pub(super) recorded_input: Arc<RecordedInput>,
    /// Those that match its data.
    pub(super) settings: Arc<EffectiveSettings>,
    pub(super) pending_entry: Option<PendingEntry>,
}

impl HandlerOutcome {
    /// Renders it.
    pub(super) fn to_response(&self) -> RenderedResponse {
        let settings = Some(&*self.settings);
        match &self.result {
            Ok(body) => RenderedResponse::ok(body.clone(), settings),
            Err(error) => error.to_response(&self.settings.dialect, settings),
        }
    }
}

impl RequestContext {
    /// Starts recording.
    pub(super) fn new(
        state: SharedState,
        key: Arc<ApiKey>,
        key_text: String,
        endpoint: &Endpoint,
        request: &Request,
    ) -> Self {
        let real_now = clock::system_now();
        let now = key.account.settings().to_account_time(real_now);
        let original_path = request.extensions().get::<OriginalPath>();
        let path = original_path.map_or(request.uri().path(), |OriginalPath(path)| path);
        let journal = &key.account.journal;
        let request_line = (request.method(), path, Some(endpoint.path));
        let key_fingerprint = key.fingerprint(&key_text);
        let redactor = Redactor { key: key_text.into(), other_keys: Vec::new() };
        let mut recorder = JournalRecorder::begin(journal, (now, real_now), request_line, redactor);
        let mut warnings = Vec::new();
        if original_path.is_some() {
            warnings.push(path_case_warning(path, endpoint));
        }
        warnings.extend(key_in_query_warning(request.uri()));
        if key.account.rate_limiter.is_active()
            && let Some(early_by) =
                key.account.rate_limiter.retry_after_remaining(&key.name, endpoint.operation, now)
        {
            let text = format!(
                "It came {} before the time that an earlier answer asked for with Retry-After.",
                clock::format_signed_duration(early_by)
            );
            warnings.push(Warning::new(WarningKind::EarlyRetry, text));
        }
        recorder.update_entry(|entry| {
            entry.operation = Some(endpoint.operation);
            entry.key_name = Some(Arc::clone(&key.name));
            entry.key_fingerprint = Some(key_fingerprint);
            entry.context_warnings.clone_from(&warnings);
        });
        let account_guard = key.account.acquire();
        let untrusted_origin = if state.accounts.auto_creates_accounts() {
            UntrustedOrigin::detect(&state, request.uri(), request.headers())
        } else {
            None
        };
        Self { state, key, account_guard, warnings, recorder, untrusted_origin }
    }

    /// Leases the account's database. If the account was removed after the key lookup (a race), resolves the key again,
    /// which may create an account.
    pub(super) async fn lease(&mut self) -> Result<Lease, ApiError> {
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

    /// Rejects warnings in strict mode.
    pub(super) fn enforce_strict(
        &self,
        settings: &EffectiveSettings,
        recorded_input: &RecordedInput,
    ) -> Result<(), ApiError> {
        let Some(strict) = &settings.account_settings.strict else { return Ok(()) };
        let warnings = self.warnings.iter().chain(&recorded_input.warnings);
        let refused: Vec<Warning> =
            warnings.filter(|warning| strict.refuses(warning)).cloned().collect();
        if refused.is_empty() { Ok(()) } else { Err(ApiError::StrictMode(refused)) }
    }
}

/// Warns of a key in the query.
pub(super) fn key_in_query_warning(uri: &Uri) -> Option<Warning> {
    let text =
        "The API key was sent in the query, where logs and proxies see it; send it in a header.";
    let has_key = auth::has_key_parameter(uri.query().unwrap_or_default());
    has_key.then(|| Warning::new(WarningKind::KeyInQuery, text))
}

fn path_case_warning(path: &str, endpoint: &Endpoint) -> Warning {
    let documented = endpoint.path.rsplit('/').next().unwrap_or_default();
    let text = format!(
        "The path {path} is taken for that of {documented} by a choice: no document says that the case does not matter."
    );
    Warning::new(WarningKind::ChosenRule, text)
}
