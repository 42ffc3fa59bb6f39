//! Parses `multipart/form-data` of text parts (RFC 7578, RFC 2046). The whole body is in memory, so it is split at its
//! boundary, and only names and values are copied. The crate `multer` reads a stream, which takes three times the
//! instructions; a property test compares both.

use std::borrow::Cow;

use super::brackets::TreeBuilder;
use super::decoded::Decoded;
use super::error::{DecodeError, truncate_field_name};
use crate::api::limits::InputLimits;
use memchr::memmem::{self, Finder};

const TRUNCATED_MESSAGE: &str = "it is truncated; the closing boundary is missing";
/// The transfer encodings that leave the content as it is.
const IDENTITY_ENCODINGS: [&str; 3] = ["7bit", "8bit", "binary"];
const LINE_END_MESSAGE: &str = "its lines end with LF; they must end with CRLF";
/// The longest boundary, in bytes (RFC 2046).
const MAX_BOUNDARY_BYTES: usize = 70;

pub(super) fn decode(
    content_type: &str,
    body: &[u8],
    limits: InputLimits,
) -> Result<Decoded, DecodeError> {
    let mut parameters = Parameters::from_header_value(content_type);
    let boundary = parameters.find(|(name, _)| name.eq_ignore_ascii_case("boundary"));
    let boundary = boundary.map(|(_, boundary)| boundary);
    let Some(boundary) = boundary.filter(|text| (1..=MAX_BOUNDARY_BYTES).contains(&text.len()))
    else {
        return Err(multipart_error("its Content-Type has no valid boundary"));
    };
    let mut tree = TreeBuilder::new(limits);
    if body.is_empty() {
        return Ok(tree.finish());
    }
    let delimiter = format!("\r\n--{boundary}");
    let delimiter = Finder::new(&delimiter);
    let mut rest = skip_preamble(body, &delimiter)?;
    while let Some(part) = next_part(&mut rest, &delimiter)? {
        let (name, text) = parse_part(part)?;
        tree.add(&name, text)?;
    }
    Ok(tree.finish())
}

/// Skips the preamble and the first boundary.
fn skip_preamble<'a>(body: &'a [u8], delimiter: &Finder) -> Result<&'a [u8], DecodeError> {
    let first = &delimiter.needle()[2..];
    if let Some(rest) = body.strip_prefix(first) {
        return Ok(rest);
    }
    let is_in_line =
        |start: usize| memmem::find(body, first).is_some_and(|boundary| boundary < start + 2);
    if delimiter.find(body).is_some_and(is_in_line) {
        return Err(multipart_error("its first boundary is not at the beginning of a line"));
    }
    let start = delimiter.find(body).ok_or_else(|| {
        multipart_error(if memmem::find(body, &delimiter.needle()[1..]).is_some() {
            LINE_END_MESSAGE
        } else {
            "it does not contain its boundary"
        })
    })?;
    Ok(&body[start + delimiter.needle().len()..])
}

/// Splits off a part; returns None after the closing boundary.
fn next_part<'a>(rest: &mut &'a [u8], delimiter: &Finder) -> Result<Option<&'a [u8]>, DecodeError> {
    if rest.starts_with(b"--") {
        return Ok(None);
    }
    // Spaces and tabs may follow a boundary.
    let padding = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let Some(part) = rest[padding..].strip_prefix(b"\r\n") else {
        return Err(multipart_error(if rest.len() < padding + 2 {
            TRUNCATED_MESSAGE
        } else if rest[padding..].starts_with(b"\n") {
            LINE_END_MESSAGE
        } else {
            "the line of a boundary has other text after it"
        }));
    };
    let end = delimiter.find(part).ok_or_else(|| multipart_error(TRUNCATED_MESSAGE))?;
    *rest = &part[end + delimiter.needle().len()..];
    Ok(Some(&part[..end]))
}

/// Parses the name and the text.
fn parse_part(part: &[u8]) -> Result<(String, String), DecodeError> {
    let missing_name = || multipart_error("a part has no name");
    let (head, content) = match memmem::find(part, b"\r\n\r\n") {
        Some(end) => (&part[..end], &part[end + 4..]),
        // Without headers there is only the empty line.
        None if part.starts_with(b"\r\n") => return Err(missing_name()),
        None if memmem::find(part, b"\n\n").is_some() => {
            return Err(multipart_error(LINE_END_MESSAGE));
        }
        None => return Err(multipart_error("the headers of a part have no end")),
    };
    let Ok(head) = std::str::from_utf8(head) else {
        return Err(multipart_error("the headers of a part are not valid UTF-8"));
    };
    // A header continues on lines that begin with a space or a tab.
    let head = if head.contains("\r\n ") || head.contains("\r\n\t") {
        Cow::Owned(head.replace("\r\n ", " ").replace("\r\n\t", " "))
    } else {
        Cow::Borrowed(head)
    };
    let header = |wanted: &str| {
        let mut values = head.split("\r\n").filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case(wanted).then_some(value)
        });
        let value = values.next().map(strip_comments).transpose()?;
        if values.next().is_some() {
            return Err(multipart_error(&format!("a part has the header {wanted} more than once")));
        }
        Ok(value)
    };
    let (mut name, mut is_file) = (None, false);
    let disposition = header("content-disposition")?.ok_or_else(missing_name)?;
    for (parameter, text) in Parameters::from_header_value(&disposition) {
        let parameter = parameter.to_ascii_lowercase();
        // RFC 2231 continues a long text in `filename*0`, `filename*1` and so on.
        match parameter.split('*').next().unwrap_or_default() {
            "filename" => is_file = true,
            "name" if parameter != "name" => {
                return Err(multipart_error(
                    "the name of a part is sent as name*, which RFC 7578 does not allow; send name in UTF-8",
                ));
            }
            "name" if name.is_some() => {
                return Err(multipart_error("a part has more than one name"));
            }
            "name" => name = Some(text),
            _ => {}
        }
    }
    let name = name.ok_or_else(missing_name)?.into_owned();
    if is_file {
        return Err(DecodeError::UnexpectedFile(name));
    }
    let encoding = header("content-transfer-encoding")?;
    if let Some(encoding) = encoding.as_deref().map(str::trim)
        && !IDENTITY_ENCODINGS.iter().any(|known| encoding.eq_ignore_ascii_case(known))
    {
        return Err(DecodeError::PartEncoding {
            name: truncate_field_name(&name),
            header: "Content-Transfer-Encoding",
            encoding: truncate_field_name(encoding),
        });
    }
    if let Some(encoding) = header("content-encoding")?.as_deref().map(str::trim)
        && !encoding.is_empty()
        && !encoding.eq_ignore_ascii_case("identity")
    {
        return Err(DecodeError::PartEncoding {
            name: truncate_field_name(&name),
            header: "Content-Encoding",
            encoding: truncate_field_name(encoding),
        });
    }
    let content_type = header("content-type")?.unwrap_or_default();
    let text = decode_part(&name, &content_type, content)?;
    Ok((name, text))
}

