//! Decodes texts that must be UTF-8. Skips a byte order mark, which editors and PowerShell write, and recognizes UTF-16.

/// Why bytes are not a text in UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EncodingError {
    #[error("is encoded in UTF-16; it must be UTF-8")]
    Utf16,
    #[error("is encoded in UTF-32; it must be UTF-8")]
    Utf32,
    #[error("is not valid UTF-8")]
    NotUtf8,
}

/// The byte order mark of UTF-8.
const UTF8_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Decodes a text, without its byte order mark.
///
/// # Errors
/// If it has another encoding.
pub(crate) fn decode_utf8(bytes: &[u8]) -> Result<&str, EncodingError> {
    check_not_wide(bytes)?;
    std::str::from_utf8(strip_byte_order_mark(bytes)).map_err(|_| EncodingError::NotUtf8)
}

/// Decodes a text like [`decode_utf8`], and reuses the buffer.
///
/// # Errors
/// If it has another encoding.
pub(crate) fn into_utf8(mut bytes: Vec<u8>) -> Result<String, EncodingError> {
    check_not_wide(&bytes)?;
    bytes.drain(..bytes.len() - strip_byte_order_mark(&bytes).len());
    String::from_utf8(bytes).map_err(|_| EncodingError::NotUtf8)
}

/// Removes the byte order mark of UTF-8, which some editors and frameworks put before a text.
pub(crate) fn strip_byte_order_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(UTF8_MARK).unwrap_or(bytes)
}

/// Recognizes a text whose first character takes two or four bytes: a byte order mark, or an ASCII character.
///
/// # Errors
/// If it is UTF-16 or UTF-32.
pub(crate) fn check_not_wide(bytes: &[u8]) -> Result<(), EncodingError> {
    match bytes {
        [0xFF, 0xFE, 0, 0, ..]
        | [0, 0, 0xFE, 0xFF, ..]
        | [0, 0, 0, 1..=0x7F, ..]
        | [1..=0x7F, 0, 0, 0, ..] => Err(EncodingError::Utf32),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0, 1..=0x7F, ..] | [1..=0x7F, 0, ..] => {
            Err(EncodingError::Utf16)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_skipped_and_other_encodings_named() {
        let cases: [(&[u8], Result<&str, EncodingError>); 15] = [
            (b"", Ok("")),
            (b"{}", Ok("{}")),
            (b"\xEF\xBB\xBF", Ok("")),
            (b"\xEF\xBB\xBF{}", Ok("{}")),
            ("{\"a\":\"\u{e9}\"}".as_bytes(), Ok("{\"a\":\"\u{e9}\"}")),
            (b"\xFF\xFE{\0}\0", Err(EncodingError::Utf16)),
            (b"\xFE\xFF\0{\0}", Err(EncodingError::Utf16)),
            (b"{\0}\0", Err(EncodingError::Utf16)),
            (b"\0{\0}", Err(EncodingError::Utf16)),
            (b"{\0\0\0}\0\0\0", Err(EncodingError::Utf32)),
            (b"\0\0\0{\0\0\0}", Err(EncodingError::Utf32)),
            (b"\xFF\xFE\0\0{\0\0\0", Err(EncodingError::Utf32)),
            (b"\0\0\xFE\xFF\0\0\0{", Err(EncodingError::Utf32)),
            (b"{\xE9}", Err(EncodingError::NotUtf8)),
            (b"\xEF\xBB{}", Err(EncodingError::NotUtf8)),
        ];
        for (bytes, expected) in cases {
            assert_eq!(decode_utf8(bytes), expected, "{bytes:?}");
            assert_eq!(into_utf8(bytes.to_vec()), expected.map(str::to_owned), "{bytes:?}");
        }
    }
}
