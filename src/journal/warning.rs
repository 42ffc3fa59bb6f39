//! What was accepted although the documents do not say so.

use std::fmt;

use super::pattern::cut;
use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($($variant:ident = $name:literal, $about:literal);+ $(;)?) => {
        /// A kind of warning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub(crate) enum WarningKind { $(#[serde(rename = $name)] $variant),+ }

        impl WarningKind {
            /// Every kind.
            pub(crate) const ALL: &[Self] = &[$(Self::$variant),+];

            /// What the control API calls it.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// What it means.
            pub(crate) const fn about(self) -> &'static str {
                match self { $(Self::$variant => $about),+ }
            }
        }
    };
}

kinds! {
    UnknownField = "unknown-field", "a field that the operation does not have";
    WrongCase = "wrong-case", "a field that exists in another case";
    ContentType = "content-type", "another content type than the one that is documented for the operation";
    KeyInQuery = "key-in-query", "the API key in the query, where proxies and logs see it";
    ChosenRule = "chosen-rule", "what is accepted by a chosen rule alone, since no document says what is right";
    EarlyRetry = "early-retry", "a request before the time that a Retry-After had asked for was over";
}

impl WarningKind {
    /// The kind with this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// The names of all kinds.
    pub(crate) fn names() -> Vec<&'static str> {
        Self::ALL.iter().map(|kind| kind.name()).collect()
    }
}

/// One warning about one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Warning {
    pub(crate) kind: WarningKind,
    /// The way to the field, where it is about one.
    pub(crate) field: Option<String>,
    /// What was probably meant.
    pub(crate) nearest: Option<&'static str>,
    /// The whole in words.
    pub(crate) text: String,
}

impl Warning {
    /// A warning that is about no field.
    pub(crate) fn of(kind: WarningKind, text: impl Into<String>) -> Self {
        Self { kind, field: None, nearest: None, text: text.into() }
    }

    /// The same, with texts that fit a line.
    pub(super) fn short(mut self) -> Self {
        self.text = cut(&self.text);
        self.field = self.field.map(|field| cut(&field));
        self
    }

    pub(super) fn weight(&self) -> usize {
        size_of::<Self>() + self.text.len() + self.field.as_ref().map_or(0, String::len)
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}
