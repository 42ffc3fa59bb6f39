//! The command `fidelity`: prints the documented facts, and our assumptions.

use std::fmt::Write;

use crate::cli::arguments::FidelityArgs;
use crate::cli::output::print_line;
use crate::cli::settings;
use crate::control::fidelity::{FidelityFact, fidelity_report};

/// Prints the report.
///
/// # Errors
/// If the config file cannot be used.
pub(super) fn run(args: &FidelityArgs) -> anyhow::Result<()> {
    let dialect = settings::load_dialect(args.config_arg.config.as_deref())?;
    let report = fidelity_report(&dialect);
    print_line(&if args.json {
        serde_json::to_string_pretty(&report)?
    } else {
        render_text(&report)
    })
}

/// Formats the report as text.
fn render_text(facts: &[FidelityFact]) -> String {
    let mut text = String::from(
        "The documented facts, and our assumptions where the documentation is silent.\n",
    );
    for (fidelity, title) in [("documented", "DOCUMENTED"), ("undocumented", "UNDOCUMENTED")] {
        let _ = write!(text, "\n{title}\n");
        for fact in facts.iter().filter(|fact| fact.fidelity == fidelity) {
            let setting =
                fact.setting.as_ref().map_or_else(String::new, |setting| format!(" [{setting}]"));
            let _ = writeln!(text, "  {}: {}{setting} — {}", fact.scope, fact.fact, fact.evidence);
        }
    }
    text.truncate(text.trim_end().len());
    text
}
