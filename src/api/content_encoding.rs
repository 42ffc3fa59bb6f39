//! Checks the header `Content-Encoding`: bodies are not decompressed (undocumented; our choice).

use axum::http::HeaderMap;
use axum::http::header::CONTENT_ENCODING;

use crate::contract::quote_value;

/// Names of character sets and transfer encodings that clients confuse with a content encoding.
const OTHER_ENCODINGS: [&str; 8] =
    ["utf-8", "utf8", "us-ascii", "iso-8859-1", "windows-1252", "base64", "binary", "8bit"];

/// Returns the header if it names an encoding other than `identity`. Case does not matter, and an empty header names
/// none.
pub(crate) fn find_unsupported(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(CONTENT_ENCODING).iter();
    let mut texts = values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    texts.find(|text| {
        let names = text.split(',').map(str::trim);
        !names.into_iter().all(|name| name.is_empty() || name.eq_ignore_ascii_case("identity"))
    })
}

/// Returns the message about an unsupported encoding.
pub(crate) fn message(sent: &str) -> String {
    let is_other = OTHER_ENCODINGS.iter().any(|name| sent.trim().eq_ignore_ascii_case(name));
    let sent = quote_value(&sent.into());
    if is_other {
        format!(
            "The Content-Encoding {sent} is no compression, and this header names only compressions. Remove it; a character set belongs in Content-Type."
        )
    } else {
        format!("The Content-Encoding {sent} is not supported; send the body without compression.")
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_identity_and_an_empty_header_are_supported() {
        let cases = [
            (&[][..], None),
            (&[""], None),
            (&["identity"], None),
            (&["Identity"], None),
            (&[" IDENTITY , identity"], None),
            (&["identity", ""], None),
            (&["gzip"], Some("gzip")),
            (&["GZIP"], Some("GZIP")),
            (&["identity", "deflate"], Some("deflate")),
            (&["identity, br"], Some("identity, br")),
            (&["utf-8"], Some("utf-8")),
        ];
        for (values, expected) in cases {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_ENCODING, HeaderValue::from_static(value));
            }
            assert_eq!(find_unsupported(&headers).as_deref(), expected, "{values:?}");
        }
    }

    #[test]
    fn message_says_what_the_header_is_for() {
        assert!(message("gzip").contains("without compression"));
        for name in ["utf-8", "UTF8", " base64 "] {
            assert!(message(name).contains("belongs in Content-Type"), "{name}");
        }
    }
}
