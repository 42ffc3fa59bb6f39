//! The base URL of the links in a response: a configured one, or the address that the client used. Behind a mapped port
//! or in a container, only the client knows the address at which it reaches the server; behind a proxy, only the proxy.

use std::borrow::Cow;
use std::fmt;

use axum::extract::Request;
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri};

use super::forwarded::{ForwardedAddress, is_url_host};

/// A base URL without a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct BaseUrl<'a> {
    pub(crate) scheme: &'static str,
    /// The host, the port, and the path if there is one.
    pub(crate) rest: Cow<'a, str>,
}

/// The parts of a request that say at which address the client reached the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestedAddress<'a> {
    uri: &'a Uri,
    headers: &'a HeaderMap,
    /// The address that a trusted proxy reports.
    forwarded: Option<&'a ForwardedAddress>,
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
    pub(crate) fn default_base_url(&self) -> BaseUrl<'_> {
        BaseUrl::parse(self.configured.first().unwrap_or(&self.listen_url))
    }

    /// Returns the configured URLs.
    pub(super) fn iter_configured(&self) -> impl Iterator<Item = BaseUrl<'_>> {
        self.configured.iter().map(|url| BaseUrl::parse(url))
    }

    /// Chooses the URL for a request: the configured one with its host, or else the first one; without any, the address
    /// of the request, unless it contains one of the secrets (links are stored in the journal).
    pub(crate) fn base_url_for<'a>(
        &'a self,
        address: impl Into<RequestedAddress<'a>>,
        secrets: &[impl AsRef<str>],
    ) -> BaseUrl<'a> {
        let requested = address.into().base_url_without(secrets);
        if self.configured.is_empty() {
            requested.unwrap_or_else(|| self.default_base_url())
        } else {
            let configured = requested.and_then(|url| self.find_configured(url.authority()));
            configured.unwrap_or_else(|| self.default_base_url())
        }
    }

    fn find_configured(&self, authority: &str) -> Option<BaseUrl<'_>> {
        let is_same = |url: &BaseUrl<'_>| url.authority().eq_ignore_ascii_case(authority);
        // A proxy may pass on the name without the port.
        let has_same_host = |url: &BaseUrl<'_>| {
            without_port(url.authority()).eq_ignore_ascii_case(without_port(authority))
        };
        let exact = self.iter_configured().find(is_same);
        exact.or_else(|| self.iter_configured().find(has_same_host))
    }
}

/// Returns the host of an authority.
fn without_port(authority: &str) -> &str {
    match authority.rfind(':') {
        Some(colon) if !authority[colon..].contains(']') => &authority[..colon],
        _ => authority,
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

    /// Returns the path, which is empty or begins with a slash.
    pub(crate) fn path(&self) -> &str {
        &self.rest[self.authority().len()..]
    }
}

impl fmt::Display for BaseUrl<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}://{}", self.scheme, self.rest)
    }
}

impl<'a> From<&'a Request> for RequestedAddress<'a> {
    fn from(request: &'a Request) -> Self {
        let forwarded = request.extensions().get();
        Self { uri: request.uri(), headers: request.headers(), forwarded }
    }
}

impl<'a> From<&'a Parts> for RequestedAddress<'a> {
    fn from(parts: &'a Parts) -> Self {
        Self { uri: &parts.uri, headers: &parts.headers, forwarded: parts.extensions.get() }
    }
}

