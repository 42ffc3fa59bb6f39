//! Many accounts: whether their number slows down operations, and what idle accounts cost.

use bytes::Bytes;
use omnidesk_mock_bench::{
    BenchResult, context::BenchContext, statistics::LatencySamples, storage::Storage,
};

use crate::{
    SEED_SIZES,
    operation::Operation::{self, Delete, FirstWrite, NextWrite, Reset, TakeSnapshot},
    options::Options,
    requests::{Account, Snapshot},
    session::{ResourceUsage, Session},
};

/// Accounts that are reset. The others of these and the seed's account make as many other accounts.
const RESET_ACCOUNTS: u32 = 10;

/// Accounts created or deleted one after the other that make one row of the report.
const GROUP_SIZE: u32 = 100;

pub(crate) struct ManyAccountsMeasurement {
    pub(crate) storage: Storage,
    pub(crate) rows: Vec<(String, LatencySamples)>,
    pub(crate) idle_cost: IdleCost,
}

pub(crate) struct IdleCost {
    /// Before the accounts were created.
    pub(crate) before: ResourceUsage,
    /// After the last account was created and written to.
    pub(crate) busy: ResourceUsage,
    /// After all accounts were idle for a while.
    pub(crate) idle: ResourceUsage,
    /// Size of the database of one of them.
    pub(crate) database_bytes: u32,
}

impl ManyAccountsMeasurement {
    pub(crate) fn run(
        options: &Options,
        context: &BenchContext,
        storage: Storage,
    ) -> BenchResult<Self> {
        let session = Session::start(context, storage, SEED_SIZES[0])?;
        let mut recorder = Recorder { session: &session, rows: Vec::new() };
        let reset_accounts =
            session.create_accounts(&mut LatencySamples::default(), RESET_ACCOUNTS)?;
        recorder.reset(&reset_accounts, RESET_ACCOUNTS, options.repetitions)?;

        let before = session.wait_until_idle()?;
        let accounts = recorder.create(options.accounts)?;
        recorder.measure(&mut LatencySamples::default(), FirstWrite, &accounts)?;
        let busy = session.resource_usage()?;
        let idle = session.wait_until_idle()?;
        let database_bytes = recorder.database_bytes(&accounts[..1])?;
        let idle_cost = IdleCost { before, busy, idle, database_bytes };
        recorder.delete(&accounts)?;

        recorder.create(options.other_accounts - RESET_ACCOUNTS)?;
        recorder.reset(&reset_accounts, options.other_accounts, options.repetitions)?;
        let rows = recorder.rows;
        session.stop()?;
        Ok(Self { storage, rows, idle_cost })
    }
}

/// Measures operations on groups of accounts, and records the rows of the report.
struct Recorder<'a> {
    session: &'a Session,
    rows: Vec<(String, LatencySamples)>,
}

impl Recorder<'_> {
    /// Records the first and the last group.
    fn create(&mut self, count: u32) -> BenchResult<Vec<Account>> {
        let mut accounts = Vec::new();
        for start in (0..count).step_by(GROUP_SIZE as usize) {
            let end = count.min(start + GROUP_SIZE);
            let mut samples = LatencySamples::default();
            accounts.extend(self.session.create_accounts(&mut samples, end - start)?);
            if start == 0 || end == count {
                let name = format!("create accounts {} to {end} of {count}", start + 1);
                self.rows.push((name, samples));
            }
        }
        Ok(accounts)
    }

    /// Records the first and the last group.
    fn delete(&mut self, accounts: &[Account]) -> BenchResult<()> {
        let (count, groups) = (accounts.len(), accounts.chunks(GROUP_SIZE as usize));
        let last = groups.len() - 1;
        for (index, group) in groups.enumerate() {
            let mut samples = LatencySamples::default();
            self.measure(&mut samples, Delete, group)?;
            if index == 0 || index == last {
                let start = index * GROUP_SIZE as usize;
                let end = start + group.len();
                let name = format!("delete accounts {} to {end} of {count}", start + 1);
                self.rows.push((name, samples));
            }
        }
        Ok(())
    }

    fn reset(
        &mut self,
        accounts: &[Account],
        other_accounts: u32,
        repetitions: u32,
    ) -> BenchResult<()> {
        let mut samples = LatencySamples::default();
        for _ in 0..repetitions / RESET_ACCOUNTS {
            self.measure(&mut LatencySamples::default(), NextWrite, accounts)?;
            self.measure(&mut samples, Reset, accounts)?;
        }
        let name = format!("reset after a write, {other_accounts} other accounts");
        self.rows.push((name, samples));
        Ok(())
    }

    fn database_bytes(&self, account: &[Account]) -> BenchResult<u32> {
        let bodies = self.measure(&mut LatencySamples::default(), TakeSnapshot, account)?;
        let body = bodies.first().ok_or("no snapshot was taken")?;
        Ok(serde_json::from_slice::<Snapshot>(body)?.bytes)
    }

    fn measure(
        &self,
        samples: &mut LatencySamples,
        operation: Operation,
        accounts: &[Account],
    ) -> BenchResult<Vec<Bytes>> {
        let client = &self.session.client;
        let requests = accounts.iter().map(|account| operation.request(account, client));
        self.session.measure(samples, requests)
    }
}
