//! The fields of a seed.

use std::sync::LazyLock;

use super::sections::section_fields;
use crate::accounts::{ACCOUNT_NAME_REGEX, API_KEY_REGEX};
use crate::contract::dialect;
use crate::contract::{Field, FieldType, Literal, PERMISSION_NAMES, optional, required};

const PERMISSION_TYPE: FieldType =
    FieldType::TextEnum { values: PERMISSION_NAMES, documented_as: "" };

/// The top level of a seed.
pub(super) static SEED_FIELDS: &[Field] = &[required(
    "accounts",
    FieldType::Map { key_pattern: &ACCOUNT_NAME_REGEX, fields: account_fields },
)];

fn account_fields() -> &'static [Field] {
    static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| {
        let settings = [
            optional("time_zone", FieldType::TEXT).default_value(Literal::Text("UTC")),
            optional("dialect", FieldType::Object { fields: dialect_fields }),
            optional("clock", FieldType::Object { fields: || CLOCK_FIELDS }),
            optional(
                "keys",
                FieldType::ObjectArray {
                    fields: || API_KEY_FIELDS,
                    min_items: 0,
                    max_items: 10_000,
                },
            )
            .secret(),
        ];
        settings.into_iter().chain(section_fields()).collect()
    });
    &FIELDS
}

/// The dialect settings without defaults: a missing setting falls back to the server's.
fn dialect_fields() -> &'static [Field] {
    static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| {
        dialect::DIALECT_FIELDS.iter().map(|field| field.default_value(Literal::Null)).collect()
    });
    &FIELDS
}

static CLOCK_FIELDS: &[Field] = &[
    required(
        "mode",
        FieldType::TextEnum { values: &["real", "frozen", "offset"], documented_as: "" },
    ),
    optional("at", FieldType::TEXT),
    optional("by", FieldType::TEXT),
];

static API_KEY_FIELDS: &[Field] = &[
    required("key", FieldType::text_matching(&API_KEY_REGEX)).secret(),
    optional("name", FieldType::TEXT),
    required(
        "permissions",
        FieldType::Array {
            item_type: &PERMISSION_TYPE,
            min_items: 0,
            max_items: 100,
            unique_items: true,
        },
    ),
];
