//! The headers of a recorded request, in one text: a journal has thousands of entries.

use super::text::truncate_text;

/// The longest text of all headers of a request, in bytes (arbitrary).
const MAX_HEADERS_BYTES: usize = 4096;

/// The longest value that is never truncated, in bytes.
const MAX_VALUE_BYTES: usize = 300;

/// Names and values of headers, redacted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RecordedHeaders {
    /// Lines of `name:value`; neither contains a line break.
    lines: String,
    /// Whether some were dropped as too large.
    pub(crate) has_omitted: bool,
}

impl RecordedHeaders {
    /// Adds a header; a long value is truncated.
    pub(crate) fn push(&mut self, name: &str, value: &str) {
        let truncated =
            if value.len() > MAX_VALUE_BYTES { truncate_text(value) } else { String::new() };
        let value = if truncated.is_empty() { value } else { &truncated };
        if self.lines.len() + name.len() + value.len() + 2 > MAX_HEADERS_BYTES {
            self.has_omitted = true;
            return;
        }
        self.lines.extend([name, ":", value, "\n"]);
    }

    /// Returns the headers in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.lines().filter_map(|line| line.split_once(':'))
    }

    /// Returns the value of a header, several joined as HTTP does. The name is in lower case.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let mut values = self.iter().filter(|(other, _)| *other == name).map(|(_, value)| value);
        let first = values.next()?.to_owned();
        Some(values.fold(first, |joined, value| joined + ", " + value))
    }

    pub(super) fn estimated_bytes(&self) -> usize {
        self.lines.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> RecordedHeaders {
        let mut headers = RecordedHeaders::default();
        for (name, value) in pairs {
            headers.push(name, value);
        }
        headers
    }

    #[test]
    fn headers_keep_their_order_and_values_are_joined() {
        let headers = headers(&[("a", "1"), ("b", "x: y"), ("a", ""), ("c", "")]);
        let all: Vec<(&str, &str)> = headers.iter().collect();
        assert_eq!(all, [("a", "1"), ("b", "x: y"), ("a", ""), ("c", "")]);
        assert_eq!(headers.get("a").as_deref(), Some("1, "));
        assert_eq!(headers.get("b").as_deref(), Some("x: y"));
        assert_eq!(headers.get("c").as_deref(), Some(""));
        assert_eq!(headers.get("d"), None);
        assert!(!headers.has_omitted);
    }

    #[test]
    fn size_is_bounded() {
        let mut all = headers(&[("long", &"x".repeat(1000))]);
        assert_eq!(all.get("long").map(|value| value.chars().count()), Some(301));
        for number in 0..1000 {
            all.push(&format!("h{number}"), "value");
        }
        assert!(all.has_omitted);
        assert!(all.estimated_bytes() <= MAX_HEADERS_BYTES);
        assert_eq!(all.get("h0").as_deref(), Some("value"));
    }
}
