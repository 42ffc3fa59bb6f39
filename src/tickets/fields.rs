//! Field tables of the ticket operations, row by row as in the documents.

use std::sync::LazyLock;

use regex::Regex;

use super::model::batch::{ACTION_TYPES, MAX_ACTIONS_PER_BATCH};
use super::model::ticket::{Direction, Priority, Status};
use crate::contract::{
    Example, Field, FieldType, Literal, MAX_SAFE_INTEGER, TICKET_ID, UndocumentedValues, optional,
    required,
};

static VIEW_SLUG_PATTERN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^[0-9a-zA-Z\-\_]+$").expect("valid regex"));
static ID_LIST_PATTERN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("^[0-9, ]+$").expect("valid regex"));

/// Ticket limit per request (our choice; undocumented).
const MAX_TICKETS_PER_REQUEST: usize = 8_000;

const V1_TICKET_DOCS: &str = "v1 documents, Ticket";
const V2_TICKET_DOCS: &str = "v2 documents, Ticket";
const TICKET_IDS: FieldType = FieldType::Array {
    item_type: &TICKET_ID,
    min_items: 1,
    max_items: MAX_TICKETS_PER_REQUEST,
    unique_items: true,
};
const ANY_ID_NOTE: &str = "any number is accepted; digits only, no sign, fraction or leading zero; up to 9007199254740991";
const LIST_ORDER_NOTE: &str = "the list is sorted by id, the highest (newest) first; digits only, no sign, fraction or leading zero; up to 9007199254740991";

/// `{ticketID}` in a path.
pub(crate) static ITEM_PATH_PARAMS: &[Field] = &[required("ticketID", TICKET_ID)
    .page(V1_TICKET_DOCS)
    .undocumented_note("a whole number from 1")
    .description("The id of the ticket.")
    .example(Example::Number(1))];

/// `GET` index.
pub(crate) static LIST: &[Field] = &[
    optional("applyView", FieldType::Text { min_chars: 2, max_chars: 64, pattern: Some(&VIEW_SLUG_PATTERN) })
        .default_value(Literal::Text(""))
        .page(V2_TICKET_DOCS)
        .undocumented_note("the slug of a built-in view, or the slug or id of a view of the account; at most 64 characters")
        .description("Only the tickets of this view.").example(Example::Text("unsolved")),
    optional("query", FieldType::Text { min_chars: 1, max_chars: 1000, pattern: None })
        .default_value(Literal::Text(""))
        .page(V2_TICKET_DOCS)
        .undocumented_note("matches the id, or a part of title, from, from_name, to, to_name or external_id, ignoring case; at most 1000 characters")
        .description("Only tickets that contain this text; which fields are searched is an assumption: the id, title, from, from_name, to, to_name and external_id.").example(Example::Text("printer")),
    optional("itemStart", FieldType::INTEGER)
        .default_value(Literal::Number(0))
        .page(V2_TICKET_DOCS)
        .undocumented_note(LIST_ORDER_NOTE)
        .description("The number of tickets to skip.").example(Example::Number(0)),
    optional("itemLimit", FieldType::Integer { min: 0, max: 9999 })
        .default_value(Literal::Number(15))
        .page(V2_TICKET_DOCS)
        .undocumented_note("0 is allowed, and returns only the total")
        .undocumented_values(UndocumentedValues::Listed(&["0"]))
        .description("The maximum number of tickets to return.").example(Example::Number(15)),
    optional("searchArchived", FieldType::TextEnum { values: &["yes", "no"], documented_as: "enum" })
        .default_value(Literal::Text("no"))
        .page(V2_TICKET_DOCS)
        .undocumented_note("yes or no; a ticket is archived when it has been closed for longer than archive_after, 30 days by default")
        .undocumented_values(UndocumentedValues::WithoutAlternative(&["yes"]))
        .description("Whether the list includes archived tickets.").example(Example::Text("no")),
    optional("status", FieldType::TextEnum { values: Status::NAMES, documented_as: "enum" })
        .page(V2_TICKET_DOCS)
        .undocumented_note("one of the six statuses; all of them by default")
        .description("Only tickets with this status.").example(Example::Text("open")),
];

/// `POST` index.
pub(crate) static CREATE: &[Field] = &[
    required("brandID", FieldType::INTEGER).page(V1_TICKET_DOCS).undocumented_note(ANY_ID_NOTE).description("The id of the brand.").example(Example::Number(1)),
    required("channelID", FieldType::INTEGER).page(V1_TICKET_DOCS).undocumented_note(ANY_ID_NOTE).description("The id of the channel: 1 is e-mail, 8 live chat.").example(Example::Number(1)),
    required("direction", FieldType::TextEnum { values: Direction::NAMES, documented_as: "^inbound|outbound$" })
        .page(V1_TICKET_DOCS)
        .undocumented_note("exactly one of the two words; the documented pattern is not grouped and would accept inboundX and Xoutbound")
        .description("Who started the ticket: inbound for the customer, outbound for an agent.").example(Example::Text("inbound")),
    required("from", FieldType::SHORT_TEXT).page(V1_TICKET_DOCS).description("The sender's address.").example(Example::Text("thomas@test.com")),
    optional("fromName", FieldType::SHORT_TEXT).default_value(Literal::Text("")).page(V1_TICKET_DOCS).description("The sender's name.").example(Example::Text("Thomas")),
    required("to", FieldType::SHORT_TEXT).page(V1_TICKET_DOCS).description("The recipient's address.").example(Example::Text("service@mybrand.com")),
    required("title", FieldType::SHORT_TEXT).page(V1_TICKET_DOCS).description("The subject.").example(Example::Text("The printer is broken")),
    optional("assignedGroupID", FieldType::INTEGER)
        .default_value(Literal::Number(0))
        .page(V1_TICKET_DOCS)
        .undocumented_note(ANY_ID_NOTE)
        .description("The id of the assigned group; 0 for none.").example(Example::Number(1)),
    optional("formID", FieldType::INTEGER).page(V1_TICKET_DOCS).undocumented_note(ANY_ID_NOTE).description("The id of the form that the ticket came from; null for none.").example(Example::Number(3)),
];

