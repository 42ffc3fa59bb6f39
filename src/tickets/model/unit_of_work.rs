//! Unit of work: executes a batch of ticket commands in memory, one after the other. Pure: the store loads the tickets
//! and writes the changes.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde_json::Value;

use super::command::{
    CustomerLink, NEW_TICKET_COLUMNS, NewTicket, NewTicketRow, TicketCommand, TicketCommandError,
    TicketCommandKind, TicketSelection,
};
use super::ticket::{Status, TicketChange};
use super::timeline;
use super::{columns, dates};
use crate::contract::dialect::{UnknownCustomer, UnknownIds};
use crate::journal::{ChangeKind, ChangeSet, RowChange, WithChanges};

/// The ticket columns that a change can update.
pub(crate) const MUTABLE_COLUMNS: [&str; 8] = [
    "status",
    "priority",
    "assigned_group_id",
    "assigned_user_id",
    "title",
    "customer_id",
    "closed_at",
    "last_update",
];

/// The values of those columns, in order.
pub(crate) type MutableValues = [Value; MUTABLE_COLUMNS.len()];

const STATUS_INDEX: usize = 0;
const PRIORITY_INDEX: usize = 1;
const GROUP_INDEX: usize = 2;
const USER_INDEX: usize = 3;
const CLOSED_AT_INDEX: usize = 6;

/// A ticket's state in memory.
#[derive(Debug)]
pub(crate) struct TicketState {
    brand_id: i64,
    /// Not in the database yet.
    is_new: bool,
    current: MutableValues,
    /// The stored values of columns that were changed, even if changed back.
    original: [Option<Value>; MUTABLE_COLUMNS.len()],
}

/// Key of the `tally` table: status, priority, whether the ticket is assigned, and the day it was closed.
type TallyKey<'a> = (&'a str, &'a str, bool, &'a str);

/// One event for the timelines of several tickets: `item_type`, `item_type_id`, `description`, `initiated_by`,
/// `created_at`, ticket ids.
pub(crate) type TimelineEvent = (&'static str, String, String, String, String, Vec<i64>);

/// For every ticket column.
static TICKET_COLUMN_SOURCES: LazyLock<Vec<ColumnSource>> = LazyLock::new(|| {
    columns::ticket_column_names().iter().map(|column| ColumnSource::from_column(column)).collect()
});
/// For [`MUTABLE_COLUMNS`].
static MUTABLE_COLUMN_SOURCES: LazyLock<[ColumnSource; MUTABLE_COLUMNS.len()]> =
    LazyLock::new(|| MUTABLE_COLUMNS.map(ColumnSource::from_column));

#[derive(Debug, Default)]
pub(crate) struct UnitOfWork {
    pub(crate) tickets: BTreeMap<i64, TicketState>,
    /// Customer ids by external primary id.
    pub(crate) customer_ids: HashMap<String, i64>,
    /// Names of groups and users, by kind and id.
    pub(crate) reference_names: HashMap<(String, i64), String>,
    /// The last ids assigned.
    pub(crate) last_ticket_id: i64,
    pub(crate) last_customer_id: i64,
    pub(crate) pending_writes: PendingWrites,
}

/// Writes other than updates of the loaded tickets.
#[derive(Debug, Default)]
pub(crate) struct PendingWrites {
    pub(crate) new_tickets: Vec<NewTicketRow>,
    /// Id, external primary id, brand id.
    pub(crate) new_customers: Vec<(i64, String, i64)>,
    pub(crate) events: Vec<TimelineEvent>,
    pub(crate) deleted_ids: Vec<i64>,
    /// Deleted tickets that were stored.
    deleted_tickets: Vec<TicketState>,
}

/// Columns to update, and a group per set of values.
pub(crate) type BulkUpdate = (Vec<&'static str>, Vec<UpdateGroup>);

/// New values, and the ids of their tickets.
type UpdateGroup = (Vec<Value>, Vec<i64>);

impl TicketState {
    /// Creates the state of a stored ticket.
    pub(crate) fn from_stored(brand_id: i64, current: MutableValues) -> Self {
        Self { brand_id, is_new: false, current, original: [const { None }; MUTABLE_COLUMNS.len()] }
    }

    /// Returns the current tally key.
    fn tally_key(&self) -> TallyKey<'_> {
        Self::tally_key_from(|index| &self.current[index])
    }

    /// Returns the tally key of the stored values.
    fn stored_tally_key(&self) -> TallyKey<'_> {
        Self::tally_key_from(|index| self.original[index].as_ref().unwrap_or(&self.current[index]))
    }

    fn tally_key_from<'a>(value_at: impl Fn(usize) -> &'a Value) -> TallyKey<'a> {
        let text = |index: usize| value_at(index).as_str().unwrap_or_default();
        let is_set = |index: usize| value_at(index).as_i64().is_some_and(|id| id != 0);
        let day = text(CLOSED_AT_INDEX).get(..10).unwrap_or_default();
        (text(STATUS_INDEX), text(PRIORITY_INDEX), is_set(GROUP_INDEX) || is_set(USER_INDEX), day)
    }

    /// Returns the indexes of columns that differ from the database.
    fn changed_columns(&self) -> Vec<usize> {
        let differs = |index: &usize| {
            self.original[*index].as_ref().is_some_and(|before| *before != self.current[*index])
        };
        (0..MUTABLE_COLUMNS.len()).filter(differs).collect()
    }

    /// Applies a change and merges it into `diffs`; returns false if it has no effect.
    fn apply(&mut self, change: &TicketChange, now: &str, diffs: &mut ColumnDiffs) -> bool {
        let index_of = |column: &str| MUTABLE_COLUMNS.iter().position(|name| *name == column);
        let current = index_of(change.column()).and_then(|index| self.current.get(index));
        if current.is_some_and(|value| change.new_value().equals_json(value)) {
            return false;
        }
        for (column, cell) in change.column_updates(now) {
            let Some(index) = index_of(column) else { continue };
            let value = cell.map_or(Value::Null, Value::from);
            if self.current[index] == value {
                continue;
            }
            let previous = std::mem::replace(&mut self.current[index], value);
            match diffs.iter_mut().find(|(name, ..)| *name == MUTABLE_COLUMNS[index]) {
                Some((.., after)) => after.clone_from(&self.current[index]),
                None => diffs.push((
                    MUTABLE_COLUMNS[index],
                    previous.clone(),
                    self.current[index].clone(),
                )),
            }
            self.original[index].get_or_insert(previous);
        }
        true
    }
}

