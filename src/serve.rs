//! A server's life: accounts are opened, the address is bound, requests are served until a signal, all is closed.

use std::future::{Future, IntoFuture};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::ServiceExt;
use axum::extract::Request;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tower::util::MapRequest;

use crate::accounts::{Accounts, Digest, Home, KEY_FORM, NewKey, Permissions};
use crate::answers::Answers;
use crate::dialect::Dialect;
use crate::seed::Seed;
use crate::settings::Settings;
use crate::state::{Shared, State};
use crate::terminal::{Failure, print};
use crate::{app, telemetry};

/// The account that every server has unless a seed says otherwise, and the name of its key.
const DEV: &str = "dev";
/// Its key on loopback, where a well-known one does no harm.
const DEV_KEY: &str = "dev-key";
/// How long running requests may take to finish when the server is told to end.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// When the server cannot start, in words for people.
#[tokio::main]
pub(crate) async fn run(settings: &Settings) -> Result<(), Failure> {
    let _log = telemetry::start(settings.log);
    if let Some(file) = &settings.port_file {
        // One of an earlier run would be read for this one's; mostly there is none.
        let _ = std::fs::remove_file(file);
    }
    if settings.api_key.as_deref().is_some_and(|key| !KEY_FORM.is_match(key)) {
        return Err("--api-key: a key has 4 to 128 letters, digits, - or _".into());
    }
    let dialect = Dialect::read(&settings.dialect)?;
    let seed = if settings.seed.is_empty() { None } else { Some(Seed::read(&settings.seed)?) };
    let listener = TcpListener::bind(&settings.listen.address).await.map_err(|error| {
        format!(
            "cannot listen on {}: {error}; choose another address with --listen",
            settings.listen.address
        )
    })?;
    let address = listener.local_addr()?;
    let home = if settings.ephemeral { Home::Memory } else { Home::Folder(settings.data.clone()) };
    let accounts = Accounts::open(home, settings.dialect.clone(), dialect).await?;
    let planted = seed.is_some();
    for account in seed.unwrap_or_else(Seed::none).plant(&accounts).await? {
        tracing::info!(
            account,
            "kept as it is; the seed is planted into accounts that do not exist yet"
        );
    }
    let key = open_to_developer(settings, address, planted, &accounts).await?;
    let public_url = settings
        .public_url
        .clone()
        .unwrap_or_else(|| format!("http://{}", reachable(&address.to_string())));
    let state = Arc::new(State { accounts, answers: Answers::new(), public_url });
    // Before anyone learns of the server, so that no signal is missed.
    let end = end_signal()?;
    announce(settings, address, key.as_deref())?;
    listen(listener, Arc::clone(&state), end).await?;
    state.accounts.close().await;
    tracing::info!("ended");
    Ok(())
}

/// Makes the account `dev` and its key, where they are wanted. Gives back a key that may be shown.
async fn open_to_developer(
    settings: &Settings,
    address: SocketAddr,
    planted: bool,
    accounts: &Accounts,
) -> Result<Option<String>, Failure> {
    let open_to_others = !address.ip().is_loopback();
    if !planted || settings.api_key.is_some() {
        Seed::built_in().plant(accounts).await?;
    }
    let dev_key_is_known = accounts.find_key(DEV_KEY).is_some_and(|key| &*key.account.name == DEV);
    let (text, shown) = match &settings.api_key {
        Some(key) => (Some(key.clone()), None),
        None if planted && !(open_to_others && dev_key_is_known) => (None, None),
        None if !open_to_others => (Some(DEV_KEY.to_owned()), Some(DEV_KEY.to_owned())),
        None if accounts.has_keys(DEV) && !dev_key_is_known => (None, None),
        None => {
            let key = random_key()?;
            (Some(key.clone()), Some(key))
        }
    };
    if let Some(text) = text {
        let key = NewKey {
            digest: Digest::of(&text),
            name: DEV.to_owned(),
            permissions: Permissions::ALL,
        };
        accounts.put_key(DEV, key).await?;
    }
    if open_to_others && accounts.find_key(DEV_KEY).is_some() {
        return Err(format!("{DEV_KEY} is a well-known key; {address} can be reached by others, so choose another key").into());
    }
    Ok(shown)
}

/// 24 lower-case letters and digits, as the documents' sample key.
fn random_key() -> Result<String, Failure> {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes).map_err(|error| format!("no random key can be made: {error}"))?;
    Ok(bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect())
}

/// Says where the server is, and writes the port file.
fn announce(settings: &Settings, address: SocketAddr, key: Option<&str>) -> Result<(), Failure> {
    if let Some(file) = &settings.port_file {
        write_whole(file, &address.to_string())
            .map_err(|error| format!("{}: {error}", file.display()))?;
    }
    print(&format!("listening on http://{address}"))?;
    let base = format!("http://{}", reachable(&address.to_string()));
    let home =
        if settings.ephemeral { "memory".to_owned() } else { settings.data.display().to_string() };
    print(&format!("accounts are kept in {home}; operations to read and try at {base}/docs"))?;
    let key = key.unwrap_or("YOUR-KEY");
    print(&format!("curl -H 'apiKey: {key}' {base}/api/v2/ticket"))
}

/// Writes a file that nobody can read half-written.
fn write_whole(file: &Path, text: &str) -> std::io::Result<()> {
    let mut unfinished = file.as_os_str().to_owned();
    unfinished.push(".unfinished");
    std::fs::write(&unfinished, text)?;
    std::fs::rename(&unfinished, file)
}

/// The address under which the server can be reached from this machine.
pub(crate) fn reachable(listen: &str) -> String {
    match listen.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_unspecified() => format!("127.0.0.1:{}", address.port()),
        _ => listen.to_owned(),
    }
}

/// Ends at SIGTERM or SIGINT.
#[cfg(unix)]
fn end_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
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

async fn listen(
    listener: TcpListener,
    state: Shared,
    end: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Failure> {
    let listener = listener.tap_io(|stream| {
        // Without it small answers wait for the client's acknowledgement.
        let _ = stream.set_nodelay(true);
    });
    let service = MapRequest::new(app::router(state), app::canonical);
    let (told, mut ended) = tokio::sync::watch::channel(());
    let stop = async move {
        end.await;
        drop(told);
    };
    let serving = axum::serve(listener, ServiceExt::<Request>::into_make_service(service))
        .with_graceful_shutdown(stop);
    let too_long = async move {
        // The sender never sends: this ends when it is dropped, at the signal.
        let _ = ended.changed().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        served = serving.into_future() => served?,
        () = too_long => tracing::warn!("requests were still running after {DRAIN:?}"),
    }
    Ok(())
}
