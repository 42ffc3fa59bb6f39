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

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    /// Letters with unusual case rules, the separator, the escape characters, and others.
    const CHARS: &[char] = &[
        '\u{1f}', '\u{fdd0}', '\u{fdd1}', 'a', 'A', 'b', ' ', '\u{1e}', 'ä', 'Ä', 'İ', 'i', 'ς',
        'σ', 'Σ', 'ß', 'K', '\u{212a}', 'k', 'ſ', 's', '日', '\u{fffd}',
    ];

    fn any_text() -> impl Strategy<Value = String> {
        vec(select(CHARS), 0..6).prop_map(String::from_iter)
    }

    /// Folds the case without escapes: what the search promises to clients.
    fn fold(text: &str) -> String {
        text.chars().flat_map(char::to_lowercase).collect::<String>().replace('ς', "σ")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn match_in_joined_texts_is_a_match_in_one_text(
            texts in vec(any_text(), 1..4),
            query in any_text(),
        ) {
            let borrowed: Vec<&str> = texts.iter().map(String::as_str).collect();
            let joined = join_search_texts(&borrowed);
            let is_match = texts.iter().any(|text| fold(text).contains(&fold(&query)));
            prop_assert_eq!(joined.contains(&normalize_search_text(&query)), is_match);
        }

        #[test]
        fn texts_that_differ_only_in_case_are_equal(text in any_text(), other in any_text()) {
            let are_equal = normalize_search_text(&text) == normalize_search_text(&other);
            prop_assert_eq!(are_equal, fold(&text) == fold(&other));
        }

        #[test]
        fn normalized_text_contains_no_separator(text in any_text()) {
            prop_assert!(!normalize_search_text(&text).contains(SEARCH_TEXT_SEPARATOR));
        }
    }

    #[test]
    fn case_is_folded_in_every_alphabet() {
        for (text, expected) in [
            ("", ""),
            ("Printer ON Fire 7", "printer on fire 7"),
            ("ÉÄÅ", "éäå"),
            // Both forms of sigma are one letter, also at the end of a word.
            ("ΟΔΟΣ", "οδοσ"),
            ("οδος", "οδοσ"),
            // U+212A KELVIN SIGN.
            ("\u{212a}", "k"),
            ("İ", "i\u{307}"),
            ("日本", "日本"),
        ] {
            assert_eq!(normalize_search_text(text), expected, "{text}");
        }
    }

    #[test]
    fn separator_and_escape_characters_are_escaped() {
        for (text, expected) in [
            ("A\u{1f}b", "a\u{fdd0}\u{fdd1}\u{fdd0}b"),
            ("\u{fdd0}", "\u{fdd0}\u{fdd1}\u{fdd1}\u{fdd0}"),
            ("\u{fdd1}", "\u{fdd0}\u{fdd1}\u{fdd1}\u{fdd1}\u{fdd0}"),
            ("É\u{1f}", "é\u{fdd0}\u{fdd1}\u{fdd0}"),
        ] {
            assert_eq!(normalize_search_text(text), expected, "{text:?}");
        }
    }

    #[test]
    fn joined_texts_are_separated_and_normalized() {
        assert_eq!(join_search_texts(&["From", "", "TO"]), "from\u{1f}\u{1f}to");
        assert_eq!(join_search_texts(&[]), "");
    }
}
