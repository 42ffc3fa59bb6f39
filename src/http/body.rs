//! Bodies: read whole within a bound, or thrown away so that their senders get to read the answer.

use axum::body::{Body, BodyDataStream};
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, EXPECT};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use super::limits;

/// The room made for a body before any of it has arrived, in bytes.
const FIRST_ROOM: usize = 64 * 1024;

/// Why there is no whole body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotWhole {
    TooLarge,
    Incomplete,
}

/// The whole body, if it has not more than so many bytes.
///
/// # Errors
/// When it has more, or ends early.
pub(crate) async fn whole(headers: &HeaderMap, body: Body, most: usize) -> Result<Bytes, NotWhole> {
    let announced =
        headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > most) && headers.contains_key(EXPECT) {
        // The client waits for a word before it sends the body; this is the word.
        return Err(NotWhole::TooLarge);
    }
    let mut chunks = body.into_data_stream();
    let mut read = BytesMut::with_capacity(announced.unwrap_or(0).min(FIRST_ROOM));
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| NotWhole::Incomplete)?;
        if read.len() + chunk.len() > most {
            drain(chunks).await;
            return Err(NotWhole::TooLarge);
        }
        read.extend_from_slice(&chunk);
    }
    Ok(read.freeze())
}

/// Throws the rest of a body away, so that its sender stops sending and reads the answer. A sender that is too
/// slow, or sends too much, is cut off.
async fn drain(mut chunks: BodyDataStream) {
    let all = async {
        let mut drained = 0;
        while let Some(Ok(chunk)) = chunks.next().await {
            drained += chunk.len();
            if drained > limits::DRAINED {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(limits::DRAIN_TIME, all).await;
}

/// Throws the body of a request away that is refused for another reason.
pub(super) async fn turn_away(request: Request) {
    // Who waits for a word before sending a body need not send it.
    if !request.headers().contains_key(EXPECT) {
        drain(request.into_body().into_data_stream()).await;
    }
}
