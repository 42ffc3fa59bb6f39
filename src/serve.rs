//! The command `serve`: a server that says where it is, and runs until a signal.

use std::future::Future;

use crate::server::{Server, reachable, write_port_file};
use crate::settings::Settings;
use crate::terminal::{Failure, print};
use crate::{system, telemetry};

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// When the server cannot start, in words for people.
#[tokio::main]
pub(crate) async fn run(settings: &Settings) -> Result<(), Failure> {
    let _log = telemetry::start(settings.log);
    system::prepare()?;
    if let Some(file) = &settings.port_file {
        // One of an earlier run would be read for this one's; mostly there is none.
        let _ = std::fs::remove_file(file);
    }
    let server = Server::open(settings).await?;
    // Before anyone learns of the server, so that no signal is missed.
    let end = end_signal()?;
    announce(settings, &server)?;
    server.run(end).await;
    tracing::info!("ended");
    Ok(())
}

/// Says where the server is, and writes the port file.
fn announce(settings: &Settings, server: &Server) -> Result<(), Failure> {
    let address = server.address;
    write_port_file(settings, address)?;
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

/// Ends at SIGTERM or SIGINT. A second one does not wait for anything.
#[cfg(unix)]
fn end_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tokio::spawn(async move {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            std::process::exit(1);
        });
    })
}

/// Ends at Ctrl-C.
#[cfg(not(unix))]
fn end_signal() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        // Without a signal the server runs until it is killed.
        let _ = tokio::signal::ctrl_c().await;
    })
}
