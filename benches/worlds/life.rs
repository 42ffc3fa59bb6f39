//! What is done to an account in its life, over and over, on one kind of storage and from one seed.

use std::collections::BTreeMap;

use crate::{
    Outcome,
    account::{self, Account, Snapshot},
    desk::Desk,
    machine::Machine,
    operation::Operation::{
        self, FirstRead, FirstWrite, Health, Make, NextRead, NextWrite, ReadAfterReset,
        ReadAfterRestore, Remove, Reset, Restore, TakeSnapshot, WriteAfterRead, WriteAfterReset,
        WriteAfterRestore, WriteAfterSnapshot,
    },
    options::Options,
    storage::Storage,
    times::Times,
};

/// Tickets in all accounts that take each step at once. Many accounts at once suit the kernel, which
/// counts processor time in 10 ms; few suit the server, which closes a database that waits.
const TICKETS_AT_ONCE: u32 = 100_000;

/// A copy may be put off until somebody reads or writes, so either comes first in half of the accounts.
const READ_FIRST: [Operation; 10] = [
    FirstRead,
    NextRead,
    WriteAfterRead,
    Reset,
    ReadAfterReset,
    TakeSnapshot,
    WriteAfterSnapshot,
    Restore,
    ReadAfterRestore,
    Remove,
];
const WRITTEN_FIRST: [Operation; 9] = [
    FirstWrite,
    NextWrite,
    Reset,
    WriteAfterReset,
    TakeSnapshot,
    WriteAfterSnapshot,
    Restore,
    WriteAfterRestore,
    Remove,
];

pub(crate) struct Life {
    pub(crate) storage: Storage,
    pub(crate) tickets: u32,
    /// Size of the account's database, as its last snapshot tells it.
    pub(crate) bytes: u32,
    pub(crate) times: BTreeMap<Operation, Times>,
}

impl Life {
    pub(crate) fn measure(
        options: &Options,
        machine: &Machine,
        storage: Storage,
        tickets: u32,
    ) -> Outcome<Self> {
        let desk = Desk::open(machine, storage, tickets)?;
        let mut life = Self { storage, tickets, bytes: 0, times: BTreeMap::new() };
        for _ in 0..options.repetitions(tickets) / accounts_at_once(tickets) {
            life.round(&desk, accounts_at_once(tickets))?;
        }
        desk.close()?;
        Ok(life)
    }

    fn round(&mut self, desk: &Desk, accounts: u32) -> Outcome<()> {
        let health = (0..accounts).map(|_| account::health(&desk.client));
        desk.run(self.times(Health), health)?;
        let read = desk.make(self.times(Make), accounts)?;
        let written = desk.make(self.times(Make), accounts)?;
        self.live(desk, &read, &READ_FIRST)?;
        self.live(desk, &written, &WRITTEN_FIRST)
    }

    /// Takes the accounts through the operations, all of them through one before the next.
    fn live(&mut self, desk: &Desk, accounts: &[Account], steps: &[Operation]) -> Outcome<()> {
        for &step in steps {
            let requests = accounts.iter().map(|account| step.request(account, &desk.client));
            let answers = desk.run(self.times(step), requests)?;
            if step == TakeSnapshot {
                let last = answers.last().ok_or("no snapshot was taken")?;
                self.bytes = serde_json::from_slice::<Snapshot>(last)?.bytes;
            }
        }
        Ok(())
    }

    fn times(&mut self, operation: Operation) -> &mut Times {
        self.times.entry(operation).or_default()
    }

    /// What the rounding of processor time at both ends of each step comes to, in ms.
    pub(crate) fn grain(&self, options: &Options) -> f64 {
        let repetitions = f64::from(options.repetitions(self.tickets));
        let rounds = repetitions / f64::from(accounts_at_once(self.tickets));
        rounds.sqrt() * 5.0 / repetitions
    }
}

fn accounts_at_once(tickets: u32) -> u32 {
    (TICKETS_AT_ONCE / tickets).clamp(10, 50)
}
