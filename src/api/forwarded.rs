//! The address that a trusted proxy reports in `X-Forwarded-Proto`, `X-Forwarded-Host` and `X-Forwarded-Prefix`. The
//! headers of any other peer are ignored. `Forwarded` (RFC 7239) is always ignored: a proxy that sets one kind of
//! header passes the other kind on from its client.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
static FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// The longest host with a port (a DNS name has at most 253 characters).
const MAX_HOST_CHARS: usize = 260;
/// The longest path prefix (arbitrary).
const MAX_PREFIX_CHARS: usize = 256;

/// The networks of the trusted proxies.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrustedProxies(Vec<IpNet>);

/// The address that a trusted proxy reports. What it does not report, or what cannot be part of a URL, is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ForwardedAddress {
    pub(super) scheme: Option<&'static str>,
    pub(super) host: Option<Box<str>>,
    /// The path that the proxies removed, without a trailing slash.
    pub(super) prefix: Box<str>,
}

impl TrustedProxies {
    pub(crate) fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether an address is one of a trusted proxy.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        // A socket for both versions has IPv4 addresses as `::ffff:127.0.0.1`.
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Reads the headers of a request from a trusted proxy. Each proxy appends to a list, so each trusted proxy in a
    /// row accounts for one value, from the right; a shorter list is one that the last proxy has replaced.
    pub(crate) fn read_headers(&self, headers: &HeaderMap) -> Option<ForwardedAddress> {
        let proxy_count = self.count_proxies(headers);
        let outermost = |name| iter_from_right(headers, name).take(proxy_count).last();
        let host = outermost(&FORWARDED_HOST).and_then(|host| str::from_utf8(host).ok());
        let address = ForwardedAddress {
            scheme: outermost(&FORWARDED_PROTO).and_then(parse_scheme),
            host: host.filter(|host| is_url_host(host)).map(Box::from),
            prefix: join_prefixes(iter_from_right(headers, &FORWARDED_PREFIX).take(proxy_count))
                .unwrap_or_default(),
        };
        (address != ForwardedAddress::default()).then_some(address)
    }

    /// Counts the trusted proxies in a row: the peer, and those before it, whose addresses it reports.
    fn count_proxies(&self, headers: &HeaderMap) -> usize {
        let is_trusted =
            |address: &&[u8]| parse_address(address).is_some_and(|address| self.contains(address));
        1 + iter_from_right(headers, &FORWARDED_FOR).take_while(is_trusted).count()
    }
}

/// Returns whether a text can be the host of a URL, with or without a port.
pub(crate) fn is_url_host(host: &str) -> bool {
    let is_name = |name: &str| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        !name.is_empty() && name.bytes().all(is_allowed)
    };
    let (is_valid, port) = match host.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((address, port))) => (address.parse::<Ipv6Addr>().is_ok(), port),
        Some(None) => (false, ""),
        None => {
            let (name, port) = host.split_at(host.find(':').unwrap_or(host.len()));
            (is_name(name), port)
        }
    };
    let is_port =
        |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    let has_valid_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    (1..=MAX_HOST_CHARS).contains(&host.len()) && is_valid && has_valid_port
}

/// Returns the values of a list, which may span several headers, from right to left.
fn iter_from_right<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a [u8]> {
    let lists = headers.get_all(name).iter().rev();
    let values = lists.flat_map(|list| list.as_bytes().rsplit(|byte| *byte == b','));
    values.map(<[u8]>::trim_ascii).filter(|value| !value.is_empty())
}

fn parse_scheme(value: &[u8]) -> Option<&'static str> {
    ["http", "https"].into_iter().find(|scheme| value.eq_ignore_ascii_case(scheme.as_bytes()))
}

/// Parses an address of `X-Forwarded-For`, to which some proxies add a port.
fn parse_address(value: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(value).ok()?;
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse::<SocketAddr>().map(|address| address.ip());
    inner.parse().or_else(|_| with_port()).ok()
}

/// Joins the prefixes that several proxies removed, given from right to left. Returns None if one of them cannot be
/// part of a URL.
fn join_prefixes<'a>(prefixes: impl Iterator<Item = &'a [u8]>) -> Option<Box<str>> {
    let mut prefixes = prefixes.map(parse_prefix).collect::<Option<Vec<_>>>()?;
    prefixes.reverse();
    let joined = prefixes.concat();
    (joined.len() <= MAX_PREFIX_CHARS).then(|| joined.into())
}

