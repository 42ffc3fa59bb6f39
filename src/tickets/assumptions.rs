//! Documented conventions and undocumented assumptions that concern no single field.
//!
//! The eight configurable assumptions are in `contract/dialect.rs`, those about a field in `fields.rs`.

use super::model::batch::MAX_CHANGES_PER_BATCH;
use crate::api::limits::Limits;
use crate::contract::{Assumption, Convention};

const fn assumption(
    topic: &'static str,
    evidence: &'static str,
    behaviour: &'static str,
) -> Assumption {
    Assumption { topic, evidence, behaviour }
}

/// Every assumption of this controller that is in no other table.
pub(super) static ASSUMPTIONS: &[Assumption] = &[
    assumption(
        "unknown ticket",
        "\"This form does not exist.\" on another controller",
        "the error envelope with \"This ticket does not exist.\"",
    ),
    assumption(
        "a field violates its rule",
        "the same envelope",
        "400; the message names the field, the rule and the sent value, for all violations at once",
    ),
    assumption("no key, unknown key", "none", "the error envelope, and WWW-Authenticate: apikey"),
    assumption("two different keys in one request", "none", "400"),
    assumption("a JSON object sent as a form", "none", "400, since no field has such a name"),
    assumption(
        "an empty value",
        "forms send an empty text for an untouched input",
        "counts as missing: an optional field gets its default, a required field is rejected",
    ),
    assumption("order of the list", "none", "newest id first"),
    assumption(
        "itemTotal",
        "the envelope of a list",
        "the number of all matching tickets, on every page",
    ),
    assumption("list items", "none", "the item's fields without timeline"),
    assumption(
        "applyView: built-in views",
        "none",
        "all, unassigned (neither group nor user), new, open, pending, holding, solved, closed, unsolved (neither solved nor closed), urgent",
    ),
    assumption(
        "archived tickets",
        "searchArchived, default no",
        "excluded from lists if closed for longer than archive_after; GET item still returns them",
    ),
    assumption("the same id twice in one request", "none", "400"),
    assumption("several changes in one request", "none", "atomic: all are applied, or none"),
    assumption(
        "solveUnfinishedTickets",
        "its name",
        "every ticket that is neither solved nor closed becomes solved; the message has their number",
    ),
    assumption(
        "a batch's actions",
        "item_type of the sample's event",
        "performed in their order, each on all tickets",
    ),
    assumption("status and priority of a new ticket", "the sample", "new and medium"),
    assumption(
        "dates of a new ticket",
        "the sample",
        "last_update is created_at, as is last_update_customer when inbound, last_update_agent when outbound",
    ),
    assumption(
        "external_id of a new ticket",
        "the sample's form",
        "derived from the id, so that it is the same in every run",
    ),
    assumption(
        "ids of new tickets",
        "none",
        "one more than the largest id ever assigned; never reused",
    ),
    assumption(
        "closed_at",
        "none",
        "set when the status becomes closed, null after a change to another status",
    ),
    assumption("last_update", "none", "updated with every change of the ticket"),
    assumption("customer_id without a customer", "assigned_user_id 0", "0"),
    assumption(
        "unknown brand, channel, group, form",
        "none",
        "accepted; names come from the account's reference data, otherwise Brand 7, channel 7, group 7",
    ),
    assumption(
        "timeline without getTicketHistory",
        "the sample shows an event",
        "events are included; getTicketHistory=false excludes them",
    ),
    assumption("order of the timeline", "none", "by created_at, then id"),
    assumption(
        "changes that add an event",
        "the sample",
        "every change of status, priority, assignment, title and customer: item_type is the column, item_type_id the new value as text, initiated_by \"api: NAME OF THE KEY\"; creation adds none, and neither does a change to the same value",
    ),
    assumption("type of a note's in_queue", "the sample is cut off in it", "0 or 1"),
    assumption(
        "external_gui_url",
        "a URL of the agent's interface",
        "this server's URL with ?ticketID=",
    ),
    assumption("time zone", "none", "UTC, or the account's time_zone"),
    assumption("case of a named method", "addChannelOnly and addchannelonly", "ignored"),
    assumption(
        "a path that matches a named method and {ticketID}",
        "multi is documented",
        "the named method",
    ),
    assumption("JSON bodies", "none declared", "accepted by all operations"),
    assumption("other content types", "none", "415"),
    assumption(
        "size of a batch",
        "none",
        "at most 100 actions, and 50000 changes (its tickets times its actions)",
    ),
    assumption(
        "dates when the clock of a time zone goes back",
        "dates have no zone",
        "one hour occurs twice; order, age, greater_than and less_than compare the instants; a date without Z in a seed or a view is the first of the two, but equals in a view matches both",
    ),
    assumption("a compressed body (Content-Encoding)", "none", "415"),
    assumption("a body over 10 MiB", "none", "413"),
    assumption("more than 8192 values, or nesting over 8 levels", "none", "400"),
    assumption(
        "undocumented fields",
        "none",
        "ignored, with a warning in the journal; a strict account responds with 400",
    ),
    assumption(
        "rate limit of a key",
        "none",
        "none by default; above the rate limit that a test sets: 429 with Retry-After, X-RateLimit-Limit, -Remaining and -Reset (Unix seconds)",
    ),
    assumption(
        "a field sent twice",
        "the back end is PHP, which keeps the last value",
        "the last value counts, with a warning; a field in query and body has the value of the body",
    ),
    assumption(
        "lists with other indices than 0, 1, 2 …, also JSON objects with such keys",
        "the back end is PHP, which takes both for lists",
        "taken in the order of their indices, with a warning",
    ),
    assumption("invalid percent-encoding, invalid UTF-8, a file instead of text", "none", "400"),
    assumption("text", "none", "at most 1000 characters, without NUL"),
    assumption("unknown path, wrong method", "none", "404; 405 with Allow"),
    assumption(
        "a view's operations",
        "equals",
        "equals, not_equals, contains, not_contains (both ignore the case of a to z), greater_than, less_than, is_empty, is_not_empty",
    ),
];

