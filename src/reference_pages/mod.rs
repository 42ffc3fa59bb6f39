//! Generates the reference pages of `docs/` from the declarations, and compares them with the files.
//!
//! `UPDATE_DOCS=1 cargo test reference_pages` writes the files.

mod configuration;
mod control_api;
mod fidelity;
mod json_schema;
mod markdown;
mod ticket_operations;

use std::path::PathBuf;

const UPDATE_COMMAND: &str = "UPDATE_DOCS=1 cargo test reference_pages";

#[test]
fn configuration_page_is_current() {
    compare_page("configuration.md", &configuration::page());
}

#[test]
fn control_api_page_is_current() {
    compare_page("control-api.md", &control_api::page());
}

#[test]
fn fidelity_page_is_current() {
    compare_page("fidelity.md", &fidelity::page());
}

/// One test, because an update of the page writes all of it.
#[test]
fn tables_in_the_guide_are_current() {
    compare_block("guide.md", "operations", &ticket_operations::operations());
    compare_block("guide.md", "create fields", &ticket_operations::create_fields());
}

/// Compares a page of `docs/` with its generated text, or writes it.
fn compare_page(name: &str, generated: &str) {
    let path = page_path(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, generated).expect("the page can be written");
    }
    let current = std::fs::read_to_string(&path).unwrap_or_default();
    let line = current.lines().zip(generated.lines()).position(|(current, new)| current != new);
    assert!(
        current == generated,
        "docs/{name} is not current from line {}; run {UPDATE_COMMAND}",
        line.unwrap_or_else(|| current.lines().count().min(generated.lines().count())) + 1,
    );
}

/// Compares the part of a page between `<!-- NAME: generated -->` and `<!-- end of NAME -->`.
fn compare_block(page: &str, name: &str, generated: &str) {
    let text = std::fs::read_to_string(page_path(page)).expect("the page exists");
    let (start, end) = (format!("<!-- {name}: generated -->\n"), format!("<!-- end of {name} -->"));
    let (before, rest) = text.split_once(&start).expect("the page contains the start of the block");
    let (_, after) = rest.split_once(&end).expect("the page contains the end of the block");
    compare_page(page, &format!("{before}{start}\n{generated}\n{end}{after}"));
}

fn page_path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}
