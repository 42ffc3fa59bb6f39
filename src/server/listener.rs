//! Listens, and accepts connections: limits the number of connections, serves HTTP/1 on them, and drains them at shutdown.

use std::future::{Future, poll_fn, ready};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use anyhow::{anyhow, bail};
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
use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use crate::api::limits::ConnectionLimits;
use crate::api::state::SharedState;
use crate::api::{ProtocolError, auth};
use crate::server::connection::{REQUEST_PREFIX_BYTES, ServerStream};
use crate::server::logging;
use crate::server::router::{self, App};
use crate::server::unread_body::UnreadBody;

/// How long running requests may take to finish during shutdown.
pub(super) const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection over the limit may take to send its request head.
const REJECTION_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the accept loop backs off if the system has no resources for a connection.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);
/// The maximum read buffer of hyper, in bytes (its documented default).
const MAX_READ_BUFFER_BYTES: usize = 8192 + 4096 * 100;

/// The listen backlog, in connections (Linux allows no more by default). Beyond it, the kernel drops the client's
/// handshake packets: the client retries after a second or more, or waits forever if it sends nothing.
const BACKLOG: u32 = 4096;

/// Listens on each address.
///
/// # Errors
/// If one of them cannot be used; the message is for users.
pub(super) async fn bind_all(addresses: &[String]) -> anyhow::Result<Vec<TcpListener>> {
    if addresses.is_empty() {
        bail!("the server has no address; choose one with --listen");
    }
    let mut listeners = Vec::new();
    for address in addresses {
        let listener = listen_on_name(address, addresses).await.map_err(|error| {
            anyhow!("cannot listen on {address}: {error}; choose another address with --listen")
        })?;
        listeners.push(listener);
    }
    Ok(listeners)
}

/// Listens on the first address of this name that can be bound. `all_names` are those of the server.
async fn listen_on_name(name: &str, all_names: &[String]) -> io::Result<TcpListener> {
    let mut last_error =
        io::Error::new(io::ErrorKind::InvalidInput, "the host name has no address");
    for address in lookup_host(name).await? {
        let is_ipv6_only = has_ipv4_counterpart(address, all_names);
        let result =
            listen_or_fall_back(address, |address| listen_on_address(address, is_ipv6_only));
        match result {
            Ok(listener) => return Ok(listener),
            Err(error) => last_error = error,
        }
    }
    Err(last_error)
}

/// Returns all IPv4 addresses for all addresses of both families; None for another address.
fn ipv4_counterpart(address: SocketAddr) -> Option<SocketAddr> {
    let is_any = address.is_ipv6() && address.ip().is_unspecified();
    is_any.then(|| SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port())))
}

/// Returns whether the server also listens on all IPv4 addresses with the same port.
fn has_ipv4_counterpart(address: SocketAddr, all_names: &[String]) -> bool {
    ipv4_counterpart(address).is_some_and(|address| {
        all_names.iter().any(|name| name.parse().is_ok_and(|name: SocketAddr| name == address))
    })
}

