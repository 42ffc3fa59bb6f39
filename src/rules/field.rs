//! A field: its name, what it may hold, whether it must be there, and who says so.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

/// The largest whole number a field takes: what every JSON client can hold exactly (chosen).
pub(crate) const LARGEST_NUMBER: u64 = 9_007_199_254_740_991;
/// The longest text a fixture takes, in characters (chosen).
pub(crate) const LONGEST_TEXT: usize = 65_535;

/// A list of fields; a function, since some lists are derived from other tables.
pub(crate) type Fields = fn() -> &'static [Field];

/// Who says that something is so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A page of the vendor says so; the text names the page.
    Documented(&'static str),
    /// No page says so; the text gives the evidence or the reason.
    Chosen(&'static str),
}

impl Source {
    /// `documented` or `chosen`, as the OpenAPI document and the ledger print it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Documented(_) => "documented",
            Self::Chosen(_) => "chosen",
        }
    }

    /// The page, or the reason.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Documented(text) | Self::Chosen(text) => text,
        }
    }
}

/// A constant in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Literal {
    Null,
    Number(u64),
    Text(&'static str),
}

impl From<Literal> for Value {
    fn from(literal: Literal) -> Self {
        match literal {
            Literal::Null => Self::Null,
            Literal::Number(number) => number.into(),
            Literal::Text(text) => text.into(),
        }
    }
}

/// Whether a field must be there, and what it is when it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    /// Takes this value when it is not sent, or sent empty.
    Default(Literal),
}

/// Which values of a field are accepted although no document says that they are right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByChoice {
    None,
    All,
    /// These, as text.
    Some(&'static [&'static str]),
}

/// What a field may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Text, with its length in characters and the documented pattern, if any.
    Text { at_least: usize, at_most: usize, pattern: Option<&'static LazyLock<Regex>> },
    /// A whole number, both bounds included.
    Number { min: u64, max: u64 },
    /// One of a few numbers.
    NumberIn(&'static [u64]),
    /// One of these words; `written` is the type as the documents write it.
    OneOf { names: &'static [&'static str], written: &'static str },
    /// Ids in one text with commas between them; the pattern is the documented one.
    Ids { pattern: &'static LazyLock<Regex>, at_most: usize },
    /// True or false.
    Flag,
    /// `YYYY-MM-DD HH:MM:SS`, a date that exists.
    Date,
    /// The same, or with a `Z` at its end, for a date in UTC.
    DateOrUtc,
    /// A list of plain values.
    List { item: &'static Kind, at_least: usize, at_most: usize, unique: bool },
    /// A list of rows that have these fields each.
    Rows { fields: Fields, at_least: usize, at_most: usize },
    /// One row with these fields.
    Row { fields: Fields },
    /// Rows by name; the name obeys the pattern.
    Named { name: &'static LazyLock<Regex>, fields: Fields },
    /// A number or a text (the value of a condition).
    Scalar,
}

/// The id of a ticket.
pub(crate) const TICKET_ID: Kind = Kind::Number { min: 1, max: LARGEST_NUMBER };

impl Kind {
    /// Any text.
    pub(crate) const TEXT: Self = Self::Text { at_least: 0, at_most: LONGEST_TEXT, pattern: None };
    /// A text of a request: an address, a name, a subject (chosen: 1000 characters).
    pub(crate) const LINE: Self = Self::Text { at_least: 0, at_most: 1000, pattern: None };
    /// Any whole number that is not negative.
    pub(crate) const NUMBER: Self = Self::Number { min: 0, max: LARGEST_NUMBER };

    /// The fields of its rows, where it has some.
    fn fields(&self) -> &'static [Field] {
        match self {
            Self::Rows { fields, .. } | Self::Row { fields } | Self::Named { fields, .. } => {
                fields()
            }
            _ => &[],
        }
    }

    /// Text that matches the pattern.
    pub(crate) const fn matching(pattern: &'static LazyLock<Regex>) -> Self {
        Self::Text { at_least: 0, at_most: LONGEST_TEXT, pattern: Some(pattern) }
    }
}

/// One row of a table of fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    /// The name on the wire.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) presence: Presence,
    /// Who says that the field exists, with this type, presence and default.
    pub(crate) source: Source,
    /// What of the rule is chosen although the field is documented; empty when nothing is.
    pub(crate) chosen: &'static str,
    /// Which of its values are right by that part alone.
    pub(crate) by_choice: ByChoice,
    /// What the field means, in a sentence.
    pub(crate) about: &'static str,
    /// Whether no message may repeat what was sent.
    pub(crate) secret: bool,
}

/// A field that must be sent.
pub(crate) const fn required(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        presence: Presence::Required,
        source: Source::Chosen(""),
        chosen: "",
        by_choice: ByChoice::None,
        about: "",
        secret: false,
    }
}

/// A field that may be left out, and is null then.
pub(crate) const fn optional(name: &'static str, kind: Kind) -> Field {
    Field { presence: Presence::Default(Literal::Null), ..required(name, kind) }
}

impl Field {
    /// Its value when it is not sent.
    pub(crate) const fn or(mut self, default: Literal) -> Self {
        self.presence = Presence::Default(default);
        self
    }

    /// The page that documents it.
    pub(crate) const fn documented(mut self, page: &'static str) -> Self {
        self.source = Source::Documented(page);
        self
    }

    /// Why it is so, where no page says.
    pub(crate) const fn chosen(mut self, reason: &'static str) -> Self {
        self.source = Source::Chosen(reason);
        self
    }

    /// The part of a documented field's rule that no page states.
    pub(crate) const fn choosing(mut self, what: &'static str) -> Self {
        self.chosen = what;
        self
    }

    /// The values that are right by the chosen part of the rule alone.
    pub(crate) const fn by_choice(mut self, values: ByChoice) -> Self {
        self.by_choice = values;
        self
    }

    /// What was sent stays out of every message.
    pub(crate) const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// What it means.
    pub(crate) const fn about(mut self, about: &'static str) -> Self {
        self.about = about;
        self
    }

    /// Whether this value, in its own type, is accepted by a choice alone.
    pub(super) fn takes_by_choice(&self, sent: &Value) -> bool {
        let is = |word: &&str| match sent {
            Value::String(text) => text == word,
            plain => word.parse::<Value>().is_ok_and(|word| word == *plain),
        };
        match self.by_choice {
            ByChoice::None => false,
            ByChoice::All => true,
            ByChoice::Some(words) => words.iter().any(is),
        }
    }

    /// Whether this is its name, or that of a field inside of it.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.name == name || self.kind.fields().iter().any(|field| field.has(name))
    }

    /// Whether it must be sent.
    pub(crate) fn is_required(&self) -> bool {
        self.presence == Presence::Required
    }
}
