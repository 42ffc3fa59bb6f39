//! Strategies for random requests: mostly valid ones, and many kinds of invalid ones.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::account::TicketsModel;
use super::request::{BodyEncoding, FieldValue, TicketRequest};
use crate::support::ticket::{PRIORITIES, STATUSES};

const ENCODINGS: [BodyEncoding; 3] =
    [BodyEncoding::Multipart, BodyEncoding::Urlencoded, BodyEncoding::Json];
const INVALID_NUMBERS: [&str; 9] =
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
const INVALID_STATUSES: [&str; 3] = ["SOLVED", "done", ""];
const INVALID_PRIORITIES: [&str; 3] = ["Urgent", "none", ""];

/// An existing ticket, or a text that is no ticket's id.
#[derive(Clone, Debug)]
enum IdChoice {
    Existing(Index),
    Literal(&'static str),
}

impl IdChoice {
    fn resolve(&self, tickets: &TicketsModel) -> String {
        match self {
            Self::Existing(_) if tickets.tickets_by_id.is_empty() => "999999".to_owned(),
            Self::Existing(index) => {
                let position = index.index(tickets.tickets_by_id.len());
                tickets
                    .tickets_by_id
                    .keys()
                    .nth(position)
                    .expect("the index is in range")
                    .to_string()
            }
            Self::Literal(text) => (*text).to_owned(),
        }
    }
}

#[derive(Clone, Debug)]
enum UnresolvedValue {
    Text(String),
    Id(IdChoice),
    Ids(Vec<IdChoice>),
    CommaIds(Vec<IdChoice>, &'static str),
    Actions(Vec<(String, String)>),
}

/// A request whose ids are resolved later.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    operation: &'static str,
    id: Option<IdChoice>,
    fields: Vec<(&'static str, UnresolvedValue)>,
    encoding: BodyEncoding,
}

impl Step {
    /// Returns the request, with ids of the model's current tickets.
    pub(crate) fn resolve(&self, model: &TicketsModel) -> TicketRequest {
        let resolve_all =
            |ids: &[IdChoice]| ids.iter().map(|id| id.resolve(model)).collect::<Vec<_>>();
        let fields = self.fields.iter().map(|(name, value)| {
            let field = match value {
                UnresolvedValue::Text(text) => FieldValue::Text(text.clone()),
                UnresolvedValue::Id(id) => FieldValue::Text(id.resolve(model)),
                UnresolvedValue::Ids(ids) => FieldValue::List(resolve_all(ids)),
                UnresolvedValue::CommaIds(ids, separator) => {
                    FieldValue::Text(resolve_all(ids).join(separator))
                }
                UnresolvedValue::Actions(actions) => FieldValue::Actions(actions.clone()),
            };
            (*name, field)
        });
        let id = self.id.as_ref().map(|id| id.resolve(model));
        TicketRequest {
            operation: self.operation,
            id,
            fields: fields.collect(),
            encoding: self.encoding,
        }
    }
}

/// Returns a strategy for any request; tickets are created and changed more often than deleted.
pub(crate) fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => step_with("create", None, create_fields()),
        5 => step_with("list", None, list_fields()),
        3 => step_with("get", Some(()), optional_field("getTicketHistory", &["true", "false", "1", "0", "yes", ""])),
        5 => step_with("update", Some(()), update_fields()),
        2 => step_with("delete", Some(()), Just(Vec::new())),
        1 => step_with("deleteMulti", None, single_field("ticketIDs", any_ids())),
        4 => step_with("setStatus", None, concat_fields(any_status(), single_field("ticketIDs", any_ids()))),
        4 => step_with("setPriority", None, concat_fields(any_priority(), single_field("ticketIDs", any_ids()))),
        1 => step_with("solveUnfinishedTickets", None, Just(Vec::new())),
        2 => step_with("unlinkCustomerFromTicket", None, single_field("ticketID", any_id().prop_map(UnresolvedValue::Id))),
        5 => step_with("batch", None, concat_fields(single_field("TicketIDs", any_comma_ids()), single_field("actions", any_actions()))),
    ]
}

