//! The layout of every page: head, style sheet and script.

use maud::{DOCTYPE, Markup, html};

/// Renders a text with code between backticks.
pub(super) fn render_text(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// Renders a whole page. `root` leads from the page to the root of the server, as a relative URL: behind a proxy, the
/// root may have a path that only the browser knows.
pub(super) fn render_layout(root: &str, title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · omnidesk-mock" }
                link rel="icon" type="image/svg+xml" href={ (root) "favicon.ico" };
                link rel="stylesheet" href={ (root) "assets/page.css" };
                script src={ (root) "assets/docs.js" } defer {}
            }
            body {
                a.skip href="#operations" { "Skip to the operations" }
                (content)
            }
        }
    }
}
