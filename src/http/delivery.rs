//! How an answer reaches its client, or does not.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::reply::Said;
use crate::accounts::InUse;
use crate::faults::{Effect, Loss, When};
use crate::state::Shared;
use crate::storage::Version;

/// What comes in place of JSON, as from a proxy that failed.
const GARBAGE: &str = "<!DOCTYPE html>\n<html><head><title>Bad gateway</title></head><body><h1>Bad gateway</h1></body></html>\n";
/// How long a body that comes bit by bit may take.
const LONGEST_DRIP: Duration = Duration::from_mins(1);
/// How long an answer that is lost by hanging is waited for at most.
const LOST: Duration = Duration::from_mins(5);

/// How the connection ends in place of an answer. The listener looks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Break {
    Reset,
    Close,
}

/// The body ends here.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a fault rule cuts the answer")]
struct Cut;

impl Said {
    /// What is answered under a fault; None where nothing is.
    pub(super) fn under(self, effect: &Effect) -> Option<Self> {
        match effect {
            Effect::Reset | Effect::Hang(_) | Effect::LoseAnswer(Loss::Reset | Loss::Hang) => None,
            Effect::Garbage => Some(self.garbled()),
            _ => Some(self),
        }
    }

    fn garbled(mut self) -> Self {
        self.body = Bytes::from_static(GARBAGE.as_bytes());
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        self.headers.insert(CONTENT_TYPE, html);
        self
    }
}

/// Sends what is answered under an effect.
pub(super) async fn deliver(
    said: Option<Said>,
    effect: Option<&Effect>,
    (state, life, seen): (&Shared, Version, u64),
    in_use: InUse,
) -> Response<Body> {
    let Some(said) = said else {
        let hang = match effect {
            Some(Effect::Hang(time)) => *time,
            Some(Effect::LoseAnswer(Loss::Hang)) => LOST,
            _ => return broken(Break::Reset),
        };
        state.pause(hang, life.other_than(seen)).await;
        return broken(Break::Close);
    };
    match effect {
        Some(Effect::Delay(time, When::After)) => {
            state.pause(*time, life.other_than(seen)).await;
            said.respond(None)
        }
        Some(Effect::Cut(bytes)) => cut(said, *bytes),
        Some(Effect::Drip(time)) => drip(said, *time, (Arc::clone(state), life, seen), in_use),
        _ => said.respond(None),
    }
}

fn broken(way: Break) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(way);
    response
}

/// The head says how long the body is, and the body ends before.
fn cut(said: Said, bytes: usize) -> Response<Body> {
    let whole = said.body.clone();
    let kept = whole.slice(..bytes.min(whole.len().saturating_sub(1)));
    let parts = stream::iter([Ok(kept), Err(Cut)]);
    // A pause between the two, so that the first is sent before the connection ends.
    let parts = parts.then(|part| async {
        if part.is_err() {
            tokio::task::yield_now().await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        part
    });
    counted(said, Body::from_stream(parts), whole.len())
}

/// The body comes bit by bit, and the rest at once when the server or the account ends.
fn drip(said: Said, time: Duration, end: (Shared, Version, u64), in_use: InUse) -> Response<Body> {
    let whole = said.body.clone();
    let most = LONGEST_DRIP.as_millis() / time.as_millis().max(1);
    let bits = usize::try_from(most).unwrap_or(usize::MAX).clamp(1, whole.len().max(1));
    let size = whole.len().div_ceil(bits).max(1);
    let length = whole.len();
    let bits = stream::unfold((whole, end, in_use), move |(mut rest, end, in_use)| async move {
        let (state, life, seen) = end;
        if rest.is_empty() {
            return None;
        }
        let is_time = state.pause(time, life.other_than(seen)).await;
        let size = if is_time { size.min(rest.len()) } else { rest.len() };
        let bit = rest.split_to(size);
        Some((Ok::<_, Infallible>(bit), (rest, (state, life, seen), in_use)))
    });
    counted(said, Body::from_stream(bits), length)
}

fn counted(mut said: Said, body: Body, length: usize) -> Response<Body> {
    said.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    said.respond(Some(body))
}
