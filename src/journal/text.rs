//! Text for messages and entries.

/// Truncates a text to fit a line.
pub(super) fn truncate_text(text: &str) -> String {
    const MAX_CHARS: usize = 300;
    if text.chars().count() <= MAX_CHARS {
        return text.to_owned();
    }
    text.chars().take(MAX_CHARS).chain(['…']).collect()
}
