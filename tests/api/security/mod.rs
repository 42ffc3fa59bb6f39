//! Nobody in: no key to read, no path outside, no page of another origin, no foreign name, no script.

mod cli_secrets;
mod cross_origin;
mod host_header;
mod host_spoofing;
mod http_client;
mod markup_injection;
mod openapi_routes;
mod page_and_header_injection;
mod path_traversal;
mod secret_leaks;
mod secret_placements;
mod traversal_payloads;

use crate::process::{RunningProcess, build_command};

/// A token that can be sent.
const CONTROL_TOKEN: &str = "a-token-of-some-length";
/// The pages, and the document that they are made from.
const PAGE_PATHS: [&str; 4] = ["/", "/docs", "/docs/control", "/openapi.json"];

/// A server on an address of its own.
struct BoundServer {
    /// It runs as long as this is held.
    _process: RunningProcess,
    /// Where it can be reached from here.
    base_url: String,
    port: String,
}

impl BoundServer {
    /// An ephemeral server with the key `dev-key-of-this-test` that listens there, with further arguments.
    fn start(listen_address: &str, arguments: &[&str]) -> Self {
        let fixed = ["--ephemeral", "--api-key", TEST_API_KEY, "--listen", listen_address];
        let mut program = RunningProcess::spawn(&mut build_command(&[&fixed, arguments].concat()));
        let base = program.base_url().replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]");
        let port = base.rsplit(':').next().expect("a port").to_owned();
        Self { _process: program, base_url: base, port }
    }

    /// One on loopback, without a token.
    fn start_on_loopback() -> Self {
        Self::start("127.0.0.1:0", &[])
    }
}

/// The key of the account `dev` there.
const TEST_API_KEY: &str = "dev-key-of-this-test";
