//! Drains the part of a request body that its handler did not read, so that the connection stays usable. If that
//! exceeds a bound, the response gets `Connection: close`.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::{CONNECTION, EXPECT};
use axum::http::{HeaderValue, Request, Response};
use hyper::body::{Frame, Incoming, SizeHint};
use parking_lot::{Mutex, MutexGuard};

use crate::api::ConnectionAbort;
use crate::api::body::discard_body;

/// A body that first its handler, then its connection reads.
#[derive(Clone, Debug)]
struct SharedBody(Arc<Mutex<BodyState>>);

#[derive(Debug)]
struct BodyState {
    body: Incoming,
    /// Whether the body has ended or failed.
    is_finished: bool,
}

impl SharedBody {
    fn lock(&self) -> MutexGuard<'_, BodyState> {
        self.0.lock()
    }
}

impl HttpBody for SharedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut state = self.lock();
        let frame = Pin::new(&mut state.body).poll_frame(context);
        match &frame {
            Poll::Ready(Some(Ok(_))) => state.is_finished = state.body.is_end_stream(),
            // After an error hyper reads no more of the body either.
            Poll::Ready(_) => state.is_finished = true,
            Poll::Pending => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.lock().body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.lock().body.size_hint()
    }
}

/// The unread body after the handler's response; None for a request without a body.
#[derive(Debug)]
pub(super) struct UnreadBody(Option<BodyRemainder>);

#[derive(Debug)]
struct BodyRemainder {
    body: SharedBody,
    /// The client sent `Expect: 100-continue`, and may never send the body.
    expects_continue: bool,
}

impl UnreadBody {
    /// Splits off a handle to the body that the handler may leave unread. A request without a body costs nothing.
    pub(super) fn split_from(request: Request<Incoming>) -> (Request<Body>, Self) {
        let (head, body) = request.into_parts();
        if body.is_end_stream() {
            return (Request::from_parts(head, Body::empty()), Self(None));
        }
        let expects_continue = head.headers.contains_key(EXPECT);
        let body = SharedBody(Arc::new(Mutex::new(BodyState { body, is_finished: false })));
        let remainder = BodyRemainder { body: body.clone(), expects_continue };
        (Request::from_parts(head, Body::new(body)), Self(Some(remainder)))
    }

    /// Returns the response after draining the body, or adds `Connection: close` to it.
    pub(super) async fn discard_or_close(
        self,
        mut response: Response<Body>,
        body_timeout: Duration,
    ) -> Result<Response<Body>, Infallible> {
        let Self(Some(remainder)) = self else { return Ok(response) };
        let closes = response.headers().get(CONNECTION).is_some_and(|value| value == "close");
        let is_aborted = response.extensions().get::<ConnectionAbort>().is_some();
        if !closes && !is_aborted && !remainder.discard(body_timeout).await {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response)
    }
}

impl BodyRemainder {
    /// Reads and discards the body. Returns false if it is withheld, too slow or too large.
    async fn discard(self, body_timeout: Duration) -> bool {
        if self.body.lock().is_finished || self.expects_continue {
            return self.body.lock().is_finished;
        }
        discard_body(Body::new(self.body).into_data_stream(), body_timeout).await
    }
}
