//! Sends a response with a fault applied.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use omnidesk_mock_client::types::{DelayTiming, DropMode, DroppedResponse};

use super::fault_cancellation::FaultCancellation;
use super::response::RenderedResponse;
use crate::accounts::AccountGuard;
use crate::faults::Effect;

/// HTML in place of JSON, as from a failed proxy.
const MALFORMED_BODY: &str = "<!DOCTYPE html>\n<html><head><title>Bad gateway</title></head><body><h1>Bad gateway</h1></body></html>\n";
/// The longest time to dribble a body.
const MAX_DRIBBLE_TIME: Duration = Duration::from_mins(1);
/// How long a connection hangs if the response is dropped.
const DROPPED_RESPONSE_HANG_TIME: Duration = Duration::from_mins(5);

/// How to abort the connection: a response extension for `server`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionAbort {
    Reset,
    Close,
}

/// Ends a body early.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a fault rule truncated the body")]
struct TruncatedBody;

/// Returns whether a request with this effect is executed.
pub(super) const fn executes_request(effect: &Effect) -> bool {
    !matches!(effect, Effect::Status { .. } | Effect::ResetConnection | Effect::Hang(_))
}

/// Applies a fault to a response; returns None if it sends nothing.
pub(super) fn apply_effect(
    response: RenderedResponse,
    effect: &Effect,
) -> Option<RenderedResponse> {
    match effect {
        Effect::ResetConnection
        | Effect::Hang(_)
        | Effect::DropResponse(DroppedResponse::Mode(_)) => None,
        Effect::Malformed => Some(replace_with_malformed_body(response)),
        _ => Some(response),
    }
}

fn replace_with_malformed_body(mut response: RenderedResponse) -> RenderedResponse {
    response.body = Bytes::from_static(MALFORMED_BODY.as_bytes());
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers.insert(CONTENT_TYPE, html);
    response
}

/// Responds with the effect applied.
pub(super) async fn respond_with_effect(
    response: Option<RenderedResponse>,
    effect: Option<&Effect>,
    fault_cancellation: FaultCancellation,
    account_guard: AccountGuard,
) -> Response<Body> {
    let Some(response) = response else {
        let hang = match effect {
            Some(Effect::Hang(time)) => *time,
            Some(Effect::DropResponse(DroppedResponse::Mode(DropMode::Hang))) => {
                DROPPED_RESPONSE_HANG_TIME
            }
            _ => return abort_response(ConnectionAbort::Reset),
        };
        fault_cancellation.sleep(hang).await;
        return abort_response(ConnectionAbort::Close);
    };
    match effect {
        Some(Effect::Delay(time, DelayTiming::After)) => {
            fault_cancellation.sleep(*time).await;
            response.into_http_response(None)
        }
        Some(Effect::Truncate(bytes)) => truncate_body(response, *bytes),
        Some(Effect::Dribble(time)) => {
            dribble_body(response, *time, fault_cancellation, account_guard)
        }
        _ => response.into_http_response(None),
    }
}

fn abort_response(abort: ConnectionAbort) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(abort);
    response
}

/// Ends the body short of its `Content-Length`.
fn truncate_body(response: RenderedResponse, bytes: u64) -> Response<Body> {
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    let full_body = response.body.clone();
    let prefix = full_body.slice(..bytes.min(full_body.len().saturating_sub(1)));
    let parts = stream::iter([Ok(prefix), Err(TruncatedBody)]);
    // Pauses so that the prefix is sent before the connection ends.
    let parts = parts.then(|part| async {
        if part.is_err() {
            tokio::task::yield_now().await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        part
    });
    respond_with_length(response, Body::from_stream(parts), full_body.len())
}

/// Sends the body in small chunks, and the rest at once on shutdown or account reset.
fn dribble_body(
    response: RenderedResponse,
    interval: Duration,
    fault_cancellation: FaultCancellation,
    account_guard: AccountGuard,
) -> Response<Body> {
    let full_body = response.body.clone();
    let max_chunks = MAX_DRIBBLE_TIME.as_millis() / interval.as_millis().max(1);
    let chunk_count =
        usize::try_from(max_chunks).unwrap_or(usize::MAX).clamp(1, full_body.len().max(1));
    let chunk_size = full_body.len().div_ceil(chunk_count).max(1);
    let length = full_body.len();
    let chunks = stream::unfold(
        (full_body, fault_cancellation, account_guard),
        move |(mut rest, fault_cancellation, account_guard)| async move {
            if rest.is_empty() {
                return None;
            }
            let has_elapsed = fault_cancellation.sleep(interval).await;
            let size = if has_elapsed { chunk_size.min(rest.len()) } else { rest.len() };
            let chunk = rest.split_to(size);
            Some((Ok::<_, Infallible>(chunk), (rest, fault_cancellation, account_guard)))
        },
    );
    respond_with_length(response, Body::from_stream(chunks), length)
}

fn respond_with_length(
    mut response: RenderedResponse,
    body: Body,
    length: usize,
) -> Response<Body> {
    response.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    response.into_http_response(Some(body))
}
