//! The rounds: in each a turn without the crowd and one with it, which of them first by turns.

use std::time::Instant;

use crate::{
    Outcome,
    connection::Connection,
    crowd::Crowd,
    desk::{Desk, TICKETS},
    load,
    machine::Machine,
    options::Options,
    storage::Storage,
    times::Times,
};

/// Those over which many requests are sent at once.
const CONNECTIONS: usize = 32;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Request {
    Show,
    Create,
}

pub(crate) const REQUESTS: [(&str, Request); 2] =
    [("GET item", Request::Show), ("POST create, multipart", Request::Create)];

/// What one kind of request came to in one turn.
#[derive(Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) per_second: f64,
    /// In milliseconds, as the next one.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Processor time of the server for one request over one connection, in milliseconds.
    pub(crate) cpu: f64,
}

/// The figures of each kind of request, turn by turn.
#[derive(Default)]
pub(crate) struct Turns(pub(crate) [Vec<Figures>; 2]);

#[derive(Default)]
pub(crate) struct Measured {
    pub(crate) without: Turns,
    pub(crate) with: Turns,
    /// How many of the crowd had gone by the end of a turn, at most.
    pub(crate) gone: usize,
    /// Resident memory without the crowd and with it, in MB, at most.
    pub(crate) memory: [f64; 2],
}

impl Measured {
    pub(crate) fn take(options: &Options, machine: &Machine, storage: Storage) -> Outcome<Self> {
        let desk = Desk::open(machine, storage)?;
        let mut measured = Self::default();
        let mut number = 0;
        turn(options, &desk, &mut number)?;
        for round in 0..options.rounds {
            eprintln!("{}, round {}", storage.flag(), round + 1);
            for is_crowded in [round % 2 == 0, round % 2 != 0] {
                let crowd =
                    is_crowded.then(|| Crowd::gather(&desk, options.clients)).transpose()?;
                let figures = turn(options, &desk, &mut number)?;
                measured.add(options, &desk, crowd.as_ref(), figures)?;
            }
        }
        desk.server.stop()?;
        Ok(measured)
    }

    fn add(
        &mut self,
        options: &Options,
        desk: &Desk,
        crowd: Option<&Crowd>,
        figures: [Figures; 2],
    ) -> Outcome<()> {
        let memory = &mut self.memory[usize::from(crowd.is_some())];
        *memory = memory.max(desk.server.memory()?);
        if let Some(crowd) = crowd {
            self.gone = self.gone.max(options.clients as usize - crowd.left());
        }
        let turns = if crowd.is_some() { &mut self.with } else { &mut self.without };
        for (all, figures) in turns.0.iter_mut().zip(figures) {
            all.push(figures);
        }
        Ok(())
    }
}

/// Each kind of request once: some over one connection, and many over many.
fn turn(options: &Options, desk: &Desk, number: &mut u32) -> Outcome<[Figures; 2]> {
    let mut one = desk.connect()?;
    let mut many =
        (0..CONNECTIONS).map(|_| desk.connect()).collect::<Outcome<Vec<Connection>>>()?;
    let mut figures = Vec::new();
    for (_, kind) in REQUESTS {
        let mut next = || {
            *number += 1;
            match kind {
                Request::Show => desk.show(1 + *number % TICKETS),
                Request::Create => desk.create(*number),
            }
        };
        let single: Vec<String> = (0..options.timed).map(|_| next()).collect();
        let crowded: Vec<String> = (0..options.crowded).map(|_| next()).collect();
        let waited = time(desk, &mut one, &single)?;
        let began = Instant::now();
        load::send_all(&mut many, crowded.into_iter())?;
        figures.push(Figures {
            per_second: f64::from(options.crowded) / began.elapsed().as_secs_f64(),
            p50: waited.percentile(50),
            p99: waited.percentile(99),
            cpu: waited.cpu(),
        });
    }
    figures.try_into().map_err(|_| "each kind has its figures".into())
}

fn time(desk: &Desk, connection: &mut Connection, requests: &[String]) -> Outcome<Times> {
    let (mut times, mut elapsed) = (Times::default(), Vec::new());
    let before = desk.server.cpu_seconds()?;
    for request in requests {
        let began = Instant::now();
        let answer = connection.ask(request)?;
        elapsed.push(began.elapsed());
        answer.succeeded()?;
    }
    times.add(elapsed, desk.server.cpu_seconds()? - before);
    Ok(times)
}
