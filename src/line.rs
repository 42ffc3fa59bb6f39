//! A connection: plain TCP that keeps to its times, can be reset in place of an answer, and keeps back what the HTTP
//! library says by itself, so that clients read the envelope instead.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::response::Response;
use futures_util::StreamExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep_until, timeout};

use crate::clock::Stopwatch;
use crate::http::{Break, Unheard};
use crate::limits::LineLimits;

/// How much of the beginning of a head is kept, in bytes: enough to see what it asks for.
pub(crate) const BEGINNING: usize = 64;
/// How long a client that was refused may take to read why, and to stop sending.
const FAREWELL: Duration = Duration::from_secs(1);
/// How much such a client may still send, in bytes.
const MOST_IGNORED: u64 = 4 * 1024 * 1024;

/// A connection.
#[derive(Debug)]
pub(crate) struct Line {
    stream: TcpStream,
    limits: LineLimits,
    state: Arc<State>,
    /// Set while nothing of an answer can be sent.
    stalled: Option<Stopwatch>,
    /// Set while a head is incomplete, or while there is no request.
    waiting: Option<Stopwatch>,
    /// Wakes the connection when a time is over; it may be early.
    timer: Option<Pin<Box<Sleep>>>,
    /// Of the newest head that came in a packet of its own.
    beginning: Vec<u8>,
    refused: Option<Unheard>,
    idled: bool,
}

/// What a connection is at, and what the next thing that is written does.
#[derive(Debug)]
struct State {
    stage: AtomicU8,
    broken: AtomicU8,
}

/// No byte of a request has come.
const IDLE: u8 = 0;
/// A head has begun.
const HEAD: u8 = 1;
/// A request is being answered.
const BUSY: u8 = 2;

/// How an answer without a body looks.
const BARE: &[u8] = b"\r\ncontent-length: 0\r\n";

const WHOLE: u8 = 0;
const CLOSED: u8 = 1;
const RESET: u8 = 2;

/// Tells a connection what its requests are at.
#[derive(Clone, Debug)]
pub(crate) struct Talk(Arc<State>);

/// That an answer is still being sent.
#[derive(Debug)]
struct Sending(Arc<State>);

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.stage.store(IDLE, Ordering::Release);
    }
}

impl Talk {
    /// A request has been read.
    pub(crate) fn begin(&self) {
        self.0.stage.store(BUSY, Ordering::Release);
    }

    /// It is answered. Breaks the connection where the response asks for that.
    pub(crate) fn answer(&self, response: Response) -> Response {
        match response.extensions().get::<Break>() {
            Some(Break::Reset) => self.0.broken.store(RESET, Ordering::Release),
            Some(Break::Close) => self.0.broken.store(CLOSED, Ordering::Release),
            None => {}
        }
        let sending = Sending(Arc::clone(&self.0));
        if response.body().size_hint().exact().is_some() {
            return response;
        }
        // A stream may pause for as long as it likes.
        response.map(|body| {
            Body::from_stream(body.into_data_stream().map(move |chunk| {
                let _ = &sending;
                chunk
            }))
        })
    }
}

impl Line {
    pub(crate) fn new(stream: TcpStream, limits: LineLimits) -> Self {
        // Without it small answers wait for the client's acknowledgement.
        let _ = stream.set_nodelay(true);
        let state = State { stage: AtomicU8::new(IDLE), broken: AtomicU8::new(WHOLE) };
        Self {
            stream,
            limits,
            state: Arc::new(state),
            stalled: None,
            waiting: None,
            timer: None,
            beginning: Vec::new(),
            refused: None,
            idled: false,
        }
    }

    pub(crate) fn talk(&self) -> Talk {
        Talk(Arc::clone(&self.state))
    }

    /// Why what came was refused before it was understood.
    pub(crate) fn refused(&self) -> Option<Unheard> {
        self.refused
    }

    /// The beginning of what came.
    pub(crate) fn beginning(&self) -> &[u8] {
        &self.beginning
    }

    /// Why what came is refused if it was more than nothing, once the line was closed since no request came.
    pub(crate) fn idled(&self) -> Option<Unheard> {
        self.idled.then_some(Unheard::TooSlow(self.limits.idle_time))
    }

    /// Says a last word, and waits a little for the client to read it.
    pub(crate) async fn say_last(mut self, word: &[u8]) {
        let farewell = async {
            self.stream.write_all(word).await?;
            self.stream.shutdown().await?;
            // What is sent and not read would reset the connection, and the word with it.
            let mut ignored = self.stream.take(MOST_IGNORED);
            tokio::io::copy(&mut ignored, &mut tokio::io::sink()).await
        };
        // Whoever does not listen has been told nothing.
        let _ = timeout(FAREWELL, farewell).await;
    }