/// Listens on an address. If it is `[::]` and the system has no IPv6, listens on all IPv4 addresses instead.
fn listen_or_fall_back<T>(
    address: SocketAddr,
    listen: impl Fn(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    use io::ErrorKind::{AddrInUse, PermissionDenied};
    let error = match listen(address) {
        Err(error) if !matches!(error.kind(), AddrInUse | PermissionDenied) => error,
        result => return result,
    };
    let Some(ipv4_address) = ipv4_counterpart(address) else { return Err(error) };
    match listen(ipv4_address) {
        Ok(listener) => {
            tracing::warn!(%error, "the system has no IPv6; the server listens on {ipv4_address}");
            Ok(listener)
        }
        Err(_) => Err(error),
    }
}

fn listen_on_address(address: SocketAddr, is_ipv6_only: bool) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // On Windows this option would let another process hijack the port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    if ipv4_counterpart(address).is_some() {
        // The default depends on the system.
        SockRef::from(&socket).set_only_v6(is_ipv6_only)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts a connection of any listener. `turn` counts the calls, so that each listener gets its turn to be the first.
async fn accept(
    listeners: &[TcpListener],
    turn: &mut usize,
) -> io::Result<(TcpStream, SocketAddr)> {
    *turn = turn.wrapping_add(1);
    let (last, first) = listeners.split_at(*turn % listeners.len().max(1));
    let accept_any = poll_fn(|context| {
        for listener in first.iter().chain(last) {
            if let Poll::Ready(accepted) = listener.poll_accept(context) {
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    });
    accept_any.await
}

/// Returns the address at which this machine reaches the server.
pub(crate) fn reachable_address(listen: &str) -> String {
    match listen.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_unspecified() => format!("127.0.0.1:{}", address.port()),
        _ => listen.to_owned(),
    }
}

/// Accepts connections until `shutdown` is ready, then drains running requests.
pub(super) async fn serve(
    listeners: Vec<TcpListener>,
    state: SharedState,
    app: App,
    shutdown: impl Future<Output = ()>,
) {
    let limits = state.limits.connections;
    let connection_permits = Arc::new(Semaphore::new(limits.max_open));
    let rejection_permits = Arc::new(Semaphore::new(limits.max_rejected));
    let mut shutdown = std::pin::pin!(shutdown);
    let mut turn = 0;
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = accept(&listeners, &mut turn) => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                handle_accept_error(&error).await;
                continue;
            }
        };
        if let Ok(permit) = Arc::clone(&connection_permits).try_acquire_owned() {
            tokio::spawn(serve_connection(stream, Arc::clone(&state), app.clone(), permit));
        } else {
            record_rejection(&state, ProtocolError::TooManyConnections(limits.max_open));
            if let Ok(permit) = Arc::clone(&rejection_permits).try_acquire_owned() {
                tokio::spawn(reject_over_capacity(stream, Arc::clone(&state), permit));
            }
        }
    }
    // Ends long polls and event streams, and closes idle connections.
    state.shutdown.send_replace(true);
    // After that, so that if connecting fails, open connections already report the shutdown.
    drop(listeners);
    let all_permits = u32::try_from(limits.max_open).unwrap_or(u32::MAX);
    if timeout(DRAIN_TIMEOUT, connection_permits.acquire_many(all_permits)).await.is_err() {
        tracing::warn!("drain timeout: requests are still running after {DRAIN_TIMEOUT:?}");
    }
}

/// Ignores a client that disconnects before it is accepted; backs off from any other error.
async fn handle_accept_error(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::error!(%error, "cannot accept a connection");
        sleep(ACCEPT_BACKOFF).await;
    }
}

/// Serves the requests of a connection.
async fn serve_connection(
    stream: TcpStream,
    state: SharedState,
    app: App,
    _permit: OwnedSemaphorePermit,
) {
    let _connected = state.metrics.track_connection();
    let stream = ServerStream::new(stream, state.limits.connections);
    let handler_state = Arc::clone(&state);
    let handler = move |request: Request| {
        if has_unsupported_transfer_encoding(&request) {
            record_rejection(&handler_state, ProtocolError::MalformedHttp);
            Either::Left(ready(reject_request(
                &handler_state,
                &request,
                ProtocolError::MalformedHttp,
            )))
        } else {
            Either::Right(app.handle(request))
        }
    };
    if let Some(RejectedConnection { stream, error, path }) =
        drive_http1(stream, &state, handler).await
    {
        record_rejection(&state, error);
        reject_connection(&state, stream, &path, error).await;
    }
}

/// Records a protocol-level rejection in the metrics and the log.
fn record_rejection(state: &SharedState, error: ProtocolError) {
    state.metrics.record_rejection(error.rejection_reason());
    logging::log_rejection(error);
}

