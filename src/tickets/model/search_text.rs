//! Normalizes texts for the search. Pure.

/// Separates texts that are searched as one.
const SEARCH_TEXT_SEPARATOR: char = '\u{1f}';
/// Unicode noncharacters that escape the separator and themselves.
const ESCAPE_NONCHARACTERS: [char; 2] = ['\u{fdd0}', '\u{fdd1}'];

/// Normalizes a searched text or a query: lower case in all of Unicode, with any separator escaped.
pub(crate) fn normalize_search_text(text: &str) -> String {
    let has_separator = text.contains(SEARCH_TEXT_SEPARATOR);
    if text.is_ascii() && !has_separator {
        return text.to_ascii_lowercase();
    }
    if has_separator || text.contains(ESCAPE_NONCHARACTERS) {
        fold_case(&escape_separator(text))
    } else {
        fold_case(text)
    }
}

/// Escapes the separator and the two escape characters as one to three `inner` between two `edge`. Escapes are unique,
/// and none is part of another text.
fn escape_separator(text: &str) -> String {
    let [edge, inner] = ESCAPE_NONCHARACTERS;
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        let times = match character {
            SEARCH_TEXT_SEPARATOR => 1,
            _ if character == edge => 2,
            _ if character == inner => 3,
            _ => {
                escaped.push(character);
                continue;
            }
        };
        escaped.push(edge);
        escaped.extend(std::iter::repeat_n(inner, times));
        escaped.push(edge);
    }
    escaped
}

fn fold_case(text: &str) -> String {
    // Per character: `str::to_lowercase` has another sigma at a word's end.
    text.chars()
        .flat_map(char::to_lowercase)
        .map(|character| if character == 'ς' { 'σ' } else { character })
        .collect()
}

/// Joins normalized texts with a separator, so that no match spans two.
pub(crate) fn join_search_texts(texts: &[&str]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| normalize_search_text(text)).collect();
    texts.join(SEARCH_TEXT_SEPARATOR.encode_utf8(&mut [0; 4]))
}
