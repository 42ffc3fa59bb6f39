//! The login page, for a server with a control token.

use maud::{Markup, html};

use super::page::PageContext;

/// Renders the page; `next` is the path to open afterwards.
pub(super) fn render_page(context: &PageContext, next: &str, is_wrong: bool) -> Markup {
    let main = html! {
        main.login #content {
            h1 { "Log in" }
            p { "This server has a control token: the one of " code { "--control-token" } ", or the one that it printed at its start." }
            form.stack method="post" action={ (context.root) "login" } {
                (context.form_token())
                input type="hidden" name="next" value=(next);
                label { "Control token"
                    input name="token" type="password" autocomplete="current-password" required autofocus
                        aria-invalid=[is_wrong.then_some("true")] aria-describedby=[is_wrong.then_some("token-error")];
                }
                @if is_wrong { p.error #token-error role="alert" { "This is not the control token of this server." } }
                button.primary type="submit" { "Log in" }
            }
        }
    };
    context.render_bare("Log in", &main)
}