/// Responds 503 to a client over the connection limit.
async fn reject_over_capacity(
    stream: TcpStream,
    state: SharedState,
    _permit: OwnedSemaphorePermit,
) {
    let error = ProtocolError::TooManyConnections(state.limits.connections.max_open);
    let limits = ConnectionLimits {
        header_timeout: REJECTION_TIMEOUT,
        idle_timeout: REJECTION_TIMEOUT,
        ..state.limits.connections
    };
    let stream = ServerStream::new(stream, limits);
    let handler_state = Arc::clone(&state);
    let handler = move |request: Request| ready(reject_request(&handler_state, &request, error));
    if let Some(RejectedConnection { stream, path, .. }) =
        drive_http1(stream, &state, handler).await
    {
        reject_connection(&state, stream, &path, error).await;
    }
}

/// Builds the response to a request with a protocol error.
fn reject_request(state: &SharedState, request: &Request, error: ProtocolError) -> Response {
    let secrets = auth::extract_all_secrets(request.uri(), request.headers());
    let base_url = state.own_urls.base_url_for(request, &secrets);
    router::protocol_error_response(state, request.uri().path(), &base_url, error)
}

/// Responds to a request that could not be read, and closes the connection.
async fn reject_connection(
    state: &SharedState,
    stream: ServerStream,
    path: &str,
    error: ProtocolError,
) {
    let base_url = state.own_urls.default_base_url();
    let response = router::protocol_error_response(state, path, &base_url, error);
    stream.send_and_close(&serialize_response(response).await).await;
}

/// A connection that ended with a protocol error.
struct RejectedConnection {
    stream: ServerStream,
    error: ProtocolError,
    /// The request path, possibly incomplete.
    path: String,
}

/// Drives HTTP/1 on a stream until it ends; returns it if a protocol error needs a response.
async fn drive_http1<F>(
    stream: ServerStream,
    state: &SharedState,
    handler: impl Fn(Request) -> F,
) -> Option<RejectedConnection>
where
    F: Future<Output = Response>,
{
    let body_timeout = state.limits.body_timeout;
    let handle = stream.handle();
    let is_from_trusted_proxy = stream.is_from(&state.trusted_proxies);
    let service = service_fn(|request: hyper::Request<Incoming>| {
        handle.begin_request();
        let (mut request, unread_body) = UnreadBody::split_from(request);
        if is_from_trusted_proxy {
            let forwarded = state.trusted_proxies.read_headers(request.headers());
            forwarded.map(|address| request.extensions_mut().insert(address));
        }
        let response = handler(request)
            .then(move |response| unread_body.discard_or_close(response, body_timeout));
        let handle = handle.clone();
        // After draining the body, which would otherwise be parsed as the next request.
        response.map_ok(move |response| handle.begin_response(response))
    });
    let max_header_bytes = state.limits.connections.max_header_bytes;
    let mut connection = http1::Builder::new()
        // `ServerStream` has its own timeouts.
        .header_read_timeout(None)
        .max_header_size(max_header_bytes)
        .max_buf_size(max_header_bytes.max(MAX_READ_BUFFER_BYTES))
        .serve_connection(TokioIo::new(stream), service);
    let ended = tokio::select! {
        ended = &mut connection => Some(ended),
        () = state.wait_for_shutdown() => None,
    };
    let ended = if let Some(ended) = ended {
        ended
    } else {
        Pin::new(&mut connection).graceful_shutdown();
        (&mut connection).await
    };
    let parts = connection.into_parts();
    let stream = parts.io.into_inner();
    let error = match ended {
        // For an HTTP/2 preface hyper writes no error response.
        Err(error) if error.is_parse() => {
            stream.protocol_error().or(Some(ProtocolError::MalformedHttp))
        }
        _ if parts.read_buf.is_empty() => stream.protocol_error(),
        // A head that started in the same packet as the previous request.
        _ => stream.protocol_error().or(stream.idle_timeout_error()),
    };
    // Hyper may have removed the head from its buffer.
    let head = if parts.read_buf.is_empty() { stream.request_prefix() } else { &parts.read_buf };
    let path = parse_request_path(head);
    error.map(|error| RejectedConnection { stream, error, path })
}

