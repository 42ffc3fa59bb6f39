//! The operations in the life of an account, repeated on one kind of storage and with one seed.

use std::collections::BTreeMap;

use omnidesk_mock_bench::{
    BenchResult, context::BenchContext, statistics::LatencySamples, storage::Storage,
};

use crate::{
    operation::Operation::{
        self, CheckHealth, Create, Delete, FirstRead, FirstWrite, NextRead, NextWrite,
        ReadAfterReset, ReadAfterRestore, Reset, Restore, TakeSnapshot, WriteAfterRead,
        WriteAfterReset, WriteAfterRestore, WriteAfterSnapshot,
    },
    options::Options,
    requests::{self, Account, Snapshot},
    session::Session,
};

/// Tickets in all accounts on which an operation is measured together. With many accounts, the kernel's unit of
/// processor time (10 ms) matters less; with few, the server does not close their databases between two operations.
const TICKETS_AT_ONCE: u32 = 100_000;

/// The server may defer a copy until the first read or write, so each of them comes first in half of the accounts.
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
    Delete,
];
const WRITE_FIRST: [Operation; 9] = [
    FirstWrite,
    NextWrite,
    Reset,
    WriteAfterReset,
    TakeSnapshot,
    WriteAfterSnapshot,
    Restore,
    WriteAfterRestore,
    Delete,
];

pub(crate) struct LifecycleMeasurement {
    pub(crate) storage: Storage,
    pub(crate) tickets: u32,
    /// Size of the account's database according to its last snapshot.
    pub(crate) database_bytes: u32,
    pub(crate) samples: BTreeMap<Operation, LatencySamples>,
}

impl LifecycleMeasurement {
    pub(crate) fn run(
        options: &Options,
        context: &BenchContext,
        storage: Storage,
        tickets: u32,
    ) -> BenchResult<Self> {
        let session = Session::start(context, storage, tickets)?;
        let samples = BTreeMap::new();
        let mut measurement = Self { storage, tickets, database_bytes: 0, samples };
        for _ in 0..options.repetitions(tickets) / accounts_at_once(tickets) {
            measurement.run_round(&session, accounts_at_once(tickets))?;
        }
        session.stop()?;
        Ok(measurement)
    }

    fn run_round(&mut self, session: &Session, accounts: u32) -> BenchResult<()> {
        let health_checks = (0..accounts).map(|_| requests::check_health(&session.client));
        session.measure(self.samples_of(CheckHealth), health_checks)?;
        let read_first = session.create_accounts(self.samples_of(Create), accounts)?;
        let write_first = session.create_accounts(self.samples_of(Create), accounts)?;
        self.measure_all(session, &read_first, &READ_FIRST)?;
        self.measure_all(session, &write_first, &WRITE_FIRST)
    }

    /// Measures each operation on all accounts before the next operation.
    fn measure_all(
        &mut self,
        session: &Session,
        accounts: &[Account],
        operations: &[Operation],
    ) -> BenchResult<()> {
        for &operation in operations {
            let requests =
                accounts.iter().map(|account| operation.request(account, &session.client));
            let bodies = session.measure(self.samples_of(operation), requests)?;
            if operation == TakeSnapshot {
                let last = bodies.last().ok_or("no snapshot was taken")?;
                self.database_bytes = serde_json::from_slice::<Snapshot>(last)?.bytes;
            }
        }
        Ok(())
    }

    fn samples_of(&mut self, operation: Operation) -> &mut LatencySamples {
        self.samples.entry(operation).or_default()
    }

    /// The error of the mean processor time, in ms, because the kernel rounds it before and after each measurement.
    pub(crate) fn rounding_error(&self, options: &Options) -> f64 {
        let repetitions = f64::from(options.repetitions(self.tickets));
        let rounds = repetitions / f64::from(accounts_at_once(self.tickets));
        rounds.sqrt() * 5.0 / repetitions
    }
}

fn accounts_at_once(tickets: u32) -> u32 {
    (TICKETS_AT_ONCE / tickets).clamp(10, 50)
}
