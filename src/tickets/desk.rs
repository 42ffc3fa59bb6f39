//! The tickets that some requests are about, while these are carried out one after the other. Pure: it begins with what
//! the database holds, and ends with what has to be written.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde_json::Value;

use super::task::{Deed, GIVEN, Given, Link, NewTicket, Refused, Task, Those};
use super::ticket::{Change, Status};
use super::timeline;
use super::{columns, dates};
use crate::dialect::{UnknownCustomer, UnknownIds};
use crate::journal::{Changed, Did, Row, Rows};

/// The columns of a ticket that a change of it can touch.
pub(crate) const CHANGEABLE: [&str; 8] = [
    "status",
    "priority",
    "assigned_group_id",
    "assigned_user_id",
    "title",
    "customer_id",
    "closed_at",
    "last_update",
];

/// What those columns hold, in their order.
pub(crate) type Cells = [Value; CHANGEABLE.len()];

const STATUS: usize = 0;
const PRIORITY: usize = 1;
const GROUP: usize = 2;
const USER: usize = 3;
const CLOSED_AT: usize = 6;

/// A ticket on the desk.
#[derive(Debug)]
pub(crate) struct Held {
    brand: i64,
    /// Whether it is being made.
    is_new: bool,
    now: Cells,
    /// What the database holds where that is something else, or did at some time.
    before: [Option<Value>; CHANGEABLE.len()],
}

/// What tickets are counted by: status, priority, whether it is assigned, and the day that it was closed on.
type Kind<'a> = (&'a str, &'a str, bool, &'a str);

/// The same event in the timelines of several tickets: its `item_type`, `item_type_id`, `description`, `initiated_by`
/// and `created_at`, and the tickets.
pub(crate) type Event = (&'static str, String, String, String, String, Vec<i64>);

/// All columns of a new ticket.
static ALL: LazyLock<Vec<From>> =
    LazyLock::new(|| columns::names().iter().map(|column| From::of(column)).collect());
/// Those of [`CHANGEABLE`].
static HELD: LazyLock<[From; CHANGEABLE.len()]> = LazyLock::new(|| CHANGEABLE.map(From::of));

/// The desk.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    pub(crate) tickets: BTreeMap<i64, Held>,
    /// Customers by their external primary ids.
    pub(crate) customers: HashMap<String, i64>,
    /// What the reference data call groups and users.
    pub(crate) names: HashMap<(String, i64), String>,
    /// The last ids that were given.
    pub(crate) last_ticket: i64,
    pub(crate) last_customer: i64,
    /// What has to be written.
    pub(crate) work: Work,
}

/// What has to be written, beside what became of the tickets.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// New tickets.
    pub(crate) tickets: Vec<Given>,
    /// New customers: id, external primary id, brand.
    pub(crate) customers: Vec<(i64, String, i64)>,
    pub(crate) events: Vec<Event>,
    /// The ids of tickets that are gone.
    pub(crate) deleted: Vec<i64>,
    /// Those of them that the database holds.
    gone: Vec<Held>,
}

/// The columns to write, and what some tickets hold there.
pub(crate) type Update = (Vec<&'static str>, Vec<Alike>);

/// Values, and the tickets that hold them.
type Alike = (Vec<Value>, Vec<i64>);

impl Held {
    /// A ticket as the database has it.
    pub(crate) fn stored(brand: i64, now: Cells) -> Self {
        Self { brand, is_new: false, now, before: [const { None }; CHANGEABLE.len()] }
    }

    /// What it is counted by now.
    fn kind(&self) -> Kind<'_> {
        Self::kind_of(|place| &self.now[place])
    }

    /// What the database counts it by.
    fn old_kind(&self) -> Kind<'_> {
        Self::kind_of(|place| self.before[place].as_ref().unwrap_or(&self.now[place]))
    }

    fn kind_of<'a>(cell: impl Fn(usize) -> &'a Value) -> Kind<'a> {
        let text = |place: usize| cell(place).as_str().unwrap_or_default();
        let is_set = |place: usize| cell(place).as_i64().is_some_and(|id| id != 0);
        let day = text(CLOSED_AT).get(..10).unwrap_or_default();
        (text(STATUS), text(PRIORITY), is_set(GROUP) || is_set(USER), day)
    }

    /// The places of the columns that differ from the database.
    fn changed(&self) -> Vec<usize> {
        let differs = |place: &usize| {
            self.before[*place].as_ref().is_some_and(|before| *before != self.now[*place])
        };
        (0..CHANGEABLE.len()).filter(differs).collect()
    }

    /// Makes a change, unless it is made already, and adds what it was and is to `columns`.
    fn make(&mut self, change: &Change, now: &str, columns: &mut Columns) -> bool {
        let place = |column: &str| CHANGEABLE.iter().position(|one| *one == column);
        let own = place(change.column()).and_then(|place| self.now.get(place));
        if own.is_some_and(|value| change.cell().is(value)) {
            return false;
        }
        for (column, cell) in change.outcome(now) {
            let Some(place) = place(column) else { continue };
            let value = cell.map_or(Value::Null, Value::from);
            if self.now[place] == value {
                continue;
            }
            let before = std::mem::replace(&mut self.now[place], value);
            match columns.iter_mut().find(|(name, ..)| *name == CHANGEABLE[place]) {
                Some((.., after)) => after.clone_from(&self.now[place]),
                None => columns.push((CHANGEABLE[place], before.clone(), self.now[place].clone())),
            }
            self.before[place].get_or_insert(before);
        }
        true
    }
}

