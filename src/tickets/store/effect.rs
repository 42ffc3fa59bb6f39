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
use crate::tickets::ticket::Change;

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
    // Crossed, so that the tickets come in the order of the ids.
    format!(
        "SELECT json_group_array(json_array(t.id, {})) \
         FROM json_each($1) AS ids CROSS JOIN ticket AS t ON t.id = ids.value",
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

    /// What changes make of them. Those that change nothing leave no trace.
    pub(super) fn changed_by(self, changes: &[Change], now: &str) -> Rows {
        let rows = self.0.into_iter().filter_map(|(id, before)| {
            let mut after = before.clone();
            for change in changes {
                make(change, now, &mut after);
            }
            (before != after).then(|| {
                let columns = CHANGEABLE.iter().zip(before.into_iter().zip(after));
                let columns = columns.filter(|(_, (before, after))| before != after);
                let columns = columns.map(|(column, (before, after))| (*column, before, after));
                Row { kind: "ticket", id, did: Did::Updated(columns.collect()) }
            })
        });
        rows.collect()
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
pub(super) fn created(id: i64, values: String) -> Rows {
    let did = Did::Created { columns: columns::names(), values: values.into() };
    [Row { kind: "ticket", id, did }].into_iter().collect()
}

/// Makes a change of what a ticket holds, unless it holds that already.
fn make(change: &Change, now: &str, held: &mut [Value]) {
    let place = |column: &str| CHANGEABLE.iter().position(|one| *one == column);
    let own = place(change.column()).and_then(|place| held.get(place));
    if own.is_some_and(|value| change.cell().is(value)) {
        return;
    }
    for (column, cell) in change.outcome(now) {
        if let Some(value) = place(column).and_then(|place| held.get_mut(place)) {
            *value = cell.map_or(Value::Null, Value::from);
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StorageError> {
    serde_json::from_str(text).map_err(|error| StorageError::corrupt(error.to_string()))
}
