//! Formats Markdown.

/// The note at the head of a generated page.
pub(super) fn generated_note(source: &str) -> String {
    format!("<!-- Generated from {source}: {} -->\n", super::UPDATE_COMMAND)
}

/// Formats a table. A `|` in a cell is escaped, and a line break becomes a space.
pub(super) fn table<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
    let format_row = |cells: &[String; N]| {
        let cells = cells.each_ref().map(|cell| cell.replace('\n', " ").replace('|', "\\|"));
        format!("| {} |\n", cells.join(" | "))
    };
    let header = header.map(str::to_owned);
    let rule = format!("|{}\n", "---|".repeat(N));
    let rows: String = rows.iter().map(format_row).collect();
    format_row(&header) + &rule + &rows
}

/// Formats code within a line.
pub(super) fn code(text: &str) -> String {
    format!("`{text}`")
}