/// Returns whether `Transfer-Encoding` is anything but one `chunked`. Hyper also accepts `gzip, chunked`, but does not
/// decode gzip. (Hyper ignores a `Content-Length` beside it and closes the connection after the response; of two equal
/// lengths it ignores one.)
fn has_unsupported_transfer_encoding(request: &Request) -> bool {
    let mut codings = request.headers().get_all(TRANSFER_ENCODING).iter();
    let is_chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    codings.next().is_some_and(|coding| !is_chunked(coding) || codings.next().is_some())
}

/// Extracts the path from an incomplete request line.
fn parse_request_path(head: &[u8]) -> String {
    let request_line = String::from_utf8_lossy(&head[..head.len().min(REQUEST_PREFIX_BYTES)]);
    request_line.split(' ').nth(1).unwrap_or_default().to_owned()
}

/// Serializes a response as HTTP/1.1.
async fn serialize_response(response: Response) -> Vec<u8> {
    let (head, body) = response.into_parts();
    let body = to_bytes(body, MAX_READ_BUFFER_BYTES).await.unwrap_or_default();
    let mut buffer = format!("HTTP/1.1 {}\r\n", head.status).into_bytes();
    for (name, value) in &head.headers {
        buffer.extend_from_slice(name.as_str().as_bytes());
        buffer.extend_from_slice(b": ");
        buffer.extend_from_slice(value.as_bytes());
        buffer.extend_from_slice(b"\r\n");
    }
    buffer.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    buffer.extend_from_slice(&body);
    buffer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_are_those_of_ipv4_if_the_system_has_no_ipv6() {
        let any_ipv6 = "[::]:8080".parse().expect("an address");
        let any_ipv4: SocketAddr = "0.0.0.0:8080".parse().expect("an address");
        let loopback = "[::1]:8080".parse().expect("an address");
        let without_ipv6 = |address: SocketAddr| {
            if address.is_ipv6() { Err(io::ErrorKind::Unsupported.into()) } else { Ok(address) }
        };
        assert_eq!(listen_or_fall_back(any_ipv6, without_ipv6).expect("falls back"), any_ipv4);
        assert!(listen_or_fall_back(loopback, without_ipv6).is_err(), "IPv4 is another address");
        assert_eq!(listen_or_fall_back(any_ipv6, Ok).expect("listens"), any_ipv6);
        for kind in [io::ErrorKind::AddrInUse, io::ErrorKind::PermissionDenied] {
            let fail = |address: SocketAddr| {
                if address.is_ipv6() { Err(kind.into()) } else { Ok(address) }
            };
            let error = listen_or_fall_back(any_ipv6, fail).expect_err("another process has it");
            assert_eq!(error.kind(), kind);
        }
        let fail = |address: SocketAddr| {
            let text = if address.is_ipv6() { "no IPv6" } else { "no IPv4" };
            Err::<(), _>(io::Error::other(text))
        };
        let error = listen_or_fall_back(any_ipv6, fail).expect_err("no network");
        assert_eq!(error.to_string(), "no IPv6", "the error is that of the address");
    }

    #[test]
    fn ipv6_alone_is_bound_beside_all_ipv4_addresses_of_the_port() {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        for (address, all, expected) in [
            ("[::]:8080", &["[::]:8080"][..], false),
            ("[::]:8080", &["[::]:8080", "0.0.0.0:8080"], true),
            ("[::]:8080", &["0.0.0.0:8081", "[::]:8080"], false),
            ("[::]:8080", &["127.0.0.1:8080", "localhost:8080"], false),
            ("[::1]:8080", &["0.0.0.0:8080"], false),
            ("0.0.0.0:8080", &["0.0.0.0:8080"], false),
        ] {
            let address = address.parse().expect("an address");
            assert_eq!(has_ipv4_counterpart(address, &names(all)), expected, "{address} {all:?}");
        }
    }
}
