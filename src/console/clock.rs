//! The page of the clock of an account.

use axum::response::Response;
use maud::html;
use omnidesk_mock_client::types::{ClockAdvance, ClockMode, ClockSetting};

use super::components::render_time;
use super::form::Form;
use super::page::{PageContext, Section};
use crate::clock::system_now;
use crate::control;
use crate::control::{AccountPath, JsonBody, Problem};

/// Removes the fraction of a second from an RFC 3339 time, for a field that people edit.
fn whole_seconds(at: &str) -> String {
    at.split_once('.').map_or_else(|| at.to_owned(), |(seconds, _)| format!("{seconds}Z"))
}

/// Shows the time and the mode.
pub(super) async fn show(context: PageContext, AccountPath { account }: AccountPath) -> Response {
    let settings = account.settings();
    let status = control::to_clock_status(settings.account_settings.clock);
    let mode = match status.mode {
        ClockMode::Real => "It follows the system time.",
        ClockMode::Frozen => "It is frozen.",
        ClockMode::Offset => "It follows the system time at an offset.",
    };
    let name = &*account.name;
    let url = context.account_url(name, "clock");
    let main = html! {
        main #content {
            div.heading { h1 { "Clock" } }
            p.clock { (render_time(&status.now, None)) }
            p { (mode) @if let Some(by) = &status.by { " Offset: " code { (by) } "." } }
            p.faint { "In reality it is " (render_time(&system_now().to_string(), None)) " UTC. Dates in responses are in the time zone " code { (settings.account_settings.time_zone) } "." }
            div.columns {
                section.card aria-labelledby="advance" {
                    h2 #advance { "Advance" }
                    form.actions method="post" action=(url) {
                        (context.form_token())
                        input type="hidden" name="mode" value="advance";
                        @for (by, label) in [("1m", "1 minute"), ("1h", "1 hour"), ("1d", "1 day"), ("30d", "30 days")] {
                            button name="by" value=(by) disabled[context.is_read_only] { (label) }
                        }
                    }
                    form.row method="post" action=(url) {
                        (context.form_token())
                        input type="hidden" name="mode" value="advance";
                        label { "By" input name="by" placeholder="P3D or 90m" required; }
                        button disabled[context.is_read_only] { "Advance" }
                    }
                }
                section.card aria-labelledby="set" {
                    h2 #set { "Set" }
                    form.row method="post" action=(url) {
                        (context.form_token())
                        input type="hidden" name="mode" value="frozen";
                        label { "Freeze at" input name="at" value=(whole_seconds(&status.now)) required aria-describedby="at-help"; }
                        button disabled[context.is_read_only] { "Freeze" }
                    }
                    p.help #at-help { "RFC 3339, such as " code { "2026-03-01T12:00:00Z" } "." }
                    form.row method="post" action=(url) {
                        (context.form_token())
                        input type="hidden" name="mode" value="offset";
                        label { "Offset" input name="by" placeholder="PT2H or -P1D" required; }
                        button disabled[context.is_read_only] { "Set the offset" }
                    }
                    form method="post" action=(url) {
                        (context.form_token())
                        button name="mode" value="real" disabled[context.is_read_only] { "Follow the system time" }
                    }
                }
            }
        }
    };
    context.render_account(Section::Clock, name, &format!("Clock · {name}"), &main)
}

/// Sets or advances the clock.
pub(super) async fn change(
    context: PageContext,
    path: AccountPath,
    form: Form,
) -> Result<Response, Problem> {
    let name = path.account.name.to_string();
    let by = form.text("by").trim().to_owned();
    let status = match form.text("mode") {
        "advance" => control::clock::advance(path, JsonBody(ClockAdvance { by })).await?,
        "frozen" => {
            let setting = ClockSetting::Frozen { at: form.optional("at") };
            control::clock::set(path, JsonBody(setting)).await?
        }
        "offset" => control::clock::set(path, JsonBody(ClockSetting::Offset { by })).await?,
        _ => control::clock::set(path, JsonBody(ClockSetting::Real {})).await?,
    };
    let message = format!("The clock of the account is now at {}.", status.0.now);
    Ok(context.redirect_after(&format!("accounts/{name}/clock"), &message))
}