/// Columns that changed, with what they held before and after.
type Columns = Vec<(&'static str, Value, Value)>;

/// Where a column of a new ticket gets its value from.
enum From {
    Given(usize),
    Default(Value),
}

impl From {
    fn of(column: &str) -> Self {
        let default = || columns::named(column).map_or(Value::Null, |found| found.default.into());
        let given = GIVEN.iter().position(|given| *given == column);
        given.map_or_else(|| Self::Default(default()), Self::Given)
    }

    fn value<'a>(&'a self, given: &'a Given) -> &'a Value {
        match self {
            Self::Given(place) => &given[*place],
            Self::Default(value) => value,
        }
    }
}

impl Desk {
    /// Does what a request asks for, or nothing.
    ///
    /// # Errors
    /// Why it was refused.
    pub(crate) fn carry_out(&mut self, task: &Task) -> Result<Changed<Vec<i64>>, Refused> {
        let mut changed = self.perform(task)?;
        dates::show_rows(&mut changed.rows, &task.zone);
        Ok(changed)
    }

    /// The same; the rows hold dates as they are stored.
    fn perform(&mut self, task: &Task) -> Result<Changed<Vec<i64>>, Refused> {
        match &task.deed {
            Deed::Create(new) => Ok(self.create(new, &task.now)),
            Deed::Change { tickets, changes, link } => {
                let ids = self.existing(tickets)?;
                let mut rows = Rows::default();
                let mut all = Vec::with_capacity(changes.len() + 1);
                if let Some(link) = link {
                    let linked = self.linked(link, ids.first().copied())?;
                    rows = linked.rows;
                    all.push(linked.value);
                }
                all.extend(changes.iter().cloned());
                Ok(Changed { rows: rows.and(self.change(&ids, &all, task)), value: ids })
            }
            Deed::SolveUnfinished => {
                let ids = self.unfinished();
                let rows = self.change(&ids, &[Change::Status(Status::Solved)], task);
                Ok(Changed { rows, value: ids })
            }
            Deed::Delete(tickets) => {
                let ids = self.existing(tickets)?;
                Ok(Changed { rows: self.delete(&ids), value: ids })
            }
        }
    }

    /// Those of the ids that name a ticket, in their order.
    fn existing(&self, those: &Those) -> Result<Vec<i64>, Refused> {
        let is_there = |id: &i64| self.tickets.contains_key(id);
        let (known, unknown): (Vec<i64>, Vec<i64>) = those.ids.iter().partition(|id| is_there(id));
        if !unknown.is_empty() && those.unknown == UnknownIds::Refuse {
            return Err(Refused::Unknown(unknown));
        }
        Ok(known)
    }

    fn unfinished(&self) -> Vec<i64> {
        let is_unfinished = |held: &Held| {
            held.now[STATUS].as_str().is_some_and(|status| Status::UNFINISHED.contains(&status))
        };
        let found = self.tickets.iter().filter(|(_, held)| is_unfinished(held));
        let mut ids: Vec<i64> = found.map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    }

    fn create(&mut self, new: &NewTicket, now: &str) -> Changed<Vec<i64>> {
        self.last_ticket += 1;
        let id = self.last_ticket;
        let given = new.given(id, now);
        let values: Vec<&Value> = ALL.iter().map(|from| from.value(&given)).collect();
        let values = serde_json::to_string(&values).unwrap_or_default().into();
        let did = Did::Created { columns: columns::names(), values };
        let rows = [Row { kind: "ticket", id, did }].into_iter().collect();
        let cells = HELD.each_ref().map(|from| from.value(&given).clone());
        self.tickets.insert(id, Held { is_new: true, ..Held::stored(new.brand_id, cells) });
        self.work.tickets.push(given);
        Changed { rows, value: vec![id] }
    }

    /// The change that links tickets to a customer, who is made where that is chosen, for the brand of this ticket.
    fn linked(&mut self, link: &Link, ticket: Option<i64>) -> Result<Changed<Change>, Refused> {
        let external = link.external.clone();
        if let Some(id) = self.customers.get(&external) {
            return Ok(Changed { rows: Rows::default(), value: Change::Customer(*id, external) });
        }
        if link.unknown == UnknownCustomer::Refuse {
            return Err(Refused::NoCustomer(external));
        }
        self.last_customer += 1;
        let id = self.last_customer;
        let brand = ticket.and_then(|id| self.tickets.get(&id)).map_or(0, |held| held.brand);
        self.customers.insert(external.clone(), id);
        self.work.customers.push((id, external.clone(), brand));
        let columns = &["external_primary_id", "firstname", "lastname", "brand_id"];
        let values = serde_json::json!([external, "", "", brand]).to_string().into();
        let row = Row { kind: "customer", id, did: Did::Created { columns, values } };
        let rows = [row].into_iter().collect();
        Ok(Changed { rows, value: Change::Customer(id, external) })
    }

    fn change(&mut self, ids: &[i64], changes: &[Change], task: &Task) -> Rows {
        let mut in_order = ids.to_vec();
        in_order.sort_unstable();
        let mut all: HashMap<i64, Columns> = HashMap::with_capacity(ids.len());
        for change in changes {
            let changes_it = |id: &i64| {
                let columns = all.entry(*id).or_default();
                self.tickets.get_mut(id).is_some_and(|held| held.make(change, &task.now, columns))
            };
            let tickets: Vec<i64> = in_order.iter().copied().filter(changes_it).collect();
            if !tickets.is_empty() {
                let event = self.event(change, task, tickets);
                self.work.events.push(event);
            }
        }
        let rows = ids.iter().filter_map(|id| {
            let mut columns = all.remove(id)?;
            columns.retain(|(_, before, after)| before != after);
            columns.sort_by_key(|(name, ..)| CHANGEABLE.iter().position(|column| column == name));
            (!columns.is_empty()).then(|| Row {
                kind: "ticket",
                id: *id,
                did: Did::Updated(columns),
            })
        });
        rows.collect()
    }

    fn event(&self, change: &Change, task: &Task, tickets: Vec<i64>) -> Event {
        let named = timeline::named_by(change);
        let name = named.and_then(|(kind, id)| self.names.get(&(kind.to_owned(), id)));
        (
            change.column(),
            timeline::item_type_id(change),
            timeline::description(change, name.map(String::as_str)),
            timeline::initiated_by(&task.key),
            task.now.clone(),
            tickets,
        )
    }

    fn delete(&mut self, ids: &[i64]) -> Rows {
        let gone = ids.iter().filter_map(|id| self.tickets.remove(id));
        self.work.gone.extend(gone.filter(|held| !held.is_new));
        self.work.deleted.extend(ids);
        ids.iter().map(|id| Row { kind: "ticket", id: *id, did: Did::Deleted }).collect()
    }

    /// What has become of the tickets, by the columns that changed. Neighbours that hold the same now come together.
    pub(crate) fn updates(&self) -> Vec<Update> {
        let mut all: BTreeMap<Vec<usize>, Vec<Alike>> = BTreeMap::new();
        for (id, held) in &self.tickets {
            let changed = held.changed();
            if changed.is_empty() {
                continue;
            }
            let values: Vec<Value> = changed.iter().map(|place| held.now[*place].clone()).collect();
            let same = all.entry(changed).or_default();
            match same.last_mut().filter(|(last, _)| *last == values) {
                Some((_, ids)) => ids.push(*id),
                None => same.push((values, vec![*id])),
            }
        }
        let named = |places: Vec<usize>| places.iter().map(|place| CHANGEABLE[*place]).collect();
        all.into_iter().map(|(places, same)| (named(places), same)).collect()
    }

    /// How the numbers of tickets of each kind have changed.
    pub(crate) fn tally(&self) -> impl Iterator<Item = (Kind<'_>, i64)> {
        let gone = self.work.gone.iter().map(|held| (held.old_kind(), -1));
        let new = self.tickets.values().map(|held| (held.kind(), 1));
        let old = self.tickets.values().filter(|held| !held.is_new);
        let old = old.map(|held| (held.old_kind(), -1));
        let mut tally: BTreeMap<Kind<'_>, i64> = BTreeMap::new();
        for (kind, more) in gone.chain(new).chain(old) {
            *tally.entry(kind).or_default() += more;
        }
        tally.into_iter().filter(|(_, more)| *more != 0)
    }
}
