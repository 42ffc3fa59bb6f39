//! The cost of the journal: alternating rounds of the same server with and without a journal, in memory.

use omnidesk_mock_bench::{BenchResult, storage::Storage};

use crate::{
    alternating_rounds::{AlternatingRounds, NoiseCount},
    launcher::{ServerLauncher, settled_memory},
    load::MedianFigures,
    operation::Operation,
    options::Options,
    wrk::Round,
};

/// The most frequent operation of each method.
const OPERATIONS: [Operation; 3] = [Operation::GetItem, Operation::Create, Operation::Update];

/// The default capacity of the journal, and none.
const CAPACITIES: [&str; 2] = ["1000", "0"];

pub(crate) struct JournalCost {
    pub(crate) rows: Vec<Row>,
    /// Memory after the load, with the journal and without it, in MB.
    pub(crate) memory: [f64; 2],
}

/// One operation, with the journal and without it.
pub(crate) struct Row {
    pub(crate) operation: Operation,
    pub(crate) with: MedianFigures,
    pub(crate) without: MedianFigures,
    pub(crate) noise: NoiseCount,
}

pub(crate) fn measure(options: &Options, launcher: &ServerLauncher) -> BenchResult<JournalCost> {
    let start =
        |capacity| launcher.start_with_seed(Storage::Memory, &["--journal-entries", capacity]);
    let [with, without] = [start(CAPACITIES[0])?, start(CAPACITIES[1])?];
    let servers = [("with journal", &with), ("without journal", &without)];
    let rounds = AlternatingRounds::new(options, launcher, servers);
    let rows = OPERATIONS.into_iter().map(|operation| row(&rounds, operation, options.tickets));
    let rows = rows.collect::<BenchResult<_>>()?;
    let memory = [settled_memory(&with)?, settled_memory(&without)?];
    with.stop()?;
    without.stop()?;
    Ok(JournalCost { rows, memory })
}

fn row(rounds: &AlternatingRounds<2>, operation: Operation, tickets: u32) -> BenchResult<Row> {
    let name = operation.name();
    let rounds = rounds.run(operation, tickets)?;
    let failed: u32 = rounds.iter().flatten().map(Round::failed_requests).sum();
    if failed > 0 {
        return Err(format!("{name}: {failed} requests failed").into());
    }
    let noise = NoiseCount::of_rounds(rounds.iter().flatten());
    let [with, without] = rounds.map(|rounds| MedianFigures::of_rounds(&rounds));
    Ok(Row { operation, with, without, noise })
}
