//! Real proxies in front of the server: nginx and `HAProxy` with the files of `examples/operations/`, below a path, and
//! with their defaults; and socat, a mapped port.

use std::process::Command;
use std::time::Duration;

use regex::Regex;
use reqwest::Url;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::operations::{UPSTREAM_ADDRESS, free_port, read_example, replace_once};
use crate::support::client::{ApiClient, DEV_KEY, JsonResponse};
use crate::support::files;
use crate::support::process::{RunningProcess, build_clean_env_command};
use crate::support::server::Server;
use crate::support::ticket::NEW_TICKET_FORM;
use crate::support::tools::{Tool, try_run};
use crate::tool_test::{ToolTest, tool_tests};

pub(super) fn tests() -> Vec<ToolTest> {
    let tests = [
        tool_tests![NGINX =>
            async nginx_passes_requests_and_events_on,
            async nginx_below_a_path_tells_its_address,
            async nginx_with_its_defaults_below_a_path_works,
        ],
        tool_tests![HAPROXY =>
            async haproxy_passes_requests_and_events_on,
            async haproxy_below_a_path_tells_its_address,
            async haproxy_with_its_defaults_below_a_path_works,
        ],
        tool_tests![NGINX, HAPROXY =>
            async two_proxies_in_a_row_tell_the_address_of_the_first,
        ],
        tool_tests![SOCAT =>
            async mapped_port_is_the_address_of_the_server,
        ],
    ];
    tests.into_iter().flatten().collect()
}

static NGINX: Tool = Tool::new("nginx", || try_run("nginx", &["-v"], "not usable"));
static HAPROXY: Tool = Tool::new("HAProxy", || try_run("haproxy", &["-v"], "not usable"));
static SOCAT: Tool = Tool::new("socat", || try_run("socat", &["-V"], "not usable"));

/// Longer than any step takes; a hanging program fails the test instead of blocking it.
const TEST_TIMEOUT: Duration = Duration::from_mins(1);
/// The control token of the servers with the files of the examples.
const SECRET: &str = "secret-0123";
/// The public URL in the examples.
const PUBLIC_URL: &str = "http://mock.example.test";
/// The arguments of a server that trusts the proxies of these tests.
const TRUSTING: [&str; 3] = ["--ephemeral", "--trusted-proxy", "127.0.0.1"];
/// nginx as one process without a daemon, with all its files in its directory.
const NGINX_MAIN: &str = "daemon off; master_process off; pid nginx.pid; events {}\nhttp {\naccess_log off;\n\
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;\n\
    scgi_temp_path scgi; uwsgi_temp_path uwsgi;\ninclude site.conf;\n}\n";
/// The least that `HAProxy` needs.
const HAPROXY_DEFAULTS: &str =
    "defaults\n mode http\n timeout connect 5s\n timeout client 1m\n timeout server 1m\n";

/// A proxy, which is killed when dropped.
struct Proxy {
    _process: RunningProcess,
    address: String,
    _dir: TempDir,
}

impl Proxy {
    /// Starts nginx with this content of the block `http`.
    async fn start_nginx(address: String, config: &str) -> Self {
        let dir = files::create_temp_dir();
        files::write_file(&dir, "main.conf", NGINX_MAIN);
        files::write_file(&dir, "site.conf", config);
        let prefix = dir.path().to_str().expect("the path is UTF-8").to_owned();
        let arguments = ["-e", "stderr", "-p", &prefix, "-c", "main.conf"];
        Self::spawn(build_clean_env_command("nginx", &arguments), address, dir).await
    }

    /// Starts nginx with these directives in a block `server`.
    async fn start_nginx_site(address: String, directives: &str) -> Self {
        let config = format!("server {{\nlisten {address};\n{directives}\n}}\n");
        Self::start_nginx(address, &config).await
    }

    async fn start_haproxy(address: String, config: &str) -> Self {
        let dir = files::create_temp_dir();
        let file = files::write_file(&dir, "haproxy.cfg", config);
        let command = build_clean_env_command("haproxy", &["-db", "-f", &file]);
        Self::spawn(command, address, dir).await
    }

    /// Starts `HAProxy`, which removes `/mock` from the path, with more directives.
    async fn start_haproxy_site(address: String, upstream: &str, directives: &str) -> Self {
        let config = format!(
            "{HAPROXY_DEFAULTS}listen mock\n bind {address}\n\
             http-request replace-path /mock(/.*)? \\1\n{directives}\n server mock {upstream}\n"
        );
        Self::start_haproxy(address, &config).await
    }

