//! The server under load: every operation in turns with the bare server, and the medians of that.

use crate::{
    Outcome, client,
    operation::Operation,
    options::Options,
    rest::{self, median},
    server::Server,
    storage::Storage,
    turns::{Disturbance, Turns},
    workplace::Workplace,
    wrk::Round,
};

/// All operations on both kinds of storage.
pub(crate) struct Load {
    pub(crate) rows: Vec<Row>,
    /// Memory after all of it by server, in MB.
    pub(crate) memory: Vec<(String, f64)>,
}

/// One operation on one kind of storage.
pub(crate) struct Row {
    pub(crate) operation: Operation,
    pub(crate) storage: Storage,
    /// Size of the answer, in bytes.
    pub(crate) size: usize,
    /// Memory of ours after the last round, in MB.
    pub(crate) memory: f64,
    pub(crate) disturbance: Disturbance,
    pub(crate) ours: Median,
    pub(crate) bare: Median,
    /// What of ours failed in all rounds.
    pub(crate) refused: u32,
    pub(crate) lost: u32,
}

/// The figures of several rounds; each is the median of its own.
pub(crate) struct Median {
    pub(crate) per_second: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) cpu: f64,
}

impl Load {
    /// An error where any request was refused or lost: such figures are of something else.
    pub(crate) fn check(&self) -> Outcome<()> {
        let failed = self.rows.iter().filter(|row| row.refused + row.lost > 0);
        let lines: Vec<_> = failed
            .map(|row| {
                let (name, flag) = (row.operation.name(), row.storage.flag());
                format!("{name}, {flag}: {} refused, {} lost", row.refused, row.lost)
            })
            .collect();
        if lines.is_empty() {
            return Ok(());
        }
        Err(format!("not every answer was a success\n{}", lines.join("\n")).into())
    }
}

impl Median {
    pub(crate) fn of(rounds: &[Round]) -> Self {
        let over = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
        Self {
            per_second: over(|round| round.per_second),
            p50: over(|round| round.p50),
            p99: over(|round| round.p99),
            cpu: over(|round| round.cpu),
        }
    }
}

pub(crate) fn measure(options: &Options, workplace: &Workplace) -> Outcome<Load> {
    let mut load = Load { rows: Vec::new(), memory: Vec::new() };
    for storage in Storage::ALL {
        let ours = start(workplace, storage)?;
        let sizes = answer_sizes(&ours, options.tickets)?;
        let bare = workplace.start_bare(&sizes)?;
        let turns = Turns::of(options, workplace, [("bare", &bare), (storage.flag(), &ours)]);
        for (operation, size) in Operation::ALL.into_iter().zip(sizes) {
            let rounds = turns.play(operation, options.tickets)?;
            let memory = rest::settled_memory(&ours)?;
            load.rows.push(Row::of(operation, storage, rounds, (size, memory))?);
        }
        load.memory.push((format!("after the load, {}", storage.flag()), ours.memory()?));
        load.memory.push((format!("the bare server beside {}", storage.flag()), bare.memory()?));
        ours.stop()?;
    }
    Ok(load)
}

/// The server with the seeded account; what planting takes is not its memory where that can be told apart.
fn start(workplace: &Workplace, storage: Storage) -> Outcome<Server> {
    if storage == Storage::Memory {
        return workplace.start_seeded(storage, &[]);
    }
    workplace.plant(&workplace.seed(), &workplace.seeded_folder())?;
    workplace.start_planted(&workplace.seeded_folder())
}

impl Row {
    fn of(
        operation: Operation,
        storage: Storage,
        [bare, ours]: [Vec<Round>; 2],
        (size, memory): (usize, f64),
    ) -> Outcome<Self> {
        if bare.iter().any(|round| round.failed() > 0) {
            return Err(format!("the bare server failed at {}", operation.name()).into());
        }
        Ok(Self {
            operation,
            storage,
            size,
            memory,
            disturbance: Disturbance::of(bare.iter().chain(&ours)),
            refused: ours.iter().map(|round| round.refused).sum(),
            lost: ours.iter().map(|round| round.lost).sum(),
            ours: Median::of(&ours),
            bare: Median::of(&bare),
        })
    }
}

/// Asks each operation once. A refusal is shown as it is, before any load hides it.
fn answer_sizes(ours: &Server, tickets: u32) -> Outcome<Vec<usize>> {
    Operation::ALL
        .into_iter()
        .map(|operation| {
            // The loads have the numbers from 1, so the first one changes these tickets again.
            let requests = operation.requests(ours.address, tickets, 0);
            let answer = client::ask(ours.address, &requests[0])?;
            answer.succeeded().map_err(|error| format!("{}: {error}", operation.name()))?;
            Ok(answer.body.len())
        })
        .collect()
}