/// Parses a path prefix, and removes its trailing slash. An empty segment is rejected: a path with two slashes at its
/// start is the host of another server.
fn parse_prefix(value: &[u8]) -> Option<&str> {
    let prefix = str::from_utf8(value).ok()?;
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    if prefix.is_empty() {
        return Some(prefix);
    }
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let is_valid =
        |segment: &str| !["", ".", ".."].contains(&segment) && segment.bytes().all(is_allowed);
    prefix.strip_prefix('/')?.split('/').all(is_valid).then_some(prefix)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn proxies() -> TrustedProxies {
        let networks = ["127.0.0.1/32", "10.0.0.0/8", "::1/128"];
        TrustedProxies::new(networks.map(|text| text.parse().expect("a network")).to_vec())
    }

    fn read(lines: &[(&'static str, &str)]) -> ForwardedAddress {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).expect("a header value"));
        }
        proxies().read_headers(&headers).unwrap_or_default()
    }

    #[test]
    fn networks_contain_addresses_of_both_versions() {
        for (address, expected) in [
            ("127.0.0.1", true),
            ("127.0.0.2", false),
            ("10.255.0.1", true),
            ("11.0.0.1", false),
            ("::ffff:10.0.0.1", true),
            ("::1", true),
            ("::2", false),
        ] {
            let address: IpAddr = address.parse().expect("an address");
            assert_eq!(proxies().contains(address), expected, "{address}");
        }
    }

    #[test]
    fn each_trusted_proxy_in_a_row_accounts_for_one_value_from_the_right() {
        let hosts = "evil.test, desk.test";
        let (internal, two_lines) =
            ("evil.test, desk.test, internal", ["a.test, b.test", "c.test"]);
        for (addresses, hosts, expected) in [
            ("", hosts, "desk.test"),
            ("192.0.2.1", hosts, "desk.test"),
            ("10.0.0.1, 192.0.2.1", hosts, "desk.test"),
            ("192.0.2.1, 10.0.0.1", internal, "desk.test"),
            ("192.0.2.1, [::1]:4711", internal, "desk.test"),
            ("192.0.2.1, unknown", internal, "internal"),
            // The last proxy has replaced the list.
            ("192.0.2.1, 10.0.0.1:80, 127.0.0.1", "desk.test", "desk.test"),
            ("192.0.2.1,, 10.0.0.1,", "evil.test, desk.test,, internal", "desk.test"),
        ] {
            let lines = [("x-forwarded-for", addresses), ("x-forwarded-host", hosts)];
            assert_eq!(read(&lines).host.as_deref(), Some(expected), "{addresses}: {hosts}");
        }
        let lines = two_lines.map(|hosts| ("x-forwarded-host", hosts));
        assert_eq!(read(&lines).host.as_deref(), Some("c.test"));
        let lines = [lines[0], lines[1], ("x-forwarded-for", "10.0.0.1")];
        assert_eq!(read(&lines).host.as_deref(), Some("b.test"));
    }

    #[test]
    fn prefixes_of_the_trusted_proxies_are_joined() {
        let lines = [
            ("x-forwarded-prefix", "/evil, /outer/"),
            ("x-forwarded-prefix", "/inner/one"),
            ("x-forwarded-for", "10.0.0.1"),
        ];
        assert_eq!(&*read(&lines).prefix, "/outer/inner/one");
        assert_eq!(&*read(&lines[..2]).prefix, "/inner/one");
    }

    #[test]
    fn value_that_cannot_be_part_of_a_url_is_ignored() {
        let long = format!("/{}", "a".repeat(MAX_PREFIX_CHARS));
        for prefix in [
            "mock",
            "//evil.test",
            "/a//b",
            "/a/../b",
            "/./a",
            "/a b",
            "/a\"><script>",
            "/a?b",
            "/a#b",
            "/%6bey",
            "/a\\b",
            "/\u{e4}",
            &long,
        ] {
            assert_eq!(read(&[("x-forwarded-prefix", prefix)]), ForwardedAddress::default());
        }
        for (prefix, expected) in [("/", ""), ("/mock", "/mock"), ("/a-b/c.d~e_f/", "/a-b/c.d~e_f")]
        {
            assert_eq!(&*read(&[("x-forwarded-prefix", prefix)]).prefix, expected);
        }
        for host in ["user@desk.test", "desk.test/path", "a b", "\"><script>"] {
            assert_eq!(read(&[("x-forwarded-host", host)]), ForwardedAddress::default(), "{host}");
        }
        for (scheme, expected) in
            [("https", Some("https")), ("HTTP", Some("http")), ("wss", None), ("javascript", None)]
        {
            assert_eq!(read(&[("x-forwarded-proto", scheme)]).scheme, expected, "{scheme}");
        }
    }
}
