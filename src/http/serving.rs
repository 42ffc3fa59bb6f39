//! The straight line that serves every endpoint: key, what is said, permission, rules, handler, answer.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::EXPECT;
use axum::http::{Response, Uri};
use jiff::Timestamp;

use super::call::Note;
use super::hearing::{Heard, Understood};
use super::origin::Foreign;
use super::reply::Said;
use super::visit::{Client, Outcome, Visit};
use super::{Call, Endpoint, Error, Lasting, key, strangers};
use crate::accounts::{Key, Terms};
use crate::answers::{Answer, Asking, Question};
use crate::state::Shared;

/// Who was served by what; the log reads it off the response.
#[derive(Clone, Debug)]
pub(crate) struct Trail {
    pub(crate) operation: &'static str,
    pub(crate) account: Option<Arc<str>>,
    pub(crate) route: &'static str,
}

impl Endpoint {
    /// Serves one request, from the key to the reply.
    pub(crate) async fn serve(&'static self, state: Shared, request: Request) -> Response<Body> {
        let query = request.uri().query().unwrap_or_default();
        let sent = key::sent(request.headers(), query);
        let headers = request.headers();
        let uri = request.uri();
        let foreign = || Foreign::of(&state, uri, headers);
        let known = key::opened(&state.accounts, sent, foreign).await;
        let (mut response, account) = match known {
            Ok((text, key)) => {
                let account = Arc::clone(&key.account.name);
                let visit = Visit::begin(state, key, text, self, &request);
                (self.receive(visit, request).await, Some(account))
            }
            Err(error) => (strangers::turned_away(&state, &request, self, &error), None),
        };
        response.extensions_mut().insert(Trail {
            operation: self.operation,
            account,
            route: self.path,
        });
        response
    }

    async fn receive(&'static self, visit: Visit, request: Request) -> Response<Body> {
        let account = &visit.key.account;
        if account.faults.any() || account.pace.any() {
            return Box::pin(self.provoked(visit, request)).await;
        }
        let said = if self.keeps.is_some() {
            self.look(visit, request).await
        } else {
            Box::pin(self.act(visit, request)).await
        };
        said.respond(None)
    }

    /// Decodes a request. Who waits for a word before sending a body that would be refused need not send it.
    pub(super) async fn hear_from(&self, visit: &Visit, request: Request) -> Heard {
        if !visit.key.permissions.allow(self.permission) && request.headers().contains_key(EXPECT) {
            return Heard::default();
        }
        self.hear(request, &visit.state.limits).await
    }

    /// Answers a request that changes nothing; from what is kept, if it can.
    async fn look(&'static self, mut visit: Visit, request: Request) -> Said {
        let terms = visit.key.account.terms();
        let is_plain = visit.key.permissions.allow(self.permission)
            && (visit.warnings.is_empty() || terms.profile.strict.is_none());
        let question = self.question(&visit.key, terms.now(), request.uri());
        // What was asked for is kept beside the answer, also for those with another key.
        let is_plain = is_plain && !visit.filing.secrets().are_sent_again(request.uri());
        let question = question.filter(|_| is_plain).map(Question::from);
        let outcome = if let Some(question) = question {
            self.kept(&mut visit, &question, request).await
        } else {
            Box::pin(self.fresh(&mut visit, request)).await
        };
        let said = outcome.said();
        visit.filing.file(Some(&said), outcome, None);
        said
    }

    /// The kept answer, or a new one, which is kept.
    async fn kept(
        &'static self,
        visit: &mut Visit,
        question: &Question,
        request: Request,
    ) -> Outcome {
        let state = Arc::clone(&visit.state);
        let answer = state.answers.get(question, async {
            // Boxed, since it is rare and large: it would make the future of every request larger.
            let fresh = Box::pin(self.fresh(visit, request));
            let Outcome { body, asked, terms, place } = fresh.await;
            match body {
                Ok(body) => Ok(Answer { body, asked, terms }),
                error => Err(Outcome { body: error, asked, terms, place }),
            }
        });
        match answer.await {
            Ok(Answer { body, asked, terms }) => {
                Outcome { body: Ok(body), asked, terms, place: None }
            }
            Err(refused) => refused,
        }
    }

