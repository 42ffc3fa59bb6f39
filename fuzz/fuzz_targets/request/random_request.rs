//! Generates a request from bytes.

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::words::{BODIES, HEADERS, NAMES, PATH_SEGMENTS, ROUTES, TICKET_ROUTES, TYPES, VALUES};

#[derive(Debug)]
pub(crate) struct RandomRequest {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl<'a> Arbitrary<'a> for RandomRequest {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        let (method, mut target) = match input.int_in_range(0..=9)? {
            0 => (
                <&str>::arbitrary(input)?.to_owned(),
                format!("/{}", percent_encode(choose_word(input, VALUES)?)),
            ),
            1..=4 => choose_route(input, &ROUTES[..TICKET_ROUTES])?,
            _ => choose_route(input, ROUTES)?,
        };
        if one_in(input, 3)? {
            let query = if one_in(input, 8)? {
                <&str>::arbitrary(input)?.to_owned()
            } else {
                encode_form(&random_pairs(input)?)
            };
            target = format!("{target}?{query}");
        }
        let mut headers = Vec::new();
        match input.int_in_range(0..=15)? {
            0 => {}
            1 => add_header(&mut headers, "apiKey", "read-key-0123456789"),
            2 => add_header(&mut headers, "apiKey", choose_word(input, VALUES)?),
            3 => add_header(&mut headers, "authorization", "ApiKey acme-key-0123456789"),
            _ => add_header(&mut headers, "apiKey", "acme-key-0123456789"),
        }
        while headers.len() < 5 && one_in(input, 4)? {
            if one_in(input, 8)? {
                headers.push((
                    choose_word(input, NAMES)?.to_owned(),
                    <&[u8]>::arbitrary(input)?.to_vec(),
                ));
            } else {
                let (name, value) = input.choose(HEADERS)?;
                add_header(&mut headers, name, value);
            }
        }
        let body = random_body(input, &mut headers)?;
        Ok(Self { method, target, headers, body })
    }
}

fn add_header(headers: &mut Vec<(String, Vec<u8>)>, name: &str, value: &str) {
    headers.push((name.to_owned(), value.into()));
}

/// Returns true with a probability of one in `times`; false if no input is left.
fn one_in(input: &mut Unstructured<'_>, times: u8) -> Result<bool> {
    Ok(input.int_in_range(1..=times)? == times)
}

/// Returns one of the known words, or an arbitrary text.
fn choose_word<'a>(input: &mut Unstructured<'a>, known: &[&'a str]) -> Result<&'a str> {
    if one_in(input, 6)? { <&str>::arbitrary(input) } else { Ok(input.choose(known)?) }
}

fn choose_route(input: &mut Unstructured<'_>, routes: &[(&str, &str)]) -> Result<(String, String)> {
    let (method, path) = *input.choose(routes)?;
    let methods = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"];
    let method = if one_in(input, 12)? { *input.choose(&methods)? } else { method };
    let mut text = String::new();
    for (index, piece) in path.split("{}").enumerate() {
        if index > 0 {
            text += &percent_encode(choose_word(input, PATH_SEGMENTS)?);
        }
        text += piece;
    }
    Ok((method.to_owned(), text))
}

fn random_pairs<'a>(input: &mut Unstructured<'a>) -> Result<Vec<(&'a str, &'a str)>> {
    let number = input.int_in_range(0..=8)?;
    (0..number).map(|_| Ok((choose_word(input, NAMES)?, choose_word(input, VALUES)?))).collect()
}

/// Returns the required fields of some operations, and random fields.
fn random_fields<'a>(input: &mut Unstructured<'a>) -> Result<Vec<(&'a str, &'a str)>> {
    let mut fields = Vec::new();
    if one_in(input, 2)? {
        fields.extend([("brandID", "1"), ("channelID", "1"), ("direction", "inbound")]);
        fields.extend([
            ("from", "ada@example.test"),
            ("to", "desk@example.test"),
            ("title", "Printer"),
        ]);
    }
    if one_in(input, 3)? {
        fields.extend([
            ("TicketIDs", "1,2"),
            ("actions[0][actionType]", "title"),
            ("actions[0][value]", "École"),
        ]);
    }
    if one_in(input, 3)? {
        fields.extend([
            ("ticketIDs[]", "1"),
            ("ticketIDs[]", "2"),
            ("status", "solved"),
            ("priority", "low"),
        ]);
    }
    fields.extend(random_pairs(input)?);
    Ok(fields)
}

fn percent_encode(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

fn encode_form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn encode_multipart(pairs: &[(&str, &str)]) -> String {
    let part = |(name, value): &(&str, &str)| {
        format!("--B7\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    pairs.iter().map(part).collect::<String>() + "--B7--\r\n"
}

fn fill_template(input: &mut Unstructured<'_>) -> Result<String> {
    let mut text = String::new();
    for (index, piece) in input.choose(BODIES)?.split('?').enumerate() {
        if index > 0 {
            let known = if one_in(input, 4)? { NAMES } else { VALUES };
            let value = choose_word(input, known)?;
            let quoted = serde_json::Value::from(value).to_string();
            text += &quoted[1..quoted.len() - 1];
        }
        text += piece;
    }
    Ok(text)
}

fn random_body(
    input: &mut Unstructured<'_>,
    headers: &mut Vec<(String, Vec<u8>)>,
) -> Result<Vec<u8>> {
    let (type_index, body) = match input.int_in_range(0..=11)? {
        0 => return Ok(Vec::new()),
        1 => (0, <&[u8]>::arbitrary(input)?.to_vec()),
        2 | 3 => (0, encode_form(&random_fields(input)?).into()),
        4 | 5 => (1, encode_multipart(&random_fields(input)?).into()),
        _ => (2, fill_template(input)?.into()),
    };
    let content_type = if one_in(input, 8)? { *input.choose(TYPES)? } else { TYPES[type_index] };
    add_header(headers, "content-type", content_type);
    Ok(body)
}
