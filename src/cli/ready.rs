//! The command `ready`: waits until a server is ready.

use std::time::Duration;

use anyhow::bail;

use crate::cli::arguments::ReadyArgs;
use crate::clock::Stopwatch;
use crate::server::listener;

/// The polling interval.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Polls the server until it is ready.
///
/// # Errors
/// If it is not ready in time; the message has the last failure.
#[tokio::main(flavor = "current_thread")]
pub(super) async fn run(args: &ReadyArgs) -> anyhow::Result<()> {
    let base_url = args
        .url
        .clone()
        .unwrap_or_else(|| format!("http://{}", listener::reachable_address(&args.listen.address)));
    let url = format!("{base_url}/_control/ready");
    let stopwatch = Stopwatch::start();
    let client = reqwest::Client::builder().no_proxy().timeout(args.timeout).build()?;
    loop {
        let failure = match client.get(&url).send().await {
            Ok(response) if response.status().is_success() => return Ok(()),
            Ok(response) => format!("it responds {}", response.status()),
            Err(error) => root_cause(&error),
        };
        if stopwatch.elapsed() + POLL_INTERVAL > args.timeout {
            bail!("{base_url} is not ready after {:?}: {failure}", args.timeout);
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

fn root_cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), root_cause)
}
