//! `multipart/form-data`, text parts only.

use bytes::Bytes;
use multer::{Field, Multipart, parse_boundary};
use serde_json::{Map, Value};

use super::{DecodeError, Tree};
use crate::limits::Shape;

pub(super) async fn decode(
    content_type: &str,
    body: Bytes,
    shape: Shape,
) -> Result<Map<String, Value>, DecodeError> {
    let boundary = parse_boundary(content_type).map_err(unreadable)?;
    let mut tree = Tree::within(shape);
    if body.is_empty() {
        return Ok(tree.finish());
    }
    let stream = futures_util::stream::once(async move { Ok::<_, std::convert::Infallible>(body) });
    let mut parts = Multipart::new(stream, boundary);
    while let Some(part) = parts.next_field().await.map_err(unreadable)? {
        let (name, text) = read(part).await?;
        tree.add(&name, text)?;
    }
    Ok(tree.finish())
}

async fn read(part: Field<'_>) -> Result<(String, String), DecodeError> {
    let Some(name) = part.name().map(str::to_owned) else {
        return Err(DecodeError::Multipart("a part has no name".to_owned()));
    };
    if part.file_name().is_some() {
        return Err(DecodeError::File(name));
    }
    let bytes = part.bytes().await.map_err(unreadable)?;
    match String::from_utf8(bytes.into()) {
        Ok(text) => Ok((name, text)),
        Err(_) => Err(DecodeError::NotUtf8(name)),
    }
}

fn unreadable(error: multer::Error) -> DecodeError {
    DecodeError::Multipart(match error {
        multer::Error::NoBoundary => "its Content-Type names no boundary".to_owned(),
        multer::Error::IncompleteFieldData { .. }
        | multer::Error::IncompleteHeaders
        | multer::Error::IncompleteStream => {
            "it ends in the middle; the closing boundary is missing".to_owned()
        }
        other => other.to_string(),
    })
}
