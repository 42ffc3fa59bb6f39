//! What the pages of both APIs share: the side navigation, the fields for key and token, and the responses.

use maud::{Markup, html};
use serde_json::Value;

use super::components::{render_copyable, render_http_status, render_method};
use super::page::{PageContext, render_text};
use crate::api::state::AppState;

/// A link of the side navigation.
pub(super) struct ApiLink<'a> {
    pub(super) group: &'a str,
    pub(super) method: &'a str,
    pub(super) title: &'a str,
    /// Below the root.
    pub(super) url: String,
}

/// Renders the navigation beside the article.
pub(super) fn render_api(
    context: &PageContext,
    links: &[ApiLink<'_>],
    current: &str,
    article: &Markup,
) -> Markup {
    let mut groups: Vec<&str> = links.iter().map(|link| link.group).collect();
    groups.dedup();
    html! {
        main #content {
            div.api {
                nav aria-label="Operations" {
                    @for group in groups {
                        p.eyebrow { (group) }
                        ul { @for link in links.iter().filter(|link| link.group == group) {
                            li { a href={ (context.root) (link.url) } aria-current=[(link.url == current).then_some("page")] { (render_method(link.method)) span { (link.title) } } }
                        } }
                    }
                }
                article { (article) }
            }
        }
    }
}

/// Renders the field for the API key. The well-known key is filled in if it opens an account.
pub(super) fn render_key_field(state: &AppState) -> Markup {
    let has_dev_key = state.accounts.find_key("dev-key").is_some();
    html! {
        div.field {
            label for="key" { "API key" }
            div {
                input #key list="keys" autocomplete="off" spellcheck="false" value=[has_dev_key.then_some("dev-key")] placeholder="of the account to use";
                datalist #keys { @if has_dev_key { option value="dev-key" {} } }
            }
            p.help { "Sent in the header " code { "apiKey" } ". This browser remembers keys that it created until its tab is closed." }
        }
    }
}

/// Renders the field for the control token.
pub(super) fn render_token_field(state: &AppState) -> Markup {
    html! {
        @if state.control_token.is_some() {
            div.field {
                label for="token" { "Control token" }
                input #token type="password" autocomplete="off";
                p.help { "Sent as " code { "Authorization: Bearer TOKEN" } "." }
            }
        }
    }
}

/// Renders the responses of an operation of an OpenAPI document, each with its example.
pub(super) fn render_responses(operation: &Value) -> Markup {
    let responses = operation["responses"].as_object().into_iter().flatten();
    html! {
        section aria-labelledby="responses" {
            h2 #responses { "Responses" }
            @for (status, response) in responses {
                @let example = response["content"].as_object().and_then(|content| content.values().next()).and_then(|content| content.get("example"));
                @let is_success = status.starts_with('2');
                details.snippet open[is_success] {
                    summary {
                        @match status.parse() { Ok(status) => (render_http_status(Some(status))), Err(_) => span.code.warn { "4xx, 5xx" } }
                        " " (render_text(response["description"].as_str().unwrap_or_default()))
                        @if response["x-fidelity"] == "undocumented" { " " span.tag.warn { "our assumption" } }
                    }
                    @if let Some(example) = example {
                        @let text = example.as_str().map_or_else(|| serde_json::to_string_pretty(example).unwrap_or_default(), str::to_owned);
                        (render_copyable("example", &text))
                    }
                }
            }
        }
    }
}

/// Renders the button, and the place for the response below it.
pub(super) fn render_sending() -> Markup {
    html! {
        noscript { p.help { "Sending needs a script. The examples of curl in the guide work without." } }
        button.primary type="submit" { "Send" }
        output.answer aria-live="polite" {}
    }
}
