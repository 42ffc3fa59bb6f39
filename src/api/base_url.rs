//! The base URL of the links in a response: a configured one, or the address that the client used. Behind a mapped port
//! or in a container, only the client knows the address at which it reaches the server.

use std::borrow::Cow;
use std::fmt;

use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri};

/// The longest host with a port (a DNS name has at most 253 characters).
const MAX_HOST_CHARS: usize = 260;

/// A base URL without a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct BaseUrl<'a> {
    pub(crate) scheme: &'static str,
    /// The host, the port, and the path if there is one.
    pub(crate) rest: Cow<'a, str>,
}

/// The addresses that a server knows of itself.
#[derive(Clone, Debug)]
pub(crate) struct OwnUrls {
    /// The configured base URLs for clients, without a trailing slash.
    pub(crate) configured: Vec<String>,
    /// The URL at which this machine reaches the server.
    pub(crate) listen_url: String,
}

impl OwnUrls {
    /// Returns the base URL for clients that have sent no request yet.
    #[cfg_attr(
        not(feature = "cli"),
        expect(dead_code, reason = "only the command `run` has such clients")
    )]
    pub(crate) fn default_base_url(&self) -> &str {
        self.configured.first().unwrap_or(&self.listen_url)
    }

    /// Returns the configured URLs.
    pub(super) fn iter_configured(&self) -> impl Iterator<Item = BaseUrl<'_>> {
        self.configured.iter().map(|url| BaseUrl::parse(url))
    }

    /// Chooses the URL for a request: the configured one with its host, or else the first one; without any, the host of
    /// the request, unless it contains the API key (links are stored in the journal).
    pub(crate) fn base_url_for<'a>(
        &'a self,
        uri: &'a Uri,
        headers: &'a HeaderMap,
        key: &str,
    ) -> BaseUrl<'a> {
        let host =
            requested_host(uri, headers).filter(|host| key.is_empty() || !host.contains(key));
        let matching =
            self.iter_configured().find(|url| host.is_some_and(|host| url.has_host(host)));
        matching.or_else(|| self.iter_configured().next()).unwrap_or_else(|| match host {
            Some(host) => BaseUrl { scheme: "http", rest: host.into() },
            None => BaseUrl::parse(&self.listen_url),
        })
    }
}

impl<'a> BaseUrl<'a> {
    fn parse(url: &'a str) -> Self {
        match url.strip_prefix("https://") {
            Some(rest) => Self { scheme: "https", rest: rest.into() },
            None => {
                Self { scheme: "http", rest: url.strip_prefix("http://").unwrap_or(url).into() }
            }
        }
    }

    /// Returns the host with its port, if there is one.
    pub(crate) fn authority(&self) -> &str {
        self.rest.split('/').next().unwrap_or_default()
    }

    fn has_host(&self, host: &str) -> bool {
        self.authority().eq_ignore_ascii_case(host)
    }
}

impl fmt::Display for BaseUrl<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}://{}", self.scheme, self.rest)
    }
}

/// Returns the host of a request, unless it cannot be part of a URL.
fn requested_host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let header = || headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = uri.authority().map(Authority::as_str).or_else(header)?;
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    let is_valid = (1..=MAX_HOST_CHARS).contains(&host.len()) && host.bytes().all(is_allowed);
    is_valid.then_some(host)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn host_that_cannot_be_part_of_a_url_is_ignored() {
        let uri = Uri::from_static("/");
        for (host, expected) in [
            ("127.0.0.1:39001", Some("127.0.0.1:39001")),
            ("[::1]:8080", Some("[::1]:8080")),
            ("mock", Some("mock")),
            ("a_b.test", Some("a_b.test")),
            ("", None),
            ("a b", None),
            ("user@host", None),
            ("host/path", None),
            ("\"><script>", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_str(host).expect("a header value"));
            assert_eq!(requested_host(&uri, &headers), expected, "{host}");
        }
        assert_eq!(requested_host(&uri, &HeaderMap::new()), None);
        let urls =
            OwnUrls { configured: Vec::new(), listen_url: "http://127.0.0.1:8080".to_owned() };
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("a-secret-key.test"));
        let base_url = |key: &str| urls.base_url_for(&uri, &headers, key).to_string();
        assert_eq!(base_url("other"), "http://a-secret-key.test");
        assert_eq!(base_url("secret-key"), "http://127.0.0.1:8080");
        let absolute = Uri::from_static("http://target:1/path");
        assert_eq!(requested_host(&absolute, &HeaderMap::new()), Some("target:1"));
    }

    #[test]
    fn url_has_a_scheme_a_host_and_a_path() {
        for url in ["http://a:1", "https://desk.test/mock", "http://[::1]:8080"] {
            assert_eq!(BaseUrl::parse(url).to_string(), url);
        }
        assert_eq!(BaseUrl::parse("https://desk.test:1/mock").authority(), "desk.test:1");
    }
}
