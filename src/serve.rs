//! The command `serve`: a server that says where it is, and runs until a signal.

use std::time::Duration;

use tokio::time::timeout;

use crate::server::{Server, reachable};
use crate::settings::Settings;
use crate::signals::{Signals, Startup};
use crate::terminal::{Failure, print};
use crate::{port_file, system, telemetry};

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// When the server cannot start, in words for people.
pub(crate) fn run(settings: &Settings, startup: Startup) -> Result<(), Failure> {
    system::prepare()?;
    serve(settings, startup)
}

#[tokio::main]
async fn serve(settings: &Settings, startup: Startup) -> Result<(), Failure> {
    system::outlive_full_files()?;
    reap_children()?;
    let _log = telemetry::start(settings.log);
    let server = Server::open(settings).await?;
    // Before anyone learns of the server: from now on it ends in order.
    let signals = Signals::that_end()?;
    startup.end();
    announce(settings, &server)?;
    server.run(end(signals)).await;
    tracing::info!("ended");
    Ok(())
}

/// Waits for children that others have left to this process, which has none of its own.
#[cfg(unix)]
fn reap_children() -> std::io::Result<()> {
    let mut children = crate::signals::Children::listen()?;
    tokio::spawn(async move { children.reap_until(None).await });
    Ok(())
}

/// Elsewhere nobody gets the children of others.
#[cfg(not(unix))]
fn reap_children() -> std::io::Result<()> {
    Ok(())
}

/// Says where the server is, and writes the port file.
fn announce(settings: &Settings, server: &Server) -> Result<(), Failure> {
    let address = server.address;
    if let Some(file) = &settings.port_file {
        port_file::write(file, address)?;
    }
    print(&format!("listening on http://{address}"))?;
    let base = format!("http://{}", reachable(&address.to_string()));
    let home =
        if settings.ephemeral { "memory".to_owned() } else { settings.data.display().to_string() };
    print(&format!("accounts are kept in {home}; operations to read and try at {base}/docs"))?;
    if let Some(token) = &server.token {
        print(&format!("the control API asks for the token {token}"))?;
    }
    let key = server.key.as_deref().unwrap_or("YOUR-KEY");
    print(&format!("curl -H 'apiKey: {key}' {base}/api/v2/ticket"))
}

/// For how long a signal is taken for one with the first: `timeout` and others signal a process and its group.
const SAME_SIGNAL: Duration = Duration::from_secs(1);

/// Ends at the first signal. A later one does not wait for anything.
async fn end(mut signals: Signals) {
    signals.next().await;
    tokio::spawn(async move {
        let same = async {
            loop {
                signals.next().await;
            }
        };
        if timeout(SAME_SIGNAL, same).await.is_err() {
            signals.next().await;
        }
        std::process::exit(1);
    });
}
