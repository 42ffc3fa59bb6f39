//! The command `serve`: starts a server, prints its address, and runs it until a signal.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::accounts::{StorageMode, UnknownKeyPolicy};
use crate::api::state::SharedState;
use crate::cli::arguments::ServeArgs;
use crate::cli::output::print_line;
use crate::cli::signals::{SignalStream, StartupSignalGuard};
use crate::cli::{log, process_limits};
use crate::console::ConsoleMode;
use crate::server::Server;
use crate::server::config::ServerConfig;
use crate::server::port_file;

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// If the server cannot start; the message is for the user.
pub(super) fn run(args: &ServeArgs, startup: StartupSignalGuard) -> anyhow::Result<()> {
    process_limits::raise_fd_limit()?;
    serve(args, startup)
}

#[tokio::main]
async fn serve(args: &ServeArgs, startup: StartupSignalGuard) -> anyhow::Result<()> {
    process_limits::ignore_sigxfsz()?;
    reap_children()?;
    let _log = log::init(args.log);
    let config = args.to_server_config();
    let server = Server::open(&config).await?;
    // Before the address is published: from now on a signal starts a graceful shutdown.
    let signals = SignalStream::for_shutdown()?;
    startup.release();
    announce(&config, &server)?;
    let state = Arc::clone(&server.state);
    server.run(wait_for_shutdown_signal(signals, state, args.drain_delay)).await;
    tracing::info!("server stopped");
    Ok(())
}

/// Reaps orphaned child processes that this process inherits; it has none of its own.
#[cfg(unix)]
fn reap_children() -> std::io::Result<()> {
    let mut children = crate::cli::signals::ChildReaper::new()?;
    tokio::spawn(async move { children.reap_until(None).await });
    Ok(())
}

/// Other systems do not reparent orphaned processes.
#[cfg(not(unix))]
fn reap_children() -> std::io::Result<()> {
    Ok(())
}

/// Prints the server's addresses, and writes the port file.
fn announce(config: &ServerConfig, server: &Server) -> anyhow::Result<()> {
    if let Some(file) = &config.port_file {
        port_file::write(file, &server.addresses)?;
    }
    for address in &server.addresses {
        print_line(&format!("listening on http://{address}"))?;
    }
    let base_url = server.base_url();
    let location = match &config.storage_mode {
        StorageMode::Memory => "memory".to_owned(),
        StorageMode::DataDir(dir) => dir.display().to_string(),
    };
    print_line(&format!("accounts are stored in {location}"))?;
    if config.console_mode != ConsoleMode::Off {
        print_line(&format!("console: {base_url}/"))?;
    }
    if let Some(token) = &server.control_token_to_print {
        print_line(&format!("the control API requires the token {token}"))?;
    } else if config.control_token.is_some() {
        print_line("the control API requires the configured token")?;
    }
    let keys = &server.api_keys;
    let key = keys.key_to_print.as_deref();
    if keys.is_empty && config.unknown_keys == UnknownKeyPolicy::Fixed {
        return announce_missing_keys(config, server, &base_url);
    }
    if key.is_none() {
        let account = &keys.account;
        print_line(&match config.api_key {
            Some(_) => format!("the account {account} has the configured API key"),
            None if keys.is_empty => "each new API key creates an account".to_owned(),
            None => "the API keys are those of the seed or of the data directory".to_owned(),
        })?;
    }
    let key = key.unwrap_or("YOUR-KEY");
    print_line(&format!("curl -H 'apiKey: {key}' {base_url}/api/v2/ticket"))
}

/// Says that no request can succeed, and how to add a key.
fn announce_missing_keys(
    config: &ServerConfig,
    server: &Server,
    base_url: &str,
) -> anyhow::Result<()> {
    let token = match (&server.control_token_to_print, &config.control_token) {
        (Some(token), _) => format!("-H 'Authorization: Bearer {token}' "),
        (None, Some(_)) => "-H 'Authorization: Bearer YOUR-TOKEN' ".to_owned(),
        (None, None) => String::new(),
    };
    let accounts = server.state.accounts.all();
    let (problem, body, path) = match accounts.first() {
        Some(account) => ("no account has an API key", "{}", format!("/{}/keys", account.name)),
        None => ("there is no account", r#"{"from": "empty"}"#, String::new()),
    };
    print_line(&format!(
        "{problem}, so the Ticket API rejects every request; add keys to the seed, start with --api-key KEY, or create a key:"
    ))?;
    print_line(&format!("curl {token}-d '{body}' {base_url}/_control/accounts{path}"))
}

/// How long further signals count as duplicates of the first: `timeout` and others signal a process and its group.
const SIGNAL_DEDUP_WINDOW: Duration = Duration::from_secs(1);

/// Waits for the first signal, and then for the drain delay, which the second signal ends. A later signal exits the process
/// immediately.
async fn wait_for_shutdown_signal(
    mut signals: SignalStream,
    state: SharedState,
    drain_delay: Duration,
) {
    signals.recv().await;
    if !drain_delay.is_zero() {
        state.is_draining.store(true, Ordering::Relaxed);
        tracing::info!("not ready any more; the shutdown starts in {drain_delay:?}");
        tokio::select! {
            () = sleep(drain_delay) => {}
            () = wait_for_next_signal(&mut signals) => {}
        }
    }
    tokio::spawn(async move {
        wait_for_next_signal(&mut signals).await;
        std::process::exit(1);
    });
}

/// Waits for a signal that is no duplicate of the previous one.
async fn wait_for_next_signal(signals: &mut SignalStream) {
    let duplicates = async {
        loop {
            signals.recv().await;
        }
    };
    if timeout(SIGNAL_DEDUP_WINDOW, duplicates).await.is_err() {
        signals.recv().await;
    }
}