impl<'a> RequestedAddress<'a> {
    /// Returns the host that a trusted proxy reports.
    pub(super) fn forwarded_host(self) -> Option<&'a str> {
        self.forwarded.and_then(|forwarded| forwarded.host.as_deref())
    }

    /// Returns the host of the request target.
    pub(super) fn target_host(self) -> Option<&'a str> {
        self.uri.authority().map(Authority::as_str)
    }

    pub(super) fn headers(self) -> &'a HeaderMap {
        self.headers
    }

    /// Returns the URL, unless there is no host, the host cannot be part of a URL, or the URL contains a secret.
    fn base_url_without(self, secrets: &[impl AsRef<str>]) -> Option<BaseUrl<'a>> {
        let header = || self.headers.get(HOST).and_then(|host| host.to_str().ok());
        let direct_host = || self.target_host().or_else(header).filter(|host| is_url_host(host));
        let host = self.forwarded_host().or_else(direct_host)?;
        let (scheme, prefix) = match self.forwarded {
            Some(ForwardedAddress { scheme, prefix, .. }) => (scheme.unwrap_or("http"), &**prefix),
            None => ("http", ""),
        };
        let rest = if prefix.is_empty() { host.into() } else { format!("{host}{prefix}").into() };
        let url = BaseUrl { scheme, rest };
        let has_secret = |secret: &str| !secret.is_empty() && url.rest.contains(secret);
        (!secrets.iter().any(|secret| has_secret(secret.as_ref()))).then_some(url)
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::HeaderValue;

    use super::*;

    fn request(target: &str, host: Option<&str>) -> Request {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = target.parse().expect("a target");
        let host = host.map(|host| HeaderValue::from_str(host).expect("a header value"));
        request.headers_mut().extend(host.map(|host| (HOST, host)));
        request
    }

    fn own_urls(configured: &[&str]) -> OwnUrls {
        OwnUrls {
            configured: configured.iter().map(|url| (*url).to_owned()).collect(),
            listen_url: "http://127.0.0.1:8080".to_owned(),
        }
    }

    fn base_url(urls: &OwnUrls, request: &Request, secrets: &[&str]) -> String {
        urls.base_url_for(request, secrets).to_string()
    }

    #[test]
    fn host_that_cannot_be_part_of_a_url_is_ignored() {
        let urls = own_urls(&[]);
        for (host, is_used) in [
            ("127.0.0.1:39001", true),
            ("[::1]:8080", true),
            ("mock", true),
            ("a_b.test", true),
            ("", false),
            ("a b", false),
            ("user@host", false),
            ("host/path", false),
            ("\"><script>", false),
        ] {
            let expected = if is_used { host } else { "127.0.0.1:8080" };
            let found = base_url(&urls, &request("/", Some(host)), &[]);
            assert_eq!(found, format!("http://{expected}"), "{host}");
        }
        assert_eq!(base_url(&urls, &request("/", None), &[]), "http://127.0.0.1:8080");
        assert_eq!(base_url(&urls, &request("http://target:1/path", None), &[]), "http://target:1");
    }

    #[test]
    fn address_with_a_secret_is_ignored() {
        let urls = own_urls(&[]);
        let mut request = request("/", Some("a-secret-key.test"));
        assert_eq!(base_url(&urls, &request, &["other", ""]), "http://a-secret-key.test");
        assert_eq!(base_url(&urls, &request, &["secret-key"]), "http://127.0.0.1:8080");
        let host = Some("desk.test".into());
        let forwarded =
            ForwardedAddress { scheme: Some("https"), host, prefix: "/mock/key".into() };
        request.extensions_mut().insert(forwarded);
        assert_eq!(base_url(&urls, &request, &["secret-key"]), "https://desk.test/mock/key");
        assert_eq!(base_url(&urls, &request, &["desk.test/mock"]), "http://127.0.0.1:8080");
    }

    #[test]
    fn configured_url_is_found_without_its_port() {
        let urls = own_urls(&["https://a.test/mock", "https://b.test:8443/b", "http://[::1]:80/c"]);
        for (host, expected) in [
            ("b.test:8443", "https://b.test:8443/b"),
            ("B.test", "https://b.test:8443/b"),
            ("b.test:1", "https://b.test:8443/b"),
            ("[::1]", "http://[::1]:80/c"),
            ("c.test", "https://a.test/mock"),
        ] {
            let request = request("/", Some(host));
            assert_eq!(urls.base_url_for(&request, &[""; 0]).to_string(), expected, "{host}");
        }
    }

    #[test]
    fn configured_url_wins_over_a_proxy() {
        let urls = own_urls(&["https://desk.test/mock", "http://mock:8080"]);
        let mut request = request("/", Some("mock:8080"));
        assert_eq!(base_url(&urls, &request, &[]), "http://mock:8080");
        let forwarded = |host: &str| ForwardedAddress {
            host: Some(host.into()),
            prefix: "/prefix".into(),
            ..ForwardedAddress::default()
        };
        request.extensions_mut().insert(forwarded("DESK.test"));
        assert_eq!(base_url(&urls, &request, &[]), "https://desk.test/mock");
        request.extensions_mut().insert(forwarded("other.test"));
        assert_eq!(base_url(&urls, &request, &[]), "https://desk.test/mock");
    }

    #[test]
    fn url_has_a_scheme_a_host_and_a_path() {
        for url in ["http://a:1", "https://desk.test/mock", "http://[::1]:8080"] {
            assert_eq!(BaseUrl::parse(url).to_string(), url);
        }
        let url = BaseUrl::parse("https://desk.test:1/mock/a");
        assert_eq!((url.authority(), url.path()), ("desk.test:1", "/mock/a"));
        assert_eq!(BaseUrl::parse("http://a:1").path(), "");
    }
}
