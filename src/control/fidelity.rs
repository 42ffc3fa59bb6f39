//! The fidelity report: every fact of the contract, and whether it is documented or our assumption.

use serde::Serialize;

use crate::contract::dialect::{DIALECT_FIELDS, Dialect};
use crate::contract::{Fidelity, Field, Operation, Presence, quote_value};
use crate::controllers::{CONTROLLERS, all_operations};

/// One line of the report.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FidelityFact {
    /// The operation, `dialect` or `all`.
    pub(crate) scope: String,
    /// The fact as a sentence.
    pub(crate) fact: String,
    /// `documented` or `undocumented`.
    pub(crate) fidelity: &'static str,
    /// The page, or the evidence for our assumption.
    pub(crate) evidence: String,
    /// The setting that changes it, with its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) setting: Option<String>,
}

/// Builds the report for a dialect.
pub(crate) fn fidelity_report(dialect: &Dialect) -> Vec<FidelityFact> {
    let operations = all_operations().flat_map(operation_facts);
    let settings = DIALECT_FIELDS.iter().map(|field| setting_fact(field, dialect));
    let assumptions = CONTROLLERS.iter().flat_map(|controller| controller.assumptions);
    let assumptions = assumptions.map(|assumption| FidelityFact {
        scope: "all".to_owned(),
        fact: format!("{}: {}", assumption.topic, assumption.behaviour),
        fidelity: "undocumented",
        evidence: assumption.evidence.to_owned(),
        setting: None,
    });
    let conventions = CONTROLLERS.iter().flat_map(|controller| controller.conventions);
    let conventions = conventions.map(|convention| FidelityFact {
        scope: "all".to_owned(),
        fact: convention.fact.to_owned(),
        fidelity: "documented",
        evidence: convention.page.to_owned(),
        setting: None,
    });
    conventions.chain(operations).chain(settings).chain(assumptions).collect()
}

fn operation_facts(operation: &'static Operation) -> Vec<FidelityFact> {
    let new_fact = |fact: String, fidelity: Fidelity| FidelityFact {
        scope: operation.name.to_owned(),
        fact,
        fidelity: fidelity.label(),
        evidence: fidelity.detail().to_owned(),
        setting: None,
    };
    let mut facts = vec![
        new_fact(
            format!("{} {}: {}", operation.method.name(), operation.path, operation.summary),
            operation.fidelity,
        ),
        new_fact(format!("needs {}", operation.permission.name()), operation.permission_fidelity),
    ];
    for field in operation.all_fields() {
        facts.push(new_fact(describe_field(field), field.fidelity));
        if !field.undocumented_note.is_empty() {
            facts.push(new_fact(
                format!("{}: {}", field.name, field.undocumented_note),
                Fidelity::Undocumented("no page documents it"),
            ));
        }
    }
    facts
}

fn describe_field(field: &Field) -> String {
    let presence = match field.presence {
        Presence::Required => "required".to_owned(),
        Presence::Default(default) => {
            format!("default {}", quote_value(&default.into()))
        }
    };
    format!("{} ({presence}): {}", field.name, field.description)
}

fn setting_fact(field: &Field, dialect: &Dialect) -> FidelityFact {
    FidelityFact {
        scope: "dialect".to_owned(),
        fact: field.description.to_owned(),
        fidelity: field.fidelity.label(),
        evidence: field.fidelity.detail().to_owned(),
        setting: Some(format!("{} = {}", field.name, dialect.format_value(field.name))),
    }
}
