//! The bytes of a request.

use std::net::SocketAddr;

pub(crate) const URLENCODED: &str = "application/x-www-form-urlencoded";

const BOUNDARY: &str = "----bench-7MA4YWxkTrZu0gW";

/// A request that carries the key and, where there is some, a body of a content type.
pub(crate) fn message(
    host: SocketAddr,
    key: &str,
    method: &str,
    path: &str,
    content: Option<(&str, &str)>,
) -> String {
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\napiKey: {key}\r\n");
    match content {
        None => head + "\r\n",
        Some((kind, body)) => {
            let length = body.len();
            format!("{head}Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}")
        }
    }
}

/// A `POST` of text parts as `multipart/form-data`.
pub(crate) fn multipart(
    host: SocketAddr,
    key: &str,
    path: &str,
    fields: &[(&str, &str)],
) -> String {
    let mut body = String::new();
    for (name, value) in fields {
        let disposition = format!("Content-Disposition: form-data; name=\"{name}\"");
        body.extend(["--", BOUNDARY, "\r\n", &disposition, "\r\n\r\n", value, "\r\n"]);
    }
    body.extend(["--", BOUNDARY, "--\r\n"]);
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    message(host, key, "POST", path, Some((&content_type, &body)))
}
