//! The connections of a server: taken in up to a bound, served, and drained at its end.

use std::future::{Future, ready};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::TRANSFER_ENCODING;
use axum::response::Response;
use futures_util::future::Either;
use futures_util::{FutureExt, TryFutureExt};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use crate::app::{self, App};
use crate::http::Unheard;
use crate::limits::LineLimits;
use crate::line::{BEGINNING, Line};
use crate::state::Shared;
use crate::telemetry;
use crate::unread::Unread;

/// How long running requests may take to finish when the server is told to end.
pub(crate) const DRAIN: Duration = Duration::from_secs(10);
/// How long such a connection may take to say what it wants.
const SHORT: Duration = Duration::from_secs(2);
/// How long no connection is taken after the system had no room for one.
const PAUSE: Duration = Duration::from_millis(50);
/// What the HTTP library reads at once, at most, in bytes (documented: its default).
const BUFFER: usize = 8192 + 4096 * 100;

/// Makes what does not depend on the accounts.
pub(crate) fn prepare() {
    app::prepare();
}

/// Takes connections until `end`, and lets those finish that are being answered.
pub(crate) async fn serve(listener: TcpListener, state: Shared, end: impl Future<Output = ()>) {
    let limits = state.limits.line;
    let places = Arc::new(Semaphore::new(limits.most));
    let crowd = Arc::new(Semaphore::new(limits.crowd));
    let app = App::new(Arc::clone(&state));
    let mut end = std::pin::pin!(end);
    loop {
        let taken = tokio::select! {
            biased;
            () = &mut end => break,
            taken = listener.accept() => taken,
        };
        let stream = match taken {
            Ok((stream, _)) => stream,
            Err(error) => {
                rest(&error).await;
                continue;
            }
        };
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            tokio::spawn(talk(stream, Arc::clone(&state), app.clone(), place));
        } else {
            note(&state, Unheard::Crowded(limits.most));
            if let Ok(place) = Arc::clone(&crowd).try_acquire_owned() {
                tokio::spawn(turn_away(stream, Arc::clone(&state), place));
            }
        }
    }
    // Those who wait for something to come are sent away, and idle connections are closed.
    state.ending.send_replace(true);
    // Last, so that whoever finds no listener is told the same by those who still answer.
    drop(listener);
    let most = u32::try_from(limits.most).unwrap_or(u32::MAX);
    if timeout(DRAIN, places.acquire_many(most)).await.is_err() {
        tracing::warn!("requests were still running after {DRAIN:?}");
    }
}

/// A client that leaves before it is let in is its own affair; a system without room needs time.
async fn rest(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::error!(%error, "no connection can be taken");
        sleep(PAUSE).await;
    }
}

/// Answers what comes over a connection.
async fn talk(stream: TcpStream, state: Shared, app: App, _place: OwnedSemaphorePermit) {
    let _connected = state.metrics.connected();
    let line = Line::new(stream, state.limits.line);
    let refusing = Arc::clone(&state);
    let answer = move |request: Request| {
        if is_oddly_packed(&request) {
            note(&refusing, Unheard::BadHttp);
            Either::Left(ready(app::unheard(&refusing, request.uri().path(), Unheard::BadHttp)))
        } else {
            Either::Right(app.answer(request))
        }
    };
    if let Some(Cut { line, unheard, path }) = hold(line, &state, answer).await {
        note(&state, unheard);
        line.say_last(&written(app::unheard(&state, &path, unheard)).await).await;
    }
}

/// Something is refused that no operation will hear of.
fn note(state: &Shared, unheard: Unheard) {
    state.metrics.refused(unheard.reason());
    telemetry::refused(unheard);
}

/// Tells a client that there are as many connections as there may be.
async fn turn_away(stream: TcpStream, state: Shared, _place: OwnedSemaphorePermit) {
    let crowded = Unheard::Crowded(state.limits.line.most);
    let limits = LineLimits { head_time: SHORT, idle_time: SHORT, ..state.limits.line };
    let line = Line::new(stream, limits);
    let told = Arc::clone(&state);
    let answer = move |request: Request| ready(app::unheard(&told, request.uri().path(), crowded));
    if let Some(Cut { line, path, .. }) = hold(line, &state, answer).await {
        line.say_last(&written(app::unheard(&state, &path, crowded)).await).await;
    }
}

/// A line that ended with a request that could not be understood.
struct Cut {
    line: Line,
    unheard: Unheard,
    /// As far as it has come.
    path: String,
}

/// Speaks HTTP over a line until it ends.
async fn hold<F>(line: Line, state: &Shared, answer: impl Fn(Request) -> F) -> Option<Cut>
where
    F: Future<Output = Response>,
{
    let time = state.limits.body_time;
    let talk = line.talk();
    let service = service_fn(|request: hyper::Request<Incoming>| {
        talk.begin();
        let (request, unread) = Unread::of(request);
        let answer = answer(request).then(move |response| unread.settle(response, time));
        let talk = talk.clone();
        // Not before the rest of the body has been read: it would be taken for the next request.
        answer.map_ok(move |response| talk.answer(response))
    });
    let head = state.limits.line.head;
    let mut connection = http1::Builder::new()
        // The line keeps the times itself.
        .header_read_timeout(None)
        .max_header_size(head)
        .max_buf_size(head.max(BUFFER))
        .serve_connection(TokioIo::new(line), service);
    let ended = tokio::select! {
        ended = &mut connection => Some(ended),
        () = state.ended() => None,
    };
    let ended = if let Some(ended) = ended {
        ended
    } else {
        Pin::new(&mut connection).graceful_shutdown();
        (&mut connection).await
    };
    let parts = connection.into_parts();
    let line = parts.io.into_inner();
    let unheard = match ended {
        // Of HTTP/2 the library says nothing at all.
        Err(error) if error.is_parse() => line.refused().or(Some(Unheard::BadHttp)),
        _ if parts.read_buf.is_empty() => line.refused(),
        // A head that began in the same packet as what was before it.
        _ => line.refused().or(line.idled()),
    };
    // The library may have taken it out of its buffer already.
    let head = if parts.read_buf.is_empty() { line.beginning() } else { &parts.read_buf };
    let path = requested(head);
    unheard.map(|unheard| Cut { line, unheard, path })
}

/// Whether the body is packed otherwise than once in chunks. The library takes `gzip, chunked` as well, and knows
/// nothing of gzip. (A length beside chunks it leaves out, and closes the connection after the answer; of two equal
/// lengths it leaves out one.)
fn is_oddly_packed(request: &Request) -> bool {
    let mut codings = request.headers().get_all(TRANSFER_ENCODING).iter();
    let is_chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    codings.next().is_some_and(|coding| !is_chunked(coding) || codings.next().is_some())
}

/// The path that a request line begins to ask for.
fn requested(head: &[u8]) -> String {
    let line = String::from_utf8_lossy(&head[..head.len().min(BEGINNING)]);
    line.split(' ').nth(1).unwrap_or_default().to_owned()
}

/// A response as it goes over the wire.
async fn written(response: Response) -> Vec<u8> {
    let (head, body) = response.into_parts();
    let body = to_bytes(body, BUFFER).await.unwrap_or_default();
    let mut word = format!("HTTP/1.1 {}\r\n", head.status).into_bytes();
    for (name, value) in &head.headers {
        word.extend_from_slice(name.as_str().as_bytes());
        word.extend_from_slice(b": ");
        word.extend_from_slice(value.as_bytes());
        word.extend_from_slice(b"\r\n");
    }
    word.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    word.extend_from_slice(&body);
    word
}
