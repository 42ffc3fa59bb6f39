//! Field declarations: name, type, presence and the source of each fact.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::fidelity::Fidelity;

/// The largest integer that a field accepts: every JSON client represents it exactly (our choice; undocumented).
pub(crate) const MAX_SAFE_INTEGER: u64 = 9_007_199_254_740_991;
/// The longest text in a fixture, in characters (arbitrary).
pub(crate) const MAX_TEXT_CHARS: usize = 65_535;

/// Returns a list of fields; a function, since some lists are derived from other tables.
pub(crate) type FieldsFn = fn() -> &'static [Field];

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

/// A valid value, for documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Example {
    None,
    Boolean(bool),
    Number(u64),
    Numbers(&'static [u64]),
    Text(&'static str),
}

impl Example {
    /// Returns the value, if there is one.
    pub(crate) fn to_value(self) -> Option<Value> {
        match self {
            Self::None => None,
            Self::Boolean(boolean) => Some(boolean.into()),
            Self::Number(number) => Some(number.into()),
            Self::Numbers(numbers) => Some(numbers.into()),
            Self::Text(text) => Some(text.into()),
        }
    }
}

/// Whether a field is required, and its default otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    /// Optional; the value if the field is missing or empty.
    Default(Literal),
}

/// Which values of a field are valid by our assumption alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UndocumentedValues {
    None,
    /// All: the documents name no value.
    All,
    /// These, as text; other values are documented.
    Listed(&'static [&'static str]),
    /// These, as text; the documents name no other way to say the same.
    WithoutAlternative(&'static [&'static str]),
}

