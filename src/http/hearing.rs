//! What a request says: decoded, then checked against the tables.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, Uri};
use serde_json::{Map, Value};

use super::body::Most;
use super::decode::{self, Encoding};
use super::redact::Secrets;
use super::{Endpoint, Error, Reads, body, key};
use crate::journal::{Asked, Warning, WarningKind};
use crate::limits::{Limits, Shape};
use crate::rules::{Checked, Problem, Source, Violation, check};

/// What a request says, decoded.
#[derive(Debug, Default)]
pub(super) struct Heard {
    path: Map<String, Value>,
    /// What the operation reads.
    sent: Map<String, Value>,
    /// What was sent where the operation does not look.
    overlooked: Map<String, Value>,
    encoding: Option<Encoding>,
    /// Why it could not be decoded.
    error: Option<Error>,
}

/// What a request says, checked.
#[derive(Debug)]
pub(super) struct Understood {
    pub(super) asked: Arc<Asked>,
    /// The values in their own types, or what is wrong.
    pub(super) values: Result<Map<String, Value>, Error>,
}

impl Heard {
    /// All that was sent, without the key, for rules that look at it.
    pub(super) fn fields(&self, endpoint: &Endpoint, keys: &Secrets<'_>) -> Map<String, Value> {
        let all = self.path.iter().chain(&self.sent).chain(&self.overlooked);
        let mut fields = Map::new();
        for (name, value) in all {
            fields.entry(name.clone()).or_insert_with(|| value.clone());
        }
        keys.redact_fields(&mut fields, &|name| endpoint.has_field(name));
        fields
    }
}

impl Endpoint {
    /// Decodes a request.
    pub(super) async fn hear(&self, request: Request, limits: &Limits) -> Heard {
        let (parts, body) = request.into_parts();
        let mut heard = Heard::default();
        if let Err(error) =
            self.listen(&mut heard, (&parts.uri, &parts.headers), body, limits).await
        {
            heard.error = Some(error);
        }
        heard
    }

