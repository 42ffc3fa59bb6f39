//! Text for messages and entries.

/// Truncates a text to fit a line.
pub(super) fn truncate_text(text: &str) -> String {
    const MAX_CHARS: usize = 300;
    if text.chars().count() <= MAX_CHARS {
        return text.to_owned();
    }
    text.chars().take(MAX_CHARS).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_at_most_300_characters() {
        let longest = "é".repeat(300);
        assert_eq!(truncate_text(&longest), longest);
        assert_eq!(truncate_text(&format!("{longest}é")), format!("{longest}…"));
        assert_eq!(truncate_text(""), "");
    }
}
