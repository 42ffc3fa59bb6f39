//! What a request may hold, as data: fields, their kinds and the source of each fact. No I/O.

mod check;
mod field;
mod nearest;
mod problem;
mod schema;

pub(crate) use check::{
    Checked, MOST_VIOLATIONS, check, check_without_defaults, fill_in, is_date, whole_number,
};
pub(crate) use field::{
    ByChoice, Field, Fields, Kind, LARGEST_NUMBER, Literal, Presence, Source, TICKET_ID, optional,
    required,
};
pub(crate) use nearest::nearest;
pub(crate) use problem::{Problem, Violation, quoted, visible};
pub(crate) use schema::{DATE, Notation, form_names, of_fields, of_value};
