//! Security tests: secrets, path traversal, cross-origin requests, host spoofing and injection.

mod cli_secrets;
mod cross_origin;
mod host_header;
mod host_spoofing;
mod markup_injection;
mod openapi_routes;
mod page_and_header_injection;
mod path_traversal;
mod secret_leaks;
mod secret_placements;
mod traversal_payloads;

use crate::support::control::CONTROL_TOKEN;
use crate::support::process::{RunningProcess, build_command};

/// The HTML pages, and the OpenAPI document that they are built from.
const PAGE_PATHS: [&str; 5] =
    ["/docs/control", "/docs", "/fidelity", "/openapi.json", "/openapi-all.json"];

/// A server on a chosen listen address.
struct BoundServer {
    /// The server process; it is killed when dropped.
    _process: RunningProcess,
    /// The URL under which the test reaches the server.
    base_url: String,
    port: String,
}

impl BoundServer {
    /// Starts an ephemeral server with the key `dev-key-of-this-test` on this address, with further arguments.
    fn start(listen_address: &str, arguments: &[&str]) -> Self {
        let common = ["--ephemeral", "--api-key", TEST_API_KEY, "--listen", listen_address];
        let mut program = RunningProcess::spawn(&mut build_command(&[&common, arguments].concat()));
        let base = program.base_url().replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]");
        let port = base.rsplit(':').next().expect("a port").to_owned();
        Self { _process: program, base_url: base, port }
    }

    /// Starts a server on loopback, without a token.
    fn start_on_loopback() -> Self {
        Self::start("127.0.0.1:0", &[])
    }
}

/// The key of the account `dev` on a `BoundServer`.
const TEST_API_KEY: &str = "dev-key-of-this-test";