    async fn listen(
        &self,
        heard: &mut Heard,
        (uri, headers): (&Uri, &HeaderMap),
        body: Body,
        limits: &Limits,
    ) -> Result<(), Error> {
        let query = decode::query(uri.query().unwrap_or_default(), limits.shape);
        let body = if self.reads == Reads::Query { None } else { Some(body) };
        let body = match body {
            None => Ok(Map::new()),
            // Read even where the query is broken, so that the client gets to read the answer.
            Some(body) => read(heard, headers, body, limits).await,
        };
        let mut query = query.map_err(Error::Unreadable)?;
        key::remove(&mut query);
        match self.reads {
            Reads::Body => heard.overlooked = query,
            Reads::Query | Reads::BodyOrQuery => heard.sent = query,
        }
        heard.sent = joined(std::mem::take(&mut heard.sent), body?);
        heard.path = self.in_path(uri.path())?;
        Ok(())
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

    /// Checks what was decoded against the tables. The texts of the keys are kept nowhere.
    pub(super) fn understand(&self, heard: Heard, keys: &Secrets<'_>) -> Understood {
        let Heard { path, sent, overlooked, encoding, error } = heard;
        let mut warnings = Vec::new();
        let values = match error {
            Some(error) => Err(error),
            None => self.check((&path, &sent), keys, &mut warnings),
        };
        let is_known = |name: &str| self.has_field(name);
        let overlooked = {
            let mut fields = overlooked;
            keys.redact_fields(&mut fields, &is_known);
            fields
        };
        warnings.extend(overlooked.keys().take(20).map(|name| overlooked_field(name)));
        warnings.extend(encoding.and_then(|encoding| self.undocumented(encoding)));
        if let Source::Chosen(reason) = self.source {
            warnings.push(Warning::of(
                WarningKind::ChosenRule,
                format!("{}: {reason}", self.operation),
            ));
        }
        let (mut fields, others) = if path.is_empty() { (sent, path) } else { (path, sent) };
        for (name, value) in others.into_iter().chain(overlooked) {
            fields.entry(name).or_insert(value);
        }
        keys.redact_fields(&mut fields, &is_known);
        Understood { asked: Arc::new(Asked::new(fields, warnings)), values }
    }

    fn check(
        &self,
        (path, sent): (&Map<String, Value>, &Map<String, Value>),
        keys: &Secrets<'_>,
        warnings: &mut Vec<Warning>,
    ) -> Result<Map<String, Value>, Error> {
        let Checked { mut values, mut broken, .. } = check((self.path_fields)(), path);
        let Checked { values: more, broken: others, mut unknown, mut chosen, .. } =
            check((self.fields)(), sent);
        broken.extend(others);
        for violation in broken.iter_mut().chain(&mut unknown).chain(&mut chosen) {
            keys.redact_violation(violation, &|name| self.has_field(name));
        }
        warnings.extend(unknown.iter().map(unknown_field));
        warnings.extend(chosen.into_iter().map(chosen_value));
        if !broken.is_empty() {
            // A name that nearly is one is most likely what is wrong.
            broken.extend(unknown.into_iter().filter(Violation::suggests));
            return Err(Error::Invalid(broken));
        }
        values.extend(more);
        Ok(values)
    }

    fn undocumented(&self, sent: Encoding) -> Option<Warning> {
        let documented = self.documented_encoding.filter(|documented| *documented != sent)?;
        let text = format!(
            "{} is documented with a body of {}; {} was sent.",
            self.operation,
            documented.media_type(),
            sent.media_type()
        );
        Some(Warning::of(WarningKind::ContentType, text))
    }
}

/// These fields, with others over them.
fn joined(mut fields: Map<String, Value>, others: Map<String, Value>) -> Map<String, Value> {
    // Most requests send their fields in one way alone.
    if fields.is_empty() {
        return others;
    }
    fields.extend(others);
    fields
}

/// Reads and decodes a body.
async fn read(
    heard: &mut Heard,
    headers: &HeaderMap,
    body: Body,
    limits: &Limits,
) -> Result<Map<String, Value>, Error> {
    let content_type = headers
        .get(CONTENT_TYPE)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let encoding = content_type.as_deref().and_then(Encoding::of);
    if let Some(packed) = headers.get(CONTENT_ENCODING).filter(|packed| *packed != "identity") {
        let packed = String::from_utf8_lossy(packed.as_bytes()).into_owned();
        return Err(Error::ContentEncoding(packed));
    }
    let body =
        body::whole(headers, body, Most { bytes: limits.body, time: limits.body_time }).await?;
    match (encoding, content_type) {
        (Some(encoding), Some(content_type)) => {
            heard.encoding = Some(encoding).filter(|_| !body.is_empty());
            let decoded = decode::body(encoding, &content_type, &body, limits.shape);
            decoded.map_err(Error::Unreadable)
        }
        (None, None) if body.is_empty() => Ok(Map::new()),
        (_, content_type) => Err(Error::ContentType(content_type)),
    }
}

fn unknown_field(violation: &Violation) -> Warning {
    let nearest = match violation.problem {
        Problem::Unknown { nearest } => nearest,
        _ => None,
    };
    let name = violation.path.rsplit('[').next().unwrap_or_default().trim_end_matches(']');
    let is_case = nearest.is_some_and(|nearest| nearest.eq_ignore_ascii_case(name));
    let kind = if is_case { WarningKind::WrongCase } else { WarningKind::UnknownField };
    Warning { kind, field: Some(violation.path.clone()), nearest, text: violation.to_string() }
}

fn overlooked_field(name: &str) -> Warning {
    let text = format!("{name} was sent in the query, but the operation reads its body.");
    let field = Some(name.to_owned());
    Warning { kind: WarningKind::UnknownField, field, nearest: None, text }
}

fn chosen_value(violation: Violation) -> Warning {
    let text = violation.to_string();
    Warning { kind: WarningKind::ChosenRule, field: Some(violation.path), nearest: None, text }
}

/// What was sent in a query, for the journal of requests that no operation is for.
pub(super) fn in_query(uri: &Uri, keys: &Secrets<'_>, shape: Shape) -> Map<String, Value> {
    let mut fields = decode::query(uri.query().unwrap_or_default(), shape).unwrap_or_default();
    key::remove(&mut fields);
    keys.redact_fields(&mut fields, &|_| false);
    fields
}