const fn convention(fact: &'static str, page: &'static str) -> Convention {
    Convention { fact, page }
}

/// The documented conventions.
pub(super) static DOCUMENTED_CONVENTIONS: &[Convention] = &[
    convention("the key comes as the header apiKey", "v2 documents"),
    convention(
        "the key comes as Authorization: apikey KEY, the scheme in any case",
        "v1 documents",
    ),
    convention(
        "the key comes as the query parameter apiKey, in this case",
        "guide, Authentication",
    ),
    convention("success is 200, creation too", "v1 and v2 documents"),
    convention(
        "an unknown id is a 400 with {\"status\":\"error\",\"message\":…}",
        "another controller",
    ),
    convention("one ticket is {\"type\":\"item\",\"item\":{…}}", "v2 documents"),
    convention(
        "a list has itemStart, itemTotal, itemLimit and items; its type is a placeholder",
        "v2 documents",
    ),
    convention(
        "a creation, an update, a deletion is {\"type\":\"result\",\"message\":…}",
        "v2 documents",
    ),
    convention(
        "arrays are name[]=1 or name[0]=1, nested ones actions[0][actionType]=…",
        "v1 documents",
    ),
    convention("dates are YYYY-MM-DD HH:MM:SS without a zone", "v2 documents"),
    convention(
        "the columns of a ticket, their order and types: channel_account_id is text, unassigned is 0, an unknown date null",
        "v2 documents, the sample response",
    ),
    convention("an event's id is a number, a note's a text", "v2 documents, the sample response"),
];

const _: () = assert!(
    Limits::DEFAULT.max_body_bytes == 10 * 1024 * 1024
        && Limits::DEFAULT.input.max_values == 8192
        && Limits::DEFAULT.input.max_depth == 8
        && MAX_CHANGES_PER_BATCH == 50_000,
    "the texts above state these limits"
);
