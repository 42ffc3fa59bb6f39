//! The headers of a reverse proxy: those of a trusted one tell the address that the client used, those of any other
//! peer are ignored.

use serde_json::{Value, json};

use crate::support::client::{ApiClient, JsonResponse};
use crate::support::raw::{RawRequest, RawResponse};
use crate::support::seed::{SeededServer, acme_seed, serve_seed_with_args, ticket_fixture};
use crate::support::server::Server;

const TICKET: &str = "/api/v2/ticket/7";
const TOKEN: &str = "a-control-token";
/// The argument that trusts the client of these tests.
const TRUSTED: [&str; 2] = ["--trusted-proxy", "127.0.0.1"];

type Headers<'a> = &'a [(&'static str, &'a str)];

fn start(arguments: &[&str]) -> SeededServer {
    let arguments = [&["--ephemeral"], arguments].concat();
    serve_seed_with_args(&acme_seed([ticket_fixture(7)]), &arguments)
}

async fn get(client: &ApiClient, path: &str, headers: Headers<'_>) -> JsonResponse {
    let request = client.request("GET", path);
    let add = |request: reqwest::RequestBuilder, (name, value): &(&str, &str)| {
        request.header(*name, *value)
    };
    JsonResponse::fetch(headers.iter().fold(request, add)).await
}

/// Returns the base URL of the link in a ticket, and asserts that the one of the list is the same.
async fn ticket_base_url(client: &ApiClient, headers: Headers<'_>) -> String {
    let ticket = get(client, TICKET, headers).await;
    let list = get(client, "/api/v2/ticket", headers).await;
    let url = &ticket.body["item"]["external_gui_url"];
    assert_eq!(list.body["items"][0]["external_gui_url"], *url, "{headers:?}");
    let url = url.as_str().unwrap_or_else(|| panic!("no URL in {}", ticket.body));
    url.strip_suffix("/?ticketID=7").expect("the path of a ticket").to_owned()
}

