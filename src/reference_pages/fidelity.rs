//! The page with the fidelity report.

use std::fmt::Write;

use super::markdown::{code, generated_note, table};
use crate::contract::dialect::Dialect;
use crate::control::fidelity::{FidelityFact, fidelity_report};

const INTRODUCTION: &str = "
# Fidelity

What the documentation of Omnidesk states, the mock does exactly so. Where the documentation is silent, the mock makes
an assumption, and marks it: here, in the OpenAPI document (`x-fidelity`), at `/docs`, and in `GET /_control/fidelity`.
`omnidesk-mock fidelity` prints this report with your own [dialect](configuration.md#dialect).

If your account behaves differently from an assumption, please report it. Two assumptions surprise most often: a field
that no document names is ignored, and an optional field that is sent empty counts as missing. The first causes the
[warning](journal.md#warnings) `unknown-field`, the second `undocumented` if the default is not the empty string; a
[strict](journal.md#strict-mode) account rejects both.
";

/// Generates the page.
pub(super) fn page() -> String {
    let facts = fidelity_report(&Dialect::default());
    let mut page = generated_note("the contract") + INTRODUCTION;
    for (fidelity, title) in [("undocumented", "Assumptions"), ("documented", "Documented facts")] {
        let facts: Vec<&FidelityFact> =
            facts.iter().filter(|fact| fact.fidelity == fidelity).collect();
        let _ = write!(page, "\n## {title}\n");
        let mut scopes: Vec<&str> = facts.iter().map(|fact| fact.scope.as_str()).collect();
        scopes.dedup();
        for (at, scope) in scopes.iter().enumerate() {
            if scopes[..at].contains(scope) {
                continue;
            }
            let rows: Vec<_> =
                facts.iter().filter(|fact| fact.scope == *scope).map(|fact| row(fact)).collect();
            let source = if fidelity == "documented" { "Source" } else { "Evidence" };
            let _ = write!(page, "\n### {}\n\n{}", heading(scope), table(["Fact", source], &rows));
        }
    }
    page
}

fn heading(scope: &str) -> String {
    match scope {
        "all" => "All operations".to_owned(),
        "dialect" => "Dialect settings".to_owned(),
        operation => code(operation),
    }
}

fn row(fact: &FidelityFact) -> [String; 2] {
    let setting =
        fact.setting.as_ref().map_or_else(String::new, |setting| format!("{}: ", code(setting)));
    [format!("{setting}{}", fact.fact), fact.evidence.clone()]
}
