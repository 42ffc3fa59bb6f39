//! Rows with named fields. One declaration gives the names of the columns and the order in which a row is a JSON array,
//! so no list of columns can disagree with the values.

use std::borrow::Cow;

use serde::ser::{Serialize, Serializer};
use serde_json::Value;

use crate::contract::Literal;

/// A row of a table. It serializes as a JSON array in the order of the columns: SQLite takes far longer to look a value up
/// by name.
pub(crate) trait Row: Serialize {
    /// The names of the columns.
    const COLUMNS: &'static [&'static str];

    /// Returns the cells, in the order of the columns.
    fn cells(&self) -> Vec<Cell<'_>>;

    /// Returns the serialized row as a JSON object.
    #[cfg(test)]
    fn to_object(&self) -> Value {
        let Ok(Value::Array(values)) = serde_json::to_value(self) else { panic!("no JSON array") };
        assert_eq!(values.len(), Self::COLUMNS.len());
        Self::COLUMNS.iter().map(|column| (*column).to_owned()).zip(values).collect()
    }
}

/// Declares a struct that is a [`Row`].
macro_rules! row {
    ($(#[$meta:meta])* struct $row:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)+ }) => {
        $(#[$meta])*
        pub(crate) struct $row { $($(#[$field_meta])* pub(crate) $field: $type,)+ }

        impl serde::Serialize for $row {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeTuple as _;
                let columns = <Self as $crate::tickets::model::row::Row>::COLUMNS;
                let mut array = serializer.serialize_tuple(columns.len())?;
                $(array.serialize_element(&self.$field)?;)+
                array.end()
            }
        }

        impl $crate::tickets::model::row::Row for $row {
            const COLUMNS: &'static [&'static str] = &[$(stringify!($field)),+];

            fn cells(&self) -> Vec<$crate::tickets::model::row::Cell<'_>> {
                vec![$($crate::tickets::model::row::Cell {
                    column: stringify!($field),
                    value: (&self.$field).into(),
                }),+]
            }
        }
    };
}
pub(crate) use row;

/// Declares a struct that is read from a JSON array of its fields, whose names are `FIELDS`.
macro_rules! loaded_row {
    ($(#[$meta:meta])* struct $row:ident { $($field:ident: $type:ty,)+ }) => {
        $(#[$meta])*
        #[derive(serde::Deserialize)]
        struct $row { $($field: $type,)+ }

        impl $row {
            /// The names of the fields, in the order of the array.
            const FIELDS: &'static [&'static str] = &[$(stringify!($field)),+];
        }
    };
}
pub(crate) use loaded_row;

/// A row that is written for several tickets. It serializes as a JSON array of both fields, which the paths find.
#[derive(Debug)]
pub(crate) struct RowForTickets<R> {
    pub(crate) row: R,
    pub(crate) ticket_ids: Vec<i64>,
}

/// The JSON paths of the fields of a [`RowForTickets`].
pub(crate) const ROW_PATH: &str = "$[0]";
pub(crate) const TICKET_IDS_PATH: &str = "$[1]";

impl<R: Serialize> Serialize for RowForTickets<R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.row, &self.ticket_ids).serialize(serializer)
    }
}

/// A column of a row, and its value. It serializes as the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell<'a> {
    pub(crate) column: &'static str,
    pub(crate) value: CellValue<'a>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CellValue<'a> {
    Null,
    Number(i64),
    Text(Cow<'a, str>),
}

impl Serialize for CellValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl From<CellValue<'_>> for Value {
    fn from(value: CellValue<'_>) -> Self {
        match value {
            CellValue::Null => Self::Null,
            CellValue::Number(number) => number.into(),
            CellValue::Text(text) => text.into(),
        }
    }
}

impl From<Literal> for CellValue<'_> {
    fn from(literal: Literal) -> Self {
        match literal {
            Literal::Null => Self::Null,
            Literal::Number(number) => Self::Number(number.cast_signed()),
            Literal::Text(text) => Self::Text(Cow::Borrowed(text)),
        }
    }
}

impl From<&i64> for CellValue<'_> {
    fn from(number: &i64) -> Self {
        Self::Number(*number)
    }
}

impl From<&bool> for CellValue<'_> {
    fn from(flag: &bool) -> Self {
        Self::Number(i64::from(*flag))
    }
}

impl<'a> From<&'a String> for CellValue<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<&&'static str> for CellValue<'_> {
    fn from(text: &&'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl<'a, T> From<&'a Option<T>> for CellValue<'a>
where
    CellValue<'a>: From<&'a T>,
{
    fn from(value: &'a Option<T>) -> Self {
        value.as_ref().map_or(Self::Null, <Self as From<&'a T>>::from)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    row! {
        /// A row with each type of cell, and with a keyword as the name of a column.
        struct SampleRow {
            id: i64,
            from: String,
            word: &'static str,
            is_set: bool,
            grade: Option<i64>,
            note: Option<String>,
        }
    }

    loaded_row! {
        /// The row as the database returns it.
        struct LoadedSample {
            id: i64,
            from: String,
        }
    }

    fn sample() -> SampleRow {
        SampleRow {
            id: -7,
            from: "a\"b".to_owned(),
            word: "event",
            is_set: true,
            grade: None,
            note: Some(String::new()),
        }
    }

    #[test]
    fn array_cells_and_column_names_have_the_same_order() {
        let row = sample();
        assert_eq!(SampleRow::COLUMNS, ["id", "from", "word", "is_set", "grade", "note"]);
        let names: Vec<&str> = row.cells().iter().map(|cell| cell.column).collect();
        assert_eq!(names, SampleRow::COLUMNS);
        let array = serde_json::to_value(&row).expect("a row is JSON");
        assert_eq!(array, json!([-7, "a\"b", "event", true, null, ""]));
    }

    #[test]
    fn cells_have_the_values_that_sqlite_stores() {
        let row = sample();
        let values: Vec<Value> = row.cells().into_iter().map(|cell| cell.value.into()).collect();
        let expected = json!([-7, "a\"b", "event", 1, null, ""]);
        assert_eq!(Value::from(values), expected);
        let serialized = serde_json::to_value(row.cells()).expect("cells are JSON");
        assert_eq!(serialized, expected, "a cell serializes as its value");
        let is_unset = SampleRow { is_set: false, ..sample() };
        assert_eq!(is_unset.cells()[3].value, CellValue::Number(0));
        for literal in [Literal::Null, Literal::Number(7), Literal::Text("inbound")] {
            let cell: CellValue<'_> = literal.into();
            assert_eq!(Value::from(cell), Value::from(literal));
        }
    }

    #[test]
    fn paths_find_the_fields_of_a_row_for_tickets() {
        let row = RowForTickets { row: sample(), ticket_ids: vec![3, 5] };
        let json = serde_json::to_value(&row).expect("a row is JSON");
        let field = |path: &str| {
            let index = path.strip_prefix("$[").and_then(|index| index.strip_suffix(']'));
            json[index.expect("an index").parse::<usize>().expect("a number")].clone()
        };
        assert_eq!(field(ROW_PATH), serde_json::to_value(&row.row).expect("a row is JSON"));
        assert_eq!(field(TICKET_IDS_PATH), json!([3, 5]));
    }

    #[test]
    fn loaded_row_reads_an_array_in_the_order_of_its_fields() {
        assert_eq!(LoadedSample::FIELDS, ["id", "from"]);
        let row: LoadedSample = serde_json::from_value(json!([7, "ada"])).expect("a row");
        assert_eq!((row.id, row.from.as_str()), (7, "ada"));
    }
}