/// The headers of usual proxies, with the base URL that they tell to a server at `{server}`.
const CASES: [(Headers<'static>, &str); 10] = [
    (&[], "http://{server}"),
    (&[("x-forwarded-proto", "https")], "https://{server}"),
    (&[("x-forwarded-prefix", "/mock/")], "http://{server}/mock"),
    (&[("x-forwarded-host", "desk.test")], "http://desk.test"),
    (&[("x-forwarded-host", "desk.test"), ("x-forwarded-proto", "https")], "https://desk.test"),
    (
        &[
            ("x-forwarded-host", "desk.test:8443"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-prefix", "/mock"),
        ],
        "https://desk.test:8443/mock",
    ),
    // The last value is the one of the proxy; the others are from its client.
    (&[("x-forwarded-host", "evil.test, desk.test")], "http://desk.test"),
    // The address before the peer is trusted as well, so each list has two values of proxies.
    (
        &[
            ("x-forwarded-for", "192.0.2.1, 127.0.0.1"),
            ("x-forwarded-host", "evil.test, desk.test, mock"),
            ("x-forwarded-proto", "https, http"),
            ("x-forwarded-prefix", "/evil, /outer, /inner"),
        ],
        "https://desk.test/outer/inner",
    ),
    (
        &[
            ("x-forwarded-host", "user@evil.test"),
            ("x-forwarded-proto", "javascript"),
            ("x-forwarded-prefix", "//evil.test"),
        ],
        "http://{server}",
    ),
    (&[("forwarded", "host=evil.test;proto=https")], "http://{server}"),
];

#[tokio::test]
async fn links_have_the_address_that_a_trusted_proxy_reports() {
    for trusted in ["127.0.0.1", "127.0.0.0/8", "10.0.0.0/8,127.0.0.1"] {
        let server = start(&["--trusted-proxy", trusted]);
        let address = server.base_url.trim_start_matches("http://");
        // Twice, so that the second response of each address comes from the cache.
        for (headers, expected) in CASES.repeat(2) {
            let found = ticket_base_url(&server, headers).await;
            assert_eq!(found, expected.replace("{server}", address), "{headers:?}");
        }
    }
}

#[tokio::test]
async fn headers_of_other_peers_are_ignored() {
    for arguments in [&[][..], &["--trusted-proxy", "192.0.2.0/24,::1"]] {
        let server = start(arguments);
        for (headers, _) in CASES {
            assert_eq!(ticket_base_url(&server, headers).await, server.base_url, "{headers:?}");
        }
    }
}

#[tokio::test]
async fn public_url_wins_over_a_trusted_proxy() {
    let urls = ["--public-url", "https://desk.test/own", "--public-url", "http://mock.test"];
    let server = start(&[&TRUSTED[..], &urls].concat());
    for (host, expected) in [
        ("desk.test", "https://desk.test/own"),
        ("mock.test", "http://mock.test"),
        ("other.test", "https://desk.test/own"),
    ] {
        let headers = [("x-forwarded-host", host), ("x-forwarded-prefix", "/mock")];
        assert_eq!(ticket_base_url(&server, &headers).await, expected, "{host}");
    }
}

#[tokio::test]
async fn new_account_and_awaited_ticket_have_the_address_that_a_trusted_proxy_reports() {
    let server = start(&[&TRUSTED[..], &["--control-token", TOKEN]].concat());
    let request = |method, path, headers: Headers<'_>| {
        let request = server.request_without_key(method, path).bearer_auth(TOKEN);
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
    };
    let headers = [("x-forwarded-host", "desk.test"), ("x-forwarded-prefix", "/mock")];
    let create = request("POST", "/_control/accounts", &headers).json(&json!({}));
    assert_eq!(JsonResponse::fetch(create).await.body["base_url"], "http://desk.test/mock");
    let wait = request("GET", "/_control/accounts/acme/wait?ticket=7", &headers);
    let url = &JsonResponse::fetch(wait).await.body["ticket"]["external_gui_url"];
    assert_eq!(*url, "http://desk.test/mock/?ticketID=7");
    // A response has no token, although the client sends it as a part of its address.
    for name in ["host", "x-forwarded-host", "x-forwarded-prefix"] {
        let value = if name == "x-forwarded-prefix" { format!("/a/{TOKEN}") } else { TOKEN.into() };
        let create = request("POST", "/_control/accounts", &[(name, &value)]).json(&json!({}));
        let created = JsonResponse::fetch(create).await;
        assert_eq!(created.body["base_url"], server.base_url, "{name}");
    }
}

#[tokio::test]
async fn type_of_a_problem_has_the_path_of_the_base_url() {
    const PUBLIC: [&str; 2] = ["--public-url", "https://desk.test/own"];
    let prefix: Headers = &[("X-Forwarded-Prefix", "/mock")];
    let host: Headers = &[("Host", "desk.test")];
    let forwarded_host: Headers = &[("X-Forwarded-Host", "desk.test")];
    for (arguments, headers, path) in [
        (&[][..], prefix, ""),
        (&TRUSTED, &[], ""),
        (&TRUSTED, prefix, "/mock"),
        (&TRUSTED, &[("X-Forwarded-Prefix", "//evil.test")], ""),
        (&PUBLIC, host, "/own"),
        (&PUBLIC, &[], "/own"),
        (&[PUBLIC, TRUSTED].concat(), forwarded_host, "/own"),
        (&[PUBLIC, TRUSTED].concat(), prefix, "/own"),
    ] {
        let server = Server::start_with_args(&[&["--ephemeral"], arguments].concat());
        let send = async |method: &str, target: &str| -> RawResponse {
            let request =
                headers.iter().fold(RawRequest::new(method, target), |request, header| {
                    request.set_header(header.0, header.1)
                });
            request.send(&server.base_url).await
        };
        let label = format!("{arguments:?} {headers:?}");
        for (target, status, kind) in [
            ("/_control/nothing", 404, "unknown-path"),
            ("/_control/accounts/nobody", 404, "unknown-account"),
        ] {
            let problem = send("GET", target).await;
            assert_eq!(problem.status, status, "{label}: {problem:?}");
            assert_eq!(problem.json()["type"], format!("{path}/docs/control#{kind}"), "{label}");
        }
    }
}

#[tokio::test]
async fn type_of_a_protocol_error_has_the_path_of_the_base_url() {
    let path = "/_control/accounts";
    let chunked = RawRequest::new("POST", path).with_header("Transfer-Encoding", "gzip, chunked");
    let server = Server::start_with_args(&[&["--ephemeral"], &TRUSTED[..]].concat());
    let response = chunked.with_header("X-Forwarded-Prefix", "/mock").send(&server.base_url).await;
    assert_eq!(response.json()["type"], "/mock/docs/control#malformed-http", "{response:?}");
    let server = Server::start_with_args(&["--ephemeral", "--public-url", "http://desk.test/own"]);
    let invalid = RawRequest::new("GET", path).with_header("bad header", "1");
    let response = invalid.send(&server.base_url).await;
    assert_eq!(response.json()["type"], "/own/docs/control#malformed-http", "{response:?}");
}

async fn status_and_kind(server: &Server, path: &str, headers: Headers<'_>) -> (u16, Value) {
    let request = server.request_without_key("GET", path);
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let response = request.send().await.expect("the server responds");
    let status = response.status().as_u16();
    let body = response.text().await.expect("the body arrives");
    (status, serde_json::from_str::<Value>(&body).map_or(Value::Null, |body| body["type"].clone()))
}

#[tokio::test]
async fn forwarded_host_counts_as_the_host() {
    const CONTROL: &str = "/_control/accounts";
    let public = ["--ephemeral", "--public-url", "http://desk.test"];
    let open = Server::start_with_args(&[&public[..], &TRUSTED].concat());
    let with_token =
        Server::start_with_args(&[&public[..], &TRUSTED, &["--control-token", TOKEN]].concat());
    let untrusted = Server::start_with_args(&public);
    let own: Headers = &[("x-forwarded-host", "desk.test")];
    let foreign: Headers = &[("x-forwarded-host", "evil.test")];
    let behind_a_name: Headers = &[("host", "upstream"), ("x-forwarded-host", "desk.test")];
    for (server, path, headers, status) in [
        (&open, "/docs", own, 200),
        (&open, "/docs", foreign, 403),
        (&open, "/docs", behind_a_name, 200),
        (&open, CONTROL, own, 200),
        (&open, CONTROL, foreign, 403),
        // A web page on the machine of the proxy can send the header, but not `Host`.
        (&open, CONTROL, behind_a_name, 403),
        (&with_token, "/docs", behind_a_name, 200),
        (&with_token, CONTROL, behind_a_name, 401),
        (&with_token, CONTROL, foreign, 403),
        (&untrusted, "/docs", foreign, 200),
        (&untrusted, "/docs", behind_a_name, 403),
        (&untrusted, CONTROL, behind_a_name, 403),
    ] {
        let (found, kind) = status_and_kind(server, path, headers).await;
        assert_eq!(found, status, "{path} {headers:?}: {kind}");
    }
    let token = ("authorization", &*format!("Bearer {TOKEN}"));
    assert_eq!(status_and_kind(&with_token, CONTROL, &[foreign[0], token]).await.0, 200);
}

#[tokio::test]
async fn page_at_the_forwarded_host_may_use_the_control_api() {
    let public = ["--ephemeral", "--control-token", TOKEN];
    let token = ("authorization", &*format!("Bearer {TOKEN}"));
    for (arguments, origin, status) in [
        (&TRUSTED[..], "https://desk.test", 200),
        (&TRUSTED, "https://evil.test", 403),
        (&[], "https://desk.test", 403),
    ] {
        let server = Server::start_with_args(&[&public[..], arguments].concat());
        let headers = [token, ("x-forwarded-host", "desk.test"), ("origin", origin)];
        let (found, kind) = status_and_kind(&server, "/_control/accounts", &headers).await;
        assert_eq!(found, status, "{arguments:?} {origin}: {kind}");
    }
}

#[tokio::test]
async fn forwarded_host_creates_no_account_for_a_foreign_host() {
    let arguments = ["--ephemeral", "--accounts", "auto"];
    let server = Server::start_with_args(&[&arguments[..], &TRUSTED].concat());
    let client = server.with_key("made-up-key");
    for headers in [
        [("host", "evil.test"), ("x-forwarded-host", "localhost")],
        [("host", "localhost"), ("x-forwarded-host", "evil.test")],
    ] {
        let refused = get(&client, "/api/v2/ticket", &headers).await;
        assert_eq!(refused.status, 401, "{headers:?}: {}", refused.body);
    }
    let headers = [("x-forwarded-host", "localhost:8443")];
    assert_eq!(get(&client, "/api/v2/ticket", &headers).await.status, 200);
}
