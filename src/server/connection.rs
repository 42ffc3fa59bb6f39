//! A TCP stream with timeouts. It can close or reset the connection instead of a response, and intercepts hyper's own
//! error responses, so that clients get the error envelope instead.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::response::Response;
use futures_util::StreamExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep_until, timeout};

use crate::api::limits::ConnectionLimits;
use crate::api::{ConnectionAbort, ProtocolError, TrustedProxies};
use crate::clock::Stopwatch;

/// The length of the stored prefix of a request head, in bytes: enough for the path.
pub(super) const REQUEST_PREFIX_BYTES: usize = 64;
/// How long a rejected client may take to read the response, and to stop sending.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);
/// The maximum number of bytes that a rejected client may still send.
const MAX_LINGER_BYTES: u64 = 4 * 1024 * 1024;

/// A TCP stream with timeouts and abort.
#[derive(Debug)]
pub(super) struct ServerStream {
    stream: TcpStream,
    limits: ConnectionLimits,
    state: Arc<ConnectionState>,
    /// Set while writing a response is blocked.
    write_stalled_since: Option<Stopwatch>,
    /// Set while the connection is idle or a head is incomplete.
    read_waiting_since: Option<Stopwatch>,
    /// Wakes the connection at a deadline; it may fire early.
    timer: Option<Pin<Box<Sleep>>>,
    /// The prefix of the latest head that started a packet.
    request_prefix: Vec<u8>,
    protocol_error: Option<ProtocolError>,
    idle_timed_out: bool,
}

/// The stage of a connection, and whether to abort it at the next write.
#[derive(Debug)]
struct ConnectionState {
    stage: AtomicStage,
    abort: OnceLock<ConnectionAbort>,
}

/// The stage of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Stage {
    /// No byte of a request has arrived.
    Idle,
    /// A part of a request head has arrived.
    ReadingHead,
    /// A request is being handled, or its response sent.
    Responding,
}

/// The stage, set by handlers and by the stream.
#[derive(Debug)]
struct AtomicStage(AtomicU8);

impl AtomicStage {
    const fn new(stage: Stage) -> Self {
        Self(AtomicU8::new(stage as u8))
    }

    fn load(&self) -> Stage {
        Self::decode(self.0.load(Ordering::Acquire))
    }

    fn store(&self, stage: Stage) {
        self.0.store(stage as u8, Ordering::Release);
    }

    /// Sets the stage, and returns the previous one.
    fn swap(&self, stage: Stage) -> Stage {
        Self::decode(self.0.swap(stage as u8, Ordering::AcqRel))
    }

    const fn decode(stage: u8) -> Stage {
        const IDLE: u8 = Stage::Idle as u8;
        const READING_HEAD: u8 = Stage::ReadingHead as u8;
        match stage {
            IDLE => Stage::Idle,
            READING_HEAD => Stage::ReadingHead,
            _ => Stage::Responding,
        }
    }
}

/// The header of a response without a body.
const EMPTY_BODY_HEADER: &[u8] = b"\r\ncontent-length: 0\r\n";

/// Reports the progress of requests to their connection.
#[derive(Clone, Debug)]
pub(super) struct StreamHandle(Arc<ConnectionState>);

/// A guard: while it exists, a response is being sent.
#[derive(Debug)]
struct ResponseInFlight(Arc<ConnectionState>);

impl Drop for ResponseInFlight {
    fn drop(&mut self) {
        self.0.stage.store(Stage::Idle);
    }
}

impl StreamHandle {
    /// Marks the start of a request.
    pub(super) fn begin_request(&self) {
        self.0.stage.store(Stage::Responding);
    }

    /// Marks the start of a response. Aborts the connection at the next write if the response requires that.
    pub(super) fn begin_response(&self, response: Response) -> Response {
        if let Some(abort) = response.extensions().get::<ConnectionAbort>() {
            // No further response follows, so it is set only once.
            let _ = self.0.abort.set(*abort);
        }
        let in_flight = ResponseInFlight(Arc::clone(&self.0));
        if response.body().size_hint().exact().is_some() {
            return response;
        }
        // A streamed body may pause for any time.
        response.map(|body| {
            Body::from_stream(body.into_data_stream().map(move |chunk| {
                let _ = &in_flight;
                chunk
            }))
        })
    }
}

impl ServerStream {
    pub(super) fn new(stream: TcpStream, limits: ConnectionLimits) -> Self {
        // Without TCP_NODELAY small responses wait for the client's ACK.
        let _ = stream.set_nodelay(true);
        let state =
            ConnectionState { stage: AtomicStage::new(Stage::Idle), abort: OnceLock::new() };
        Self {
            stream,
            limits,
            state: Arc::new(state),
            write_stalled_since: None,
            read_waiting_since: None,
            timer: None,
            request_prefix: Vec::new(),
            protocol_error: None,
            idle_timed_out: false,
        }
    }

    pub(super) fn handle(&self) -> StreamHandle {
        StreamHandle(Arc::clone(&self.state))
    }

    /// Returns whether the peer is one of these proxies. A client that has already disconnected is none.
    pub(super) fn is_from(&self, proxies: &TrustedProxies) -> bool {
        let peer = || self.stream.peer_addr();
        !proxies.is_empty() && peer().is_ok_and(|peer| proxies.contains(peer.ip()))
    }

    /// Returns the protocol error of the current request.
    pub(super) fn protocol_error(&self) -> Option<ProtocolError> {
        self.protocol_error
    }

    /// Returns the prefix of the request head.
    pub(super) fn request_prefix(&self) -> &[u8] {
        &self.request_prefix
    }

