//! Unit of work: executes a batch of ticket commands in memory, one after the other. Pure: the store loads the tickets
//! and writes the changes.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::iter;
use std::sync::LazyLock;

use super::columns::{self, TICKET_COLUMNS};
use super::command::{
    CustomerLink, CustomerRow, NewTicket, NewTicketRow, TicketCommand, TicketCommandError,
    TicketCommandKind, TicketSelection,
};
use super::reference::ReferenceKey;
use super::row::{Cell, CellValue, Row, RowForTickets};
use super::search_text::normalize_search_text;
use super::ticket::{Status, TicketChange};
use super::ticket_state::{MutableColumns, TallyDelta, TallyKey, TicketState};
use super::timeline::{self, EventRow, TimelineEvent};
use crate::contract::dialect::{UnknownCustomer, UnknownIds};
use crate::journal::{ChangeKind, ChangeSet, RowChange, WithChanges};

/// The columns of a customer in the journal, which has the id beside them.
static CUSTOMER_COLUMNS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    CustomerRow::COLUMNS.iter().copied().filter(|column| *column != "id").collect()
});

#[derive(Debug)]
pub(crate) struct UnitOfWork {
    pub(crate) tickets: BTreeMap<i64, TicketState>,
    /// Customer ids by external primary id.
    pub(crate) customer_ids: HashMap<String, i64>,
    /// Names of groups and users.
    pub(crate) reference_names: HashMap<ReferenceKey, String>,
    /// The last ids assigned.
    pub(crate) last_ticket_id: i64,
    pub(crate) last_customer_id: i64,
    pub(crate) last_timeline_id: i64,
    pub(crate) pending_writes: PendingWrites,
}

/// Writes other than updates of the loaded tickets.
#[derive(Debug, Default)]
pub(crate) struct PendingWrites {
    pub(crate) new_tickets: Vec<NewTicketRow>,
    pub(crate) new_customers: Vec<CustomerRow>,
    pub(crate) events: Vec<TimelineEvent>,
    pub(crate) deleted_ids: Vec<i64>,
    /// Deleted tickets that were stored.
    deleted_tickets: Vec<TicketState>,
}

/// Columns to update, and a group per set of values.
#[derive(Debug)]
pub(crate) struct BulkUpdate<'a> {
    pub(crate) columns: Vec<&'static str>,
    pub(crate) groups: Vec<UpdateGroup<'a>>,
}

/// New values of the columns, and the tickets that get them.
pub(crate) type UpdateGroup<'a> = RowForTickets<Vec<Cell<'a>>>;

impl BulkUpdate<'_> {
    /// Updates the search text of changed titles.
    fn add_search_titles(&mut self) {
        let Some(index) = self.columns.iter().position(|column| *column == "title") else { return };
        self.columns.push("search_title");
        for UpdateGroup { row, .. } in &mut self.groups {
            let title = match &row[index].value {
                CellValue::Text(title) => title,
                CellValue::Null | CellValue::Number(_) => "",
            };
            let value = CellValue::Text(Cow::Owned(normalize_search_text(title)));
            row.push(Cell { column: "search_title", value });
        }
    }
}

impl UnitOfWork {
    /// Executes a command, or changes nothing. The change set has dates in UTC.
    ///
    /// # Errors
    /// An unknown ticket or customer.
    pub(crate) fn execute(
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
        if !unknown.is_empty() && selection.unknown_ids == UnknownIds::Reject {
            return Err(TicketCommandError::UnknownTickets(unknown));
        }
        Ok(existing)
    }

    fn unfinished_ids(&self) -> Vec<i64> {
        let is_unfinished =
            |state: &TicketState| Status::UNFINISHED.contains(&state.current.status);
        let unfinished = self.tickets.iter().filter(|(_, state)| is_unfinished(state));
        unfinished.map(|(id, _)| *id).collect()
    }

