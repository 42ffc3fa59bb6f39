//! What the fuzz targets call: the parts that read what strangers send, and a server without its socket. Compiled for
//! cargo-fuzz alone.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, Method, Uri};
use axum::response::Response;
use serde_json::{Map, Value};
use tokio::runtime::{Builder, Runtime};

use crate::app::App;
use crate::http::decode::{self, DecodeError, Encoding};
use crate::limits::Shape;
use crate::seed::{Addition, Form, Seed};
use crate::server::Server;
use crate::settings::Settings;

/// The most values that are decoded here; few, so that short inputs break the bound.
pub const VALUES: usize = 48;
/// How deep they may be nested.
pub const DEPTH: usize = 5;

const SHAPE: Shape = Shape { values: VALUES, depth: DEPTH };
/// The largest answer that is looked at, in bytes.
const LARGEST: usize = 64 * 1024 * 1024;

/// A query as a tree.
///
/// # Errors
/// The sentence that refuses it.
pub fn query(text: &str) -> Result<Value, String> {
    told(decode::query(text, SHAPE))
}

/// A body as a tree; None where the content type is none that is understood.
pub fn body(content_type: &str, body: &[u8]) -> Option<Result<Value, String>> {
    let encoding = Encoding::of(content_type)?;
    Some(told(decode::body(encoding, content_type, body, SHAPE)))
}

fn told(read: Result<Map<String, Value>, DecodeError>) -> Result<Value, String> {
    read.map(Value::Object).map_err(|error| error.to_string())
}

/// What a seed of YAML or JSON holds, in words.
///
/// # Errors
/// What is wrong with it, line by line.
pub fn seed(text: &str) -> Result<String, String> {
    let read = Seed::read(&[], &[text.to_owned()]);
    read.map(|seed| seed.summary()).map_err(|error| error.to_string())
}

/// Reads a fixture of one account as an import does.
///
/// # Errors
/// What is wrong with it, line by line.
pub fn fixture(is_json: bool, text: &str) -> Result<(), String> {
    let form = if is_json { Form::Json } else { Form::Yaml };
    Addition::read(form, text.to_owned()).map(drop).map_err(|error| error.to_string())
}

/// A server in memory. Requests reach it as they do behind the socket, from the application on.
#[derive(Debug)]
pub struct Desk {
    app: App,
    runtime: Runtime,
}

/// What a request was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub body: Vec<u8>,
}

impl Desk {
    /// Starts from a seed.
    ///
    /// # Errors
    /// What is wrong with the seed.
    ///
    /// # Panics
    /// When the machine has no room for a server.
    pub fn open(seed: &str) -> Result<Self, String> {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let settings = Settings { seed_texts: vec![seed.to_owned()], ..Settings::of_ones_own() };
        let server =
            runtime.block_on(Server::open(&settings)).map_err(|error| error.to_string())?;
        Ok(Self { app: App::new(server.state), runtime })
    }

    /// Asks; None where this is no request that gets past the HTTP parser, or where the answer takes longer.
    pub fn ask(
        &self,
        (method, target): (&str, &str),
        headers: &[(String, Vec<u8>)],
        body: Vec<u8>,
        patience: Duration,
    ) -> Option<Answer> {
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = Method::from_bytes(method.as_bytes()).ok()?;
        *request.uri_mut() =
            target.parse::<Uri>().ok().filter(|uri| uri.path().starts_with('/'))?;
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            request.headers_mut().append(name, HeaderValue::from_bytes(value).ok()?);
        }
        let answered = async { answer(self.app.answer(request).await).await };
        self.runtime.block_on(async { tokio::time::timeout(patience, answered).await.ok() })
    }
}

async fn answer(response: Response) -> Answer {
    let (head, body) = response.into_parts();
    let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    // A fault rule may cut it.
    let body = to_bytes(body, LARGEST).await.map(Vec::from).unwrap_or_default();
    Answer { status: head.status.as_u16(), content_type, body }
}
