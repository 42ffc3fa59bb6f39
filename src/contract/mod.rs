//! The API contract as data: operations, permissions, fields and the source of each fact. Does no I/O.

mod api_key;
pub(crate) mod dialect;
mod fidelity;
mod field;
pub(crate) mod json_schema;
mod media_type;
pub(crate) mod openapi;
pub(crate) mod openapi_example;
mod operation;
mod permission;
mod suggest;
#[cfg(test)]
mod tests;
mod validate;
mod violation;

pub(crate) use api_key::{API_KEY_NAME, AUTH_SCHEME};
pub(crate) use fidelity::{Assumption, Convention, Fidelity};
pub(crate) use field::{
    Example, Field, FieldType, Literal, MAX_SAFE_INTEGER, Presence, TICKET_ID, UndocumentedValues,
    optional, required,
};
pub(crate) use json_schema::{DATETIME_PATTERN, Notation, wire_names};
pub(crate) use media_type::MediaType;
pub(crate) use operation::{Envelope, InputSource, Method, Operation};
pub(crate) use permission::{PERMISSION_NAMES, Permission};
pub(crate) use suggest::suggest;
pub(crate) use validate::{
    ValidationReport, apply_defaults, is_valid_datetime, parse_decimal_u64, validate,
    validate_request, validate_without_item_defaults,
};
pub(crate) use violation::{
    MAX_VIOLATIONS, TRUNCATION_MARK, Violation, ViolationKind, ViolationList, escape_control,
    quote_value,
};