/// `GET` item, except the id.
pub(crate) static GET: &[Field] = &[optional("getTicketHistory", FieldType::Boolean)
    .page(V2_TICKET_DOCS)
    .undocumented_note(
        "true, false, True, False, 1 or 0; events are included unless it is false, notes always",
    )
    .undocumented_values(UndocumentedValues::Listed(&["1", "0", "True", "False"]))
    .description("Whether the timeline includes events.")
    .example(Example::Boolean(true))];

/// `PUT` item, except the id.
pub(crate) static UPDATE: &[Field] = &[
    optional("externalPrimaryID", FieldType::SHORT_TEXT)
        .page(V1_TICKET_DOCS)
        .undocumented_note("an unknown one creates a customer, see unknown_customer")
        .description("Links the ticket to the customer with this external primary id.")
        .example(Example::Text("C-78")),
    optional("title", FieldType::SHORT_TEXT)
        .page(V1_TICKET_DOCS)
        .description("The new subject; unchanged if it is missing.")
        .example(Example::Text("The printer is out of paper")),
    optional(
        "status",
        FieldType::TextEnum { values: &["solved", "closed"], documented_as: "^(solved|closed)$" },
    )
    .page(V1_TICKET_DOCS)
    .description("The new status; unchanged if it is missing.")
    .example(Example::Text("solved")),
];

/// `DELETE` multi.
pub(crate) static DELETE_MULTI: &[Field] = &[required("ticketIDs", TICKET_IDS)
    .assumption("no parameter is declared; similar operations use ticketIDs[]")
    .undocumented_values(UndocumentedValues::All)
    .description("The tickets, in the body or in the query.")
    .example(Example::Numbers(&[2, 3]))];

/// `POST` setStatus.
pub(crate) static SET_STATUS: &[Field] = &[
    required(
        "status",
        FieldType::TextEnum {
            values: Status::NAMES,
            documented_as: "^(new|open|pending|holding|solved|closed)$",
        },
    )
    .page(V1_TICKET_DOCS)
    .description("The new status.")
    .example(Example::Text("pending")),
    ticket_ids_field(),
];

/// `POST` setPriority.
pub(crate) static SET_PRIORITY: &[Field] = &[
    required(
        "priority",
        FieldType::TextEnum {
            values: Priority::NAMES,
            documented_as: "^(low|medium|high|urgent)$",
        },
    )
    .page(V1_TICKET_DOCS)
    .description("The new priority.")
    .example(Example::Text("high")),
    ticket_ids_field(),
];

/// `POST` unlinkCustomerFromTicket.
pub(crate) static UNLINK_CUSTOMER: &[Field] = &[required("ticketID", TICKET_ID)
    .page(V1_TICKET_DOCS)
    .undocumented_note("a whole number from 1")
    .description("The id of the ticket.")
    .example(Example::Number(4))];

/// `POST` batch.
pub(crate) static BATCH: &[Field] = &[
    required(
        "TicketIDs",
        FieldType::CommaSeparatedIds {
            pattern: &ID_LIST_PATTERN,
            max_items: MAX_TICKETS_PER_REQUEST,
        },
    )
    .page(V1_TICKET_DOCS)
    .undocumented_note("each id once, none empty, at most 8000")
    .description("The ids of the tickets, separated by commas; spaces are allowed.")
    .example(Example::Text("4, 5")),
    required(
        "actions",
        FieldType::ObjectArray {
            fields: || BATCH_ACTION,
            min_items: 1,
            max_items: MAX_ACTIONS_PER_BATCH,
        },
    )
    .page(V1_TICKET_DOCS)
    .undocumented_note("at most 100")
    .description("The actions to perform on each ticket, in this order."),
];

/// One action of a batch.
static BATCH_ACTION: &[Field] = &[
    required("actionType", FieldType::TextEnum { values: ACTION_TYPES, documented_as: "" })
        .page(V1_TICKET_DOCS)
        .undocumented_note("one of these; the documents name none")
        .undocumented_values(UndocumentedValues::All)
        .description("What to change.")
        .example(Example::Text("assigned_group_id")),
    required("value", FieldType::SHORT_TEXT)
        .page(V1_TICKET_DOCS)
        .undocumented_note("a word, an id (0 for none) or a text, depending on the action type")
        .description("The new value.")
        .example(Example::Text("1")),
];

/// An operation without fields.
pub(crate) static NO_FIELDS: &[Field] = &[];

const fn ticket_ids_field() -> Field {
    required("ticketIDs", TICKET_IDS)
        .page(V1_TICKET_DOCS)
        .undocumented_note("1 to 8000 of them, each once")
        .description("The ids of the tickets.")
        .example(Example::Numbers(&[4]))
}

const _: () = assert!(
    MAX_SAFE_INTEGER == 9_007_199_254_740_991
        && MAX_TICKETS_PER_REQUEST == 8_000
        && MAX_ACTIONS_PER_BATCH == 100,
    "the texts above state these limits"
);
