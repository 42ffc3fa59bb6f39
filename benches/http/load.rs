//! The server under load: every operation in turns with the bare server, and the medians of that.

use crate::{
    Outcome, client,
    operation::Operation,
    options::Options,
    rest::{self, median},
    server::Server,
    storage::Storage,
    workplace::Workplace,
    wrk::{self, Round},
};

/// All operations on both kinds of storage.
pub(crate) struct Load {
    pub(crate) rows: Vec<Row>,
    /// Memory after the load by storage, in MB.
    pub(crate) memory: Vec<(Storage, f64)>,
}

/// One operation on one kind of storage.
pub(crate) struct Row {
    pub(crate) operation: Operation,
    pub(crate) storage: Storage,
    /// Size of the answer, in bytes.
    pub(crate) size: usize,
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
        let ours = workplace.start_seeded(storage, &[])?;
        let sizes = answer_sizes(&ours, options.tickets)?;
        let bare = workplace.start_bare(&sizes)?;
        for (operation, size) in Operation::ALL.into_iter().zip(sizes) {
            let pair = Pair { options, workplace, ours: &ours, bare: &bare };
            load.rows.push(pair.measure(operation, storage, size)?);
        }
        load.memory.push((storage, rest::settled_memory(&ours)?));
        ours.stop()?;
    }
    Ok(load)
}

/// Asks each operation once. A refusal is shown as it is, before any load hides it.
fn answer_sizes(ours: &Server, tickets: u32) -> Outcome<Vec<usize>> {
    Operation::ALL
        .into_iter()
        .map(|operation| {
            // A round of its own, so that the first round changes these tickets again.
            let requests = operation.requests(ours.address, tickets, u32::MAX);
            let answer = client::ask(ours.address, &requests[0])?;
            answer.succeeded().map_err(|error| format!("{}: {error}", operation.name()))?;
            Ok(answer.body.len())
        })
        .collect()
}

/// The two servers that take turns.
struct Pair<'a> {
    options: &'a Options,
    workplace: &'a Workplace<'a>,
    ours: &'a Server,
    bare: &'a Server,
}

impl Pair<'_> {
    fn measure(&self, operation: Operation, storage: Storage, size: usize) -> Outcome<Row> {
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        for round in 0..self.options.rounds {
            let yardstick = self.round(self.bare, operation, round)?;
            if yardstick.refused + yardstick.lost > 0 {
                return Err(format!("the bare server failed at {}", operation.name()).into());
            }
            let result = self.round(self.ours, operation, round)?;
            let (name, flag) = (operation.name(), storage.flag());
            let (rate, bare_rate) = (result.per_second, yardstick.per_second);
            eprintln!("{name}, {flag}, round {}: {rate:.0}/s, bare {bare_rate:.0}/s", round + 1);
            ours.push(result);
            bare.push(yardstick);
        }
        Ok(Row {
            operation,
            storage,
            size,
            refused: ours.iter().map(|round| round.refused).sum(),
            lost: ours.iter().map(|round| round.lost).sum(),
            ours: Median::of(&ours),
            bare: Median::of(&bare),
        })
    }

    fn round(&self, server: &Server, operation: Operation, round: u32) -> Outcome<Round> {
        let requests = operation.requests(server.address, self.options.tickets, round);
        wrk::load(self.workplace, server, &requests, self.options.seconds)
    }
}
