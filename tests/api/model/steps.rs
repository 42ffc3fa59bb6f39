//! The requests that are drawn by lot: good ones most of the time, and all sorts of bad ones.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::call::{Call, Encoding, Field};
use super::rules::{PRIORITIES, STATUSES};
use super::tickets::Tickets;

const ENCODINGS: [Encoding; 3] = [Encoding::Multipart, Encoding::Urlencoded, Encoding::Json];
const BAD_NUMBERS: [&str; 9] =
    ["-1", "1.5", "007", "x", "1e3", " 7", "", "9007199254740992", "18446744073709551616"];
const TITLES: [&str; 12] = [
    "Printer on fire",
    "ÄRGER mit Öl",
    "100%_off",
    "a'b\"c\\d",
    "two\nlines",
    "  padded  ",
    "Ticket 10",
    "<b>&amp;</b>",
    "🔥",
    "B",
    "a+b&c=d;e",
    "",
];
const BAD_STATUSES: [&str; 3] = ["SOLVED", "done", ""];
const BAD_PRIORITIES: [&str; 3] = ["Urgent", "none", ""];

/// A ticket of the moment, or a text that is the id of none.
#[derive(Clone, Debug)]
enum Id {
    Live(Index),
    Text(&'static str),
}

impl Id {
    fn text(&self, tickets: &Tickets) -> String {
        match self {
            Self::Live(_) if tickets.by_id.is_empty() => "999999".to_owned(),
            Self::Live(index) => {
                let at = index.index(tickets.by_id.len());
                tickets.by_id.keys().nth(at).expect("in range").to_string()
            }
            Self::Text(text) => (*text).to_owned(),
        }
    }
}

#[derive(Clone, Debug)]
enum Value {
    Text(String),
    Id(Id),
    Ids(Vec<Id>),
    CommaIds(Vec<Id>, &'static str),
    Actions(Vec<(String, String)>),
}

/// A request whose ids are not yet chosen.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    operation: &'static str,
    id: Option<Id>,
    fields: Vec<(&'static str, Value)>,
    encoding: Encoding,
}

impl Step {
    /// The request, with ids from among the tickets that there are now.
    pub(crate) fn call(&self, tickets: &Tickets) -> Call {
        let all = |ids: &[Id]| ids.iter().map(|id| id.text(tickets)).collect::<Vec<_>>();
        let fields = self.fields.iter().map(|(name, value)| {
            let field = match value {
                Value::Text(text) => Field::Text(text.clone()),
                Value::Id(id) => Field::Text(id.text(tickets)),
                Value::Ids(ids) => Field::List(all(ids)),
                Value::CommaIds(ids, comma) => Field::Text(all(ids).join(comma)),
                Value::Actions(actions) => Field::Actions(actions.clone()),
            };
            (*name, field)
        });
        let id = self.id.as_ref().map(|id| id.text(tickets));
        Call { operation: self.operation, id, fields: fields.collect(), encoding: self.encoding }
    }
}

/// Any request, the making and changing of tickets more often than their end.
pub(crate) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => operation("create", None, creation()),
        5 => operation("list", None, listing()),
        3 => operation("get", Some(()), optional("getTicketHistory", &["true", "false", "1", "0", "yes", ""])),
        5 => operation("update", Some(()), update()),
        2 => operation("delete", Some(()), Just(Vec::new())),
        1 => operation("deleteMulti", None, field("ticketIDs", ids())),
        4 => operation("setStatus", None, joined(status(), field("ticketIDs", ids()))),
        4 => operation("setPriority", None, joined(priority(), field("ticketIDs", ids()))),
        1 => operation("solveUnfinishedTickets", None, Just(Vec::new())),
        2 => operation("unlinkCustomerFromTicket", None, field("ticketID", id().prop_map(Value::Id))),
        5 => operation("batch", None, joined(field("TicketIDs", comma_ids()), field("actions", actions()))),
    ]
}

