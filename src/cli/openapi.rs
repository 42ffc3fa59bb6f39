//! The command `openapi`: prints the OpenAPI document of the Ticket API, or of the control API.

use crate::cli::arguments::OpenapiArgs;
use crate::cli::output::print_line;
use crate::cli::settings;
use crate::contract::openapi::{Alternatives, set_server};
use crate::control;
use crate::server::config::DEFAULT_LISTEN_ADDRESS;
use crate::server::router;

/// Prints the document.
///
/// # Errors
/// If the config file cannot be used.
pub(super) fn run(args: &OpenapiArgs) -> anyhow::Result<()> {
    let mut document = if args.control {
        control::openapi_document()
    } else {
        let dialect = settings::load_dialect(args.config_arg.config.as_deref())?;
        let alternatives = if args.all { Alternatives::All } else { Alternatives::Preferred };
        router::openapi_document(&dialect, alternatives)
    };
    let base_url = args.url.clone().unwrap_or_else(|| format!("http://{DEFAULT_LISTEN_ADDRESS}"));
    set_server(&mut document, &base_url);
    print_line(&serde_json::to_string_pretty(&document)?)
}