type FormFields = Vec<(&'static str, UnresolvedValue)>;

fn step_with(
    operation: &'static str,
    has_id: Option<()>,
    fields: impl Strategy<Value = FormFields>,
) -> impl Strategy<Value = Step> {
    (any_id(), fields, select(&ENCODINGS[..])).prop_map(move |(id, fields, encoding)| {
        // A multipart body needs at least one part.
        let encoding = if fields.is_empty() { BodyEncoding::Urlencoded } else { encoding };
        Step { operation, id: has_id.map(|()| id), fields, encoding }
    })
}

fn any_id() -> impl Strategy<Value = IdChoice> {
    prop_oneof![
        14 => any::<Index>().prop_map(IdChoice::Existing),
        1 => select(vec!["999999", "0", "-1", "1.5", "007", "abc", "1e3", " 7", "9007199254740992"])
            .prop_map(IdChoice::Literal),
    ]
}

fn any_ids() -> impl Strategy<Value = UnresolvedValue> {
    prop::collection::vec(any_id(), 1..4).prop_map(UnresolvedValue::Ids)
}

fn any_comma_ids() -> impl Strategy<Value = UnresolvedValue> {
    let separators = mostly_valid(&[",", ", ", " , "], &[",,", " "]);
    (prop::collection::vec(any_id(), 1..4), separators)
        .prop_map(|(ids, separator)| UnresolvedValue::CommaIds(ids, separator))
}

fn any_actions() -> impl Strategy<Value = UnresolvedValue> {
    let action = prop_oneof![
        4 => (Just("status"), mostly_valid(&STATUSES, &INVALID_STATUSES)),
        4 => (Just("priority"), mostly_valid(&PRIORITIES, &INVALID_PRIORITIES)),
        3 => (Just("assigned_group_id"), mostly_valid(&["10003", "0", "7"], &INVALID_NUMBERS)),
        3 => (Just("assigned_user_id"), mostly_valid(&["254", "0", "9"], &INVALID_NUMBERS)),
        4 => (Just("title"), mostly_valid(&TITLES[..11], &[""])),
        1 => (mostly_valid(&["status"], &["colour", "", "Status"]), Just("open")),
    ];
    let action = action.prop_map(|(kind, value)| (kind.to_owned(), value.to_owned()));
    prop::collection::vec(action, 1..4).prop_map(UnresolvedValue::Actions)
}

/// Returns a strategy that mostly picks a valid value.
fn mostly_valid(
    valid: &[&'static str],
    invalid: &[&'static str],
) -> impl Strategy<Value = &'static str> + use<> {
    prop_oneof![12 => select(valid.to_vec()), 1 => select(invalid.to_vec())]
}

fn any_status() -> impl Strategy<Value = FormFields> {
    let status = mostly_valid(&STATUSES, &INVALID_STATUSES);
    status.prop_map(|status| vec![("status", UnresolvedValue::Text(status.to_owned()))])
}

fn any_priority() -> impl Strategy<Value = FormFields> {
    let priority = mostly_valid(&PRIORITIES, &INVALID_PRIORITIES);
    priority.prop_map(|priority| vec![("priority", UnresolvedValue::Text(priority.to_owned()))])
}

fn create_fields() -> impl Strategy<Value = FormFields> {
    let required = [
        required_field("brandID", &["1", "1", "1", "7", "0"]).boxed(),
        required_field("channelID", &["1", "8", "3"]).boxed(),
        required_field("direction", &["inbound", "outbound"]).boxed(),
        required_field("from", &["ada@example.test", "+31201234567", "Öz <oz@example.test>"])
            .boxed(),
        required_field("to", &["desk@example.test", "service@example.test"]).boxed(),
        required_field("title", &TITLES[..11]).boxed(),
        optional_field("fromName", &["Ada Example", "ödön", ""]).boxed(),
        optional_field("assignedGroupID", &["10003", "0", "4", ""]).boxed(),
        optional_field("formID", &["5", "0", ""]).boxed(),
    ];
    let fields = required.to_vec().prop_map(|fields| fields.concat());
    let with_mistake = (fields, any::<Index>(), select(&INVALID_NUMBERS[..]));
    (with_mistake, prop::bool::weighted(0.2)).prop_map(
        |((mut fields, position, invalid), is_invalid)| {
            if is_invalid {
                let position = position.index(fields.len());
                fields[position].1 = UnresolvedValue::Text(
                    if position == 2 { "inbounds" } else { invalid }.to_owned(),
                );
            }
            fields
        },
    )
}

fn update_fields() -> impl Strategy<Value = FormFields> {
    let fields = [
        optional_field("externalPrimaryID", &["C-77", "C-99", "c-77", "ümlaut", ""]).boxed(),
        optional_field("title", &TITLES).boxed(),
        optional_field("status", &["solved", "closed", "solved", "closed", "", "open"]).boxed(),
    ];
    fields.to_vec().prop_map(|fields| fields.concat())
}

fn list_fields() -> impl Strategy<Value = FormFields> {
    let fields = [
        rare_field(
            "applyView",
            &["unassigned", "vip", "12", "unsolved", "new", "urgent", "", "x", "nosuch", "a!b"],
        )
        .boxed(),
        rare_field(
            "query",
            &["printer", "PRINTER", "ärger", "10", "%", "_", "'", "two\nlines", "", "+"],
        )
        .boxed(),
        rare_field("itemStart", &["0", "1", "5", "100", "-1", ""]).boxed(),
        rare_field("itemLimit", &["0", "1", "2", "9999", "10000", ""]).boxed(),
        rare_field("searchArchived", &["yes", "no", "yes", "", "maybe"]).boxed(),
        rare_field("status", &["open", "solved", "closed", "pending", "done", ""]).boxed(),
    ];
    fields.to_vec().prop_map(|fields| fields.concat())
}

fn single_field(
    name: &'static str,
    value: impl Strategy<Value = UnresolvedValue>,
) -> impl Strategy<Value = FormFields> {
    value.prop_map(move |value| vec![(name, value)])
}

fn required_field(
    name: &'static str,
    values: &[&'static str],
) -> impl Strategy<Value = FormFields> + use<> {
    select(values.to_vec())
        .prop_map(move |value| vec![(name, UnresolvedValue::Text(value.to_owned()))])
}

fn optional_field(
    name: &'static str,
    values: &[&'static str],
) -> impl Strategy<Value = FormFields> + use<> {
    weighted_field(0.6, name, values)
}

fn rare_field(
    name: &'static str,
    values: &[&'static str],
) -> impl Strategy<Value = FormFields> + use<> {
    weighted_field(0.3, name, values)
}

fn weighted_field(
    probability: f64,
    name: &'static str,
    values: &[&'static str],
) -> impl Strategy<Value = FormFields> + use<> {
    let field = prop::option::weighted(probability, required_field(name, values));
    field.prop_map(Option::unwrap_or_default)
}

fn concat_fields(
    one: impl Strategy<Value = FormFields>,
    other: impl Strategy<Value = FormFields>,
) -> impl Strategy<Value = FormFields> {
    (one, other).prop_map(|(one, other)| [one, other].concat())
}
