//! The query of a page.

use axum::http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::api::decode::parse_pairs;
use crate::contract::quote_value;
use crate::control::Problem;

/// Escapes all but what is readable in an address, and never a delimiter.
const ESCAPES: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b':');

/// The parameters of a page's URL. Empty ones count as missing, because a form sends them.
#[derive(Clone, Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(uri: &Uri) -> Result<Self, Problem> {
        let pairs = parse_pairs(uri.query().unwrap_or_default().as_bytes());
        let pairs = pairs.collect::<Result<Vec<_>, _>>();
        let pairs = pairs.map_err(|error| Problem::invalid(format!("{error}.")))?;
        Ok(Self(pairs.into_iter().filter(|(_, value)| !value.trim().is_empty()).collect()))
    }

    /// Returns the last value of a parameter, without spaces around it.
    pub(super) fn optional(&self, name: &str) -> Option<String> {
        let mut values = self.0.iter().rev().filter(|(other, _)| other == name);
        values.next().map(|(_, value)| value.trim().to_owned())
    }

    /// Parses a number.
    pub(super) fn number(&self, name: &str) -> Result<Option<usize>, Problem> {
        let Some(text) = self.optional(name) else { return Ok(None) };
        let sent = quote_value(&text.as_str().into());
        let invalid = |_| Problem::invalid(format!("{name} must be a number; {sent} was sent."));
        text.parse().map(Some).map_err(invalid)
    }

    /// Removes and returns a parameter.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let value = self.optional(name);
        self.0.retain(|(other, _)| other != name);
        value
    }

    /// Encodes the parameters as a query.
    pub(super) fn encode(&self) -> String {
        encode_pairs(&self.0)
    }

    /// Encodes the parameters with this one in place of its present value; without it if the value is empty.
    pub(super) fn encode_with(&self, name: &str, value: &str) -> String {
        let mut pairs: Vec<_> = self.0.iter().filter(|(other, _)| other != name).cloned().collect();
        if !value.is_empty() {
            pairs.push((name.to_owned(), value.to_owned()));
        }
        encode_pairs(&pairs)
    }

    /// Returns the parameters with this one in place of its present value.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.take(name);
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Iterates over the names and values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn encode_pairs(pairs: &[(String, String)]) -> String {
    let encode = |text: &str| utf8_percent_encode(text, ESCAPES).to_string();
    let pairs = pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Query {
        Query::parse(&format!("/page?{text}").parse().expect("a URI")).expect("a valid query")
    }

    #[test]
    fn empty_parameters_of_a_form_are_missing() {
        let query = query("status=&key=+&path=%2Fapi&limit=5&limit=7");
        assert_eq!(query.optional("status"), None);
        assert_eq!(query.optional("key"), None);
        assert_eq!(query.optional("path").as_deref(), Some("/api"));
        assert_eq!(query.number("limit").expect("a number"), Some(7));
        assert!(query.number("path").is_err());
    }

    #[test]
    fn encoded_parameters_are_parsed_to_the_same_values() {
        for value in ["a b", "1&2=3", "ü", "field.title", "8c2a.41", "+%"] {
            let encoded = query("x=1").encode_with("name", value);
            let parsed = query(&encoded);
            assert_eq!(parsed.optional("name").as_deref(), Some(value), "{encoded}");
            assert_eq!(parsed.optional("x").as_deref(), Some("1"));
        }
        assert_eq!(query("a=1&b=2").encode_with("a", ""), "b=2");
    }

    #[test]
    fn parameter_is_taken_once() {
        let mut query = query("before=3&status=4xx");
        assert_eq!(query.take("before").as_deref(), Some("3"));
        assert_eq!(query.encode(), "status=4xx");
        assert!(!query.is_empty());
    }
}
