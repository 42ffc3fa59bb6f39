//! `multipart/form-data` of text parts, as RFC 7578 and RFC 2046 describe it. The body is whole when it comes here, so
//! it is cut where its boundary stands, and nothing is copied but names and values.

use std::borrow::Cow;

use memchr::memmem::{self, Finder};
use serde_json::{Map, Value};

use super::{DecodeError, Tree};
use crate::limits::Shape;

const CUT_OFF: &str = "it ends in the middle; the closing boundary is missing";
/// The header of a part that names it.
const DISPOSITION: &str = "content-disposition:";
/// The longest boundary, in bytes (documented: RFC 2046).
const LONGEST_BOUNDARY: usize = 70;

pub(super) fn decode(
    content_type: &str,
    body: &[u8],
    shape: Shape,
) -> Result<Map<String, Value>, DecodeError> {
    let mut parameters = Parameters::of(content_type);
    let boundary = parameters.find(|(name, _)| name.eq_ignore_ascii_case("boundary"));
    let boundary = boundary.map(|(_, boundary)| boundary);
    let Some(boundary) = boundary.filter(|text| (1..=LONGEST_BOUNDARY).contains(&text.len()))
    else {
        return Err(broken("its Content-Type names no boundary"));
    };
    let mut tree = Tree::within(shape);
    if body.is_empty() {
        return Ok(tree.finish());
    }
    let delimiter = format!("\r\n--{boundary}");
    let delimiter = Finder::new(&delimiter);
    let mut rest = begun(body, &delimiter)?;
    while let Some(part) = next(&mut rest, &delimiter)? {
        let (name, text) = read(part)?;
        tree.add(&name, text)?;
    }
    Ok(tree.finish())
}

/// What comes after the first boundary. What may stand before it means nothing.
fn begun<'a>(body: &'a [u8], delimiter: &Finder) -> Result<&'a [u8], DecodeError> {
    let first = &delimiter.needle()[2..];
    if let Some(rest) = body.strip_prefix(first) {
        return Ok(rest);
    }
    let start = delimiter.find(body).ok_or_else(|| broken("its boundary is not in it"))?;
    Ok(&body[start + delimiter.needle().len()..])
}

/// The next part, head and all; None after the closing boundary.
fn next<'a>(rest: &mut &'a [u8], delimiter: &Finder) -> Result<Option<&'a [u8]>, DecodeError> {
    if rest.starts_with(b"--") {
        return Ok(None);
    }
    // Spaces and tabs may stand behind a boundary.
    let blank = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let Some(part) = rest[blank..].strip_prefix(b"\r\n") else {
        return Err(broken(if rest.len() < blank + 2 {
            CUT_OFF
        } else {
            "something stands behind a boundary on its line"
        }));
    };
    let end = delimiter.find(part).ok_or_else(|| broken(CUT_OFF))?;
    *rest = &part[end + delimiter.needle().len()..];
    Ok(Some(&part[..end]))
}

/// The name and the text of a part.
fn read(part: &[u8]) -> Result<(String, String), DecodeError> {
    let nameless = || broken("a part has no name");
    let (head, content) = match memmem::find(part, b"\r\n\r\n") {
        Some(end) => (&part[..end], &part[end + 4..]),
        // A head of no lines ends with the empty line alone.
        None if part.starts_with(b"\r\n") => return Err(nameless()),
        None => return Err(broken("the head of a part does not end")),
    };
    let Ok(head) = std::str::from_utf8(head) else {
        return Err(broken("the head of a part is not UTF-8"));
    };
    let disposition = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_at_checked(DISPOSITION.len())?;
        name.eq_ignore_ascii_case(DISPOSITION).then_some(value)
    });
    let (mut name, mut is_file) = (None, false);
    for (parameter, text) in Parameters::of(disposition.ok_or_else(nameless)?) {
        if parameter.eq_ignore_ascii_case("filename") {
            is_file = true;
        } else if name.is_none() && parameter.eq_ignore_ascii_case("name") {
            name = Some(text);
        }
    }
    let name = name.ok_or_else(nameless)?.into_owned();
    if is_file {
        return Err(DecodeError::File(name));
    }
    match std::str::from_utf8(content) {
        Ok(text) => Ok((name, text.to_owned())),
        Err(_) => Err(DecodeError::NotUtf8(name)),
    }
}

/// The parameters of a header's value: `; name=value`, or `; name="value"` with `\` before what would end it.
struct Parameters<'a>(&'a str);

impl<'a> Parameters<'a> {
    fn of(value: &'a str) -> Self {
        Self(value.split_once(';').map_or("", |(_, rest)| rest))
    }
}

impl<'a> Iterator for Parameters<'a> {
    type Item = (&'a str, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, after) = self.0.split_once('=')?;
        let after = after.trim_start();
        let (text, rest) = if let Some(quoted) = after.strip_prefix('"') {
            unquoted(quoted)?
        } else {
            let (text, rest) = after.split_once(';').unwrap_or((after, ""));
            (text.trim_end().into(), rest)
        };
        self.0 = rest;
        // One without a value may stand before it.
        Some((name.rsplit(';').next().unwrap_or(name).trim(), text))
    }
}

/// A text up to its closing quote, and what comes after it and the next `;`.
fn unquoted(quoted: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut text = Cow::Borrowed("");
    let mut rest = quoted;
    loop {
        let end = rest.find(['"', '\\'])?;
        let (before, after) = rest.split_at(end);
        text += before;
        let (letter, after) = (&after[..1], &after[1..]);
        if letter == "\"" {
            return Some((text, after.split_once(';').map_or("", |(_, rest)| rest)));
        }
        // Before anything else it is a part of the text: browsers send paths of Windows so.
        let is_escape = after.starts_with(['"', '\\']);
        let kept = if is_escape { &after[..1] } else { letter };
        text += kept;
        rest = if is_escape { &after[1..] } else { after };
    }
}

fn broken(why: &str) -> DecodeError {
    DecodeError::Multipart(why.to_owned())
}
