//! Reads request bodies within limits, or discards them so that clients can read the response.

use std::time::Duration;

use axum::body::{Body, BodyDataStream, HttpBody};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, EXPECT};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use tokio::time::timeout;

use super::limits;

/// The most buffer to allocate before a body arrives, in bytes.
const INITIAL_CAPACITY_BYTES: usize = 64 * 1024;

/// Why a body was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// It exceeds this many bytes.
    TooLarge(usize),
    Incomplete,
    /// It exceeded this timeout.
    Timeout(Duration),
}

/// The size limit and the timeout of a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimit {
    pub(crate) max_bytes: usize,
    pub(crate) timeout: Duration,
}

/// Reads the whole body, within the limits.
///
/// # Errors
/// If it is too large, incomplete, or too slow.
pub(crate) async fn read_body(
    headers: &HeaderMap,
    body: Body,
    limit: BodyLimit,
) -> Result<Bytes, BodyError> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let outcome = timeout(limit.timeout, read_chunks(headers, body, limit.max_bytes)).await;
    match outcome.unwrap_or(Err(BodyError::Timeout(limit.timeout)))? {
        ReadOutcome::Complete(body) => Ok(body),
        ReadOutcome::OverLimit(rest) => {
            discard_body(rest, limit.timeout).await;
            Err(BodyError::TooLarge(limit.max_bytes))
        }
    }
}

/// The result of reading.
enum ReadOutcome {
    Complete(Bytes),
    /// It is too large; the rest is unread.
    OverLimit(BodyDataStream),
}

async fn read_chunks(
    headers: &HeaderMap,
    body: Body,
    max_bytes: usize,
) -> Result<ReadOutcome, BodyError> {
    let content_length =
        headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if content_length.is_some_and(|length| length > max_bytes) && headers.contains_key(EXPECT) {
        // `Expect: 100-continue`: the client sends no body if it is rejected.
        return Err(BodyError::TooLarge(max_bytes));
    }
    let mut chunks = body.into_data_stream();
    let mut buffer =
        BytesMut::with_capacity(content_length.unwrap_or(0).min(INITIAL_CAPACITY_BYTES));
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| BodyError::Incomplete)?;
        if buffer.len() + chunk.len() > max_bytes {
            return Ok(ReadOutcome::OverLimit(chunks));
        }
        buffer.extend_from_slice(&chunk);
    }
    Ok(ReadOutcome::Complete(buffer.freeze()))
}

/// Reads and discards the rest of a body, so that the client stops sending and reads the response. Returns false if the
/// client is too slow or sends too much; the timeout is at most that of reading.
pub(crate) async fn discard_body(mut chunks: BodyDataStream, body_timeout: Duration) -> bool {
    let discard_all = async {
        let mut discarded = 0;
        while let Some(Ok(chunk)) = chunks.next().await {
            discarded += chunk.len();
            if discarded > limits::MAX_DISCARDED_BYTES {
                return false;
            }
        }
        true
    };
    timeout(body_timeout.min(limits::DISCARD_TIMEOUT), discard_all).await.unwrap_or(false)
}