type Fields = Vec<(&'static str, Value)>;

fn operation(
    operation: &'static str,
    has_id: Option<()>,
    fields: impl Strategy<Value = Fields>,
) -> impl Strategy<Value = Step> {
    (id(), fields, select(&ENCODINGS[..])).prop_map(move |(id, fields, encoding)| {
        // A multipart body without any part is no multipart body.
        let encoding = if fields.is_empty() { Encoding::Urlencoded } else { encoding };
        Step { operation, id: has_id.map(|()| id), fields, encoding }
    })
}

fn id() -> impl Strategy<Value = Id> {
    prop_oneof![
        14 => any::<Index>().prop_map(Id::Live),
        1 => select(vec!["999999", "0", "-1", "1.5", "007", "abc", "1e3", " 7", "9007199254740992"])
            .prop_map(Id::Text),
    ]
}

fn ids() -> impl Strategy<Value = Value> {
    prop::collection::vec(id(), 1..4).prop_map(Value::Ids)
}

fn comma_ids() -> impl Strategy<Value = Value> {
    let commas = word(&[",", ", ", " , "], &[",,", " "]);
    (prop::collection::vec(id(), 1..4), commas).prop_map(|(ids, comma)| Value::CommaIds(ids, comma))
}

fn actions() -> impl Strategy<Value = Value> {
    let action = prop_oneof![
        4 => (Just("status"), word(&STATUSES, &BAD_STATUSES)),
        4 => (Just("priority"), word(&PRIORITIES, &BAD_PRIORITIES)),
        3 => (Just("assigned_group_id"), word(&["10003", "0", "7"], &BAD_NUMBERS)),
        3 => (Just("assigned_user_id"), word(&["254", "0", "9"], &BAD_NUMBERS)),
        4 => (Just("title"), word(&TITLES[..11], &[""])),
        1 => (word(&["status"], &["colour", "", "Status"]), Just("open")),
    ];
    let action = action.prop_map(|(kind, value)| (kind.to_owned(), value.to_owned()));
    prop::collection::vec(action, 1..4).prop_map(Value::Actions)
}

/// Mostly one of the good words.
fn word(
    good: &[&'static str],
    bad: &[&'static str],
) -> impl Strategy<Value = &'static str> + use<> {
    prop_oneof![12 => select(good.to_vec()), 1 => select(bad.to_vec())]
}

fn status() -> impl Strategy<Value = Fields> {
    let status = word(&STATUSES, &BAD_STATUSES);
    status.prop_map(|status| vec![("status", Value::Text(status.to_owned()))])
}

fn priority() -> impl Strategy<Value = Fields> {
    let priority = word(&PRIORITIES, &BAD_PRIORITIES);
    priority.prop_map(|priority| vec![("priority", Value::Text(priority.to_owned()))])
}

fn creation() -> impl Strategy<Value = Fields> {
    let required = [
        text("brandID", &["1", "1", "1", "7", "0"]).boxed(),
        text("channelID", &["1", "8", "3"]).boxed(),
        text("direction", &["inbound", "outbound"]).boxed(),
        text("from", &["ada@example.test", "+31201234567", "Öz <oz@example.test>"]).boxed(),
        text("to", &["desk@example.test", "service@example.test"]).boxed(),
        text("title", &TITLES[..11]).boxed(),
        optional("fromName", &["Ada Example", "ödön", ""]).boxed(),
        optional("assignedGroupID", &["10003", "0", "4", ""]).boxed(),
        optional("formID", &["5", "0", ""]).boxed(),
    ];
    let whole = required.to_vec().prop_map(|fields| fields.concat());
    let spoiled = (whole, any::<Index>(), select(&BAD_NUMBERS[..]));
    (spoiled, prop::bool::weighted(0.2)).prop_map(|((mut fields, at, bad), spoil)| {
        if spoil {
            let at = at.index(fields.len());
            fields[at].1 = Value::Text(if at == 2 { "inbounds" } else { bad }.to_owned());
        }
        fields
    })
}

fn update() -> impl Strategy<Value = Fields> {
    let fields = [
        optional("externalPrimaryID", &["C-77", "C-99", "c-77", "ümlaut", ""]).boxed(),
        optional("title", &TITLES).boxed(),
        optional("status", &["solved", "closed", "solved", "closed", "", "open"]).boxed(),
    ];
    fields.to_vec().prop_map(|fields| fields.concat())
}

fn listing() -> impl Strategy<Value = Fields> {
    let fields = [
        rare(
            "applyView",
            &["unassigned", "vip", "12", "unsolved", "new", "urgent", "", "x", "nosuch", "a!b"],
        )
        .boxed(),
        rare("query", &["printer", "PRINTER", "ärger", "10", "%", "_", "'", "two\nlines", "", "+"])
            .boxed(),
        rare("itemStart", &["0", "1", "5", "100", "-1", ""]).boxed(),
        rare("itemLimit", &["0", "1", "2", "9999", "10000", ""]).boxed(),
        rare("searchArchived", &["yes", "no", "yes", "", "maybe"]).boxed(),
        rare("status", &["open", "solved", "closed", "pending", "done", ""]).boxed(),
    ];
    fields.to_vec().prop_map(|fields| fields.concat())
}

fn field(name: &'static str, value: impl Strategy<Value = Value>) -> impl Strategy<Value = Fields> {
    value.prop_map(move |value| vec![(name, value)])
}

fn text(name: &'static str, values: &[&'static str]) -> impl Strategy<Value = Fields> + use<> {
    select(values.to_vec()).prop_map(move |value| vec![(name, Value::Text(value.to_owned()))])
}

fn optional(name: &'static str, values: &[&'static str]) -> impl Strategy<Value = Fields> + use<> {
    maybe(0.6, name, values)
}

fn rare(name: &'static str, values: &[&'static str]) -> impl Strategy<Value = Fields> + use<> {
    maybe(0.3, name, values)
}

fn maybe(
    chance: f64,
    name: &'static str,
    values: &[&'static str],
) -> impl Strategy<Value = Fields> + use<> {
    let sent = prop::option::weighted(chance, text(name, values));
    sent.prop_map(Option::unwrap_or_default)
}

fn joined(
    one: impl Strategy<Value = Fields>,
    other: impl Strategy<Value = Fields>,
) -> impl Strategy<Value = Fields> {
    (one, other).prop_map(|(one, other)| [one, other].concat())
}
