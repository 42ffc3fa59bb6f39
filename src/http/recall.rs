//! The short way: a request whose answer is kept is answered at once. Whatever needs more than that goes the whole way.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::Response;

use super::redact::Secrets;
use super::reply::Said;
use super::{Endpoint, key};
use crate::answers::Answer;
use crate::clock::{self, Stopwatch};
use crate::journal::Entry;
use crate::state::State;

/// A request that was answered the short way.
#[derive(Debug)]
pub(crate) struct Recalled {
    pub(crate) response: Response<Body>,
    /// The name of the account.
    pub(crate) account: Arc<str>,
    pub(crate) time: Duration,
}

impl Endpoint {
    /// The kept answer to a plain request, with which it is in the journal. None where there is none, or where there
    /// is more to heed or to say; nothing has been done then.
    pub(crate) fn recall(&self, state: &State, request: &Request) -> Option<Recalled> {
        let watch = Stopwatch::start();
        let (uri, headers) = (request.uri(), request.headers());
        let query = uri.query().unwrap_or_default();
        let text = key::sent(headers, query).ok()?;
        let key = state.accounts.find_key(&text)?;
        let account = &key.account;
        let secrets = Secrets { first: text, others: Vec::new() };
        let has_more = account.faults.any()
            || account.pace.any()
            || key::is_in(query)
            || secrets.are_sent_again(uri);
        if has_more || !key.permissions.allow(self.permission) {
            return None;
        }
        let now = clock::machine();
        let at = account.terms().at(now);
        let question = self.question(&key, at, uri)?;
        let Answer { body, asked, terms } = state.answers.kept(&question)?;
        let said = Said::good(body, Some(&terms));
        let time = watch.elapsed();
        if account.journal.is_on() {
            let method = secrets.redact_method(request.method());
            let mut entry = Entry::begun((at, now), method, uri.path());
            entry.operation = Some(self.operation);
            entry.key = Some(Arc::clone(&key.name));
            entry.key_mark = Some(key.mark(&secrets.first));
            entry.asked = asked;
            entry.duration = time;
            entry.answer(said.status.as_u16(), &said.body);
            account.journal.add(Arc::new(entry));
        }
        let account = Arc::clone(&account.name);
        Some(Recalled { response: said.respond(None), account, time })
    }
}
