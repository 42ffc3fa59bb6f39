//! Many accounts at once: whether their number makes anything slower, and what they hold when idle.

use bytes::Bytes;

use crate::{
    Outcome, SEEDS,
    account::{Account, Snapshot},
    desk::{Desk, State},
    machine::Machine,
    operation::Operation::{self, FirstWrite, NextWrite, Remove, Reset, TakeSnapshot},
    options::Options,
    storage::Storage,
    times::Times,
};

/// Accounts that are reset. Each has the others and the seed's beside it: as many.
const FEW: u32 = 10;

/// So many accounts, made or removed one after the other, are one line of the report.
const GROUP: u32 = 100;

pub(crate) struct Crowd {
    pub(crate) storage: Storage,
    pub(crate) steps: Vec<(String, Times)>,
    pub(crate) memory: Memory,
}

pub(crate) struct Memory {
    /// Before the accounts were made.
    pub(crate) before: State,
    /// When the last was made and written to.
    pub(crate) busy: State,
    /// When they had been left alone.
    pub(crate) idle: State,
    /// Size of the database of one of them.
    pub(crate) bytes: u32,
}

impl Crowd {
    pub(crate) fn measure(options: &Options, machine: &Machine, storage: Storage) -> Outcome<Self> {
        let desk = Desk::open(machine, storage, SEEDS[0])?;
        let mut steps = Steps { desk: &desk, done: Vec::new() };
        let resident = desk.make(&mut Times::default(), FEW)?;
        steps.reset(&resident, FEW, options.repetitions)?;

        let before = desk.settle()?;
        let accounts = steps.make(options.accounts)?;
        steps.all(&mut Times::default(), FirstWrite, &accounts)?;
        let busy = desk.state()?;
        let idle = desk.settle()?;
        let bytes = steps.size(&accounts[..1])?;
        let memory = Memory { before, busy, idle, bytes };
        steps.remove(&accounts)?;

        steps.make(options.others - FEW)?;
        steps.reset(&resident, options.others, options.repetitions)?;
        let steps = steps.done;
        desk.close()?;
        Ok(Self { storage, steps, memory })
    }
}

/// What was measured so far.
struct Steps<'a> {
    desk: &'a Desk,
    done: Vec<(String, Times)>,
}

impl Steps<'_> {
    fn make(&mut self, count: u32) -> Outcome<Vec<Account>> {
        let mut accounts = Vec::new();
        for made in (0..count).step_by(GROUP as usize) {
            let size = GROUP.min(count - made);
            let mut times = Times::default();
            accounts.extend(self.desk.make(&mut times, size)?);
            if made == 0 || made + size == count {
                let name = format!("making of accounts {} to {} of {count}", made + 1, made + size);
                self.done.push((name, times));
            }
        }
        Ok(accounts)
    }

    fn remove(&mut self, accounts: &[Account]) -> Outcome<()> {
        let (count, groups) = (accounts.len(), accounts.chunks(GROUP as usize));
        let last = groups.len() - 1;
        for (index, group) in groups.enumerate() {
            let mut times = Times::default();
            self.all(&mut times, Remove, group)?;
            if index == 0 || index == last {
                let first = index * GROUP as usize + 1;
                let name = format!(
                    "removal of accounts {first} to {} of {count}",
                    first + group.len() - 1
                );
                self.done.push((name, times));
            }
        }
        Ok(())
    }

    fn reset(&mut self, accounts: &[Account], others: u32, repetitions: u32) -> Outcome<()> {
        let mut times = Times::default();
        for _ in 0..repetitions / FEW {
            self.all(&mut Times::default(), NextWrite, accounts)?;
            self.all(&mut times, Reset, accounts)?;
        }
        self.done.push((format!("reset after a write, {others} others there"), times));
        Ok(())
    }

    fn size(&self, account: &[Account]) -> Outcome<u32> {
        let answers = self.all(&mut Times::default(), TakeSnapshot, account)?;
        let answer = answers.first().ok_or("no snapshot was taken")?;
        Ok(serde_json::from_slice::<Snapshot>(answer)?.bytes)
    }

    fn all(
        &self,
        times: &mut Times,
        operation: Operation,
        accounts: &[Account],
    ) -> Outcome<Vec<Bytes>> {
        let requests = accounts.iter().map(|one| operation.request(one, &self.desk.client));
        self.desk.run(times, requests)
    }
}
