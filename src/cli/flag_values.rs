//! Parsers of flag values, and the values of flags that are enums elsewhere.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use ipnet::IpNet;

use crate::accounts::UnknownKeyPolicy;
use crate::api::is_url_host;
use crate::clock;
use crate::storage::Durability;

impl ValueEnum for Durability {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Process, Self::Power]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Process => "process",
            Self::Power => "power",
        }))
    }
}

impl ValueEnum for UnknownKeyPolicy {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Fixed, Self::Auto]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Fixed => "fixed",
            Self::Auto => "auto",
        }))
    }
}

/// The longest timeouts that flags accept.
pub(super) const HOUR: Duration = Duration::from_hours(1);
pub(super) const DAY: Duration = Duration::from_hours(24);
/// The shortest allowed timeout.
const MIN_TIMEOUT: Duration = Duration::from_millis(10);

/// Returns a parser of numbers in a range.
pub(super) fn number_in(
    range: RangeInclusive<usize>,
) -> impl Fn(&str) -> Result<usize, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| {
            format!("must be a whole number from {} to {}", range.start(), range.end())
        })
    }
}

/// Checks that an address has a host and a port.
pub(super) fn parse_listen_address(text: &str) -> Result<String, String> {
    if let Some((scheme, rest)) = text.split_once("://") {
        let address = rest.trim_end_matches('/');
        return Err(format!("must be an address without {scheme}://, such as {address}"));
    }
    let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
    let is_ipv6 = host.contains(':') && !host.starts_with('[');
    let hint = match (host, port.parse::<u16>().is_ok()) {
        ("", true) => {
            format!(
                "the host is missing; use 127.0.0.1:{port}, or 0.0.0.0:{port} to listen on all addresses"
            )
        }
        ("*" | "+", true) => format!("use [::]:{port} to listen on all addresses"),
        _ if is_ipv6 => "write an IPv6 address in brackets, such as [::1]:8080".to_owned(),
        (_, true) => return Ok(text.to_owned()),
        (host, false) if port.is_empty() && host.parse::<u16>().is_ok() => {
            format!("the host is missing; use 127.0.0.1:{host}")
        }
        (host, false) if port.is_empty() && !host.is_empty() => {
            format!("the port is missing; use {host}:8080, or {host}:0 for a free port")
        }
        (host, false) if !host.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            "the port must be from 0 to 65535".to_owned()
        }
        _ => "must be HOST:PORT, such as 127.0.0.1:8080".to_owned(),
    };
    Err(hint)
}

/// Parses an origin as browsers send it: without a path, and without the default port.
pub(super) fn parse_origin(text: &str) -> Result<String, String> {
    if text == "*" {
        return Ok(text.to_owned());
    }
    let host = text.split_once("://").map(|(_, rest)| rest).unwrap_or_default();
    let is_origin = is_url_host(host);
    if is_origin {
        // Browsers omit the default port.
        let origin = text.to_ascii_lowercase();
        let default_port = if origin.starts_with("https:") { ":443" } else { ":80" };
        Ok(origin.strip_suffix(default_port).unwrap_or(&origin).to_owned())
    } else {
        Err("must be * or an origin without a path, such as http://localhost:3000".to_owned())
    }
}

/// Parses a base URL, and removes its trailing slash.
pub(super) fn parse_public_url(text: &str) -> Result<String, String> {
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    let scheme = scheme.to_ascii_lowercase();
    let rest = rest.trim_end_matches('/');
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    if !["http", "https"].contains(&&*scheme) {
        Err("must start with http:// or https://, followed by a host".to_owned())
    } else if !is_url_host(host) {
        Err("must have a host, and optionally a port up to 65535, after http:// or https://"
            .to_owned())
    } else if !path.bytes().all(is_allowed) {
        Err("must have a path of letters, digits, -._~ and / only, without a query".to_owned())
    } else {
        Ok(format!("{scheme}://{rest}"))
    }
}

/// Parses the address or the network of a trusted proxy.
pub(super) fn parse_trusted_proxy(text: &str) -> Result<IpNet, String> {
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| {
        "must be an IP address or a network, such as 127.0.0.1, ::1 or 10.0.0.0/8".to_owned()
    })
}

