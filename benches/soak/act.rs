//! All that a client does, and how often.

use crate::{
    Outcome, account::Account, caller::Caller, control, guests, provoke, random::Random, refused,
    rude, see, tickets,
};

pub(crate) type Run = fn(&mut Caller<'_>, &mut Account, &mut Random) -> Outcome<()>;

pub(crate) struct Act {
    pub(crate) name: &'static str,
    /// How often it is done, beside the others.
    pub(crate) weight: u32,
    /// Whether it would spoil what other clients know of the account.
    pub(crate) alone: bool,
    /// Whether it asks the server for faults, budgets or strictness.
    provokes: bool,
    pub(crate) run: Run,
}

const fn anywhere(name: &'static str, weight: u32, run: Run) -> Act {
    Act { name, weight, alone: false, provokes: false, run }
}

const fn alone(name: &'static str, weight: u32, run: Run) -> Act {
    Act { name, weight, alone: true, provokes: false, run }
}

const fn provoked(name: &'static str, weight: u32, run: Run) -> Act {
    Act { name, weight, alone: true, provokes: true, run }
}

/// Their numbers of new and of deleted tickets are about the same.
pub(crate) static ACTS: &[Act] = &[
    anywhere("ticket.create", 60, tickets::create),
    anywhere("ticket.deleteMulti", 12, tickets::delete_multi),
    anywhere("ticket.delete", 24, tickets::delete),
    anywhere("ticket.get", 100, tickets::get),
    anywhere("ticket.list", 50, tickets::list),
    anywhere("ticket.list, query", 20, tickets::search),
    anywhere("ticket.update", 60, tickets::update),
    anywhere("ticket.setStatus", 40, tickets::set_status),
    anywhere("ticket.setPriority", 30, tickets::set_priority),
    anywhere("ticket.unlinkCustomerFromTicket", 12, tickets::unlink),
    anywhere("ticket.batch", 24, tickets::batch),
    alone("ticket.solveUnfinishedTickets", 6, tickets::solve),
    anywhere("broken fields", 30, refused::fields),
    anywhere("unknown ids", 20, refused::ids),
    anywhere("missing permission", 15, refused::permission),
    anywhere("unknown key", 15, refused::key),
    anywhere("unknown path", 10, refused::path),
    anywhere("control: refused", 10, refused::control),
    anywhere("not HTTP, or too much of it", 5, rude::speak),
    anywhere("leaving early", 5, rude::leave),
    anywhere("control: look", 12, control::look),
    anywhere("control: keys", 5, control::keys),
    alone("control: reset", 2, control::reset),
    alone("control: snapshot", 4, control::snapshot),
    alone("control: restore", 3, control::restore),
    alone("control: forget a snapshot", 2, control::forget),
    alone("control: clock", 6, control::clock),
    alone("control: import", 3, control::import),
    alone("control: export", 3, control::export),
    alone("control: account for a while", 3, guests::visit),
    alone("control: account with a short ttl", 2, guests::forsake),
    alone("control: account with an export", 2, guests::carry),
    anywhere("control: verify", 12, see::verify),
    anywhere("control: wait for a request", 8, see::wait_for_request),
    anywhere("control: wait for a ticket", 8, see::wait_for_ticket),
    anywhere("control: wait in vain", 4, see::wait_in_vain),
    anywhere("control: follow", 4, see::follow),
    provoked("control: fault", 12, provoke::fault),
    provoked("control: limits", 4, provoke::limits),
    provoked("control: strict", 4, provoke::strict),
];

/// The acts that an account with few tickets needs, and one with many.
pub(crate) const CREATE: usize = 0;
pub(crate) const DELETE_MULTI: usize = 1;

/// Some act, by weight.
pub(crate) fn choose(random: &mut Random, is_own: bool, has_faults: bool) -> usize {
    let fits = |act: &Act| (is_own || !act.alone) && (has_faults || !act.provokes);
    let all: u32 = ACTS.iter().filter(|act| fits(act)).map(|act| act.weight).sum();
    let mut place = random.below(all);
    for (index, act) in ACTS.iter().enumerate().filter(|(_, act)| fits(act)) {
        if place < act.weight {
            return index;
        }
        place -= act.weight;
    }
    CREATE
}
