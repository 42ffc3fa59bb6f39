//! An account of one size on a server of its own, with what that holds.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{
    Outcome,
    desk::Desk,
    fill::Filler,
    machine::Machine,
    operation::{Operation, Phase},
    options::Options,
    session::Session,
};

/// How long the server is left alone before its memory is read.
const SETTLE: Duration = Duration::from_millis(500);

/// What changes a thousand tickets, or all of them, is repeated no more than so often.
const FEW: u32 = 20;

/// Each operation is repeated at one size after the other, and over again, so that what else goes on spoils none of
/// the sizes alone.
const ROUNDS: u32 = 5;

pub(crate) struct Size {
    pub(crate) tickets: u32,
    pub(crate) session: Session,
    /// Creations in a second, over all connections of the filling.
    pub(crate) rate: f64,
    /// Processor time of one of them, in milliseconds.
    pub(crate) cpu: f64,
    /// Resident memory after the filling, in MB.
    pub(crate) memory: f64,
    /// The most of it in each phase.
    pub(crate) most: [f64; Phase::COUNT],
    /// What the data folder holds after the filling, in MB.
    pub(crate) files: f64,
}

impl Size {
    pub(crate) fn fill(options: &Options, machine: &Machine, tickets: u32) -> Outcome<Self> {
        let desk = Desk::open(machine, options.storage())?;
        let mut filler = Filler::new(&desk, options.connections)?;
        let (began, cpu) = (Instant::now(), desk.server.cpu_seconds()?);
        let ids = filler.create(&desk, tickets)?;
        let rate = f64::from(tickets) / began.elapsed().as_secs_f64();
        let cpu = (desk.server.cpu_seconds()? - cpu) * 1e3 / f64::from(tickets);
        filler.sort_out(&desk, &ids)?;
        if options.archived {
            let mut line = desk.line()?;
            line.send(&desk.control("POST", "/dev/clock/advance", Some(r#"{"by":"31d"}"#)))?;
            line.answer()?.expect(200)?;
        }
        thread::sleep(SETTLE);
        let (memory, files) = (desk.server.memory()?, desk.file_size()?);
        let session = Session::new(desk, filler, ids)?;
        Ok(Self { tickets, session, rate, cpu, memory, most: [0.0; Phase::COUNT], files })
    }

    /// One round of an operation.
    fn measure(&mut self, operation: Operation, repetitions: u32) -> Outcome<()> {
        self.session.measure(operation, repetitions)?;
        let most = &mut self.most[operation.phase() as usize];
        *most = most.max(self.session.desk.server.memory()?);
        Ok(())
    }
}

/// Takes all sizes through all operations.
pub(crate) fn measure(sizes: &mut [Size], repetitions: u32) -> Outcome<()> {
    for operation in Operation::steps() {
        let all = if operation.is_small() { repetitions } else { repetitions.min(FEW) };
        for _ in 0..ROUNDS {
            for size in &mut *sizes {
                size.measure(operation, all.div_ceil(ROUNDS))?;
            }
        }
    }
    Ok(())
}
