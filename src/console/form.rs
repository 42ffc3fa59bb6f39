//! The decoded form of a request.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::api::decode::parse_pairs;
use crate::contract::quote_value;
use crate::control::Problem;

/// The fields of a form, in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Form(Arc<Vec<(String, String)>>);

impl Form {
    /// Decodes an urlencoded body.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Problem> {
        let pairs = parse_pairs(body).collect::<Result<Vec<_>, _>>();
        pairs
            .map(|pairs| Self(Arc::new(pairs)))
            .map_err(|error| Problem::invalid(format!("The form is invalid: {error}.")))
    }

    /// Returns the last value of a field; empty if it is missing.
    pub(super) fn text(&self, name: &str) -> &str {
        let mut values = self.0.iter().rev().filter(|(other, _)| other == name);
        values.next().map_or("", |(_, value)| value)
    }

    /// Returns a field without spaces around it; None if it is empty.
    pub(super) fn optional(&self, name: &str) -> Option<String> {
        let text = self.text(name).trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// Returns all values of a field.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(other, _)| other == name).map(|(_, value)| value.clone()).collect()
    }

    /// Parses a number; None if the field is empty.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Problem> {
        let Some(text) = self.optional(name) else { return Ok(None) };
        let sent = quote_value(&text.as_str().into());
        let invalid = |_| Problem::invalid(format!("{name} must be a number; {sent} was sent."));
        text.parse().map(Some).map_err(invalid)
    }
}

impl<S: Sync> FromRequestParts<S> for Form {
    type Rejection = Problem;

    /// Takes the form that the check of the access has decoded.
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}