/// Parses a duration, which may be zero.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration = clock::parse_duration(text)?;
    Duration::try_from(duration).map_err(|_| "must not be negative".to_owned())
}

/// Parses a delay of at most an hour, which may be zero.
pub(super) fn parse_delay(text: &str) -> Result<Duration, String> {
    let delay = parse_duration(text)?;
    if delay <= HOUR { Ok(delay) } else { Err("must be from 0s to 1h".to_owned()) }
}

/// Parses a timeout of at most `max`, which is an hour or a day.
pub(super) fn parse_timeout(text: &str, max: Duration) -> Result<Duration, String> {
    let timeout = parse_duration(text)?;
    if (MIN_TIMEOUT..=max).contains(&timeout) {
        return Ok(timeout);
    }
    let max = if max == DAY { "24h" } else { "1h" };
    Err(format!("must be from 10ms to {max}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_to_listen_on_has_a_host_and_a_port() {
        for text in ["127.0.0.1:0", "[::1]:8080", "[::]:80", "localhost:65535", "mock:1"] {
            assert_eq!(parse_listen_address(text).as_deref(), Ok(text));
        }
        for (text, hint) in [
            (":9215", "use 127.0.0.1:9215, or 0.0.0.0:9215"),
            ("9215", "use 127.0.0.1:9215"),
            ("*:9215", "use [::]:9215"),
            ("http://127.0.0.1:0", "without http://, such as 127.0.0.1:0"),
            ("tcp://0.0.0.0:80/", "without tcp://, such as 0.0.0.0:80"),
            ("localhost", "use localhost:8080"),
            ("127.0.0.1:", "use 127.0.0.1:8080"),
            ("127.0.0.1:99999", "from 0 to 65535"),
            ("::1:8080", "in brackets"),
            ("127.0.0.1:http", "must be HOST:PORT"),
            ("", "must be HOST:PORT"),
        ] {
            let error = parse_listen_address(text).expect_err(text);
            assert!(error.contains(hint), "{text}: {error}");
        }
    }

    #[test]
    fn number_outside_of_its_range_gets_the_range() {
        let parse = number_in(4..=64);
        assert_eq!(parse("64"), Ok(64));
        for text in ["3", "65", "a", "", "-1", "1e1", "99999999999999999999"] {
            assert_eq!(
                parse(text),
                Err("must be a whole number from 4 to 64".to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn public_url_has_a_scheme_a_host_and_a_path() {
        for (text, expected) in [
            ("http://a", "http://a"),
            ("HTTPS://Desk.test:8443/mock/", "https://Desk.test:8443/mock"),
            ("http://[::1]:80/a/b", "http://[::1]:80/a/b"),
            ("http://127.0.0.1/", "http://127.0.0.1"),
        ] {
            assert_eq!(parse_public_url(text).as_deref(), Ok(expected), "{text}");
        }
        for text in [
            "",
            "a",
            "ftp://a",
            "http://",
            "http:///a",
            "http://a?b",
            "http://h#f",
            "http://u:p@h",
            "http://h:99999",
            "http://[::1",
            "http://a b",
            "http://:80",
            "http://a:",
            "http://a/%zz",
            "http://::1",
        ] {
            let error = parse_public_url(text).expect_err(text);
            assert!(error.starts_with("must "), "{text}: {error}");
        }
    }

    #[test]
    fn origin_is_compared_as_browsers_send_it() {
        for (text, expected) in [
            ("*", "*"),
            ("HTTP://LOCALHOST:5173", "http://localhost:5173"),
            ("http://a.test:80", "http://a.test"),
            ("https://a.test:443", "https://a.test"),
            ("https://a.test:80", "https://a.test:80"),
            ("http://a.test:8080", "http://a.test:8080"),
            ("chrome-extension://abcdef", "chrome-extension://abcdef"),
        ] {
            assert_eq!(parse_origin(text).as_deref(), Ok(expected), "{text}");
        }
        for text in ["", "a.test", "http://a/", "http://a?", "http://a:x", "http://a,http://b"] {
            assert!(parse_origin(text).is_err(), "{text}");
        }
    }
}
