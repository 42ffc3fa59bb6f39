//! The tables of the guide: the operations, and the fields of a new ticket.

use serde_json::Value;

use super::json_schema::describe;
use super::markdown::{code, table};
use crate::contract::json_schema::type_schema;
use crate::contract::{Field, Operation, Presence};
use crate::controllers::all_operations;

/// Generates the table of all operations.
pub(super) fn operations() -> String {
    let rows: Vec<_> = all_operations().map(operation_row).collect();
    table(["Operation", "Request", "Parameters", "Permission"], &rows)
}

fn operation_row(operation: &Operation) -> [String; 4] {
    let fields: Vec<String> = (operation.fields)().iter().map(|field| code(field.name)).collect();
    [
        code(operation.name),
        code(&format!("{} {}", operation.method.name(), operation.path)),
        fields.join(", "),
        code(operation.permission.name()),
    ]
}

/// Generates the table of the fields of a new ticket.
pub(super) fn create_fields() -> String {
    let create = all_operations().find(|operation| operation.name == "ticket.create");
    let create = create.expect("the operation exists");
    let rows: Vec<_> = (create.fields)().iter().map(field_row).collect();
    table(["Field", "Type", "Required or default", "Meaning"], &rows)
}

fn field_row(field: &Field) -> [String; 4] {
    let presence = match field.presence {
        Presence::Required => "required".to_owned(),
        Presence::Default(default) => code(&Value::from(default).to_string()),
    };
    [
        code(field.name),
        describe(&type_schema(&field.data_type)),
        presence,
        field.description.to_owned(),
    ]
}
