//! Documented conventions and undocumented assumptions that concern no single field.
//!
//! The eight configurable assumptions are in `dialect.rs`, those about a field in `fields.rs`.

use super::model::batch::MAX_CHANGES_PER_BATCH;
use crate::api::limits;
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
        "a field fails its rule",
        "the same envelope",
        "400; the message names the field, the rule and what was sent; all broken rules at once",
    ),
    assumption("no key, unknown key", "none", "the error envelope, and WWW-Authenticate: apikey"),
    assumption("two keys that differ in one request", "none", "400"),
    assumption("a form that is a JSON object", "none", "400, since no field has such a name"),
    assumption(
        "an empty value",
        "forms send one for what a user left alone",
        "counts as not sent: a default for an optional field, refused for a required one",
    ),
    assumption("order of the list", "none", "newest id first"),
    assumption("itemTotal", "the envelope of a list", "all tickets that match, whatever the page"),
    assumption("list items", "none", "the item's fields without timeline"),
    assumption(
        "applyView: built-in views",
        "none",
        "all, unassigned (neither group nor user), new, open, pending, holding, solved, closed, unsolved (neither solved nor closed), urgent",
    ),
    assumption(
        "archived tickets",
        "searchArchived, default no",
        "left out of lists once closed for longer than archive_after; GET item still shows them",
    ),
    assumption("the same id twice in one request", "none", "400"),
    assumption("several changes in one request", "none", "all of them happen, or none"),
    assumption(
        "solveUnfinishedTickets",
        "its name",
        "every ticket that is neither solved nor closed becomes solved; the message says how many",
    ),
    assumption(
        "a batch's actions",
        "item_type of the sample's event",
        "they are done in their order, each on all tickets",
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
        "made from the id, so that it is the same in every run",
    ),
    assumption(
        "ids of new tickets",
        "none",
        "one more than the largest ever given; never given twice",
    ),
    assumption(
        "closed_at",
        "none",
        "set when the status becomes closed, null again when it leaves it",
    ),
    assumption("last_update", "none", "moves with every change of the ticket"),
    assumption("customer_id without a customer", "assigned_user_id 0", "0"),
    assumption(
        "unknown brand, channel, group, form",
        "none",
        "accepted; names come from the account's reference data, else Brand 7, channel 7, group 7",
    ),
    assumption(
        "timeline without getTicketHistory",
        "the sample shows an event",
        "events are included; getTicketHistory=false leaves them out",
    ),
    assumption("order of the timeline", "none", "by created_at, then id"),
    assumption(
        "what makes an event",
        "the sample",
        "every change of status, priority, assignment, title and customer: item_type is the column, item_type_id the new value as text, initiated_by \"api: NAME OF THE KEY\"; creating makes none, and a change to the same value is none",
    ),
    assumption("type of a note's in_queue", "the stored page ends within it", "0 or 1"),
    assumption(
        "external_gui_url",
        "an address of the agent's interface",
        "this server's address with ?ticketID=",
    ),
    assumption("time zone", "none", "UTC, or the account's time_zone"),
    assumption("case of a named method", "addChannelOnly and addchannelonly", "does not matter"),
    assumption("a method's name beside {ticketID}", "multi is documented", "named methods win"),
    assumption("JSON bodies", "none declared", "understood everywhere"),
    assumption("other content types", "none", "415"),
    assumption(
        "size of a batch",
        "none",
        "at most 100 actions, and 50000 changes (its tickets times its actions)",
    ),
    assumption(
        "dates when a time zone's clock goes back",
        "dates have no zone",
        "the same hour comes twice; order, age, greater_than and less_than go by the moments; a date without Z that a seed or a view gives is the first of the two, but a view's equals finds both",
    ),
    assumption("a packed body (Content-Encoding)", "none", "415"),
    assumption("a body over 10 MiB", "none", "413"),
    assumption("more than 8192 values, or nesting over 8 levels", "none", "400"),
    assumption(
        "fields that no document names",
        "none",
        "ignored, and noted in the journal; a strict account answers 400",
    ),
    assumption(
        "how many requests a key may make",
        "none",
        "as many as it likes; over the budget that a test sets: 429 with Retry-After, X-RateLimit-Limit, -Remaining and -Reset (Unix seconds)",
    ),
    assumption(
        "broken percent-encoding, bytes that are no UTF-8, a file where text belongs",
        "none",
        "400",
    ),
    assumption("text", "none", "at most 1000 characters, without NUL"),
    assumption("unknown path, wrong method", "none", "404; 405 with Allow"),
    assumption(
        "a view's operations",
        "equals",
        "equals, not_equals, contains, not_contains (both in any case of a to z), greater_than, less_than, is_empty, is_not_empty",
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
    limits::DEFAULT_MAX_BODY_BYTES == 10 * 1024 * 1024
        && limits::DEFAULT_MAX_VALUES == 8192
        && limits::DEFAULT_MAX_DEPTH == 8
        && MAX_CHANGES_PER_BATCH == 50_000,
    "the texts above state these limits"
);