    /// Maps a port to this address.
    async fn start_socat(address: String, upstream: &str) -> Self {
        let (host, port) = address.split_once(':').expect("HOST:PORT");
        let listen = format!("TCP-LISTEN:{port},bind={host},reuseaddr,fork");
        let command = build_clean_env_command("socat", &[&listen, &format!("TCP:{upstream}")]);
        Self::spawn(command, address, files::create_temp_dir()).await
    }

    /// Starts a proxy, and waits until it listens.
    async fn spawn(mut command: Command, address: String, dir: TempDir) -> Self {
        let process = RunningProcess::spawn(command.current_dir(dir.path()));
        let connecting = async {
            while TcpStream::connect(&address).await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let is_listening = timeout(TEST_TIMEOUT, connecting).await.is_ok();
        assert!(is_listening, "the proxy does not listen: {:?}", process.stop());
        Self { _process: process, address, _dir: dir }
    }
}

fn free_address() -> String {
    format!("127.0.0.1:{}", free_port())
}

fn upstream_address(server: &Server) -> String {
    server.base_url.trim_start_matches("http://").to_owned()
}

/// Builds a request to the control API.
fn control_request(base: &str, path: &str, host: &str) -> reqwest::RequestBuilder {
    ApiClient::new(base).request("GET", path).header("host", host).bearer_auth(SECRET)
}

/// Sends requests to the Ticket API and the control API, and reads an event while the stream is open. `public_url` is the
/// one of the server; None if it trusts the proxy.
async fn assert_passes_requests_on(proxy: &Proxy, server: &Server, public_url: Option<&str>) {
    let base = format!("http://{}", proxy.address);
    let client = ApiClient::new(&base);
    let created = client.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await;
    assert_eq!(created.status, 200, "{}", created.body);
    let path = "/_control/accounts/self/clock";
    let clock = json!({ "mode": "frozen", "at": "2026-03-01T12:00:00Z" });
    let request = server.request("PUT", path).bearer_auth(SECRET).json(&clock);
    assert_eq!(JsonResponse::fetch(request).await.status, 200);
    let shown = client.get("/api/v2/ticket/1").await;
    let item = &shown.body["item"];
    assert_eq!(item["external_gui_url"], format!("{}/?ticketID=1", public_url.unwrap_or(&base)));
    assert_eq!(shown.headers["date"], "Sun, 01 Mar 2026 12:00:00 GMT");

    let request = control_request(&base, "/_control/accounts", "mock.example.test");
    assert_eq!(JsonResponse::fetch(request).await.status, 200);
    let request = client.request_without_key("GET", "/_control/accounts");
    let request = request.header("host", "desk.example.test");
    assert_eq!(JsonResponse::fetch(request).await.status, 403, "the host is passed on");
    let stream = "/_control/accounts/self/requests/stream?operation=ticket.delete";
    let request = control_request(&base, stream, "mock.example.test");
    assert_event_arrives(request, &client).await;
}

/// Opens the event stream, deletes the ticket 1, and asserts that the event arrives while the stream is open.
async fn assert_event_arrives(stream: reqwest::RequestBuilder, client: &ApiClient) {
    let stream = timeout(TEST_TIMEOUT, stream.send()).await.expect("the head is passed on");
    let mut stream = stream.expect("the proxy responds");
    assert_eq!(stream.status(), 200);
    assert_eq!(client.delete("/api/v2/ticket/1").await.status, 200);
    let mut events = String::new();
    while !events.contains("ticket.delete") {
        let chunk = timeout(TEST_TIMEOUT, stream.chunk()).await.expect("the event is passed on");
        let chunk = chunk.expect("the stream is readable").expect("the stream stays open");
        events += &String::from_utf8_lossy(&chunk);
    }
}

/// Lets the server reset the connection, and asserts that the client gets a `502` and the journal has one request.
async fn assert_reset_becomes_502(proxy: &Proxy, server: &Server) {
    let rule = json!({ "operation": "ticket.get", "effect": { "reset_connection": true } });
    let path = "/_control/accounts/self/faults";
    let request = server.request("POST", path).bearer_auth(SECRET).json(&rule);
    assert_eq!(JsonResponse::fetch(request).await.status, 201);
    let url = format!("http://{}/api/v2/ticket/1", proxy.address);
    let response = reqwest::Client::new().get(url).header("apiKey", DEV_KEY).send().await;
    assert_eq!(response.expect("the proxy responds").status(), 502);
    let path = "/_control/accounts/self/requests?fault=true";
    let request = server.request("GET", path).bearer_auth(SECRET);
    let entries = JsonResponse::fetch(request).await.body["requests"].clone();
    assert_eq!(entries.as_array().map(Vec::len), Some(1), "{entries}");
}

/// Fills in the file of an example, in which `listen` is the directive with the port.
fn fill_example(name: &str, listen: &str, address: &str, upstream: &str) -> String {
    let config = replace_once(&read_example(name), UPSTREAM_ADDRESS, upstream);
    let (directive, _) = listen.split_once(' ').expect("a directive and its value");
    replace_once(&config, listen, &format!("{directive} {address}"))
}

/// Starts a server that has this public URL, or else trusts the proxy.
fn start_server_of_example(public_url: Option<&str>) -> Server {
    let address = public_url.map_or(["--trusted-proxy", "127.0.0.1"], |url| ["--public-url", url]);
    Server::start_with_args(&[&["--ephemeral", "--control-token", SECRET], &address[..]].concat())
}

async fn nginx_passes_requests_and_events_on() {
    for public_url in [Some(PUBLIC_URL), None] {
        let (server, address) = (start_server_of_example(public_url), free_address());
        let config = fill_example("nginx.conf", "listen 80", &address, &upstream_address(&server));
        let proxy = Proxy::start_nginx(address, &config).await;
        assert_passes_requests_on(&proxy, &server, public_url).await;
        assert_reset_becomes_502(&proxy, &server).await;
    }
}

async fn haproxy_passes_requests_and_events_on() {
    for public_url in [Some(PUBLIC_URL), None] {
        let (server, address) = (start_server_of_example(public_url), free_address());
        let config = fill_example("haproxy.cfg", "bind :80", &address, &upstream_address(&server));
        let proxy = Proxy::start_haproxy(address, &config).await;
        assert_passes_requests_on(&proxy, &server, public_url).await;
        assert_reset_becomes_502(&proxy, &server).await;
    }
}

/// Fetches a URL, which must be below the base URL and exist. Returns the URL after redirects, and the text.
async fn fetch(base: &str, url: &Url) -> (Url, String) {
    assert!(url.as_str().starts_with(&format!("{base}/")), "{url} is not below {base}");
    let request = reqwest::Client::new().get(url.clone()).header("apiKey", DEV_KEY);
    let response = request.send().await.expect("the proxy responds");
    assert_eq!(response.status(), 200, "{url}");
    (response.url().clone(), response.text().await.expect("the body arrives"))
}

fn parse_url(base: &str, path: &str) -> Url {
    Url::parse(&format!("{base}{path}")).expect("a URL")
}

/// Asserts that each link of the pages works, and so do the requests of the forms of the API pages.
async fn assert_pages_work(base: &str) {
    let links = Regex::new(r##"(?:href|src)="([^"#][^"]*)""##).expect("a pattern");
    for (path, operation) in [
        ("/", None),
        ("/accounts/dev/requests", None),
        ("/accounts/dev/tickets", None),
        ("/docs/ticketIndexGET", Some("/api/v2/ticket")),
        ("/docs/control/getAccount", Some("/_control/accounts/{account}")),
    ] {
        let (page_url, page) = fetch(base, &parse_url(base, path)).await;
        let mut script_url = None;
        for link in links.captures_iter(&page) {
            let url = page_url.join(&link[1]).expect("a URL");
            fetch(base, &url).await;
            script_url = script_url.or_else(|| url.path().ends_with("/console.js").then_some(url));
        }
        // The script finds the root of the server from its own URL.
        let script_url = script_url.expect("the page has a script");
        let root = script_url.join("..").expect("a URL");
        let Some(operation) = operation else { continue };
        assert!(page.contains(&format!("data-path=\"{operation}\"")), "{operation}");
        let target = operation.replace("{account}", "self");
        let url = root.join(&target[1..]).expect("a URL");
        fetch(base, &url).await;
    }
}

/// Asserts that a new ticket and a new account have this base URL, and leaves the ticket 1.
async fn assert_links_begin_with(base: &str, expected: &str) {
    let client = ApiClient::new(base);
    let created = client.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await;
    assert_eq!(created.status, 200, "{}", created.body);
    // Twice, so that the second response comes from the cache.
    for _ in 0..2 {
        let ticket = client.get("/api/v2/ticket/1").await.body;
        assert_eq!(ticket["item"]["external_gui_url"], format!("{expected}/?ticketID=1"));
    }
    let account = client.send_json("POST", "/_control/accounts", &json!({})).await;
    assert_eq!(account.body["base_url"], expected, "{}", account.body);
}

/// Asserts that the `type` of a problem leads to its description.
async fn assert_problem_type_works(base: &str) {
    let url = parse_url(base, "/_control/accounts/nobody");
    let problem = reqwest::get(url.clone()).await.expect("the proxy responds");
    assert_eq!(problem.status(), 404);
    let problem: Value = problem.json().await.expect("the problem is JSON");
    let kind = url.join(problem["type"].as_str().expect("a type")).expect("a URL");
    let (_, page) = fetch(base, &kind).await;
    let fragment = kind.fragment().expect("a fragment");
    assert!(page.contains(&format!("id=\"{fragment}\"")), "{fragment} is not on the page");
}

/// Asserts that an event arrives at once, while the stream is open.
async fn assert_streams_events(base: &str) {
    let client = ApiClient::new(base);
    let path = "/_control/accounts/self/requests/stream?operation=ticket.delete";
    assert_event_arrives(client.request("GET", path), &client).await;
}

/// Asserts that everything works behind a proxy that tells its address.
async fn assert_works_at(base: &str) {
    assert_pages_work(base).await;
    assert_links_begin_with(base, base).await;
    assert_problem_type_works(base).await;
    assert_streams_events(base).await;
}

async fn nginx_below_a_path_tells_its_address() {
    let server = Server::start_with_args(&TRUSTING);
    let upstream = upstream_address(&server);
    let location = replace_once(&read_example("nginx-prefix.conf"), UPSTREAM_ADDRESS, &upstream);
    let proxy = Proxy::start_nginx_site(free_address(), &location).await;
    assert_works_at(&format!("http://{}/mock", proxy.address)).await;
}

async fn haproxy_below_a_path_tells_its_address() {
    let server = Server::start_with_args(&TRUSTING);
    let directives = "http-request set-header X-Forwarded-Proto http\n\
                      http-request set-header X-Forwarded-Host %[req.hdr(Host)]\n\
                      http-request set-header X-Forwarded-Prefix /mock";
    let upstream = upstream_address(&server);
    let proxy = Proxy::start_haproxy_site(free_address(), &upstream, directives).await;
    assert_works_at(&format!("http://{}/mock", proxy.address)).await;
}

/// Asserts what works behind a proxy that removes `/mock` from the path and tells nothing, without any setting and with
/// the public URL.
async fn assert_works_behind_silent_proxy<F: Future<Output = Proxy>>(
    start_proxy: impl Fn(String, String) -> F,
    passes_host_on: bool,
) {
    let server = Server::start();
    let proxy = start_proxy(free_address(), upstream_address(&server)).await;
    let base = format!("http://{}/mock", proxy.address);
    assert_pages_work(&base).await;
    let host = if passes_host_on { &proxy.address } else { &upstream_address(&server) };
    assert_links_begin_with(&base, &format!("http://{host}")).await;
    assert_streams_events(&base).await;

    let address = free_address();
    let base = format!("http://{address}/mock");
    let server = Server::start_with_args(&["--ephemeral", "--public-url", &base]);
    let _proxy = start_proxy(address, upstream_address(&server)).await;
    assert_works_at(&base).await;
}

async fn nginx_with_its_defaults_below_a_path_works() {
    let start_proxy = async |address: String, upstream: String| {
        let location = format!("location /mock/ {{ proxy_pass http://{upstream}/; }}");
        Proxy::start_nginx_site(address, &location).await
    };
    assert_works_behind_silent_proxy(start_proxy, false).await;
}

async fn haproxy_with_its_defaults_below_a_path_works() {
    let start_proxy = async |address: String, upstream: String| {
        Proxy::start_haproxy_site(address, &upstream, "").await
    };
    assert_works_behind_silent_proxy(start_proxy, true).await;
}

async fn two_proxies_in_a_row_tell_the_address_of_the_first() {
    let server = Server::start_with_args(&TRUSTING);
    let directives = "option forwardfor\n\
                      http-request add-header X-Forwarded-Host %[req.hdr(Host)]\n\
                      http-request add-header X-Forwarded-Prefix /mock";
    let upstream = upstream_address(&server);
    let second = Proxy::start_haproxy_site(free_address(), &upstream, directives).await;
    let location = format!(
        "location /outer/ {{\n proxy_pass http://{}/mock/;\n\
         proxy_set_header X-Forwarded-For 192.0.2.1;\n\
         proxy_set_header X-Forwarded-Host $http_host;\n\
         proxy_set_header X-Forwarded-Prefix /outer;\n}}",
        second.address
    );
    let first = Proxy::start_nginx_site(free_address(), &location).await;
    let client = ApiClient::new(&format!("http://{}/outer", first.address));
    let account = client.send_json("POST", "/_control/accounts", &json!({})).await;
    let expected = format!("http://{}/outer/mock", first.address);
    assert_eq!(account.body["base_url"], expected, "{}", account.body);
}

async fn mapped_port_is_the_address_of_the_server() {
    let server = Server::start();
    let relay = Proxy::start_socat(free_address(), &upstream_address(&server)).await;
    assert_works_at(&format!("http://{}", relay.address)).await;
}
