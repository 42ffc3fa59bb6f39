//! The server that a story is told to.

use tempfile::TempDir;

use crate::case::{Scenario, conformance_dir};
use crate::support::{DEV_KEY, Server};
use crate::yaml;

pub(crate) struct Target {
    pub(crate) base_url: String,
    pub(crate) api_key: String,
    pub(crate) client: reqwest::Client,
    /// Held for as long as the story lasts.
    _local_server: Option<(Server, TempDir)>,
}

impl Target {
    /// Whether the stories are told to a server that somebody else started.
    pub(crate) fn is_external() -> bool {
        std::env::var_os("OMNIDESK_CONFORMANCE_URL").is_some()
    }

    pub(crate) fn open(story: &Scenario) -> Result<Self, Box<dyn std::error::Error>> {
        if Self::is_external() {
            let base = std::env::var("OMNIDESK_CONFORMANCE_URL")?.trim_end_matches('/').to_owned();
            return Ok(Self::new(base, std::env::var("OMNIDESK_CONFORMANCE_KEY")?, None));
        }
        let files = TempDir::new()?;
        let arguments = server_arguments(story, &files)?;
        let server =
            Server::start_with_args(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let key = story.key.as_deref().unwrap_or(DEV_KEY).to_owned();
        Ok(Self::new(server.base_url.clone(), key, Some((server, files))))
    }

    fn new(base: String, key: String, own: Option<(Server, TempDir)>) -> Self {
        Self { base_url: base, api_key: key, client: reqwest::Client::new(), _local_server: own }
    }
}

/// The flags of the story's server; its seed and its configuration become files.
fn server_arguments(story: &Scenario, files: &TempDir) -> std::io::Result<Vec<String>> {
    let mut arguments = vec!["--ephemeral".to_owned()];
    let mut flag = |flag: &str, file: &str, text: &str| {
        let path = files.path().join(file);
        arguments.extend([flag.to_owned(), path.display().to_string()]);
        std::fs::write(path, text)
    };
    if let Some(seed) = &story.seed {
        let named = seed.as_str().map(|file| yaml::read_file(&conformance_dir("seeds").join(file)));
        flag("--seed", "seed.json", &named.as_ref().unwrap_or(seed).to_string())?;
    }
    if let Some(config) = &story.config {
        flag("--config", "config.toml", config)?;
    }
    Ok(arguments)
}