/// Changed columns, with their values before and after.
type ColumnDiffs = Vec<(&'static str, Value, Value)>;

/// The source of a new ticket's column value.
enum ColumnSource {
    RowIndex(usize),
    Default(Value),
}

impl ColumnSource {
    fn from_column(column: &str) -> Self {
        let default = || {
            columns::find_ticket_column(column).map_or(Value::Null, |found| found.default.into())
        };
        let index = NEW_TICKET_COLUMNS.iter().position(|name| *name == column);
        index.map_or_else(|| Self::Default(default()), Self::RowIndex)
    }

    fn value<'a>(&'a self, row: &'a NewTicketRow) -> &'a Value {
        match self {
            Self::RowIndex(index) => &row[*index],
            Self::Default(value) => value,
        }
    }
}

impl UnitOfWork {
    /// Executes a command, or changes nothing.
    ///
    /// # Errors
    /// An unknown ticket or customer.
    pub(crate) fn execute(
        &mut self,
        command: &TicketCommand,
    ) -> Result<WithChanges<Vec<i64>>, TicketCommandError> {
        let mut result = self.execute_with_utc_dates(command)?;
        dates::localize_change_set(&mut result.changes, &command.zone);
        Ok(result)
    }

    /// Does the same; the change set has dates in UTC.
    fn execute_with_utc_dates(
        &mut self,
        command: &TicketCommand,
    ) -> Result<WithChanges<Vec<i64>>, TicketCommandError> {
        match &command.kind {
            TicketCommandKind::Create(new) => Ok(self.create(new, &command.now)),
            TicketCommandKind::Update { tickets, changes, link } => {
                let ids = self.resolve_selection(tickets)?;
                let mut change_set = ChangeSet::default();
                let mut all_changes = Vec::with_capacity(changes.len() + 1);
                if let Some(link) = link {
                    let link_change = self.link_customer(link, ids.first().copied())?;
                    change_set = link_change.changes;
                    all_changes.push(link_change.value);
                }
                all_changes.extend(changes.iter().cloned());
                Ok(WithChanges {
                    changes: change_set.merge(self.apply_changes(&ids, &all_changes, command)),
                    value: ids,
                })
            }
            TicketCommandKind::SolveUnfinished => {
                let ids = self.unfinished_ids();
                let changes =
                    self.apply_changes(&ids, &[TicketChange::Status(Status::Solved)], command);
                Ok(WithChanges { changes, value: ids })
            }
            TicketCommandKind::Delete(tickets) => {
                let ids = self.resolve_selection(tickets)?;
                Ok(WithChanges { changes: self.delete(&ids), value: ids })
            }
        }
    }

    /// Returns the selected ids that exist, in order.
    fn resolve_selection(
        &self,
        selection: &TicketSelection,
    ) -> Result<Vec<i64>, TicketCommandError> {
        let exists = |id: &i64| self.tickets.contains_key(id);
        let (existing, unknown): (Vec<i64>, Vec<i64>) =
            selection.ids.iter().partition(|id| exists(id));
        if !unknown.is_empty() && selection.unknown_ids == UnknownIds::Refuse {
            return Err(TicketCommandError::UnknownTickets(unknown));
        }
        Ok(existing)
    }

    fn unfinished_ids(&self) -> Vec<i64> {
        let is_unfinished = |state: &TicketState| {
            state.current[STATUS_INDEX]
                .as_str()
                .is_some_and(|status| Status::UNFINISHED.contains(&status))
        };
        let unfinished = self.tickets.iter().filter(|(_, state)| is_unfinished(state));
        let mut ids: Vec<i64> = unfinished.map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    }

    fn create(&mut self, new: &NewTicket, now: &str) -> WithChanges<Vec<i64>> {
        self.last_ticket_id += 1;
        let id = self.last_ticket_id;
        let row = new.to_row(id, now);
        let values: Vec<&Value> =
            TICKET_COLUMN_SOURCES.iter().map(|source| source.value(&row)).collect();
        let values = serde_json::to_string(&values).unwrap_or_default().into();
        let created = ChangeKind::Created { columns: columns::ticket_column_names(), values };
        let changes = [RowChange { resource: "ticket", id, change: created }].into_iter().collect();
        let current = MUTABLE_COLUMN_SOURCES.each_ref().map(|source| source.value(&row).clone());
        self.tickets.insert(
            id,
            TicketState { is_new: true, ..TicketState::from_stored(new.brand_id, current) },
        );
        self.pending_writes.new_tickets.push(row);
        WithChanges { changes, value: vec![id] }
    }

    /// Returns the change that links a customer; may create the customer, with the brand of the first ticket.
    fn link_customer(
        &mut self,
        link: &CustomerLink,
        first_ticket_id: Option<i64>,
    ) -> Result<WithChanges<TicketChange>, TicketCommandError> {
        let external_primary_id = link.external_primary_id.clone();
        if let Some(id) = self.customer_ids.get(&external_primary_id) {
            return Ok(WithChanges {
                changes: ChangeSet::default(),
                value: TicketChange::LinkCustomer(*id, external_primary_id),
            });
        }
        if link.unknown_customer == UnknownCustomer::Refuse {
            return Err(TicketCommandError::UnknownCustomer(external_primary_id));
        }
        self.last_customer_id += 1;
        let id = self.last_customer_id;
        let brand_id =
            first_ticket_id.and_then(|id| self.tickets.get(&id)).map_or(0, |state| state.brand_id);
        self.customer_ids.insert(external_primary_id.clone(), id);
        self.pending_writes.new_customers.push((id, external_primary_id.clone(), brand_id));
        let columns = &["external_primary_id", "firstname", "lastname", "brand_id"];
        let values = serde_json::json!([external_primary_id, "", "", brand_id]).to_string().into();
        let row_change =
            RowChange { resource: "customer", id, change: ChangeKind::Created { columns, values } };
        let changes = [row_change].into_iter().collect();
        Ok(WithChanges { changes, value: TicketChange::LinkCustomer(id, external_primary_id) })
    }

    fn apply_changes(
        &mut self,
        ids: &[i64],
        changes: &[TicketChange],
        command: &TicketCommand,
    ) -> ChangeSet {
        let mut sorted_ids = ids.to_vec();
        sorted_ids.sort_unstable();
        let mut diffs_by_id: HashMap<i64, ColumnDiffs> = HashMap::with_capacity(ids.len());
        for change in changes {
            let applies = |id: &i64| {
                let diffs = diffs_by_id.entry(*id).or_default();
                self.tickets
                    .get_mut(id)
                    .is_some_and(|state| state.apply(change, &command.now, diffs))
            };
            let changed_ids: Vec<i64> = sorted_ids.iter().copied().filter(applies).collect();
            if !changed_ids.is_empty() {
                let event = self.build_event(change, command, changed_ids);
                self.pending_writes.events.push(event);
            }
        }
        let row_changes = ids.iter().filter_map(|id| {
            let mut diffs = diffs_by_id.remove(id)?;
            diffs.retain(|(_, before, after)| before != after);
            diffs
                .sort_by_key(|(name, ..)| MUTABLE_COLUMNS.iter().position(|column| column == name));
            (!diffs.is_empty()).then(|| RowChange {
                resource: "ticket",
                id: *id,
                change: ChangeKind::Updated(diffs),
            })
        });
        row_changes.collect()
    }

    fn build_event(
        &self,
        change: &TicketChange,
        command: &TicketCommand,
        ticket_ids: Vec<i64>,
    ) -> TimelineEvent {
        let reference = timeline::reference_key(change);
        let name =
            reference.and_then(|(kind, id)| self.reference_names.get(&(kind.to_owned(), id)));
        (
            change.column(),
            timeline::item_type_id(change),
            timeline::description(change, name.map(String::as_str)),
            timeline::initiated_by(&command.key_name),
            command.now.clone(),
            ticket_ids,
        )
    }

    fn delete(&mut self, ids: &[i64]) -> ChangeSet {
        let removed = ids.iter().filter_map(|id| self.tickets.remove(id));
        self.pending_writes.deleted_tickets.extend(removed.filter(|state| !state.is_new));
        self.pending_writes.deleted_ids.extend(ids);
        ids.iter()
            .map(|id| RowChange { resource: "ticket", id: *id, change: ChangeKind::Deleted })
            .collect()
    }

    /// Groups the updates by changed columns; consecutive tickets with equal values share a group.
    pub(crate) fn bulk_updates(&self) -> Vec<BulkUpdate> {
        let mut groups_by_columns: BTreeMap<Vec<usize>, Vec<UpdateGroup>> = BTreeMap::new();
        for (id, state) in &self.tickets {
            let changed = state.changed_columns();
            if changed.is_empty() {
                continue;
            }
            let values: Vec<Value> =
                changed.iter().map(|index| state.current[*index].clone()).collect();
            let groups = groups_by_columns.entry(changed).or_default();
            match groups.last_mut().filter(|(group_values, _)| *group_values == values) {
                Some((_, ids)) => ids.push(*id),
                None => groups.push((values, vec![*id])),
            }
        }
        let column_names =
            |indices: Vec<usize>| indices.iter().map(|index| MUTABLE_COLUMNS[*index]).collect();
        groups_by_columns
            .into_iter()
            .map(|(indices, groups)| (column_names(indices), groups))
            .collect()
    }

    /// Returns the non-zero changes of the tally.
    pub(crate) fn tally_deltas(&self) -> impl Iterator<Item = (TallyKey<'_>, i64)> {
        let deleted =
            self.pending_writes.deleted_tickets.iter().map(|state| (state.stored_tally_key(), -1));
        let new = self.tickets.values().map(|state| (state.tally_key(), 1));
        let old = self.tickets.values().filter(|state| !state.is_new);
        let old = old.map(|state| (state.stored_tally_key(), -1));
        let mut tally: BTreeMap<TallyKey<'_>, i64> = BTreeMap::new();
        for (key, delta) in deleted.chain(new).chain(old) {
            *tally.entry(key).or_default() += delta;
        }
        tally.into_iter().filter(|(_, delta)| *delta != 0)
    }
}