/// Replaces each comment in parentheses by a space (RFC 822, RFC 2045): comments may be nested, and a quoted text has none.
fn strip_comments(value: &str) -> Result<Cow<'_, str>, DecodeError> {
    if !value.contains('(') {
        return Ok(value.into());
    }
    let mut text = String::with_capacity(value.len());
    let (mut depth, mut is_quoted) = (0_usize, false);
    let mut letters = value.chars().peekable();
    while let Some(letter) = letters.next() {
        // In quotes, `\` escapes only what `parse_quoted_string` unescapes.
        let can_escape = |next: &char| !is_quoted || matches!(next, '"' | '\\');
        let escaped = if letter == '\\' && (is_quoted || depth > 0) {
            letters.next_if(can_escape)
        } else {
            None
        };
        match letter {
            '(' if !is_quoted => {
                depth += 1;
                continue;
            }
            ')' if depth > 0 => {
                depth -= 1;
                text.push(' ');
                continue;
            }
            '"' if depth == 0 => is_quoted = !is_quoted,
            _ => {}
        }
        if depth == 0 {
            text.push(letter);
            text.extend(escaped);
        }
    }
    if depth > 0 {
        return Err(multipart_error("a comment in the headers of a part has no end"));
    }
    Ok(text.into())
}

/// Decodes the content of a part by the charset of its Content-Type; the default is UTF-8.
fn decode_part(name: &str, content_type: &str, content: &[u8]) -> Result<String, DecodeError> {
    let charset = Parameters::from_header_value(content_type)
        .find(|(parameter, _)| parameter.eq_ignore_ascii_case("charset"))
        .map(|(_, charset)| charset.to_ascii_lowercase());
    match charset.as_deref().unwrap_or_default() {
        "" | "utf-8" | "utf8" | "us-ascii" => match std::str::from_utf8(content) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(DecodeError::InvalidUtf8(name.to_owned())),
        },
        // The code points of Unicode begin with those of this charset.
        "iso-8859-1" | "latin1" => Ok(content.iter().copied().map(char::from).collect()),
        other => Err(DecodeError::PartCharset {
            name: truncate_field_name(name),
            charset: truncate_field_name(other),
        }),
    }
}

/// Iterates over header parameters: `; name=value`, or `; name="value"` with `\` as escape.
struct Parameters<'a>(&'a str);

impl<'a> Parameters<'a> {
    fn from_header_value(value: &'a str) -> Self {
        Self(value.split_once(';').map_or("", |(_, rest)| rest))
    }
}

impl<'a> Iterator for Parameters<'a> {
    type Item = (&'a str, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, after) = self.0.split_once('=')?;
        let after = after.trim_start();
        let (text, rest) = if let Some(quoted) = after.strip_prefix('"') {
            parse_quoted_string(quoted)?
        } else {
            let (text, rest) = after.split_once(';').unwrap_or((after, ""));
            (text.trim_end().into(), rest)
        };
        self.0 = rest;
        // Skips parameters without a value.
        Some((name.rsplit(';').next().unwrap_or(name).trim(), text))
    }
}

/// Parses up to the closing quote; also returns the rest after the next `;`.
fn parse_quoted_string(quoted: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut text = Cow::Borrowed("");
    let mut rest = quoted;
    loop {
        let end = rest.find(['"', '\\'])?;
        let (before, after) = rest.split_at(end);
        text += before;
        let (delimiter, after) = (&after[..1], &after[1..]);
        if delimiter == "\"" {
            return Some((text, after.split_once(';').map_or("", |(_, rest)| rest)));
        }
        // Otherwise `\` is literal: browsers send Windows paths unescaped.
        let is_escape = after.starts_with(['"', '\\']);
        let literal = if is_escape { &after[..1] } else { delimiter };
        text += literal;
        rest = if is_escape { &after[1..] } else { after };
    }
}

fn multipart_error(reason: &str) -> DecodeError {
    DecodeError::InvalidMultipart(reason.to_owned())
}
