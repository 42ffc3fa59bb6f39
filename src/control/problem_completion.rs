//! Completes an error response: redacts the API keys and tokens of the request, and adds the path of the base URL to
//! the `type`, which is a link.
//!
//! Many messages of problems echo input. This middleware redacts them in one place: every word that equals a secret,
//! even quoted or escaped, but not a longer word. It does not change other responses.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::middleware::Next;
use axum::response::Response;
use omnidesk_mock_client::types::ProblemDetails;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::api::auth;
use crate::api::state::SharedState;
use crate::journal::REDACTED;

/// The minimum length at which the prefix of a truncated secret is redacted, in characters (arbitrary): problems
/// truncate long texts, but to no less than 40 characters.
const MIN_SECRET_PREFIX_CHARS: usize = 32;
/// How often nested percent-encoding is decoded (arbitrary).
const MAX_DECODE_DEPTH: usize = 3;

/// Redacts the response if it is a problem, and adds the path of the base URL to its `type`.
pub(super) async fn complete(
    State(state): State<SharedState>,
    request: Request,
    next: Next,
) -> Response {
    let secrets = collect_secrets(&request);
    let base_path = state.own_urls.base_url_for(&request, &secrets).path().to_owned();
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<ProblemDetails>()
        && let Some(problem) = complete_problem(&problem, &base_path, &secrets)
        && let Ok(body) = serde_json::to_vec(&problem)
    {
        response.headers_mut().remove(CONTENT_LENGTH);
        *response.body_mut() = Body::from(body);
    }
    response
}

/// Returns all keys and tokens of a request, plain and in the escaped forms of messages.
fn collect_secrets(request: &Request) -> Vec<String> {
    let mut secrets = auth::extract_all_secrets(request.uri(), request.headers());
    let spellings = |secret: &String| {
        let json = Value::from(secret.as_str()).to_string();
        let json = json[1..json.len() - 1].to_owned();
        [json, secret.escape_debug().to_string()]
    };
    let escaped: Vec<String> = secrets.iter().flat_map(spellings).collect();
    secrets.extend(escaped);
    secrets.retain(|secret| !secret.is_empty());
    secrets.sort();
    secrets.dedup();
    // The longest first: a secret may contain another one.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
}

/// Redacts a problem, and adds the path to its `type`. Returns None if that changes nothing.
fn complete_problem(
    problem: &ProblemDetails,
    base_path: &str,
    secrets: &[String],
) -> Option<ProblemDetails> {
    let mut redacted = problem.clone();
    redacted.kind.insert_str(0, base_path);
    let redact = |text: &mut String| *text = redact_secrets(text, secrets, MAX_DECODE_DEPTH);
    redact(&mut redacted.detail);
    for miss in &mut redacted.near_misses {
        miss.operation.iter_mut().for_each(redact);
        for difference in &mut miss.differences {
            redact(&mut difference.attribute);
            redact(&mut difference.expected);
            redact(&mut difference.actual);
        }
    }
    (redacted != *problem).then_some(redacted)
}

fn redact_secrets(text: &str, secrets: &[String], decode_depth: usize) -> String {
    let mut redacted = text.to_owned();
    for secret in secrets {
        redacted = redact_word(&redacted, secret);
    }
    if decode_depth == 0 || !redacted.contains('%') {
        return redacted;
    }
    let decode = |word: &str| {
        let decoded = percent_decode_str(word).decode_utf8_lossy();
        let redacted_word = redact_secrets(&decoded, secrets, decode_depth - 1);
        // A word without a secret stays encoded.
        if redacted_word == decoded { word.to_owned() } else { redacted_word }
    };
    redacted.split_inclusive(char::is_whitespace).map(decode).collect()
}

/// Redacts the words that equal the secret or a long, truncated prefix of it.
fn redact_word(text: &str, secret: &str) -> String {
    let prefix = secret
        .char_indices()
        .nth(MIN_SECRET_PREFIX_CHARS)
        .map_or(secret, |(end, _)| &secret[..end]);
    let (mut redacted, mut copied_to, mut search_from) = (String::new(), 0, 0);
    while let Some(offset) = text[search_from..].find(prefix) {
        let start = search_from + offset;
        let common =
            text[start..].chars().zip(secret.chars()).take_while(|(one, other)| one == other);
        let end = start + common.map(|(letter, _)| letter.len_utf8()).sum::<usize>();
        let is_truncated = end - start < secret.len();
        let ends_word = !text[end..].starts_with(is_word_char) || !secret.ends_with(is_word_char);
        let starts_word = is_word_start(&text[..start]) || !secret.starts_with(is_word_char);
        search_from = end;
        if starts_word && (is_truncated || ends_word) {
            redacted.push_str(&text[copied_to..start]);
            redacted.push_str(REDACTED);
            copied_to = end;
        }
    }
    redacted + &text[copied_to..]
}

fn is_word_char(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '-')
}

/// Returns whether a word can start after `before`: not after a word character, except of an escape, `\n` or `\u0009`.
fn is_word_start(before: &str) -> bool {
    if !before.ends_with(is_word_char) {
        return true;
    }
    let without_digits = before.trim_end_matches(|letter: char| letter.is_ascii_hexdigit());
    let is_unicode_escape =
        without_digits.ends_with("\\u") && before.len() - without_digits.len() == 4;
    is_unicode_escape
        || ["\\n", "\\t", "\\r", "\\b", "\\f", "\\0"].iter().any(|end| before.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redacts_a_secret_only_as_a_whole_word() {
        let secrets = ["test".to_owned()];
        for (text, expected) in [
            ("There is no account test.", "There is no account (redacted)."),
            (r#""\ttest\n" was sent"#, r#""\t(redacted)\n" was sent"#),
            (r#""\u0009test" was sent"#, r#""\u0009(redacted)" was sent"#),
            ("unknown field `test`", "unknown field `(redacted)`"),
            ("at /_control/%74est/a.", "at /_control/(redacted)/a."),
            ("testing the latest test-case, untested", "testing the latest test-case, untested"),
            ("100% of it", "100% of it"),
        ] {
            assert_eq!(redact_secrets(text, &secrets, MAX_DECODE_DEPTH), expected);
        }
    }
}
