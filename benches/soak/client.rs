//! A client: acts, one after the other, in its own account and in the one that all share.

use std::{thread, time::Duration};

use serde_json::json;

use crate::{
    Outcome,
    account::Account,
    act::{self, ACTS, CREATE, DELETE_MULTI},
    caller::Caller,
    desk::Desk,
    options::Options,
    random::Random,
    seed::KEY,
    tally::Tally,
    world::World,
};

/// The account of the seed, which all share.
const SHARED: &str = "bench";

/// Tickets in an account of one's own, and one's own in the shared one: not fewer and not many more.
const OWN: [u32; 2] = [10, 50];
const AMONG_OTHERS: [u32; 2] = [3, 15];

/// An act in so many is in the shared account.
const SHARE: u32 = 4;

/// A connection lasts for about so many acts.
const ACTS_OF_CONNECTION: u32 = 200;

/// Before the next act, when not even a recovery succeeds.
const BREATH: Duration = Duration::from_millis(200);

pub(crate) struct Client<'a> {
    caller: Caller<'a>,
    tally: &'a Tally,
    random: Random,
    own: Account,
    shared: Account,
    has_faults: bool,
}

impl<'a> Client<'a> {
    pub(crate) fn prepare(
        desk: &Desk,
        tally: &'a Tally,
        options: &Options,
        number: u32,
    ) -> Outcome<Self> {
        let address = desk.address();
        let mark = format!("c{number}");
        let pause = Duration::from_secs(1) * options.clients / options.rate;
        let [random, pauses] =
            [0, options.clients].map(|more| Random::new(options.seed, number + more));
        let mut caller = Caller::new(address, tally, pause, pauses);
        let account = json!({ "name": format!("client-{number}") });
        let mut own = Account::make(&mut caller, &account, &mark)?;
        let mut shared = Account::known(address, SHARED.to_owned(), KEY.to_owned(), &mark);
        own.add_reader(&mut caller)?;
        shared.add_reader(&mut caller)?;
        Ok(Self { caller, tally, random, own, shared, has_faults: !options.without_faults })
    }

    /// Acts until it is over.
    pub(crate) fn run(&mut self) {
        while !self.tally.is_over() {
            if let Err(error) = self.act() {
                self.tally.fail(ACTS[self.caller.act].name, error);
                self.recover();
            }
        }
    }

    fn act(&mut self) -> Outcome<()> {
        let Self { caller, random, own, shared, has_faults, .. } = self;
        if random.once_in(ACTS_OF_CONNECTION) {
            caller.hang_up();
        }
        let (account, [least, most]) =
            if random.once_in(SHARE) { (shared, AMONG_OTHERS) } else { (own, OWN) };
        let chosen = act::choose(random, account.is_own, *has_faults);
        caller.act = match account.world.count() {
            count if count < least => CREATE,
            count if count > most => DELETE_MULTI,
            _ => chosen,
        };
        (ACTS[caller.act].run)(caller, account, random)
    }

    /// Begins anew, since nobody knows what the last request has done.
    fn recover(&mut self) {
        let Self { caller, own, shared, .. } = self;
        caller.hang_up();
        // Its tickets stay: which of them are there is not known.
        shared.world = World::default();
        if let Err(error) = caller.ask(&own.control("POST", "/reset"), 204) {
            self.tally.fail("reset after an error", error);
            thread::sleep(BREATH);
        }
        own.world = own.origin.clone();
        for name in std::mem::take(&mut own.kept).keys() {
            // It may be gone.
            let _ = caller.provoke(&own.control("DELETE", &format!("/snapshots/{name}")));
        }
    }
}
