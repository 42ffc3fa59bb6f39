//! Small parts that several pages share.

use maud::{Markup, html};
use serde_json::Value;

/// Renders a moment of an account's clock, with the full text and the system time on hover.
pub(super) fn render_time(at: &str, real_at: Option<&str>) -> Markup {
    let title = match real_at {
        Some(real_at) if real_at != at => {
            format!("{at} by the account's clock, {real_at} in reality")
        }
        _ => at.to_owned(),
    };
    html! { time datetime=(at) title=(title) { (short_time(at)) } }
}

/// Shortens an RFC 3339 time to date and time with milliseconds.
fn short_time(at: &str) -> String {
    let (date, time) = at.trim_end_matches('Z').split_once('T').unwrap_or(("", at));
    let (seconds, fraction) = time.split_once('.').unwrap_or((time, ""));
    format!("{date} {seconds}.{fraction:0<3.3}")
}

/// Renders an HTTP status, by its class.
pub(super) fn render_http_status(status: Option<u16>) -> Markup {
    let class = match status {
        Some(200..300) => "good",
        Some(300..400) => "plain",
        Some(400..500) => "warn",
        _ => "bad",
    };
    html! {
        span class={ "code " (class) } title=[status.is_none().then_some("No response was sent")] {
            @match status { Some(status) => (status), None => "none" }
        }
    }
}

/// Renders the status of a ticket.
pub(super) fn render_ticket_status(status: &str) -> Markup {
    html! { span class={ "status " (status) } { (status) } }
}

/// Renders a method.
pub(super) fn render_method(method: &str) -> Markup {
    html! { span class={ "method " (method.to_ascii_lowercase()) } { (method) } }
}

/// Renders a path, which may wrap after each of its segments.
pub(super) fn render_path(path: &str) -> Markup {
    html! { code.path { @for segment in path.split_inclusive('/') { (segment) wbr; } } }
}

/// Renders a text to copy.
pub(super) fn render_copyable(label: &str, text: &str) -> Markup {
    html! {
        div.copy {
            pre tabindex="0" aria-label=(label) { (text) }
            button.quiet type="button" data-copy hidden { "Copy" span.hidden { " " (label) } }
        }
    }
}

/// Renders what an empty page shows: why it is empty, and the command that fills it.
pub(super) fn render_empty(reason: &str, command: Option<&str>) -> Markup {
    html! {
        div.empty {
            p { (reason) }
            @if let Some(command) = command { (render_copyable("command", command)) }
        }
    }
}

/// Renders a JSON value as a cell: a text as it is, anything else as JSON.
pub(super) fn render_value(value: &Value) -> Markup {
    html! {
        @match value {
            Value::String(text) if text.is_empty() => span.faint { "empty" },
            Value::String(text) => (text),
            Value::Null => span.faint { "null" },
            other => code { (other.to_string()) },
        }
    }
}

/// Writes a count with its noun.
pub(super) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Writes a number of bytes in the largest unit that keeps it above one, with at most one decimal.
pub(super) fn format_bytes(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let Some((bits, unit)) = units.into_iter().find(|(bits, _)| bytes >> bits > 0) else {
        return count(usize::try_from(bytes).unwrap_or(usize::MAX), "byte");
    };
    let tenths = (bytes >> (bits - 10)) * 10 / 1024;
    match (tenths / 10, tenths % 10) {
        (whole, 0) => format!("{whole} {unit}"),
        (whole, tenth) => format!("{whole}.{tenth} {unit}"),
    }
}

/// Quotes a text for a POSIX shell.
pub(super) fn shell_quote(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=@%+,".contains(letter);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_has_three_digits_of_a_second() {
        for (at, expected) in [
            ("2026-03-01T12:00:00Z", "2026-03-01 12:00:00.000"),
            ("2026-03-01T12:00:00.5Z", "2026-03-01 12:00:00.500"),
            ("2026-03-01T12:00:00.123456789Z", "2026-03-01 12:00:00.123"),
        ] {
            assert_eq!(short_time(at), expected);
        }
    }

    #[test]
    fn bytes_are_written_in_the_largest_unit() {
        for (bytes, expected) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1023, "1023 bytes"),
            (1024, "1 KiB"),
            (86_016, "84 KiB"),
            (1_600_000, "1.5 MiB"),
            (10_485_760, "10 MiB"),
            (u64::MAX, "17179869183.9 GiB"),
        ] {
            assert_eq!(format_bytes(bytes), expected);
        }
    }

    #[test]
    fn shell_quotes_keep_every_text_as_it_is() {
        for (text, expected) in [
            ("plain-1", "plain-1"),
            ("", "''"),
            ("two words", "'two words'"),
            ("it's", r"'it'\''s'"),
            ("$HOME `id`", "'$HOME `id`'"),
        ] {
            assert_eq!(shell_quote(text), expected);
        }
    }
}
