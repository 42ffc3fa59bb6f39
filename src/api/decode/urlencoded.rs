//! Decodes `a=1&b=2` of queries and forms. Strict: malformed input is an error.

use super::brackets::TreeBuilder;
use super::decoded::Decoded;
use super::error::{DecodeError, truncate_field_name};
use crate::api::limits::InputLimits;
use percent_encoding::percent_decode;

pub(super) fn decode(input: &[u8], limits: InputLimits) -> Result<Decoded, DecodeError> {
    let mut tree = TreeBuilder::new(limits);
    for pair in parse_pairs(input) {
        let (name, value) = pair?;
        tree.add(&name, value)?;
    }
    Ok(tree.finish())
}

/// Iterates over decoded names and values.
pub(crate) fn parse_pairs(
    input: &[u8],
) -> impl Iterator<Item = Result<(String, String), DecodeError>> {
    input.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let name = decode_form_text(halves.next().unwrap_or_default(), "The name of a field")?;
        let value = decode_form_text(halves.next().unwrap_or_default(), &name)?;
        Ok((name, value))
    })
}

/// Decodes form text, where `+` is a space.
fn decode_form_text(input: &[u8], location: &str) -> Result<String, DecodeError> {
    if !input.contains(&b'+') {
        return decode_component(input, location);
    }
    let spaced: Vec<u8> =
        input.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    decode_component(&spaced, location)
}

/// Percent-decodes; errors name the `location`.
///
/// # Errors
/// If a `%` lacks two hexadecimal digits, or the result is not UTF-8.
pub(crate) fn decode_component(input: &[u8], location: &str) -> Result<String, DecodeError> {
    if let Some(at) = find_invalid_escape(input) {
        let escape = &input[at..input.len().min(at + 3)];
        return Err(DecodeError::PercentEncoding(String::from_utf8_lossy(escape).into_owned()));
    }
    let decoded = percent_decode(input).decode_utf8();
    decoded.map(Into::into).map_err(|_| DecodeError::InvalidUtf8(truncate_field_name(location)))
}

/// Finds the first invalid percent-escape.
fn find_invalid_escape(input: &[u8]) -> Option<usize> {
    let percents = input.iter().enumerate().filter(|(_, byte)| **byte == b'%');
    let mut positions = percents.map(|(at, _)| at);
    positions.find(|at| {
        let digits = input.get(at + 1..at + 3);
        !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}
