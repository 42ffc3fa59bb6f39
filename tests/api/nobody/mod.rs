//! Nobody in: no key to read, no path outside, no page of another origin, no foreign name, no script.

mod answers;
mod canary;
mod canary_places;
mod hosts;
mod hosts_forged;
mod markup;
mod markup_pages;
mod origins;
mod outside;
mod outside_names;
mod routes;
mod token;

use crate::program::{Running, command};

/// A token that can be sent.
const TOKEN: &str = "a-token-of-some-length";
/// The pages, and the document that they are made from.
const PAGES: [&str; 4] = ["/", "/docs", "/docs/control", "/openapi.json"];

/// A server on an address of its own.
struct Bound {
    /// It runs as long as this is held.
    _program: Running,
    /// Where it can be reached from here.
    base: String,
    port: String,
}

impl Bound {
    /// An ephemeral server with the key `dev-key-of-this-test` that listens there, with further arguments.
    fn on(listen: &str, arguments: &[&str]) -> Self {
        let fixed = ["--ephemeral", "--api-key", KEY, "--listen", listen];
        let mut program = Running::spawn(&mut command(&[&fixed, arguments].concat()));
        let base = program.base().replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]");
        let port = base.rsplit(':').next().expect("a port").to_owned();
        Self { _program: program, base, port }
    }

    /// One on loopback, without a token.
    fn on_loopback() -> Self {
        Self::on("127.0.0.1:0", &[])
    }
}

/// The key of the account `dev` there.
const KEY: &str = "dev-key-of-this-test";
