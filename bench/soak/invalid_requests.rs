//! Invalid requests: the server must refuse them and change nothing.

use omnidesk_mock_bench::{
    BenchResult,
    request::{FORM, JSON, RequestEncoder},
};
use serde_json::json;

use crate::{
    account::{ACCOUNTS_PATH, Account},
    paced_client::PacedClient,
    random::Random,
};

/// The id of no ticket.
const UNKNOWN_ID: u32 = 4_000_000_000;

/// Method, path below that of the tickets, content type, body, expected status, words that the message must contain.
/// `{id}` is replaced by the id of a ticket, `{unknown}` by an unknown id.
type Case = (&'static str, &'static str, &'static str, &'static str, u16, &'static str);

const INVALID_FIELDS: [Case; 11] = [
    ("POST", "", FORM, "brandID=1&channelID=1&direction=inbound&from=a&to=b", 400, "title"),
    ("POST", "", JSON, r#"{"brandID":"one","title":"x"}"#, 400, "brandID"),
    ("POST", "", JSON, r#"{"brandID":1,"#, 400, "JSON"),
    ("POST", "", "text/plain", "title=x", 415, "Content-Type"),
    ("PUT", "/{id}", FORM, "status=open", 400, "status"),
    ("PUT", "/none", FORM, "title=x", 400, "ticketID"),
    ("POST", "/setStatus", FORM, "status=Solved&ticketIDs[]={id}", 400, "status"),
    ("POST", "/setStatus", FORM, "status=open&ticketIDs[]={id}&ticketIDs[]={id}", 400, "ticketIDs"),
    ("POST", "/setPriority", JSON, r#"{"priority":"high","ticketIDs":[]}"#, 400, "ticketIDs"),
    (
        "POST",
        "/batch",
        FORM,
        "TicketIDs={id}&actions[0][actionType]=status&actions[0][value]=lost",
        400,
        "actions[0][value]",
    ),
    (
        "POST",
        "/batch",
        FORM,
        "TicketIDs={id}&actions[1][actionType]=title&actions[1][value]=x",
        400,
        "actions",
    ),
];

/// Queries of a list, with the invalid field.
const INVALID_QUERIES: [(&str, &str); 4] = [
    ("?itemLimit=-1", "itemLimit"),
    ("?itemLimit=10000", "itemLimit"),
    ("?status=lost", "status"),
    ("?applyView=no-such-view", "applyView"),
];

/// Requests about a ticket that does not exist.
const UNKNOWN_IDS: [Case; 7] = [
    ("GET", "/{unknown}", "", "", 400, "does not exist"),
    ("PUT", "/{unknown}", FORM, "title=x", 400, "does not exist"),
    ("DELETE", "/{unknown}", "", "", 400, "does not exist"),
    (
        "POST",
        "/setStatus",
        FORM,
        "status=open&ticketIDs[]={id}&ticketIDs[]={unknown}",
        400,
        "exist",
    ),
    ("DELETE", "/multi", FORM, "ticketIDs[]={id}&ticketIDs[]={unknown}", 400, "exist"),
    ("POST", "/unlinkCustomerFromTicket", FORM, "ticketID={unknown}", 400, "does not exist"),
    (
        "POST",
        "/batch",
        FORM,
        "TicketIDs={id},{unknown}&actions[0][actionType]=title&actions[0][value]=x",
        400,
        "exist",
    ),
];

/// Requests that the key with the permission to read must not send, with the missing permission.
const FORBIDDEN: [Case; 5] = [
    ("PUT", "/{id}", FORM, "title=x", 403, "TICKET_UPDATE"),
    ("DELETE", "/{id}", "", "", 403, "TICKET_DELETE"),
    ("POST", "", FORM, "title=x", 403, "TICKET_CREATE"),
    ("POST", "/setStatus", FORM, "status=open&ticketIDs[]={id}", 403, "SET_STATUS"),
    ("PUT", "/solveUnfinishedTickets", "", "", 403, "SET_STATUS"),
];

/// Encodes the request of a case about this ticket.
fn encode_case(account: &Account, case: Case, id: u32) -> String {
    let (method, rest, content_type, body, ..) = case;
    let (id, unknown) = (id.to_string(), UNKNOWN_ID.to_string());
    let fill = |text: &str| text.replace("{id}", &id).replace("{unknown}", &unknown);
    if content_type.is_empty() {
        return account.without_body(method, &fill(rest));
    }
    account.with_body(method, &fill(rest), content_type, &fill(body))
}

pub(crate) fn send_invalid_fields(
    client: &mut PacedClient,
    account: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    let id = account.tickets.pick_id(random);
    if random.is_once_in(3) {
        let (query, field) = *random.pick(&INVALID_QUERIES);
        return client.expect_error(&account.get(query), 400, field);
    }
    let case = *random.pick(&INVALID_FIELDS);
    client.expect_error(&encode_case(account, case, id), case.4, case.5)?;
    account.check_ticket(client, id)
}

pub(crate) fn send_unknown_ids(
    client: &mut PacedClient,
    account: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    let (id, case) = (account.tickets.pick_id(random), *random.pick(&UNKNOWN_IDS));
    client.expect_error(&encode_case(account, case, id), case.4, case.5)?;
    account.check_ticket(client, id)
}

pub(crate) fn send_without_permission(
    client: &mut PacedClient,
    account: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    let (id, case) = (account.tickets.pick_id(random), *random.pick(&FORBIDDEN));
    let request = account.replace_key(&encode_case(account, case, id), &account.read_only_key);
    client.expect_error(&request, case.4, case.5)?;
    let read = account.get(&format!("/{id}"));
    let read = account.replace_key(&read, &account.read_only_key);
    account.tickets.check_item(id, &client.expect(&read, 200)?["item"])
}

pub(crate) fn send_unknown_key(
    client: &mut PacedClient,
    account: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    let request = account.get("");
    if random.is_once_in(2) {
        let without_key = request.replacen(&format!("apiKey: {}\r\n", account.api_key), "", 1);
        return client.expect_error(&without_key, 401, "No API key");
    }
    let unknown_key = format!("unknown-key-{}", random.below(1_000));
    client.expect_error(&account.replace_key(&request, &unknown_key), 401, "unknown")
}

pub(crate) fn send_unknown_path(
    client: &mut PacedClient,
    account: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    match random.below(3) {
        0 => client.expect_error(&account.get("s"), 404, "does not exist"),
        1 => client.expect_error(&account.without_body("PATCH", "/1"), 405, "PATCH"),
        _ => client.expect_error(&account.get("/1/2/3"), 404, "does not exist"),
    }
}

pub(crate) fn send_invalid_control_request(
    client: &mut PacedClient,
    account: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    let address = client.address();
    let requests = RequestEncoder::new(address, &account.api_key);
    let unknown_account = "/_control/accounts/nobody";
    match random.below(7) {
        0 => client.expect_problem(&requests.get(unknown_account), 404, "unknown-account"),
        1 => client.expect_problem(
            &requests.without_body("POST", unknown_account),
            405,
            "method-not-allowed",
        ),
        2 => client.expect_problem(&requests.get("/_control/nothing"), 404, "unknown-path"),
        3 => {
            let incomplete = requests.with_json("POST", ACCOUNTS_PATH, "{\"ttl\":");
            client.expect_problem(&incomplete, 400, "invalid-request")
        }
        4 => {
            let name = json!({ "name": account.name });
            let duplicate = requests.with_json("POST", ACCOUNTS_PATH, &name.to_string());
            client.expect_problem(&duplicate, 409, "name-taken")
        }
        5 => client.expect_problem(
            &account.control("DELETE", "/snapshots/none"),
            404,
            "unknown-snapshot",
        ),
        _ => {
            let host = format!("Host: {address}");
            let foreign = "Host: desk.example.test";
            client.expect(&requests.list_tickets().replacen(&host, foreign, 1), 200)?;
            let control = requests.get(ACCOUNTS_PATH).replacen(&host, foreign, 1);
            client.expect_problem(&control, 403, "host-not-allowed")
        }
    }
}
