//! What a change does to tickets: what they hold before it and after it.

use std::collections::HashSet;
use std::sync::LazyLock;

use serde_json::Value;
use sqlx::query_scalar;

use super::sql::name;
use super::write::json;
use crate::journal::{Did, Row, Rows};
use crate::storage::{Connection, StorageError};
use crate::tickets::columns;

/// The columns that a change of a ticket can touch.
const CHANGEABLE: &[&str] = &[
    "status",
    "priority",
    "assigned_group_id",
    "assigned_user_id",
    "title",
    "customer_id",
    "closed_at",
    "last_update",
];

/// Some tickets of the account, in the order in which they were asked for, with what they hold.
#[derive(Debug)]
pub(crate) struct Tickets(Vec<(i64, Vec<Value>)>);

static TICKETS: LazyLock<String> = LazyLock::new(|| {
    let columns: Vec<String> =
        CHANGEABLE.iter().map(|column| format!("t.{}", name(column))).collect();
    format!(
        "SELECT json_group_array(json_array(t.id, {}) ORDER BY ids.key) \
         FROM json_each($1) AS ids JOIN ticket AS t ON t.id = ids.value",
        columns.join(", ")
    )
});

/// Those of the ids that name a ticket, in their order.
pub(crate) async fn tickets(
    connection: &mut Connection,
    ids: &[i64],
) -> Result<Tickets, StorageError> {
    let text: String = query_scalar(TICKETS.as_str()).bind(json(ids)).fetch_one(connection).await?;
    let rows: Vec<Vec<Value>> = read(&text)?;
    let tickets = rows.into_iter().map(|mut row| (row.remove(0).as_i64().unwrap_or_default(), row));
    Ok(Tickets(tickets.collect()))
}

impl Tickets {
    /// Their ids.
    pub(crate) fn ids(&self) -> Vec<i64> {
        self.0.iter().map(|(id, _)| *id).collect()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Those of the ids that are none of them.
    pub(crate) fn lacks(&self, ids: &[i64]) -> Vec<i64> {
        let known: HashSet<i64> = self.0.iter().map(|(id, _)| *id).collect();
        ids.iter().copied().filter(|id| !known.contains(id)).collect()
    }

    /// What has become of those that are not as they were. `now` are the same tickets.
    pub(super) fn compared_to(&self, now: &Self) -> Rows {
        let pairs = self.0.iter().zip(&now.0).filter(|(before, after)| before != after);
        let changed = pairs.map(|((id, before), (_, after))| {
            let columns = CHANGEABLE.iter().zip(before.iter().zip(after));
            let columns = columns
                .filter(|(_, (before, after))| before != after)
                .map(|(column, (before, after))| (*column, before.clone(), after.clone()));
            Row { kind: "ticket", id: *id, did: Did::Updated(columns.collect()) }
        });
        changed.collect()
    }

    /// That they are gone.
    pub(super) fn deleted(&self) -> Rows {
        let gone = |id| Row { kind: "ticket", id, did: Did::Deleted };
        self.0.iter().map(|(id, _)| gone(*id)).collect()
    }
}

/// SQL for all columns of a new ticket.
pub(super) fn made() -> String {
    let columns: Vec<String> = columns::names().iter().map(|column| name(column)).collect();
    format!("json_array({})", columns.join(", "))
}

/// That a ticket was made, from the columns that [`made`] gives.
pub(super) fn created(id: i64, columns: &str) -> Result<Rows, StorageError> {
    let values: Vec<Value> = read(columns)?;
    let columns = columns::names().iter().copied().zip(values);
    let columns = columns.filter(|(_, value)| !value.is_null()).collect();
    Ok([Row { kind: "ticket", id, did: Did::Created(columns) }].into_iter().collect())
}

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StorageError> {
    serde_json::from_str(text).map_err(|error| StorageError::Corrupt(error.to_string()))
}
