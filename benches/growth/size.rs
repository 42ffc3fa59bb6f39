//! An account of one size: filled, asked, reset, with what it holds.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{
    Outcome,
    desk::Desk,
    fill::Filler,
    machine::Machine,
    options::Options,
    reset,
    session::{Medians, Session},
};

/// How long the server is left alone before its memory is read.
const SETTLE: Duration = Duration::from_millis(500);

pub(crate) struct Size {
    pub(crate) tickets: u32,
    pub(crate) medians: Medians,
    /// Creations in a second, over all connections of the filling.
    pub(crate) rate: f64,
    /// Processor time of one of them, in milliseconds.
    pub(crate) cpu: f64,
    /// Resident memory after the filling, after the reads, and after the writes, in MB.
    pub(crate) memory: [f64; 3],
    /// What the data folder holds after the filling, in MB.
    pub(crate) files: f64,
}

impl Size {
    /// All of it on a server of its own.
    pub(crate) fn measure(options: &Options, machine: &Machine, tickets: u32) -> Outcome<Self> {
        let desk = Desk::open(machine, options.storage())?;
        let mut filler = Filler::new(&desk, options.connections)?;
        let (ids, rate, cpu) = fill(&desk, &mut filler, tickets)?;
        if options.archived {
            let mut line = desk.line()?;
            line.send(&desk.control("POST", "/dev/clock/advance", Some(r#"{"by":"31d"}"#)))?;
            line.answer()?.expect(200)?;
        }
        let (at_first, files) = (memory(&desk)?, desk.file_size()?);
        let mut session = Session::new(&desk, ids, options.repetitions)?;
        session.read()?;
        let read = memory(&desk)?;
        session.write(&mut filler)?;
        let memory = [at_first, read, memory(&desk)?];
        let oldest = session.oldest();
        let mut medians = session.medians;
        reset::measure(&desk, oldest, options.repetitions, &mut medians)?;
        desk.server.stop()?;
        Ok(Self { tickets, medians, rate, cpu, memory, files })
    }
}

/// The ids of the tickets, how many were made in a second, and the processor time of one in milliseconds.
fn fill(desk: &Desk, filler: &mut Filler, tickets: u32) -> Outcome<(Vec<u64>, f64, f64)> {
    let (began, cpu) = (Instant::now(), desk.server.cpu_seconds()?);
    let ids = filler.create(tickets)?;
    let rate = f64::from(tickets) / began.elapsed().as_secs_f64();
    let cpu = (desk.server.cpu_seconds()? - cpu) * 1e3 / f64::from(tickets);
    filler.sort_out(&ids)?;
    Ok((ids, rate, cpu))
}

fn memory(desk: &Desk) -> Outcome<f64> {
    thread::sleep(SETTLE);
    desk.server.memory()
}
