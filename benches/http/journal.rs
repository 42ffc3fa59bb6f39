//! What the journal costs: the same program with it and without it, in turns, in memory.

use crate::{
    Outcome,
    load::Median,
    operation::Operation,
    options::Options,
    rest,
    storage::Storage,
    turns::{Disturbance, Turns},
    workplace::Workplace,
    wrk::Round,
};

/// The hottest of each method.
const OPERATIONS: [Operation; 3] = [Operation::GetItem, Operation::Create, Operation::Update];

/// Requests that the journal keeps, as the server's default says, and none.
const KEPT: [&str; 2] = ["1000", "0"];

pub(crate) struct Journal {
    pub(crate) rows: Vec<Row>,
    /// Memory after the load, with the journal and without it, in MB.
    pub(crate) memory: [f64; 2],
}

/// One operation, with the journal and without it.
pub(crate) struct Row {
    pub(crate) operation: Operation,
    pub(crate) with: Median,
    pub(crate) without: Median,
    pub(crate) disturbance: Disturbance,
}

pub(crate) fn measure(options: &Options, workplace: &Workplace) -> Outcome<Journal> {
    let start = |kept| workplace.start_seeded(Storage::Memory, &["--journal-entries", kept]);
    let [with, without] = [start(KEPT[0])?, start(KEPT[1])?];
    let servers = [("with the journal", &with), ("without it", &without)];
    let turns = Turns::of(options, workplace, servers);
    let rows = OPERATIONS.into_iter().map(|operation| row(&turns, operation, options.tickets));
    let rows = rows.collect::<Outcome<_>>()?;
    let memory = [rest::settled_memory(&with)?, rest::settled_memory(&without)?];
    with.stop()?;
    without.stop()?;
    Ok(Journal { rows, memory })
}

fn row(turns: &Turns<2>, operation: Operation, tickets: u32) -> Outcome<Row> {
    let name = operation.name();
    let rounds = turns.play(operation, tickets)?;
    let failed: u32 = rounds.iter().flatten().map(Round::failed).sum();
    if failed > 0 {
        return Err(format!("{name}: {failed} requests failed").into());
    }
    let disturbance = Disturbance::of(rounds.iter().flatten());
    let [with, without] = rounds.map(|rounds| Median::of(&rounds));
    Ok(Row { operation, with, without, disturbance })
}
