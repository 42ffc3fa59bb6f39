//! The API contract as data: fields, their types and the source of each fact. Does no I/O.

pub(crate) mod dialect;
mod field;
mod json_schema;
mod suggest;
mod validate;
mod violation;

pub(crate) use field::{
    Fidelity, Field, FieldType, FieldsFn, Literal, MAX_SAFE_INTEGER, Presence, TICKET_ID,
    UndocumentedValues, optional, required,
};
pub(crate) use json_schema::{DATETIME_PATTERN, Notation, fields_schema, value_schema, wire_names};
pub(crate) use suggest::suggest;
pub(crate) use validate::{
    MAX_VIOLATIONS, ValidationReport, apply_defaults, is_valid_datetime, parse_decimal_u64,
    validate, validate_without_item_defaults,
};
pub(crate) use violation::{Violation, ViolationKind, escape_control, quote_value};
