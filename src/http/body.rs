//! Bodies: read whole within a bound, or thrown away so that their senders get to read the answer.

use std::time::Duration;

use axum::body::{Body, BodyDataStream, HttpBody};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, EXPECT};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use tokio::time::timeout;

use crate::limits;

/// The room made for a body before any of it has arrived, in bytes.
const FIRST_ROOM: usize = 64 * 1024;

/// Why there is no whole body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotWhole {
    /// It has more than so many bytes.
    TooLarge(usize),
    Incomplete,
    /// It has not arrived within this time.
    TooSlow(Duration),
}

/// How much a body may have, and how long it may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Most {
    /// In bytes.
    pub(crate) bytes: usize,
    pub(crate) time: Duration,
}

/// The whole body, if it is within the bounds.
///
/// # Errors
/// When it has more, ends early, or does not arrive in time.
pub(crate) async fn whole(headers: &HeaderMap, body: Body, most: Most) -> Result<Bytes, NotWhole> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let read = timeout(most.time, read(headers, body, most.bytes)).await;
    match read.unwrap_or(Err(NotWhole::TooSlow(most.time)))? {
        Read::Whole(body) => Ok(body),
        Read::More(rest) => {
            drain(rest, most.time).await;
            Err(NotWhole::TooLarge(most.bytes))
        }
    }
}

/// What there is of a body.
enum Read {
    Whole(Bytes),
    /// It has more than it may; the rest has not been read yet.
    More(BodyDataStream),
}

async fn read(headers: &HeaderMap, body: Body, most: usize) -> Result<Read, NotWhole> {
    let announced =
        headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > most) && headers.contains_key(EXPECT) {
        // The client waits for a word before it sends the body; this is the word.
        return Err(NotWhole::TooLarge(most));
    }
    let mut chunks = body.into_data_stream();
    let mut read = BytesMut::with_capacity(announced.unwrap_or(0).min(FIRST_ROOM));
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| NotWhole::Incomplete)?;
        if read.len() + chunk.len() > most {
            return Ok(Read::More(chunks));
        }
        read.extend_from_slice(&chunk);
    }
    Ok(Read::Whole(read.freeze()))
}

/// Throws the rest of a body away, so that its sender stops sending and reads the answer. A sender that is too
/// slow, or sends too much, is cut off; it has no more time than a body that is read.
async fn drain(mut chunks: BodyDataStream, time: Duration) {
    let all = async {
        let mut drained = 0;
        while let Some(Ok(chunk)) = chunks.next().await {
            drained += chunk.len();
            if drained > limits::DRAINED {
                return;
            }
        }
    };
    let _ = timeout(time.min(limits::DRAIN_TIME), all).await;
}
