//! The ledger: every fact of the contract, and for each whether it is documented or chosen.

use std::fmt::Write;

use serde::Serialize;

use crate::dialect::{Dialect, SETTINGS};
use crate::http::Endpoint;
use crate::rules::{Field, Source, quoted};
use crate::tickets;

/// One line of the ledger.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Entry {
    /// The operation, or `all`.
    of: String,
    /// What is so.
    fact: String,
    /// `documented` or `chosen`.
    source: &'static str,
    /// The page, or the evidence that there is.
    evidence: String,
    /// The setting that changes it, with its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    setting: Option<String>,
}

/// The whole ledger under a dialect.
pub(crate) fn ledger(dialect: &Dialect) -> Vec<Entry> {
    let operations = tickets::ENDPOINTS.iter().flat_map(of_endpoint);
    let settings = SETTINGS.iter().map(|field| of_setting(field, dialect));
    let choices = tickets::CHOICES.iter().map(|choice| Entry {
        of: "all".to_owned(),
        fact: format!("{}: {}", choice.question, choice.made),
        source: "chosen",
        evidence: choice.evidence.to_owned(),
        setting: None,
    });
    let conventions = tickets::CONVENTIONS.iter().map(|(fact, page)| Entry {
        of: "all".to_owned(),
        fact: (*fact).to_owned(),
        source: "documented",
        evidence: (*page).to_owned(),
        setting: None,
    });
    conventions.chain(operations).chain(settings).chain(choices).collect()
}

fn of_endpoint(endpoint: &'static Endpoint) -> Vec<Entry> {
    let entry = |fact: String, source: Source| Entry {
        of: endpoint.operation.to_owned(),
        fact,
        source: source.word(),
        evidence: source.text().to_owned(),
        setting: None,
    };
    let mut entries = vec![
        entry(
            format!("{} {}: {}", endpoint.method, endpoint.path, endpoint.summary),
            endpoint.source,
        ),
        entry(format!("needs {}", endpoint.permission.name()), endpoint.permission_source),
    ];
    for field in endpoint.all_fields() {
        entries.push(entry(described(field), field.source));
        if !field.chosen.is_empty() {
            entries.push(entry(
                format!("{}: {}", field.name, field.chosen),
                Source::Chosen("no page says"),
            ));
        }
    }
    entries
}

fn described(field: &Field) -> String {
    let presence = match field.presence {
        crate::rules::Presence::Required => "required".to_owned(),
        crate::rules::Presence::Default(default) => format!("default {}", quoted(&default.into())),
    };
    format!("{} ({presence}): {}", field.name, field.about)
}

fn of_setting(field: &Field, dialect: &Dialect) -> Entry {
    Entry {
        of: "dialect".to_owned(),
        fact: field.about.to_owned(),
        source: field.source.word(),
        evidence: field.source.text().to_owned(),
        setting: Some(format!("{} = {}", field.name, dialect.shown(field.name))),
    }
}

/// The ledger for people.
pub(crate) fn text(ledger: &[Entry]) -> String {
    let mut text =
        String::from("What the vendor documents, and what is chosen where it is silent.\n");
    for (source, title) in [("documented", "DOCUMENTED"), ("chosen", "CHOSEN")] {
        let _ = write!(text, "\n{title}\n");
        for entry in ledger.iter().filter(|entry| entry.source == source) {
            let setting =
                entry.setting.as_ref().map_or_else(String::new, |setting| format!(" [{setting}]"));
            let _ = writeln!(text, "  {}: {}{setting} — {}", entry.of, entry.fact, entry.evidence);
        }
    }
    text.truncate(text.trim_end().len());
    text
}