    fn create(&mut self, new: &NewTicket, now: &str) -> WithChanges<Vec<i64>> {
        self.last_ticket_id += 1;
        let id = self.last_ticket_id;
        let row = new.to_row(id, now);
        let defaults = TICKET_COLUMNS.iter().map(|column| column.default.into());
        let change = created(columns::ticket_column_names(), &row, defaults);
        let changes = [RowChange { resource: "ticket", id, change }].into_iter().collect();
        let state = TicketState::from_new(new.brand_id, row.to_mutable_columns());
        self.tickets.insert(id, state);
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
                value: TicketChange::LinkCustomer { id: *id, external_primary_id },
            });
        }
        if link.unknown_customer == UnknownCustomer::Reject {
            return Err(TicketCommandError::UnknownCustomer(external_primary_id));
        }
        self.last_customer_id += 1;
        let id = self.last_customer_id;
        let first_ticket = first_ticket_id.and_then(|id| self.tickets.get(&id));
        let row = CustomerRow {
            id,
            external_primary_id: external_primary_id.clone(),
            firstname: String::new(),
            lastname: String::new(),
            brand_id: first_ticket.map_or(0, |state| state.brand_id),
        };
        let change = created(&CUSTOMER_COLUMNS, &row, iter::repeat(CellValue::Null));
        let changes = [RowChange { resource: "customer", id, change }].into_iter().collect();
        self.customer_ids.insert(external_primary_id.clone(), id);
        self.pending_writes.new_customers.push(row);
        Ok(WithChanges { changes, value: TicketChange::LinkCustomer { id, external_primary_id } })
    }

    fn apply_changes(
        &mut self,
        ids: &[i64],
        changes: &[TicketChange],
        command: &TicketCommand,
    ) -> ChangeSet {
        let mut sorted_ids = ids.to_vec();
        sorted_ids.sort_unstable();
        let before: HashMap<i64, MutableColumns> = ids
            .iter()
            .filter_map(|id| Some((*id, self.tickets.get(id)?.current.clone())))
            .collect();
        for change in changes {
            let applies = |id: &i64| {
                self.tickets.get_mut(id).is_some_and(|state| state.apply(change, &command.now))
            };
            let changed_ids: Vec<i64> = sorted_ids.iter().copied().filter(applies).collect();
            if !changed_ids.is_empty() {
                let event = self.build_event(change, command, changed_ids);
                self.pending_writes.events.push(event);
            }
        }
        let row_changes = ids.iter().filter_map(|id| {
            let diffs = self.tickets.get(id)?.current.diff(before.get(id)?);
            (!diffs.is_empty()).then(|| RowChange {
                resource: "ticket",
                id: *id,
                change: ChangeKind::Updated(diffs),
            })
        });
        row_changes.collect()
    }

    fn build_event(
        &mut self,
        change: &TicketChange,
        command: &TicketCommand,
        ticket_ids: Vec<i64>,
    ) -> TimelineEvent {
        let name = timeline::reference_key(change).and_then(|key| self.reference_names.get(&key));
        let name = name.map(String::as_str);
        let id = self.last_timeline_id + 1;
        let row = EventRow::from_change(id, change, name, &command.key_name, &command.now);
        self.last_timeline_id += i64::try_from(ticket_ids.len()).unwrap_or(i64::MAX);
        TimelineEvent { row, ticket_ids }
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
    pub(crate) fn bulk_updates(&self) -> Vec<BulkUpdate<'_>> {
        let mut groups_by_columns: BTreeMap<Vec<&'static str>, Vec<UpdateGroup<'_>>> =
            BTreeMap::new();
        for (id, state) in &self.tickets {
            let row = state.changed_cells();
            if row.is_empty() {
                continue;
            }
            let columns = row.iter().map(|cell| cell.column).collect();
            let groups = groups_by_columns.entry(columns).or_default();
            match groups.last_mut().filter(|group| group.row == row) {
                Some(group) => group.ticket_ids.push(*id),
                None => groups.push(UpdateGroup { row, ticket_ids: vec![*id] }),
            }
        }
        let updates = groups_by_columns.into_iter().map(|(columns, groups)| {
            let mut update = BulkUpdate { columns, groups };
            update.add_search_titles();
            update
        });
        updates.collect()
    }

    /// Returns the non-zero changes of the tally.
    pub(crate) fn tally_deltas(&self) -> Vec<TallyDelta> {
        let deleted =
            self.pending_writes.deleted_tickets.iter().map(|state| (state.original(), -1));
        let new = self.tickets.values().map(|state| (&state.current, 1));
        let old = self.tickets.values().filter(|state| !state.is_new);
        let old = old.map(|state| (state.original(), -1));
        let mut tally: BTreeMap<TallyKey, i64> = BTreeMap::new();
        for (columns, delta) in deleted.chain(new).chain(old) {
            *tally.entry(TallyKey::from(columns)).or_default() += delta;
        }
        let changed = tally.into_iter().filter(|(_, tickets)| *tickets != 0);
        changed.map(|(key, tickets)| TallyDelta::new(key, tickets)).collect()
    }
}

/// Returns the journal's record of a new row; a column missing in the row has its default.
fn created(
    columns: &'static [&'static str],
    row: &impl Row,
    defaults: impl Iterator<Item = CellValue<'static>>,
) -> ChangeKind {
    let mut cells = row.cells();
    let values = columns.iter().zip(defaults).map(|(column, default)| {
        let index = cells.iter().position(|cell| cell.column == *column);
        index.map_or(default, |index| cells.swap_remove(index).value)
    });
    let values: Vec<CellValue<'_>> = values.collect();
    let values = serde_json::to_string(&values).unwrap_or_default().into();
    ChangeKind::Created { columns, values }
}
