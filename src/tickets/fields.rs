//! What the ticket operations take, row by row as the documents have it.

use std::sync::LazyLock;

use regex::Regex;

use super::batch::ACTION_TYPES;
use super::ticket::{Direction, Priority, Status};
use crate::rules::{ByChoice, Field, Kind, LARGEST_NUMBER, Literal, TICKET_ID, optional, required};

static VIEW: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^[0-9a-zA-Z\-\_]+$").expect("a regex"));
static IDS: LazyLock<Regex> = LazyLock::new(|| Regex::new("^[0-9, ]+$").expect("a regex"));

/// The most tickets that one request names (chosen).
const MOST_TICKETS: usize = 8_000;
/// The most actions of one batch (chosen).
const MOST_ACTIONS: usize = 100;

const V1: &str = "v1 documents, Ticket";
const V2: &str = "v2 documents, Ticket";
const TICKET_IDS: Kind =
    Kind::List { item: &TICKET_ID, at_least: 1, at_most: MOST_TICKETS, unique: true };
const NUMBERS: &str = "digits only, no sign, fraction or leading zero; up to 9007199254740991";

/// The `{ticketID}` of a path.
pub(crate) static ITEM_PATH: &[Field] = &[required("ticketID", TICKET_ID)
    .documented(V1)
    .choosing("a whole number from 1")
    .about("The id of the ticket.")];

/// `GET` index.
pub(crate) static LIST: &[Field] = &[
    optional("applyView", Kind::Text { at_least: 2, at_most: 64, pattern: Some(&VIEW) })
        .or(Literal::Text(""))
        .documented(V2)
        .choosing("the slug of a built-in view or of one of the account, or a view's id; at most 64 characters")
        .about("The view to take the tickets from."),
    optional("query", Kind::Text { at_least: 1, at_most: 1000, pattern: None })
        .or(Literal::Text(""))
        .documented(V2)
        .choosing("the id, or a part of title, from, from_name, to, to_name or external_id in any case; at most 1000 characters")
        .about("A text to search for."),
    optional("itemStart", Kind::NUMBER)
        .or(Literal::Number(0))
        .documented(V2)
        .choosing(NUMBERS)
        .about("How many tickets to pass over."),
    optional("itemLimit", Kind::Number { min: 0, max: 9999 })
        .or(Literal::Number(15))
        .documented(V2)
        .choosing("0 is allowed, and gives the total alone")
        .by_choice(ByChoice::Some(&["0"]))
        .about("How many tickets to give at most."),
    optional("searchArchived", Kind::OneOf { names: &["yes", "no"], written: "enum" })
        .or(Literal::Text("no"))
        .documented(V2)
        .choosing("yes or no; yes includes the archived ones")
        .by_choice(ByChoice::Some(&["yes"]))
        .about("Whether archived tickets are included."),
    optional("status", Kind::OneOf { names: Status::NAMES, written: "enum" })
        .documented(V2)
        .choosing("one of the six statuses")
        .about("Only tickets with this status."),
];

/// `POST` index.
pub(crate) static CREATE: &[Field] = &[
    required("brandID", Kind::NUMBER).documented(V1).choosing(NUMBERS).about("The brand; any number is taken."),
    required("channelID", Kind::NUMBER).documented(V1).choosing(NUMBERS).about("The channel: 1 is e-mail, 8 live chat."),
    required("direction", Kind::OneOf { names: Direction::NAMES, written: "^inbound|outbound$" })
        .documented(V1)
        .choosing("exactly one of the two words; the documented pattern is not grouped and would let inboundX and Xoutbound through")
        .about("Who began."),
    required("from", Kind::LINE).documented(V1).about("The sender's address."),
    optional("fromName", Kind::LINE).or(Literal::Text("")).documented(V1).about("The sender's name."),
    required("to", Kind::LINE).documented(V1).about("The recipient's address."),
    required("title", Kind::LINE).documented(V1).about("The subject."),
    optional("assignedGroupID", Kind::NUMBER)
        .or(Literal::Number(0))
        .documented(V1)
        .choosing(NUMBERS)
        .about("The group that the ticket is assigned to; 0 for none."),
    optional("formID", Kind::NUMBER).documented(V1).choosing(NUMBERS).about("The form that the ticket came from."),
];

