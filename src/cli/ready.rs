//! The command `ready`: waits until a server is ready.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::bail;

use crate::cli::arguments::ReadyArgs;
use crate::clock::Stopwatch;
use crate::server::listener;

/// The polling interval.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Polls the server until it is ready at each of its addresses.
///
/// # Errors
/// If it is not ready in time; the message has the last failure.
#[tokio::main(flavor = "current_thread")]
pub(super) async fn run(args: &ReadyArgs) -> anyhow::Result<()> {
    if args.url.is_none() && args.port_file.is_none() && has_free_port(args) {
        bail!("the server chooses a port instead of 0; use --port-file with its file, or --url");
    }
    let stopwatch = Stopwatch::start();
    let client = reqwest::Client::builder().no_proxy().timeout(args.timeout).build()?;
    loop {
        let Err(NotReady { server, reason }) = probe(&client, args).await else { return Ok(()) };
        if stopwatch.elapsed() + POLL_INTERVAL > args.timeout {
            bail!("{server} is not ready after {:?}: {reason}", args.timeout);
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Why a server is not ready.
struct NotReady {
    /// Its URL, or its port file.
    server: String,
    reason: String,
}

/// Asks the server once at each address.
async fn probe(client: &reqwest::Client, args: &ReadyArgs) -> Result<(), NotReady> {
    for server in find_base_urls(args)? {
        let reason = match client.get(format!("{server}/_control/ready")).send().await {
            Ok(response) if response.status().is_success() => continue,
            Ok(response) => format!("it responds {}", response.status()),
            Err(error) => root_cause(&error),
        };
        return Err(NotReady { server, reason });
    }
    Ok(())
}

/// Returns whether the server chooses a port.
fn has_free_port(args: &ReadyArgs) -> bool {
    args.listen.addresses.iter().any(|address| address.ends_with(":0"))
}

fn find_base_urls(args: &ReadyArgs) -> Result<Vec<String>, NotReady> {
    if let Some(url) = &args.url {
        return Ok(vec![url.clone()]);
    }
    let addresses = match &args.port_file {
        Some(file) if has_free_port(args) || file.exists() => read_port_file(file)
            .map_err(|reason| NotReady { server: file.display().to_string(), reason })?,
        _ => args.listen.addresses.clone(),
    };
    let url = |address: &String| format!("http://{}", listener::reachable_address(address));
    Ok(addresses.iter().map(url).collect())
}

fn read_port_file(file: &Path) -> Result<Vec<String>, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    let addresses: Vec<String> = text.lines().map(str::to_owned).collect();
    let are_valid = addresses.iter().all(|address| address.parse::<SocketAddr>().is_ok());
    if are_valid && !addresses.is_empty() {
        Ok(addresses)
    } else {
        Err("it has no address".to_owned())
    }
}

fn root_cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), root_cause)
}
