//! Warnings: requests that were accepted but are undocumented.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::text::truncate_text;

macro_rules! warning_kinds {
    ($($variant:ident = $name:literal, $description:literal);+ $(;)?) => {
        /// A kind of warning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub(crate) enum WarningKind { $(#[serde(rename = $name)] $variant),+ }

        impl WarningKind {
            /// Every kind.
            pub(crate) const ALL: &[Self] = &[$(Self::$variant),+];

            /// Returns its name in the control API.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// Returns its meaning.
            pub(crate) const fn description(self) -> &'static str {
                match self { $(Self::$variant => $description),+ }
            }
        }
    };
}

warning_kinds! {
    UnknownField = "unknown-field", "a field that the operation does not have";
    RepeatedField = "repeated-field", "a field that was sent more than once; the last value counts";
    WrongCase = "wrong-case", "a known field in another case";
    ContentType = "content-type", "a content type other than the documented one";
    KeyInQuery = "key-in-query", "the API key in the query, which proxies and logs record";
    Undocumented = "undocumented", "input that an undocumented rule of this mock accepts";
    NoDocumentedWay = "no-documented-way",
        "input or an operation that the documents do not describe and for which they name no other way; a strict account accepts it";
    EarlyRetry = "early-retry", "a request before the time of the last Retry-After";
}

impl WarningKind {
    /// Returns the kind with this name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// Returns the names of all kinds.
    pub(crate) fn names() -> Vec<&'static str> {
        Self::ALL.iter().map(|kind| kind.name()).collect()
    }
}

/// A warning about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Warning {
    pub(crate) kind: WarningKind,
    /// The path of the field, if any.
    pub(crate) field: Option<String>,
    /// The name that was probably meant.
    pub(crate) suggestion: Option<&'static str>,
    /// The whole text.
    pub(crate) message: String,
}

impl Warning {
    /// Creates a warning without a field.
    pub(crate) fn new(kind: WarningKind, message: impl Into<String>) -> Self {
        Self { kind, field: None, suggestion: None, message: message.into() }
    }

    /// Returns whether a documented request could have said the same.
    pub(crate) fn is_avoidable(&self) -> bool {
        self.kind != WarningKind::NoDocumentedWay
    }

    /// Truncates its texts to fit a line.
    pub(super) fn truncate(mut self) -> Self {
        self.message = truncate_text(&self.message);
        self.field = self.field.map(|field| truncate_text(&field));
        self
    }

    pub(super) fn estimated_bytes(&self) -> usize {
        size_of::<Self>() + self.message.len() + self.field.as_ref().map_or(0, String::len)
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_is_found_by_its_exact_name_only() {
        for kind in WarningKind::ALL {
            assert_eq!(WarningKind::from_name(kind.name()), Some(*kind));
            assert_eq!(WarningKind::from_name(&kind.name().to_uppercase()), None);
            let json = serde_json::to_value(kind).expect("a kind is JSON");
            assert_eq!(json, kind.name(), "saved settings use the same name");
        }
        assert_eq!(WarningKind::from_name("any"), None);
        assert_eq!(
            WarningKind::names(),
            [
                "unknown-field",
                "repeated-field",
                "wrong-case",
                "content-type",
                "key-in-query",
                "undocumented",
                "no-documented-way",
                "early-retry"
            ]
        );
    }

    #[test]
    fn long_texts_of_a_warning_are_truncated() {
        let long = "x".repeat(301);
        let warning = Warning {
            field: Some(long.clone()),
            suggestion: Some("title"),
            ..Warning::new(WarningKind::WrongCase, long)
        };
        let truncated = format!("{}…", "x".repeat(300));
        let expected = Warning {
            field: Some(truncated.clone()),
            suggestion: Some("title"),
            ..Warning::new(WarningKind::WrongCase, truncated)
        };
        assert_eq!(warning.truncate(), expected);
    }

    #[test]
    fn memory_of_a_warning_includes_its_texts() {
        let bytes = |message: &str, field: Option<&str>| {
            let field = field.map(str::to_owned);
            Warning { field, ..Warning::new(WarningKind::UnknownField, message) }.estimated_bytes()
        };
        let empty = bytes("", None);
        assert!(empty > 0);
        assert_eq!(bytes("abc", None), empty + 3);
        assert_eq!(bytes("abc", Some("title")), empty + 8);
    }
}
