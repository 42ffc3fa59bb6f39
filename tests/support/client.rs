//! Starts the built program on a free loopback port, and sends requests to it.

use std::io::{BufRead, BufReader};
use std::ops::{Deref, DerefMut};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// The API key of a fresh server's default account.
pub(crate) const DEV_KEY: &str = "dev-key";

/// A running server; it is killed when dropped.
pub(crate) struct Server {
    child: Child,
    client: ApiClient,
}

/// An HTTP client for one server and one API key.
#[derive(Clone, Debug)]
pub(crate) struct ApiClient {
    /// `http://127.0.0.1:PORT`
    pub(crate) base_url: String,
    /// The key that the methods below send.
    pub(crate) api_key: String,
    http: reqwest::Client,
}

impl Server {
    /// Starts an ephemeral server with the account `dev`.
    pub(crate) fn start() -> Self {
        Self::start_with_args(&["--ephemeral"])
    }

    /// Starts a server with these arguments, on a free port.
    pub(crate) fn start_with_args(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_omnidesk-mock"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut first_line = String::new();
        let stdout = child.stdout.as_mut().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut first_line).expect("stdout is text");
        let base = first_line.trim().strip_prefix("listening on ").unwrap_or_else(|| {
            panic!("the first line must be `listening on …`, not {first_line:?}");
        });
        Self { child, client: ApiClient::new(base) }
    }

    /// Returns the process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGTERM to the server and waits for its exit.
    pub(crate) fn stop(mut self) -> std::process::ExitStatus {
        let id = self.pid().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().expect("kill starts");
        assert!(sent.success());
        self.child.wait().expect("the server exits")
    }
}

impl ApiClient {
    /// Creates a client for the server at this URL, with the default API key.
    pub(crate) fn new(base: &str) -> Self {
        Self {
            base_url: base.to_owned(),
            api_key: DEV_KEY.to_owned(),
            http: reqwest::Client::new(),
        }
    }

    /// Returns a client with another API key.
    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self { api_key: key.to_owned(), ..self.clone() }
    }

    /// Returns the URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    /// Builds a request with the API key.
    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.request_without_key(method, path).header("apiKey", &self.api_key)
    }

    /// Builds a request without an API key.
    pub(crate) fn request_without_key(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().expect("a method");
        self.http.request(method, self.url(path))
    }

    pub(crate) async fn get(&self, path: &str) -> JsonResponse {
        JsonResponse::fetch(self.request("GET", path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> JsonResponse {
        JsonResponse::fetch(self.request("DELETE", path)).await
    }

    /// Sends a urlencoded body.
    pub(crate) async fn send_form(&self, method: &str, path: &str, body: &str) -> JsonResponse {
        let request = self.request(method, path).body(body.to_owned());
        JsonResponse::fetch(request.header("content-type", "application/x-www-form-urlencoded"))
            .await
    }

    /// Sends a JSON body.
    pub(crate) async fn send_json(&self, method: &str, path: &str, body: &Value) -> JsonResponse {
        JsonResponse::fetch(self.request(method, path).json(body)).await
    }

    /// Sends text parts as `multipart/form-data`.
    pub(crate) async fn send_multipart(
        &self,
        method: &str,
        path: &str,
        parts: &[(&str, &str)],
    ) -> JsonResponse {
        let form = parts.iter().fold(reqwest::multipart::Form::new(), |form, (name, value)| {
            form.text((*name).to_owned(), (*value).to_owned())
        });
        JsonResponse::fetch(self.request(method, path).multipart(form)).await
    }
}

impl Deref for Server {
    type Target = ApiClient;

    fn deref(&self) -> &ApiClient {
        &self.client
    }
}

impl DerefMut for Server {
    fn deref_mut(&mut self) -> &mut ApiClient {
        &mut self.client
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process may have exited already; then the kill fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A response with a JSON body.
#[derive(Debug)]
pub(crate) struct JsonResponse {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl JsonResponse {
    /// Sends the request and reads the response, whose body must be JSON.
    pub(crate) async fn fetch(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.expect("the server responds");
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.expect("the body arrives");
        let body = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{status}: the body is not JSON ({error}): {text}"));
        Self { status, headers, body }
    }

    /// Returns the `message` of a result or an error; empty if it is missing.
    pub(crate) fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }
}