    async fn fresh(&'static self, visit: &mut Visit, request: Request) -> Outcome {
        let heard = self.hear_from(visit, request).await;
        self.outcome(visit, heard).await
    }

    /// Carries a request out in a task of its own: what it asks for is done, and noted, even when its client leaves.
    async fn act(&'static self, mut visit: Visit, request: Request) -> Said {
        let heard = self.hear_from(&visit, request).await;
        let terms = visit.key.account.terms();
        let (client, mut watched) = Client::here();
        let acted = tokio::spawn(async move {
            let outcome = self.outcome(&mut visit, heard).await;
            let said = outcome.said();
            visit.filing.file(Some(&said).filter(|_| watched.is_here()), outcome, None);
            said
        });
        let acted = acted.await;
        drop(client);
        acted.unwrap_or_else(|error| failed(&error, &terms))
    }

    /// What a kept answer is found by; None where the request may change something, and while a change of what it shows
    /// is committed: what is read then may be newer than what is kept.
    pub(super) fn question<'a>(
        &self,
        key: &Key,
        now: Timestamp,
        uri: &'a Uri,
    ) -> Option<Asking<'a>> {
        let lasting = self.keeps?;
        let version = &key.account.version;
        let ticket = Some(lasting).filter(|lasting| *lasting == Lasting::UntilTicketChanges);
        let ticket = ticket.and_then(|_| uri.path().rsplit('/').next()?.parse().ok());
        Some(Asking {
            account: key.account.serial,
            version: ticket.map_or_else(|| version.of_all(), |ticket| version.of(ticket))?,
            second: if lasting == Lasting::ThisSecond { now.as_second() } else { 0 },
            path: uri.path(),
            query: key::without(uri.query().unwrap_or_default()),
        })
    }

    /// Checks what was decoded, and does what it asks for.
    pub(super) async fn outcome(&'static self, visit: &mut Visit, heard: Heard) -> Outcome {
        let Understood { asked, values } = self.understand(heard, visit.filing.secrets());
        visit.filing.asked(&asked);
        let mut outcome = Outcome {
            body: Err(Error::Forbidden(self.permission)),
            asked,
            terms: visit.key.account.terms(),
            place: None,
        };
        if visit.key.permissions.allow(self.permission) {
            outcome.body = match values {
                Ok(values) => self.handled(visit, values, &mut outcome).await,
                Err(error) => Err(error),
            };
        }
        if let Err(error) = &mut outcome.body {
            error.redact(visit.filing.secrets(), &|name| self.has_field(name));
        }
        outcome
    }

    async fn handled(
        &'static self,
        visit: &mut Visit,
        values: serde_json::Map<String, serde_json::Value>,
        outcome: &mut Outcome,
    ) -> Result<bytes::Bytes, Error> {
        let database = Box::pin(visit.lease()).await?;
        // Those of the world that the lease is for.
        outcome.terms = visit.key.account.terms();
        visit.strict(&outcome.terms, &outcome.asked)?;
        let note = Note::default();
        let call = Call {
            state: Arc::clone(&visit.state),
            key: Arc::clone(&visit.key),
            database,
            terms: Arc::clone(&outcome.terms),
            values,
            note: note.clone(),
        };
        let reply = (self.handler)(call).await;
        outcome.place = note.take();
        let body = reply?.body;
        // What changes something has been done by now, and has little to say.
        let is_too_large = self.keeps.is_some() && body.len() > visit.state.limits.answer;
        if is_too_large { Err(Error::AnswerTooLarge(visit.state.limits.answer)) } else { Ok(body) }
    }
}

/// What is answered when a task has ended before its time, which the log explains.
pub(super) fn failed(error: &tokio::task::JoinError, terms: &Terms) -> Said {
    Error::Internal(error.to_string()).said(&terms.dialect, Some(terms))
}
