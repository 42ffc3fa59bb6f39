//! `a=1&b=2`, as queries and forms have it. Strict: nothing that is broken is guessed at.

use percent_encoding::percent_decode;
use serde_json::{Map, Value};

use super::{DecodeError, Tree};
use crate::limits::Shape;

pub(super) fn decode(input: &[u8], shape: Shape) -> Result<Map<String, Value>, DecodeError> {
    let mut tree = Tree::within(shape);
    for pair in pairs(input) {
        let (name, value) = pair?;
        tree.add(&name, value)?;
    }
    Ok(tree.finish())
}

/// The decoded names and values, one after the other.
pub(crate) fn pairs(input: &[u8]) -> impl Iterator<Item = Result<(String, String), DecodeError>> {
    input.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let name = text(halves.next().unwrap_or_default(), "The name of a field")?;
        let value = text(halves.next().unwrap_or_default(), &name)?;
        Ok((name, value))
    })
}

/// One part of a form, where `+` is a space.
fn text(input: &[u8], what: &str) -> Result<String, DecodeError> {
    if !input.contains(&b'+') {
        return component(input, what);
    }
    let spaced: Vec<u8> =
        input.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    component(&spaced, what)
}

/// Undoes percent-encoding; `what` names the place in an error.
///
/// # Errors
/// When a `%` is not followed by two digits, or the result is no UTF-8.
pub(crate) fn component(input: &[u8], what: &str) -> Result<String, DecodeError> {
    if let Some(at) = broken(input) {
        let around = &input[at..input.len().min(at + 3)];
        return Err(DecodeError::Percent(String::from_utf8_lossy(around).into_owned()));
    }
    let decoded = percent_decode(input).decode_utf8();
    decoded.map(Into::into).map_err(|_| DecodeError::NotUtf8(what.chars().take(64).collect()))
}

/// Where the first `%` stands that encodes nothing.
fn broken(input: &[u8]) -> Option<usize> {
    let percents = input.iter().enumerate().filter(|(_, byte)| **byte == b'%');
    let mut places = percents.map(|(at, _)| at);
    places.find(|at| {
        let digits = input.get(at + 1..at + 3);
        !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}
