//! The command `openapi`: prints the OpenAPI document of the Ticket API, or of the control API.

use crate::cli::arguments::OpenapiArgs;
use crate::cli::output::print_line;
use crate::cli::settings;
use crate::control;
use crate::server::router;

/// Prints the document.
///
/// # Errors
/// If the config file cannot be used.
pub(super) fn run(args: &OpenapiArgs) -> anyhow::Result<()> {
    if args.control {
        return print_line(&serde_json::to_string_pretty(&control::openapi_document())?);
    }
    let dialect = settings::load_dialect(args.config_arg.config.as_deref())?;
    print_line(&serde_json::to_string_pretty(&router::openapi_document(&dialect))?)
}
