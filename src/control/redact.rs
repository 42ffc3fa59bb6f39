//! Keeps the keys and the token that a request carries out of the problem that answers it.
//!
//! A problem repeats what was sent, in many sentences. Here they are gone through in one place: a word that *is* one
//! of them is hidden, quoted or escaped; a longer word stays. Other answers are not touched.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH};
use axum::middleware::Next;
use axum::response::Response;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::wire::ProblemBody;
use crate::http::key;
use crate::journal::HIDDEN;

/// A secret is hidden where at least so many characters of its beginning are left of it (chosen): a problem cuts long
/// texts, though not to less than 40 characters.
const LEAST_PART: usize = 32;
/// How often a text is decoded that is encoded more than once (chosen).
const MOST_LAYERS: usize = 3;

/// Redacts the problem that answers a request, if one does.
pub(super) async fn redact(request: Request, next: Next) -> Response {
    let secrets = sent_secrets(&request);
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<ProblemBody>()
        && let Some(problem) = redact_problem(&problem, &secrets)
        && let Ok(body) = serde_json::to_vec(&problem)
    {
        response.headers_mut().remove(CONTENT_LENGTH);
        *response.body_mut() = Body::from(body);
    }
    response
}

/// The texts of all keys and tokens of a request, each as a problem may spell it.
fn sent_secrets(request: &Request) -> Vec<String> {
    let query = request.uri().query().unwrap_or_default();
    let mut secrets = key::all(request.headers(), query);
    for value in request.headers().get_all(AUTHORIZATION) {
        let text = String::from_utf8_lossy(value.as_bytes());
        secrets.extend(text.split_once(' ').map(|(_, token)| token.trim().to_owned()));
    }
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
    // The longest first: one may be a word of another.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
}

/// A problem without the secrets; None where it has none.
fn redact_problem(problem: &ProblemBody, secrets: &[String]) -> Option<ProblemBody> {
    let mut redacted = problem.clone();
    let redact = |text: &mut String| *text = redact_text(text, secrets, MOST_LAYERS);
    redact(&mut redacted.detail);
    for miss in &mut redacted.misses {
        miss.operation.iter_mut().for_each(redact);
        for difference in &mut miss.differences {
            redact(&mut difference.what);
            redact(&mut difference.wanted);
            redact(&mut difference.was);
        }
    }
    (redacted != *problem).then_some(redacted)
}

fn redact_text(text: &str, secrets: &[String], layers: usize) -> String {
    let mut shown = text.to_owned();
    for secret in secrets {
        shown = redact_word(&shown, secret);
    }
    if layers == 0 || !shown.contains('%') {
        return shown;
    }
    let decode = |word: &str| {
        let decoded = percent_decode_str(word).decode_utf8_lossy();
        let redacted = redact_text(&decoded, secrets, layers - 1);
        // Shown decoded only where something in it is hidden.
        if redacted == decoded { word.to_owned() } else { redacted }
    };
    shown.split_inclusive(char::is_whitespace).map(decode).collect()
}

/// A text without the words that are the secret, or the beginning of a long one that was cut.
fn redact_word(text: &str, secret: &str) -> String {
    let least = secret.char_indices().nth(LEAST_PART).map_or(secret, |(end, _)| &secret[..end]);
    let (mut redacted, mut done, mut from) = (String::new(), 0, 0);
    while let Some(at) = text[from..].find(least) {
        let start = from + at;
        let same =
            text[start..].chars().zip(secret.chars()).take_while(|(one, other)| one == other);
        let end = start + same.map(|(letter, _)| letter.len_utf8()).sum::<usize>();
        let is_cut = end - start < secret.len();
        let is_ended = !text[end..].starts_with(is_of_word) || !secret.ends_with(is_of_word);
        let is_begun = begins_word(&text[..start]) || !secret.starts_with(is_of_word);
        from = end;
        if is_begun && (is_cut || is_ended) {
            redacted.push_str(&text[done..start]);
            redacted.push_str(HIDDEN);
            done = end;
        }
    }
    redacted + &text[done..]
}

fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '-')
}

/// Whether a word begins after this: the last letter is of none, or of an escape, `\n` or `\u0009`.
fn begins_word(before: &str) -> bool {
    if !before.ends_with(is_of_word) {
        return true;
    }
    let escaped = before.trim_end_matches(|letter: char| letter.is_ascii_hexdigit());
    let is_code = escaped.ends_with("\\u") && before.len() - escaped.len() == 4;
    is_code || ["\\n", "\\t", "\\r", "\\b", "\\f", "\\0"].iter().any(|end| before.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_the_secret_is_hidden() {
        let secrets = ["test".to_owned()];
        for (text, expected) in [
            ("There is no account test.", "There is no account (hidden)."),
            (r#""\ttest\n" was sent"#, r#""\t(hidden)\n" was sent"#),
            (r#""\u0009test" was sent"#, r#""\u0009(hidden)" was sent"#),
            ("unknown field `test`", "unknown field `(hidden)`"),
            ("at /_control/%74est/a.", "at /_control/(hidden)/a."),
            ("testing the latest test-case, untested", "testing the latest test-case, untested"),
            ("100% of it", "100% of it"),
        ] {
            assert_eq!(redact_text(text, &secrets, MOST_LAYERS), expected);
        }
    }
}