    /// Fails when the connection is to break; it is closed, or reset, then.
    fn whole(&self) -> io::Result<()> {
        match self.state.broken.load(Ordering::Acquire) {
            WHOLE => return Ok(()),
            RESET => {
                // Where this fails the connection ends all the same, only more politely.
                let _ = self.stream.set_zero_linger();
            }
            _ => {}
        }
        Err(io::ErrorKind::ConnectionReset.into())
    }

    /// Bytes have come, or none.
    fn hear(&mut self, bytes: &[u8]) {
        if bytes.is_empty() || self.state.stage.load(Ordering::Acquire) == BUSY {
            return;
        }
        if self.state.stage.swap(HEAD, Ordering::AcqRel) == IDLE {
            self.beginning.clear();
            self.waiting = None;
        }
        let room = BEGINNING.saturating_sub(self.beginning.len());
        self.beginning.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Keeps back what the HTTP library says by itself of a request that it cannot read: a status without a body, which
    /// no answer of ours is.
    fn keeps_back(&mut self, bytes: &[u8]) -> bool {
        let Some(unheard) = bytes.get(8..13).and_then(|status| match status {
            b" 400 " => Some(Unheard::BadHttp),
            b" 414 " => Some(Unheard::UrlTooLong),
            b" 431 " => Some(Unheard::HeadTooLarge(self.limits.head)),
            _ => None,
        }) else {
            return false;
        };
        let is_bare = bytes.windows(BARE.len()).any(|part| part == BARE);
        if is_bare && self.state.stage.load(Ordering::Acquire) != BUSY {
            self.refused = Some(unheard);
        }
        self.refused.is_some()
    }

    /// Pending as long as the connection may wait. Ready when one of its times is over.
    fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<Over> {
        loop {
            let Some((over, time, since)) = self.next() else { return Poll::Pending };
            let end = since.after(time).into();
            let timer = match &mut self.timer {
                Some(timer) => timer,
                none => none.insert(Box::pin(sleep_until(end))),
            };
            if timer.deadline() > end {
                timer.as_mut().reset(end);
            }
            // As long as the timer runs nothing is over, whatever the clock would say.
            ready!(timer.as_mut().poll(context));
            self.timer = None;
            if since.elapsed() >= time {
                return Poll::Ready(over);
            }
        }
    }

    /// What is over next: how long it may take, and since when it does.
    fn next(&mut self) -> Option<(Over, Duration, Stopwatch)> {
        let stalled = self.stalled.map(|since| (Over::Send, self.limits.send_time, since));
        match self.state.stage.load(Ordering::Acquire) {
            _ if stalled.is_some() => stalled,
            BUSY => {
                self.waiting = None;
                None
            }
            stage => {
                let since = *self.waiting.get_or_insert_with(Stopwatch::start);
                let (head, idle) = (self.limits.head_time, self.limits.idle_time);
                Some(if stage == HEAD {
                    (Over::Head, head, since)
                } else {
                    (Over::Idle, idle, since)
                })
            }
        }
    }

    /// Notes whether a write went on, and ends the connection when none has for too long.
    fn written(
        &mut self,
        context: &mut Context<'_>,
        sent: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if sent.is_ready() {
            self.stalled = None;
            return sent;
        }
        self.stalled.get_or_insert_with(Stopwatch::start);
        match self.poll_over(context) {
            Poll::Ready(_) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// A time that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Head,
    Idle,
    Send,
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_ready() {
            self.hear(&buffer.filled()[before..]);
            return read;
        }
        match ready!(self.poll_over(context)) {
            Over::Head => {
                self.refused = Some(Unheard::TooSlow(self.limits.head_time));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            Over::Send => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            // As if the client had closed it.
            Over::Idle => {
                self.idled = true;
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.whole()?;
        if self.keeps_back(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let sent = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(context, sent)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.whole()?;
        if let [only] = parts
            && self.keeps_back(only)
        {
            return Poll::Ready(Ok(only.len()));
        }
        let sent = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.written(context, sent)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.whole()?;
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        // The library does not look for the next request before something comes: this wakes it when nothing does.
        let _ = self.poll_over(context);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.whole()?;
        if self.refused.is_some() || self.idled {
            // There may be something to say yet.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