    /// Returns the error of a partial request after the idle timeout.
    pub(super) fn idle_timeout_error(&self) -> Option<ProtocolError> {
        self.idle_timed_out.then_some(ProtocolError::HeaderTimeout(self.limits.idle_timeout))
    }

    /// Sends a last response and lingers, so that the client can read it.
    pub(super) async fn send_and_close(mut self, response: &[u8]) {
        let linger = async {
            self.stream.write_all(response).await?;
            self.stream.shutdown().await?;
            // Unread input would reset the connection, and discard the response.
            let mut ignored = self.stream.take(MAX_LINGER_BYTES);
            tokio::io::copy(&mut ignored, &mut tokio::io::sink()).await
        };
        // If the client does not read, nothing can be done.
        let _ = timeout(LINGER_TIMEOUT, linger).await;
    }

    /// Fails if the connection is aborted, which closes or resets it.
    fn check_aborted(&self) -> io::Result<()> {
        match self.state.abort.get() {
            None => return Ok(()),
            Some(ConnectionAbort::Reset) => {
                // If this fails, the connection closes with a FIN instead of an RST.
                let _ = self.stream.set_zero_linger();
            }
            Some(ConnectionAbort::Close) => {}
        }
        Err(io::ErrorKind::ConnectionReset.into())
    }

    /// Updates the stage after a read; it may be empty.
    fn on_read(&mut self, bytes: &[u8]) {
        if bytes.is_empty() || self.state.stage.load() == Stage::Responding {
            return;
        }
        if self.state.stage.swap(Stage::ReadingHead) == Stage::Idle {
            self.request_prefix.clear();
            self.read_waiting_since = None;
        }
        let remaining = REQUEST_PREFIX_BYTES.saturating_sub(self.request_prefix.len());
        self.request_prefix.extend_from_slice(&bytes[..bytes.len().min(remaining)]);
    }

    /// Intercepts hyper's own response to a malformed request: a status without a body; our own error
    /// responses have one. Returns whether the bytes must not be sent.
    fn intercept_bare_error(&mut self, bytes: &[u8]) -> bool {
        let Some(error) = bytes.get(8..13).and_then(|status| match status {
            b" 400 " => Some(ProtocolError::MalformedHttp),
            b" 414 " => Some(ProtocolError::UrlTooLong),
            b" 431 " => Some(ProtocolError::HeadersTooLarge(self.limits.max_header_bytes)),
            _ => None,
        }) else {
            return false;
        };
        let is_bare = bytes.windows(EMPTY_BODY_HEADER.len()).any(|part| part == EMPTY_BODY_HEADER);
        if is_bare && self.state.stage.load() != Stage::Responding {
            self.protocol_error = Some(error);
        }
        self.protocol_error.is_some()
    }

    /// Returns Pending until a timeout expires.
    fn poll_deadline(&mut self, context: &mut Context<'_>) -> Poll<Deadline> {
        loop {
            let Some((deadline, limit, since)) = self.next_deadline() else { return Poll::Pending };
            let deadline_at = since.deadline(limit).into();
            let timer = match &mut self.timer {
                Some(timer) => timer,
                empty => empty.insert(Box::pin(sleep_until(deadline_at))),
            };
            if timer.deadline() > deadline_at {
                timer.as_mut().reset(deadline_at);
            }
            // While the timer is pending, no timeout has expired.
            ready!(timer.as_mut().poll(context));
            self.timer = None;
            if since.elapsed() >= limit {
                return Poll::Ready(deadline);
            }
        }
    }

    /// Returns the running timeout: its kind, duration and start.
    fn next_deadline(&mut self) -> Option<(Deadline, Duration, Stopwatch)> {
        if let Some(since) = self.write_stalled_since {
            return Some((Deadline::Send, self.limits.send_timeout, since));
        }
        let (deadline, limit) = match self.state.stage.load() {
            Stage::Idle => (Deadline::Idle, self.limits.idle_timeout),
            Stage::ReadingHead => (Deadline::Head, self.limits.header_timeout),
            Stage::Responding => {
                self.read_waiting_since = None;
                return None;
            }
        };
        Some((deadline, limit, *self.read_waiting_since.get_or_insert_with(Stopwatch::start)))
    }

    /// Tracks the progress of writes; fails after the send timeout without progress.
    fn on_write(
        &mut self,
        context: &mut Context<'_>,
        result: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if result.is_ready() {
            self.write_stalled_since = None;
            return result;
        }
        self.write_stalled_since.get_or_insert_with(Stopwatch::start);
        match self.poll_deadline(context) {
            Poll::Ready(_) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// The kind of a timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deadline {
    Head,
    Idle,
    Send,
}

impl AsyncRead for ServerStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        if result.is_ready() {
            self.on_read(&buffer.filled()[before..]);
            return result;
        }
        match ready!(self.poll_deadline(context)) {
            Deadline::Head => {
                self.protocol_error =
                    Some(ProtocolError::HeaderTimeout(self.limits.header_timeout));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            Deadline::Send => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            // Reports EOF, as if the client had closed the connection.
            Deadline::Idle => {
                self.idle_timed_out = true;
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for ServerStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check_aborted()?;
        if self.intercept_bare_error(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.on_write(context, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check_aborted()?;
        if let [only] = parts
            && self.intercept_bare_error(only)
        {
            return Poll::Ready(Ok(only.len()));
        }
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.on_write(context, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check_aborted()?;
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        // Hyper does not poll for the next request before input arrives: this registers the idle timer.
        let _ = self.poll_deadline(context);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check_aborted()?;
        if self.protocol_error.is_some() || self.idle_timed_out {
            // An error response may follow.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
