//! Finds a known key that differs from an unknown one in a character. Only hashes of keys are stored, so each variant of
//! the unknown key is hashed and looked up.

/// The characters of keys.
const KEY_CHARACTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
/// The longest key of which variants are tried, which bounds the work: about 130 hashes for each character.
const MAX_KEY_BYTES: usize = 64;

/// Returns how the text differs from the first variant that is known, with what `is_known` returned.
pub(super) fn find_variant<T>(
    text: &str,
    is_known: impl Fn(&str) -> Option<T>,
) -> Option<(&'static str, T)> {
    if text.is_empty() || text.len() > MAX_KEY_BYTES || !text.is_ascii() {
        return None;
    }
    let unquoted = text.trim_matches(['"', '\'', ' ']);
    if unquoted != text
        && let Some(found) = is_known(unquoted)
    {
        return Some(("has quotes or spaces around", found));
    }
    let bytes = text.as_bytes();
    let try_bytes = |bytes: &[u8]| is_known(std::str::from_utf8(bytes).ok()?);
    for at in 0..=bytes.len() {
        let (before, after) = bytes.split_at(at);
        for letter in KEY_CHARACTERS {
            if let Some(found) = try_bytes(&[before, &[*letter], after].concat()) {
                return Some(("lacks one character of", found));
            }
            if let [replaced, rest @ ..] = after
                && replaced != letter
                && let Some(found) = try_bytes(&[before, &[*letter], rest].concat())
            {
                return Some(("differs in one character from", found));
            }
        }
        if let [_, rest @ ..] = after
            && let Some(found) = try_bytes(&[before, rest].concat())
        {
            return Some(("has one character more than", found));
        }
        if let [first, second, rest @ ..] = after
            && let Some(found) = try_bytes(&[before, &[*second, *first], rest].concat())
        {
            return Some(("has two characters swapped, compared with", found));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_difference_of_one_character_is_named() {
        for (text, expected) in [
            ("my-key-1", None),
            ("my-key-2", Some("differs in one character from")),
            ("My-key-1", Some("differs in one character from")),
            ("my-key1", Some("lacks one character of")),
            ("y-key-1", Some("lacks one character of")),
            ("my-key-", Some("lacks one character of")),
            ("my-key-11", Some("has one character more than")),
            ("m-ye-k1y", None),
            ("my-ke-y1", Some("has two characters swapped, compared with")),
            ("my-kye-1", Some("has two characters swapped, compared with")),
            ("\"my-key-1\"", Some("has quotes or spaces around")),
            ("other", None),
            ("", None),
        ] {
            let found = find_variant(text, |variant| {
                (variant == "my-key-1" && variant != text).then_some(())
            });
            assert_eq!(found.map(|(difference, ())| difference), expected, "{text}");
        }
    }

    #[test]
    fn work_is_bounded() {
        let tries = std::cell::Cell::new(0);
        let count = |_: &str| {
            tries.set(tries.get() + 1);
            None::<()>
        };
        find_variant(&"k".repeat(65), count);
        assert_eq!(tries.get(), 0);
        find_variant(&"k".repeat(64), count);
        assert!(tries.get() < 64 * 131, "{}", tries.get());
    }
}
