//! The server that a case runs against.

use tempfile::TempDir;

use crate::case::{Scenario, conformance_dir};
use crate::support::client::DEV_KEY;
use crate::support::server::Server;
use crate::support::yaml;

pub(crate) struct Target {
    pub(crate) base_url: String,
    pub(crate) api_key: String,
    pub(crate) client: reqwest::Client,
    /// The case's own server; it is killed when dropped.
    _local_server: Option<(Server, TempDir)>,
}

impl Target {
    /// Returns true if the cases run against an external server.
    pub(crate) fn is_external() -> bool {
        std::env::var_os("OMNIDESK_CONFORMANCE_URL").is_some()
    }

    pub(crate) fn open(scenario: &Scenario) -> Result<Self, Box<dyn std::error::Error>> {
        if Self::is_external() {
            let base = std::env::var("OMNIDESK_CONFORMANCE_URL")?.trim_end_matches('/').to_owned();
            return Ok(Self::new(base, std::env::var("OMNIDESK_CONFORMANCE_KEY")?, None));
        }
        let files = TempDir::new()?;
        let arguments = server_arguments(scenario, &files)?;
        let server =
            Server::start_with_args(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let key = scenario.key.as_deref().unwrap_or(DEV_KEY).to_owned();
        Ok(Self::new(server.base_url.clone(), key, Some((server, files))))
    }

    fn new(base: String, key: String, local_server: Option<(Server, TempDir)>) -> Self {
        Self {
            base_url: base,
            api_key: key,
            client: reqwest::Client::new(),
            _local_server: local_server,
        }
    }
}

/// Returns the server's flags; writes seed and configuration to files.
fn server_arguments(scenario: &Scenario, files: &TempDir) -> std::io::Result<Vec<String>> {
    let mut arguments = vec!["--ephemeral".to_owned()];
    let mut flag = |flag: &str, file: &str, text: &str| {
        let path = files.path().join(file);
        arguments.extend([flag.to_owned(), path.display().to_string()]);
        std::fs::write(path, text)
    };
    if let Some(seed) = &scenario.seed {
        let from_file = seed
            .as_str()
            .map(|file| yaml::read_documents(&conformance_dir("seeds").join(file)).remove(0));
        flag("--seed", "seed.json", &from_file.as_ref().unwrap_or(seed).to_string())?;
    }
    if let Some(config) = &scenario.config {
        flag("--config", "config.toml", config)?;
    }
    Ok(arguments)
}
