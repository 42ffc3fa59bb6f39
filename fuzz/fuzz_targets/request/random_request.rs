//! A request, made from bytes.

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::words::{BODIES, HEADERS, NAMES, PARTS, ROUTES, TICKET_ROUTES, TYPES, VALUES};

#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl<'a> Arbitrary<'a> for Ask {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        let (method, mut target) = match input.int_in_range(0..=9)? {
            0 => (
                <&str>::arbitrary(input)?.to_owned(),
                format!("/{}", encoded(word(input, VALUES)?)),
            ),
            1..=4 => route(input, &ROUTES[..TICKET_ROUTES])?,
            _ => route(input, ROUTES)?,
        };
        if rare(input, 3)? {
            let query = if rare(input, 8)? {
                <&str>::arbitrary(input)?.to_owned()
            } else {
                form(&pairs(input)?)
            };
            target = format!("{target}?{query}");
        }
        let mut headers = Vec::new();
        match input.int_in_range(0..=15)? {
            0 => {}
            1 => header(&mut headers, "apiKey", "read-key-0123456789"),
            2 => header(&mut headers, "apiKey", word(input, VALUES)?),
            3 => header(&mut headers, "authorization", "ApiKey acme-key-0123456789"),
            _ => header(&mut headers, "apiKey", "acme-key-0123456789"),
        }
        while headers.len() < 5 && rare(input, 4)? {
            if rare(input, 8)? {
                headers.push((word(input, NAMES)?.to_owned(), <&[u8]>::arbitrary(input)?.to_vec()));
            } else {
                let (name, value) = input.choose(HEADERS)?;
                header(&mut headers, name, value);
            }
        }
        let body = body(input, &mut headers)?;
        Ok(Self { method, target, headers, body })
    }
}

fn header(headers: &mut Vec<(String, Vec<u8>)>, name: &str, value: &str) {
    headers.push((name.to_owned(), value.into()));
}

/// True once in so often; false where nothing is left to read.
fn rare(input: &mut Unstructured<'_>, often: u8) -> Result<bool> {
    Ok(input.int_in_range(1..=often)? == often)
}

/// A known word, or any.
fn word<'a>(input: &mut Unstructured<'a>, known: &[&'a str]) -> Result<&'a str> {
    if rare(input, 6)? { <&str>::arbitrary(input) } else { Ok(input.choose(known)?) }
}

fn route(input: &mut Unstructured<'_>, routes: &[(&str, &str)]) -> Result<(String, String)> {
    let (method, path) = *input.choose(routes)?;
    let methods = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"];
    let method = if rare(input, 12)? { *input.choose(&methods)? } else { method };
    let mut whole = String::new();
    for (at, piece) in path.split("{}").enumerate() {
        if at > 0 {
            whole += &encoded(word(input, PARTS)?);
        }
        whole += piece;
    }
    Ok((method.to_owned(), whole))
}

fn pairs<'a>(input: &mut Unstructured<'a>) -> Result<Vec<(&'a str, &'a str)>> {
    let number = input.int_in_range(0..=8)?;
    (0..number).map(|_| Ok((word(input, NAMES)?, word(input, VALUES)?))).collect()
}

/// The fields that a new ticket needs, and others.
fn fields<'a>(input: &mut Unstructured<'a>) -> Result<Vec<(&'a str, &'a str)>> {
    let mut fields = Vec::new();
    if rare(input, 2)? {
        fields.extend([("brandID", "1"), ("channelID", "1"), ("direction", "inbound")]);
        fields.extend([
            ("from", "ada@example.test"),
            ("to", "desk@example.test"),
            ("title", "Printer"),
        ]);
    }
    if rare(input, 3)? {
        fields.extend([
            ("TicketIDs", "1,2"),
            ("actions[0][actionType]", "title"),
            ("actions[0][value]", "École"),
        ]);
    }
    if rare(input, 3)? {
        fields.extend([
            ("ticketIDs[]", "1"),
            ("ticketIDs[]", "2"),
            ("status", "solved"),
            ("priority", "low"),
        ]);
    }
    fields.extend(pairs(input)?);
    Ok(fields)
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn multipart(pairs: &[(&str, &str)]) -> String {
    let part = |(name, value): &(&str, &str)| {
        format!("--B7\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    pairs.iter().map(part).collect::<String>() + "--B7--\r\n"
}

fn template(input: &mut Unstructured<'_>) -> Result<String> {
    let mut whole = String::new();
    for (at, piece) in input.choose(BODIES)?.split('?').enumerate() {
        if at > 0 {
            let known = if rare(input, 4)? { NAMES } else { VALUES };
            let value = word(input, known)?;
            let quoted = serde_json::Value::from(value).to_string();
            whole += &quoted[1..quoted.len() - 1];
        }
        whole += piece;
    }
    Ok(whole)
}

fn body(input: &mut Unstructured<'_>, headers: &mut Vec<(String, Vec<u8>)>) -> Result<Vec<u8>> {
    let (fit, body) = match input.int_in_range(0..=11)? {
        0 => return Ok(Vec::new()),
        1 => (0, <&[u8]>::arbitrary(input)?.to_vec()),
        2 | 3 => (0, form(&fields(input)?).into()),
        4 | 5 => (1, multipart(&fields(input)?).into()),
        _ => (2, template(input)?.into()),
    };
    let content_type = if rare(input, 8)? { *input.choose(TYPES)? } else { TYPES[fit] };
    header(headers, "content-type", content_type);
    Ok(body)
}
