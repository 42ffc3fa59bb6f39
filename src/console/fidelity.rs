//! The page of the fidelity report.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use maud::html;

use super::components::count;
use super::page::{PageContext, Section, render_text};
use super::query::Query;
use crate::api::state::SharedState;
use crate::control::Problem;
use crate::control::fidelity::{FidelityFact, fidelity_report};

/// Shows the documented facts and the assumptions that match a filter.
pub(super) async fn show(
    State(state): State<SharedState>,
    context: PageContext,
    uri: Uri,
) -> Result<Response, Problem> {
    let query = Query::parse(&uri)?;
    let (search, scope, kind) = (
        query.optional("q").unwrap_or_default(),
        query.optional("scope").unwrap_or_default(),
        query.optional("fidelity").unwrap_or_default(),
    );
    let facts = fidelity_report(&state.accounts.default_dialect);
    let mut scopes: Vec<&str> = facts.iter().map(|fact| fact.scope.as_str()).collect();
    scopes.sort_unstable();
    scopes.dedup();
    let words = search.to_lowercase();
    let is_shown = |fact: &&FidelityFact| {
        (scope.is_empty() || fact.scope == scope)
            && (kind.is_empty() || fact.fidelity == kind)
            && format!("{} {}", fact.fact, fact.evidence).to_lowercase().contains(&words)
    };
    let shown: Vec<&FidelityFact> = facts.iter().filter(is_shown).collect();
    let main = html! {
        main #content {
            div.heading { h1 { "Fidelity" } p.faint { (count(shown.len(), "fact")) " of " (facts.len()) } }
            p { "What the vendor documents, and what the mock assumes where the documents are silent." }
            form.filters role="search" {
                label { "Search" input type="search" name="q" value=(search) data-search; }
                label { "Scope" select name="scope" {
                    option value="" { "all" }
                    @for name in &scopes { option value=(name) selected[*name == scope] { (name) } }
                } }
                label { "Fidelity" select name="fidelity" {
                    option value="" { "all" }
                    @for name in ["documented", "undocumented"] { option value=(name) selected[name == kind] { (name) } }
                } }
                button { "Filter" }
            }
            div.scroll tabindex="0" role="region" aria-label="Facts" { table {
                thead { tr { th scope="col" { "Scope" } th scope="col" { "Fact" } th scope="col" { "Source" } } }
                tbody { @for fact in &shown {
                    tr {
                        td { code { (fact.scope) } }
                        th.wrap scope="row" { @if let Some(setting) = &fact.setting { code { (setting) } " " } (render_text(&fact.fact)) }
                        td.wrap { @if fact.fidelity == "undocumented" { span.tag.warn { "our assumption" } " " } span.faint { (render_text(&fact.evidence)) } }
                    }
                } }
            } }
            @if shown.is_empty() { p.faint { "No fact matches the filter." } }
        }
    };
    Ok(context.render(Section::Fidelity, "Fidelity", &main))
}
