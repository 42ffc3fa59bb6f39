//! What the journal costs: the same program with it and without it, in turns, in memory.

use crate::{
    Outcome,
    load::Median,
    operation::Operation,
    options::Options,
    rest,
    server::Server,
    storage::Storage,
    workplace::Workplace,
    wrk::{self, Round},
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
}

pub(crate) fn measure(options: &Options, workplace: &Workplace) -> Outcome<Journal> {
    let start = |kept| workplace.start_seeded(Storage::Memory, &["--journal-entries", kept]);
    let [with, without] = [start(KEPT[0])?, start(KEPT[1])?];
    let pair = Pair { options, workplace, with: &with, without: &without };
    let rows = OPERATIONS.into_iter().map(|operation| pair.measure(operation));
    let rows = rows.collect::<Outcome<_>>()?;
    let memory = [rest::settled_memory(&with)?, rest::settled_memory(&without)?];
    with.stop()?;
    without.stop()?;
    Ok(Journal { rows, memory })
}

/// The two servers that take turns.
struct Pair<'a> {
    options: &'a Options,
    workplace: &'a Workplace<'a>,
    with: &'a Server,
    without: &'a Server,
}

impl Pair<'_> {
    fn measure(&self, operation: Operation) -> Outcome<Row> {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for round in 0..self.options.rounds {
            let mut turns = [(self.with, &mut with), (self.without, &mut without)];
            // Neither is always the first: the tickets of both grow, and the machine warms up.
            turns.rotate_left(round as usize % 2);
            for (server, rounds) in turns {
                rounds.push(self.round(server, operation, round)?);
            }
            let last = |rounds: &[Round]| rounds.last().map_or(0.0, |round| round.per_second);
            let (name, rates) = (operation.name(), [last(&with), last(&without)]);
            let [on, off] = rates.map(|rate| format!("{rate:.0}/s"));
            eprintln!("{name}, round {}: {on} with the journal, {off} without", round + 1);
        }
        let [with, without] = [with, without].map(|rounds| Median::of(&rounds));
        Ok(Row { operation, with, without })
    }

    fn round(&self, server: &Server, operation: Operation, round: u32) -> Outcome<Round> {
        let requests = operation.requests(server.address, self.options.tickets, round);
        let figures = wrk::load(self.workplace, server, &requests, self.options.seconds)?;
        match figures.refused + figures.lost {
            0 => Ok(figures),
            failed => Err(format!("{}: {failed} requests failed", operation.name()).into()),
        }
    }
}
