//! A request of a known key on its way, and what came of it.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::Uri;
use bytes::Bytes;
use tokio::sync::oneshot::{self, error::TryRecvError};

use super::filing::Filing;
use super::origin::Foreign;
use super::redact::Secrets;
use super::reply::Said;
use super::{Endpoint, Error, key};
use crate::accounts::{AccountError, InUse, Key, Lease, Terms};
use crate::clock;
use crate::journal::{Asked, Place, Warning, WarningKind};
use crate::state::Shared;

/// The path as it was sent, where it was understood as another one.
#[derive(Clone, Debug)]
pub(crate) struct Respelled(pub(crate) Arc<str>);

/// A request of a known key on its way.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) state: Shared,
    pub(super) key: Arc<Key>,
    /// Keeps the account from being removed for its time to live.
    pub(super) in_use: InUse,
    /// About how and when it came.
    pub(super) warnings: Vec<Warning>,
    pub(super) filing: Filing,
    /// Whether a foreign page may have sent it; looked at only where unknown keys make accounts.
    foreign: Option<Foreign>,
}

/// That the client is still there: its connection holds this, and drops it when it ends.
#[derive(Debug)]
pub(super) struct Client(#[expect(dead_code, reason = "it is held")] oneshot::Sender<()>);

/// Knows whether the client is still there.
#[derive(Debug)]
pub(super) struct Watched(oneshot::Receiver<()>);

impl Client {
    pub(super) fn here() -> (Self, Watched) {
        let (here, watched) = oneshot::channel();
        (Self(here), Watched(watched))
    }
}

impl Watched {
    pub(super) fn is_here(&mut self) -> bool {
        self.0.try_recv() == Err(TryRecvError::Empty)
    }

    /// Waits until the client has left.
    pub(super) async fn left(&mut self) {
        // Nothing is ever sent: this ends when the other end is dropped.
        let _ = (&mut self.0).await;
    }
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) body: Result<Bytes, Error>,
    pub(super) asked: Arc<Asked>,
    /// Those of the world that it comes from.
    pub(super) terms: Arc<Terms>,
    pub(super) place: Option<Place>,
}

impl Outcome {
    /// What is answered.
    pub(super) fn said(&self) -> Said {
        let terms = Some(&*self.terms);
        match &self.body {
            Ok(body) => Said::good(body.clone(), terms),
            Err(error) => error.said(&self.terms.dialect, terms),
        }
    }
}

impl Visit {
    /// A request comes in.
    pub(super) fn begin(
        state: Shared,
        key: Arc<Key>,
        text: String,
        endpoint: &Endpoint,
        request: &Request,
    ) -> Self {
        let real_now = clock::machine();
        let now = key.account.terms().at(real_now);
        let respelled = request.extensions().get::<Respelled>();
        let path = respelled.map_or(request.uri().path(), |Respelled(path)| path);
        let journal = &key.account.journal;
        let asked = (request.method(), path, Some(endpoint.path));
        let key_mark = key.mark(&text);
        let secrets = Secrets { first: text.into(), others: Vec::new() };
        let mut filing = Filing::begin(journal, (now, real_now), asked, secrets);
        let mut warnings = Vec::new();
        if respelled.is_some() {
            warnings.push(respelled_method(path, endpoint));
        }
        warnings.extend(key_in_query(request.uri()));
        if key.account.pace.any()
            && let Some(early) = key.account.pace.early(&key.name, endpoint.operation, now)
        {
            let text = format!(
                "It came {} before the time that an earlier answer asked for with Retry-After.",
                clock::short(early)
            );
            warnings.push(Warning::of(WarningKind::EarlyRetry, text));
        }
        filing.note(|entry| {
            entry.operation = Some(endpoint.operation);
            entry.key = Some(Arc::clone(&key.name));
            entry.key_mark = Some(key_mark);
            entry.warnings.clone_from(&warnings);
        });
        let in_use = state.accounts.in_use(&key.account);
        let foreign = if state.accounts.admits_keys() {
            Foreign::of(&state, request.uri(), request.headers())
        } else {
            None
        };
        Self { state, key, in_use, warnings, filing, foreign }
    }

    /// The account to work on. One that was removed since its key was found is looked for once more: where unknown
    /// keys make accounts, there is another one then.
    pub(super) async fn lease(&mut self) -> Result<Lease, Error> {
        let accounts = &self.state.accounts;
        match accounts.lease(&self.key.account).await {
            Ok(lease) => Ok(lease),
            Err(AccountError::Unknown(_)) => {
                let (text, foreign) = (self.filing.secrets().first.to_string(), self.foreign);
                self.key = key::known(accounts, &text, || foreign).await?;
                self.in_use = accounts.in_use(&self.key.account);
                self.filing.move_to(&self.key.account.journal);
                Ok(Box::pin(accounts.lease(&self.key.account)).await?)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What a strict account does not take.
    pub(super) fn strict(&self, terms: &Terms, asked: &Asked) -> Result<(), Error> {
        let Some(strict) = &terms.profile.strict else { return Ok(()) };
        let warnings = self.warnings.iter().chain(&asked.warnings);
        let refused: Vec<Warning> =
            warnings.filter(|warning| strict.refuses(warning)).cloned().collect();
        if refused.is_empty() { Ok(()) } else { Err(Error::Strict(refused)) }
    }
}

/// Where the key was sent in the query.
pub(super) fn key_in_query(uri: &Uri) -> Option<Warning> {
    let text =
        "The API key was sent in the query, where logs and proxies see it; send it in a header.";
    let is_there = key::is_in(uri.query().unwrap_or_default());
    is_there.then(|| Warning::of(WarningKind::KeyInQuery, text))
}

fn respelled_method(path: &str, endpoint: &Endpoint) -> Warning {
    let documented = endpoint.path.rsplit('/').next().unwrap_or_default();
    let text = format!(
        "The path {path} is taken for that of {documented} by a choice: no document says that the case does not matter."
    );
    Warning::of(WarningKind::ChosenRule, text)
}
