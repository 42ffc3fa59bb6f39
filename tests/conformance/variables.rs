//! Variables of a case. `{name}` stands for a saved value, `{ab*3}` for `ababab`.

use serde_json::{Map, Value};

#[derive(Default)]
pub(crate) struct Variables(Map<String, Value>);

impl Variables {
    pub(crate) fn set(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    /// Returns a copy of `value` with all placeholders replaced.
    pub(crate) fn substitute(&self, value: &Value) -> Result<Value, String> {
        match value {
            Value::String(text) => self.substitute_text(text),
            Value::Array(items) => items.iter().map(|item| self.substitute(item)).collect(),
            Value::Object(entries) => entries
                .iter()
                .map(|(key, entry)| Ok((key.clone(), self.substitute(entry)?)))
                .collect(),
            other => Ok(other.clone()),
        }
    }

    /// Replaces placeholders in a text; a text that is one `{name}` becomes the value itself, with its type.
    fn substitute_text(&self, text: &str) -> Result<Value, String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some(end) = rest.find('}') {
            let start = rest[..end].rfind('{').unwrap_or(end);
            match self.resolve(rest.get(start + 1..end).unwrap_or_default())? {
                Some(value) if end + 1 - start == text.len() => return Ok(value),
                Some(value) => filled = filled + &rest[..start] + &to_form_value(&value),
                None => filled += &rest[..=end],
            }
            rest = &rest[end + 1..];
        }
        Ok(Value::from(filled + rest))
    }

    /// Resolves the text between two braces; `None` if it is not a placeholder.
    fn resolve(&self, inner: &str) -> Result<Option<Value>, String> {
        let is_name = |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        if let Some((piece, times)) = inner.rsplit_once('*')
            && let Ok(times) = times.parse()
        {
            return Ok(Some(Value::from(piece.repeat(times))));
        }
        if inner.is_empty() || !is_name(inner) {
            return Ok(None);
        }
        let value = self.0.get(inner).ok_or_else(|| format!("nothing is saved as {{{inner}}}"))?;
        Ok(Some(value.clone()))
    }
}

/// Formats a value as a form field.
pub(crate) fn to_form_value(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
