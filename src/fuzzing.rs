//! Entry points for the fuzz targets: the parsers of untrusted input, and a server without a socket. Compiled for
//! cargo-fuzz only.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, Method, Uri};
use axum::response::Response;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use crate::api::decode::{self, DecodeError, Decoded};
use crate::api::limits::InputLimits;
use crate::contract::MediaType;
use crate::seed::{Format, Import, Seed};
use crate::server::Server;
use crate::server::config::ServerConfig;
use crate::server::router::App;

/// The limit of decoded values; low, so that short inputs exceed it.
pub const MAX_VALUES: usize = 48;
/// The limit of their nesting depth.
pub const MAX_DEPTH: usize = 5;

const INPUT_LIMITS: InputLimits = InputLimits { max_values: MAX_VALUES, max_depth: MAX_DEPTH };
/// The largest response that is read, in bytes.
const MAX_RESPONSE_BYTES: usize = 64 * 1024 * 1024;

/// Decodes a query into a tree.
///
/// # Errors
/// The error message.
pub fn decode_query(text: &str) -> Result<Value, String> {
    into_value(decode::parse_query(text, INPUT_LIMITS))
}

/// Decodes a body into a tree; None if the content type is not supported.
pub fn decode_body(content_type: &str, body: &[u8]) -> Option<Result<Value, String>> {
    let media_type = MediaType::from_content_type(content_type)?;
    Some(into_value(decode::parse_body(media_type, content_type, body, INPUT_LIMITS)))
}

fn into_value(decoded: Result<Decoded, DecodeError>) -> Result<Value, String> {
    decoded.map(|decoded| Value::Object(decoded.fields)).map_err(|error| error.to_string())
}

/// Parses a YAML or JSON seed, and returns its summary.
///
/// # Errors
/// All violations, each with its line.
pub fn parse_seed(text: &str) -> Result<String, String> {
    let loaded = Seed::load(&[], &[text.to_owned()]);
    loaded.map(|seed| seed.summary()).map_err(|error| error.to_string())
}

/// Parses a fixture of one account, like an import.
///
/// # Errors
/// All violations, each with its line.
pub fn parse_fixture(is_json: bool, text: &str) -> Result<(), String> {
    let format = if is_json { Format::Json } else { Format::Yaml };
    Import::parse(format, text.to_owned()).map(drop).map_err(|error| error.to_string())
}

/// An in-memory server. Requests enter it at the HTTP application, behind the socket.
#[derive(Debug)]
pub struct FuzzServer {
    app: App,
    runtime: Runtime,
}

/// The response to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FuzzResponse {
    pub status: u16,
    pub content_type: String,
    pub body: Vec<u8>,
}

impl FuzzServer {
    /// Starts a server from a seed.
    ///
    /// # Errors
    /// The errors of the seed.
    ///
    /// # Panics
    /// If the runtime cannot be built.
    pub fn open(seed: &str) -> Result<Self, String> {
        let runtime =
            Builder::new_current_thread().enable_all().build().expect("the runtime is built");
        let config =
            ServerConfig { seed_texts: vec![seed.to_owned()], ..ServerConfig::in_memory() };
        let server = runtime.block_on(Server::open(&config)).map_err(|error| error.to_string())?;
        Ok(Self { app: App::new(server.state, &server.console), runtime })
    }

    /// Sends a request. Returns None if it is invalid HTTP, or the response exceeds the time limit.
    pub fn send(
        &self,
        (method, target): (&str, &str),
        headers: &[(String, Vec<u8>)],
        body: Vec<u8>,
        time_limit: Duration,
    ) -> Option<FuzzResponse> {
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = Method::from_bytes(method.as_bytes()).ok()?;
        *request.uri_mut() =
            target.parse::<Uri>().ok().filter(|uri| uri.path().starts_with('/'))?;
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            request.headers_mut().append(name, HeaderValue::from_bytes(value).ok()?);
        }
        let response = async { read_response(self.app.handle(request).await).await };
        self.runtime.block_on(async { tokio::time::timeout(time_limit, response).await.ok() })
    }
}

async fn read_response(response: Response) -> FuzzResponse {
    let (head, body) = response.into_parts();
    let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    // A fault rule may truncate the body.
    let body = to_bytes(body, MAX_RESPONSE_BYTES).await.map(Vec::from).unwrap_or_default();
    FuzzResponse { status: head.status.as_u16(), content_type, body }
}
