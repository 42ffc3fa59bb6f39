//! An endpoint: one row of a resource's table, and the straight line that serves every one of them.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::decode::{self, Encoding};
use super::{Error, Reply, body, key, limits, reply};
use crate::accounts::{AccountError, Key, Lease, Permission, Terms};
use crate::answers::{self, Question};
use crate::rules::{Checked, Field, Fields, Source, Violation, check};
use crate::state::Shared;

/// Where an endpoint's fields come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    Query,
    Body,
    /// The body, and for what is not there the query.
    BodyOrQuery,
}

/// The envelope of a successful answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Item,
    List,
    Result,
    /// A result with the id of what was made.
    Created,
}

/// Until when an answer stays right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lasting {
    /// Until the account changes.
    UntilChange,
    /// For this second, since it depends on the time as well.
    ThisSecond,
}

/// What serves a request once it is known to be good.
pub(crate) type Handler = fn(Call) -> Pin<Box<dyn Future<Output = Result<Reply, Error>> + Send>>;

/// One operation of the contract.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// The name that people use: `ticket.setStatus`.
    pub(crate) operation: &'static str,
    /// The name that generators use, after the vendor's pattern: `ticketSetStatusPOST`.
    pub(crate) id: &'static str,
    pub(crate) method: Method,
    /// With `{name}` for what varies.
    pub(crate) path: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) source: Source,
    pub(crate) permission: Permission,
    pub(crate) permission_source: Source,
    /// What the path holds.
    pub(crate) path_fields: Fields,
    pub(crate) fields: Fields,
    pub(crate) reads: Reads,
    /// The content type that the documents name for the body, if they name one.
    pub(crate) documented_encoding: Option<Encoding>,
    pub(crate) answer: Answer,
    /// How long its answers are kept; None for one that changes something.
    pub(crate) keeps: Option<Lasting>,
    pub(crate) handler: Handler,
}

/// A request that holds what its rules ask for, from a key that may make it.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) state: Shared,
    pub(crate) key: Arc<Key>,
    /// The data of the account that the key picked.
    pub(crate) database: Lease,
    /// What holds in that account.
    pub(crate) terms: Arc<Terms>,
    values: Map<String, Value>,
}

impl Call {
    /// The checked values as a struct.
    ///
    /// # Errors
    /// Only when the struct disagrees with the table of fields, which is a defect.
    pub(crate) fn input<T: DeserializeOwned>(&mut self) -> Result<T, Error> {
        let values = Value::Object(std::mem::take(&mut self.values));
        serde_json::from_value(values).map_err(|error| Error::Internal(error.to_string()))
    }
}

/// Who was served by what; the log reads it off the response.
#[derive(Clone, Debug)]
pub(crate) struct Trail {
    pub(crate) account: Option<Arc<str>>,
    pub(crate) route: &'static str,
}

/// An error, and the terms of the world that it comes from.
struct Refused {
    error: Error,
    terms: Arc<Terms>,
}

impl Endpoint {
    /// Serves one request, from the key to the reply.
    pub(crate) async fn serve(&'static self, state: Shared, request: Request) -> Response<Body> {
        let query = request.uri().query().unwrap_or_default();
        let key = match key::sent(request.headers(), query) {
            Ok(text) => key::known(&state.accounts, &text).await.map(|key| (text, key)),
            Err(error) => Err(error),
        };
        let mut response = match &key {
            Ok((text, key)) => {
                let answer = self.answer(&state, (text, key), request).await;
                answer.unwrap_or_else(|Refused { error, terms }| {
                    error.response(&terms.dialect, Some(&terms))
                })
            }
            Err(error) => {
                body::turn_away(request).await;
                error.response(&state.accounts.dialect, None)
            }
        };
        let account = key.ok().map(|(_, key)| Arc::clone(&key.account.name));
        response.extensions_mut().insert(Trail { account, route: self.path });
        response
    }

    async fn answer(
        &self,
        state: &Shared,
        (text, key): (&str, &Arc<Key>),
        request: Request,
    ) -> Result<Response<Body>, Refused> {
        let account = &key.account;
        let refused = |error: Error| Refused { error, terms: account.terms() };
        if !key.permissions.allow(self.permission) {
            body::turn_away(request).await;
            return Err(refused(Error::Forbidden(self.permission)));
        }
        let version = account.version.now();
        let question = self.question(account.serial, version, &account.terms(), request.uri());
        let answer = async {
            let values = self.values(request).await.map_err(refused)?;
            let (key, database) = Box::pin(leased(state, key, text)).await.map_err(refused)?;
            // Those of the world that the lease is for.
            let terms = key.account.terms();
            let state = Arc::clone(state);
            let call = Call { state, key, database, terms: Arc::clone(&terms), values };
            match (self.handler)(call).await {
                Ok(reply) => Ok(answers::Answer { body: reply.body, terms }),
                Err(error) => Err(Refused { error, terms }),
            }
        };
        let answers::Answer { body, terms } = match question {
            Some(question) => state.answers.get(&question, answer).await?,
            None => answer.await?,
        };
        Ok(reply::response(StatusCode::OK, body, Some(&terms)))
    }

