//! What a seed may hold.

use std::sync::LazyLock;

use crate::accounts::{ACCOUNT_FORM, KEY_FORM, PERMISSIONS};
use crate::dialect;
use crate::rules::{Field, Kind, Literal, optional, required};
use crate::tickets::fixture;

const PERMISSION: Kind = Kind::OneOf { names: PERMISSIONS, written: "" };

/// The top of a seed.
pub(super) static SEED: &[Field] =
    &[required("accounts", Kind::Named { name: &ACCOUNT_FORM, fields: account })];

fn account() -> &'static [Field] {
    static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| {
        let own = [
            optional("time_zone", Kind::TEXT).or(Literal::Text("UTC")),
            optional("dialect", Kind::Row { fields: settings }),
            optional("clock", Kind::Row { fields: || CLOCK }),
            optional("keys", Kind::Rows { fields: || API_KEY, at_least: 0, at_most: 10_000 })
                .secret(),
        ];
        own.into_iter().chain(fixture::FIELDS.iter().copied()).collect()
    });
    &FIELDS
}

/// The dialect's settings without their defaults: what a seed leaves out is the server's.
fn settings() -> &'static [Field] {
    static FIELDS: LazyLock<Vec<Field>> =
        LazyLock::new(|| dialect::SETTINGS.iter().map(|field| field.or(Literal::Null)).collect());
    &FIELDS
}

static CLOCK: &[Field] = &[
    required("mode", Kind::OneOf { names: &["real", "frozen", "offset"], written: "" }),
    optional("at", Kind::TEXT),
    optional("by", Kind::TEXT),
];

static API_KEY: &[Field] = &[
    required("key", Kind::matching(&KEY_FORM)).secret(),
    optional("name", Kind::TEXT),
    required(
        "permissions",
        Kind::List { item: &PERMISSION, at_least: 0, at_most: 100, unique: true },
    ),
];