/// `GET` item, beside the id.
pub(crate) static SHOW: &[Field] = &[optional("getTicketHistory", Kind::Flag)
    .documented(V2)
    .choosing("true, false, 1 or 0; events are shown unless it is false")
    .by_choice(ByChoice::Some(&["1", "0"]))
    .about("Whether the timeline includes events.")];

/// `PUT` item, beside the id.
pub(crate) static UPDATE: &[Field] = &[
    optional("externalPrimaryID", Kind::LINE)
        .documented(V1)
        .about("The external primary id of the customer that the ticket belongs to."),
    optional("title", Kind::LINE).documented(V1).about("The subject."),
    optional("status", Kind::OneOf { names: &["solved", "closed"], written: "^(solved|closed)$" })
        .documented(V1)
        .about("The status."),
];

/// `DELETE` multi.
pub(crate) static DELETE_MULTI: &[Field] = &[required("ticketIDs", TICKET_IDS)
    .chosen("no parameter is declared; the sister operations use ticketIDs[]")
    .by_choice(ByChoice::All)
    .about("The tickets, in the body or in the query.")];

/// `POST` setStatus.
pub(crate) static SET_STATUS: &[Field] = &[
    required(
        "status",
        Kind::OneOf { names: Status::NAMES, written: "^(new|open|pending|holding|solved|closed)$" },
    )
    .documented(V1)
    .about("The new status."),
    several(),
];

/// `POST` setPriority.
pub(crate) static SET_PRIORITY: &[Field] = &[
    required(
        "priority",
        Kind::OneOf { names: Priority::NAMES, written: "^(low|medium|high|urgent)$" },
    )
    .documented(V1)
    .about("The new priority."),
    several(),
];

/// `POST` unlinkCustomerFromTicket.
pub(crate) static UNLINK: &[Field] = &[required("ticketID", TICKET_ID)
    .documented(V1)
    .choosing("a whole number from 1")
    .about("The id of the ticket.")];

/// `POST` batch.
pub(crate) static BATCH: &[Field] = &[
    required("TicketIDs", Kind::Ids { pattern: &IDS, at_most: MOST_TICKETS })
        .documented(V1)
        .choosing("each id once, none empty, at most 8000")
        .about("The ids of the tickets, with commas between them; spaces are allowed."),
    required("actions", Kind::Rows { fields: || ACTION, at_least: 1, at_most: MOST_ACTIONS })
        .documented(V1)
        .choosing("at most 100, with the indices 0, 1, 2 … without a hole")
        .about("What to do with each of the tickets, in this order."),
];

/// One action of a batch.
static ACTION: &[Field] = &[
    required("actionType", Kind::OneOf { names: ACTION_TYPES, written: "" })
        .documented(V1)
        .choosing("one of these; the documents name none")
        .by_choice(ByChoice::All)
        .about("What to change."),
    required("value", Kind::LINE)
        .documented(V1)
        .choosing("what the action type takes: a word, an id (0 for none) or a text")
        .about("The new value."),
];

/// An operation that takes nothing.
pub(crate) static NOTHING: &[Field] = &[];

const fn several() -> Field {
    required("ticketIDs", TICKET_IDS)
        .documented(V1)
        .choosing("1 to 8000 of them, each once")
        .about("The ids of the tickets.")
}

const _: () = assert!(
    LARGEST_NUMBER == 9_007_199_254_740_991 && MOST_TICKETS == 8_000 && MOST_ACTIONS == 100,
    "the texts above say so"
);