/// The type of a field.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FieldType {
    /// Text, with its length in characters and the documented pattern, if any.
    Text { min_chars: usize, max_chars: usize, pattern: Option<&'static LazyLock<Regex>> },
    /// An integer, both bounds included.
    Integer { min: u64, max: u64 },
    /// One of these integers.
    IntegerEnum(&'static [u64]),
    /// One of these words; `documented_as` is the type as the vendor writes it.
    TextEnum { values: &'static [&'static str], documented_as: &'static str },
    /// Comma-separated ids in one text; the pattern is documented.
    CommaSeparatedIds { pattern: &'static LazyLock<Regex>, max_items: usize },
    /// True or false.
    Boolean,
    /// `YYYY-MM-DD HH:MM:SS`, an existing date.
    DateTime,
    /// The same, optionally followed by `Z` for UTC.
    DateTimeOrUtc,
    /// A list of scalar values.
    Array { item_type: &'static FieldType, min_items: usize, max_items: usize, unique_items: bool },
    /// A list of objects with these fields.
    ObjectArray { fields: FieldsFn, min_items: usize, max_items: usize },
    /// One object with these fields.
    Object { fields: FieldsFn },
    /// Objects by key; each key matches the pattern.
    Map { key_pattern: &'static LazyLock<Regex>, fields: FieldsFn },
    /// An integer or a text (the value of a condition).
    Scalar,
}

/// The id of a ticket.
pub(crate) const TICKET_ID: FieldType = FieldType::Integer { min: 1, max: MAX_SAFE_INTEGER };

impl FieldType {
    /// Any text.
    pub(crate) const TEXT: Self =
        Self::Text { min_chars: 0, max_chars: MAX_TEXT_CHARS, pattern: None };
    /// A text of a request, such as an address, a name or a subject (1000 characters: our choice; undocumented).
    pub(crate) const SHORT_TEXT: Self = Self::Text { min_chars: 0, max_chars: 1000, pattern: None };
    /// Any integer from 0.
    pub(crate) const INTEGER: Self = Self::Integer { min: 0, max: MAX_SAFE_INTEGER };

    /// Returns the fields of its objects, if any.
    pub(crate) fn fields(&self) -> &'static [Field] {
        match self {
            Self::ObjectArray { fields, .. }
            | Self::Object { fields }
            | Self::Map { fields, .. } => fields(),
            _ => &[],
        }
    }

    /// Returns the type of a text that matches the pattern.
    pub(crate) const fn text_matching(pattern: &'static LazyLock<Regex>) -> Self {
        Self::Text { min_chars: 0, max_chars: MAX_TEXT_CHARS, pattern: Some(pattern) }
    }
}

/// One field of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    /// The name on the wire.
    pub(crate) name: &'static str,
    pub(crate) data_type: FieldType,
    pub(crate) presence: Presence,
    /// The source of the field, its type, presence and default.
    pub(crate) fidelity: Fidelity,
    /// The undocumented part of a documented field's rule; empty if none.
    pub(crate) undocumented_note: &'static str,
    /// The values that are valid by that part alone.
    pub(crate) undocumented_values: UndocumentedValues,
    /// The meaning of the field, in a sentence.
    pub(crate) description: &'static str,
    /// A valid value; objects take theirs from their fields.
    pub(crate) example: Example,
    /// Whether messages redact the sent value.
    pub(crate) is_secret: bool,
}

/// Declares a required field.
pub(crate) const fn required(name: &'static str, data_type: FieldType) -> Field {
    Field {
        name,
        data_type,
        presence: Presence::Required,
        fidelity: Fidelity::Undocumented(""),
        undocumented_note: "",
        undocumented_values: UndocumentedValues::None,
        description: "",
        example: Example::None,
        is_secret: false,
    }
}

/// Declares an optional field with the default null.
pub(crate) const fn optional(name: &'static str, data_type: FieldType) -> Field {
    Field { presence: Presence::Default(Literal::Null), ..required(name, data_type) }
}

impl Field {
    /// Sets the default.
    pub(crate) const fn default_value(mut self, default: Literal) -> Self {
        self.presence = Presence::Default(default);
        self
    }

    /// Sets the page that documents it.
    pub(crate) const fn page(mut self, page: &'static str) -> Self {
        self.fidelity = Fidelity::Documented(page);
        self
    }

    /// Marks the field as our assumption, with the reason.
    pub(crate) const fn assumption(mut self, reason: &'static str) -> Self {
        self.fidelity = Fidelity::Undocumented(reason);
        self
    }

    /// Sets the undocumented part of a documented field's rule.
    pub(crate) const fn undocumented_note(mut self, note: &'static str) -> Self {
        self.undocumented_note = note;
        self
    }

    /// Sets the values that are valid by the undocumented part alone.
    pub(crate) const fn undocumented_values(mut self, values: UndocumentedValues) -> Self {
        self.undocumented_values = values;
        self
    }

    /// Redacts the sent value in all messages.
    pub(crate) const fn secret(mut self) -> Self {
        self.is_secret = true;
        self
    }

    /// Sets the description.
    pub(crate) const fn description(mut self, text: &'static str) -> Self {
        self.description = text;
        self
    }

    /// Sets the example.
    pub(crate) const fn example(mut self, value: Example) -> Self {
        self.example = value;
        self
    }

    /// Returns Some if this value is valid by our assumption alone, with whether a documented value says the same.
    pub(super) fn undocumented_value(&self, sent: &Value) -> Option<bool> {
        let equals = |word: &&str| match sent {
            Value::String(text) => text == word,
            plain => word.parse::<Value>().is_ok_and(|word| word == *plain),
        };
        match self.undocumented_values {
            UndocumentedValues::None => None,
            UndocumentedValues::All => Some(false),
            UndocumentedValues::Listed(words) => words.iter().any(equals).then_some(true),
            UndocumentedValues::WithoutAlternative(words) => {
                words.iter().any(equals).then_some(false)
            }
        }
    }

    /// Returns whether the field or a nested field has this name.
    pub(crate) fn contains_name(&self, name: &str) -> bool {
        self.name == name || self.data_type.fields().iter().any(|field| field.contains_name(name))
    }

    /// Returns whether the field is required.
    pub(crate) fn is_required(&self) -> bool {
        self.presence == Presence::Required
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn undocumented_values_compare_as_text_and_as_json() {
        let field = |values| optional("a", FieldType::TEXT).undocumented_values(values);
        let listed = field(UndocumentedValues::Listed(&["yes", "0"]));
        let cases = [
            (json!("yes"), Some(true)),
            (json!("0"), Some(true)),
            (json!(0), Some(true)),
            (json!("no"), None),
            (json!(1), None),
            (json!(false), None),
            (json!(["0"]), None),
        ];
        for (sent, expected) in cases {
            assert_eq!(listed.undocumented_value(&sent), expected, "{sent}");
            let without_alternative = UndocumentedValues::WithoutAlternative(&["yes", "0"]);
            let expected = expected.map(|_| false);
            assert_eq!(field(without_alternative).undocumented_value(&sent), expected, "{sent}");
            assert_eq!(field(UndocumentedValues::All).undocumented_value(&sent), Some(false));
            assert_eq!(field(UndocumentedValues::None).undocumented_value(&sent), None);
        }
    }

    #[test]
    fn nested_names_belong_to_the_field() {
        static KEY_PATTERN: LazyLock<Regex> =
            LazyLock::new(|| Regex::new("^[a-z]$").expect("valid regex"));
        static DEEP: &[Field] = &[optional("deep", FieldType::TEXT)];
        static INNER: &[Field] = &[
            optional("inner", FieldType::TEXT),
            optional("list", FieldType::Object { fields: || DEEP }),
        ];
        let types = [
            FieldType::Object { fields: || INNER },
            FieldType::ObjectArray { fields: || INNER, min_items: 0, max_items: 1 },
            FieldType::Map { key_pattern: &KEY_PATTERN, fields: || INNER },
        ];
        for data_type in types {
            let field = optional("outer", data_type);
            for name in ["outer", "inner", "list", "deep"] {
                assert!(field.contains_name(name), "{name} in {data_type:?}");
            }
            assert!(!field.contains_name("other"), "{data_type:?}");
        }
        assert!(!optional("outer", FieldType::TEXT).contains_name("inner"));
    }

    #[test]
    fn presence_decides_whether_a_field_is_required() {
        assert!(required("a", FieldType::TEXT).is_required());
        assert!(!optional("a", FieldType::TEXT).is_required());
        assert!(!required("a", FieldType::TEXT).default_value(Literal::Number(1)).is_required());
    }
}
