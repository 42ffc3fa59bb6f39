//! What a request's handler leaves unread of its body: thrown away within a bound, so that the connection can go on; and
//! where that is too much, the answer says that the connection ends.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::{CONNECTION, EXPECT};
use axum::http::{HeaderValue, Request, Response};
use futures_util::future::poll_fn;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::timeout;

use crate::http::Break;
use crate::limits;

/// A body that its handler and its connection share, one after the other.
#[derive(Clone, Debug)]
struct Shared(Arc<Mutex<Read>>);

#[derive(Debug)]
struct Read {
    body: Incoming,
    /// Whether it has come to its end, or broke.
    ended: bool,
}

impl Shared {
    fn read(&self) -> MutexGuard<'_, Read> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBody for Shared {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut read = self.read();
        let frame = Pin::new(&mut read.body).poll_frame(context);
        match &frame {
            Poll::Ready(Some(Ok(_))) => read.ended = read.body.is_end_stream(),
            // Of one that broke the connection makes nothing more either.
            Poll::Ready(_) => read.ended = true,
            Poll::Pending => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.read().body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.read().body.size_hint()
    }
}

/// The rest of a body, once its handler has answered. None where there never was one.
#[derive(Debug)]
pub(crate) struct Unread(Option<Rest>);

#[derive(Debug)]
struct Rest {
    body: Shared,
    /// The client waits for a word before it sends the body, and need not send it.
    is_withheld: bool,
}

impl Unread {
    /// The request for its handler, and what that may leave of its body. No body costs nothing.
    pub(crate) fn of(request: Request<Incoming>) -> (Request<Body>, Self) {
        let (head, body) = request.into_parts();
        if body.is_end_stream() {
            return (Request::from_parts(head, Body::empty()), Self(None));
        }
        let is_withheld = head.headers.contains_key(EXPECT);
        let body = Shared(Arc::new(Mutex::new(Read { body, ended: false })));
        let rest = Rest { body: body.clone(), is_withheld };
        (Request::from_parts(head, Body::new(body)), Self(Some(rest)))
    }

    /// The answer as it may be sent: after the rest of the body, or with the word that the connection ends.
    pub(crate) async fn settle(
        self,
        mut response: Response<Body>,
        time: Duration,
    ) -> Result<Response<Body>, Infallible> {
        let Self(Some(rest)) = self else { return Ok(response) };
        let is_last = response.headers().get(CONNECTION).is_some_and(|word| word == "close");
        let is_broken = response.extensions().get::<Break>().is_some();
        if !is_last && !is_broken && !rest.read_all(time).await {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response)
    }
}

impl Rest {
    /// Reads to the end, where that is near enough. A sender that is too slow, or sends too much, is cut off.
    async fn read_all(mut self, time: Duration) -> bool {
        if self.body.read().ended || self.is_withheld {
            return self.body.read().ended;
        }
        let all = async {
            let mut drained = 0;
            while let Some(Ok(frame)) =
                poll_fn(|context| Pin::new(&mut self.body).poll_frame(context)).await
            {
                drained += frame.data_ref().map_or(0, Bytes::len);
                if drained > limits::DRAINED {
                    return false;
                }
            }
            true
        };
        timeout(time.min(limits::DRAIN_TIME), all).await.unwrap_or(false)
    }
}
