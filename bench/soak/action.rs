//! All actions of a client, and how often each is chosen.

use omnidesk_mock_bench::BenchResult;

use crate::{
    account::Account, control_api, faults, invalid_requests, journal, paced_client::PacedClient,
    protocol_errors, random::Random, temporary_accounts, tickets,
};

pub(crate) type ActionFunction =
    fn(&mut PacedClient<'_>, &mut Account, &mut Random) -> BenchResult<()>;

pub(crate) struct Action {
    pub(crate) name: &'static str,
    /// How often it is chosen, relative to the others.
    pub(crate) weight: u32,
    /// Whether other clients of the account would get unexpected responses.
    needs_exclusive_account: bool,
    /// Whether it uses fault rules, rate limits or strict mode.
    uses_faults: bool,
    pub(crate) function: ActionFunction,
}

const fn shared(name: &'static str, weight: u32, function: ActionFunction) -> Action {
    Action { name, weight, needs_exclusive_account: false, uses_faults: false, function }
}

const fn exclusive(name: &'static str, weight: u32, function: ActionFunction) -> Action {
    Action { name, weight, needs_exclusive_account: true, uses_faults: false, function }
}

const fn fault(name: &'static str, weight: u32, function: ActionFunction) -> Action {
    Action { name, weight, needs_exclusive_account: true, uses_faults: true, function }
}

/// They create about as many tickets as they delete.
pub(crate) static ACTIONS: &[Action] = &[
    shared("ticket.create", 60, tickets::create),
    shared("ticket.deleteMulti", 12, tickets::delete_multi),
    shared("ticket.delete", 24, tickets::delete),
    shared("ticket.get", 100, tickets::get),
    shared("ticket.list", 50, tickets::list),
    shared("ticket.list, query", 20, tickets::search),
    shared("ticket.update", 60, tickets::update),
    shared("ticket.setStatus", 40, tickets::set_status),
    shared("ticket.setPriority", 30, tickets::set_priority),
    shared("ticket.unlinkCustomerFromTicket", 12, tickets::unlink_customer),
    shared("ticket.batch", 24, tickets::batch),
    exclusive("ticket.solveUnfinishedTickets", 6, tickets::solve_unfinished),
    shared("invalid fields", 30, invalid_requests::send_invalid_fields),
    shared("unknown ids", 20, invalid_requests::send_unknown_ids),
    shared("missing permission", 15, invalid_requests::send_without_permission),
    shared("unknown key", 15, invalid_requests::send_unknown_key),
    shared("unknown path", 10, invalid_requests::send_unknown_path),
    shared("control: invalid requests", 10, invalid_requests::send_invalid_control_request),
    shared("invalid or too large HTTP", 5, protocol_errors::send_invalid_http),
    shared("early disconnect", 5, protocol_errors::disconnect_early),
    shared("control: read settings", 12, control_api::read_settings),
    shared("control: keys", 5, control_api::create_and_delete_key),
    exclusive("control: reset", 2, control_api::reset),
    exclusive("control: take snapshot", 4, control_api::take_snapshot),
    exclusive("control: restore snapshot", 3, control_api::restore_snapshot),
    exclusive("control: delete snapshot", 2, control_api::delete_snapshot),
    exclusive("control: clock", 6, control_api::move_clock),
    exclusive("control: import", 3, control_api::import),
    exclusive("control: export", 3, control_api::export),
    exclusive("control: temporary account", 3, temporary_accounts::use_and_delete),
    exclusive("control: account with a short ttl", 2, temporary_accounts::let_expire),
    exclusive("control: import of an export", 2, temporary_accounts::import_export),
    shared("control: verify", 12, journal::verify),
    shared("control: wait for a request", 8, journal::wait_for_request),
    shared("control: wait for a ticket", 8, journal::wait_for_ticket),
    shared("control: wait until timeout", 4, journal::wait_until_timeout),
    shared("control: event stream", 4, journal::open_stream),
    fault("control: fault rule", 12, faults::use_fault_rule),
    fault("control: rate limit", 4, faults::use_rate_limit),
    fault("control: strict mode", 4, faults::use_strict_mode),
];

/// The action for an account with too few tickets, and the one for an account with too many.
pub(crate) const CREATE: usize = 0;
pub(crate) const DELETE_MULTI: usize = 1;

/// Returns the index of a random action, by weight.
pub(crate) fn choose(random: &mut Random, is_exclusive: bool, allows_faults: bool) -> usize {
    let is_allowed = |action: &Action| {
        (is_exclusive || !action.needs_exclusive_account) && (allows_faults || !action.uses_faults)
    };
    let allowed = || ACTIONS.iter().enumerate().filter(|(_, action)| is_allowed(action));
    let mut number = random.below(allowed().map(|(_, action)| action.weight).sum());
    for (index, action) in allowed() {
        if number < action.weight {
            return index;
        }
        number -= action.weight;
    }
    CREATE
}
