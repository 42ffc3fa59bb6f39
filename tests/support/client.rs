//! An HTTP client for one server and one API key.

use serde_json::Value;

use super::ticket::URLENCODED;

/// The API key of a fresh server's default account.
pub(crate) const DEV_KEY: &str = "dev-key";

/// An HTTP client for one server and one API key.
#[derive(Clone, Debug)]
pub(crate) struct ApiClient {
    /// `http://127.0.0.1:PORT`
    pub(crate) base_url: String,
    /// The key that the methods below send.
    pub(crate) api_key: String,
    http: reqwest::Client,
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

    /// Returns the body of a successful response as text.
    pub(crate) async fn get_text(&self, path: &str) -> String {
        let response = self.request("GET", path).send().await.expect("the server responds");
        assert_eq!(response.status(), 200, "{path}");
        response.text().await.expect("the body arrives")
    }

    pub(crate) async fn delete(&self, path: &str) -> JsonResponse {
        JsonResponse::fetch(self.request("DELETE", path)).await
    }

    /// Sends a urlencoded body.
    pub(crate) async fn send_form(&self, method: &str, path: &str, body: &str) -> JsonResponse {
        let request = self.request(method, path).body(body.to_owned());
        JsonResponse::fetch(request.header("content-type", URLENCODED)).await
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