    /// What a kept answer is found by; None where the request may change something.
    fn question(&self, account: u64, version: u64, terms: &Terms, uri: &Uri) -> Option<Question> {
        let lasting = self.keeps?;
        let query = key::without(uri.query().unwrap_or_default());
        Some(Question {
            account,
            version,
            second: if lasting == Lasting::ThisSecond { terms.now().as_second() } else { 0 },
            target: format!("{}?{query}", uri.path()).into(),
        })
    }

    /// What the request holds, checked against the tables.
    async fn values(&self, request: Request) -> Result<Map<String, Value>, Error> {
        let (head, body) = request.into_parts();
        let sent = self.sent(&head.uri, &head.headers, body).await?;
        let mut path = self.in_path(head.uri.path())?;
        let Checked { values, mut broken, .. } = check((self.path_fields)(), &path);
        path = values;
        let Checked { values, broken: more, unknown } = check((self.fields)(), &sent);
        broken.extend(more);
        if !broken.is_empty() {
            // A name that nearly is one is most likely what is wrong.
            broken.extend(unknown.into_iter().filter(Violation::suggests));
            return Err(Error::Invalid(broken));
        }
        path.extend(values);
        Ok(path)
    }

    async fn sent(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Map<String, Value>, Error> {
        let query = decode::query(uri.query().unwrap_or_default()).map_err(Error::Unreadable)?;
        if self.reads == Reads::Query {
            return Ok(query);
        }
        let body = read(headers, body).await?;
        Ok(match self.reads {
            Reads::BodyOrQuery => query.into_iter().chain(body).collect(),
            _ => body,
        })
    }

    /// The parts of the path that vary, by their names.
    fn in_path(&self, path: &str) -> Result<Map<String, Value>, Error> {
        let segments = self.path.split('/').zip(path.split('/'));
        let varying = segments
            .filter_map(|(name, text)| Some((name.strip_prefix('{')?.strip_suffix('}')?, text)));
        varying
            .map(|(name, text)| {
                let text = decode::component(text.as_bytes(), name).map_err(Error::Unreadable)?;
                Ok((name.to_owned(), Value::String(text)))
            })
            .collect()
    }

    /// The named method of the path and what stands before it: `/api/v2/ticket/` and `setStatus`.
    pub(crate) fn named_method(&self) -> Option<(&'static str, &'static str)> {
        let (base, name) = self.path.split_at(self.path.rfind('/')? + 1);
        // An index has no method after its controller, and an item an id.
        (base.matches('/').count() > 3 && !name.starts_with('{')).then_some((base, name))
    }

    /// The fields of the path and all others.
    pub(crate) fn all_fields(&self) -> impl Iterator<Item = &'static Field> {
        (self.path_fields)().iter().chain((self.fields)())
    }
}

/// The key's account to work on. One that was removed since its key was found is looked for once more: where unknown
/// keys make accounts, there is another one then.
async fn leased(state: &Shared, key: &Arc<Key>, text: &str) -> Result<(Arc<Key>, Lease), Error> {
    match state.accounts.lease(&key.account).await {
        Ok(lease) => Ok((Arc::clone(key), lease)),
        Err(AccountError::Unknown(_)) => {
            let key = key::known(&state.accounts, text).await?;
            let lease = Box::pin(state.accounts.lease(&key.account)).await?;
            Ok((key, lease))
        }
        Err(error) => Err(error.into()),
    }
}

/// Reads and decodes a body.
async fn read(headers: &HeaderMap, body: Body) -> Result<Map<String, Value>, Error> {
    let content_type = headers
        .get(CONTENT_TYPE)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let encoding = content_type.as_deref().and_then(Encoding::of);
    if let Some(packed) = headers.get(CONTENT_ENCODING).filter(|packed| *packed != "identity") {
        let packed = String::from_utf8_lossy(packed.as_bytes()).into_owned();
        return Err(Error::ContentEncoding(packed));
    }
    let body = body::whole(headers, body, limits::BODY).await?;
    match (encoding, content_type) {
        (Some(encoding), Some(content_type)) => {
            decode::body(encoding, &content_type, body).await.map_err(Error::Unreadable)
        }
        (None, None) if body.is_empty() => Ok(Map::new()),
        (_, content_type) => Err(Error::ContentType(content_type)),
    }
}

/// The answer for a path that nothing serves.
pub(crate) async fn not_found(state: &Shared, request: Request) -> Response<Body> {
    let error = Error::UnknownPath(path_label(request.uri()));
    body::turn_away(request).await;
    error.response(&state.accounts.dialect, None)
}

/// The answer for a method that a path does not have.
pub(crate) async fn method_not_allowed(
    state: &Shared,
    request: Request,
    allowed: String,
) -> Response<Body> {
    let (method, path) = (request.method().to_string(), path_label(request.uri()));
    body::turn_away(request).await;
    Error::WrongMethod { method, path, allowed }.response(&state.accounts.dialect, None)
}

/// A path, short enough for a message or a line of the log.
fn path_label(uri: &Uri) -> String {
    uri.path().chars().take(200).collect()
}
