//! An account of one size on a server of its own, with its memory and disk usage.

use std::{
    thread,
    time::{Duration, Instant},
};

use omnidesk_mock_bench::{
    BenchResult, context::BenchContext, seed::API_KEY, test_server::ServerConfig,
};

use crate::{
    fill::AccountFiller,
    operation::{Operation, Phase},
    options::Options,
    session::Session,
};

/// Pause before the memory is read.
const SETTLE_TIME: Duration = Duration::from_millis(500);

/// Maximum repetitions of an operation on 1,000 tickets or on all.
const MAX_LARGE_REPETITIONS: u32 = 20;

/// The repetitions of an operation are spread over this number of rounds, which alternate between the sizes, so that
/// noise affects all sizes alike.
const ROUNDS: u32 = 5;

pub(crate) struct MeasuredSize {
    pub(crate) tickets: u32,
    pub(crate) session: Session,
    /// Tickets created per second, over all connections.
    pub(crate) creation_rate: f64,
    /// Processor time of one creation, in milliseconds.
    pub(crate) creation_cpu: f64,
    /// Resident memory of the filled account, in MB.
    pub(crate) filled_memory: f64,
    /// Peak of the resident memory in each phase, in MB.
    pub(crate) peak_memory: [f64; Phase::COUNT],
    /// Size of the data folder of the filled account, in MB.
    pub(crate) data_folder_size: f64,
}

impl MeasuredSize {
    pub(crate) fn fill(
        options: &Options,
        context: &BenchContext,
        tickets: u32,
    ) -> BenchResult<Self> {
        // Small accounts wait while a large one is filled.
        let flags = ["--api-key", API_KEY, "--idle-timeout", "6h"];
        let storage = options.storage();
        let config = ServerConfig { storage, seed_tickets: None, flags: &flags };
        let server = context.start_server(&config)?;
        let mut filler = AccountFiller::connect(&server, options.connections)?;
        let (start, cpu_before) = (Instant::now(), server.process.cpu_seconds()?);
        let ids = filler.create_tickets(tickets)?;
        let creation_rate = f64::from(tickets) / start.elapsed().as_secs_f64();
        let cpu_seconds = server.process.cpu_seconds()? - cpu_before;
        filler.set_statuses_and_priorities(&ids)?;
        if options.archived {
            let path = "/_control/accounts/dev/clock/advance";
            let advance = server.requests().with_json("POST", path, r#"{"by":"31d"}"#);
            server.connect()?.exchange(&advance)?.expect_status(200)?;
        }
        thread::sleep(SETTLE_TIME);
        Ok(Self {
            tickets,
            creation_rate,
            creation_cpu: cpu_seconds * 1e3 / f64::from(tickets),
            filled_memory: server.process.resident_memory()?,
            peak_memory: [0.0; Phase::COUNT],
            data_folder_size: server.data_folder_size(),
            session: Session::new(server, filler, ids)?,
        })
    }

    /// One round of an operation.
    fn measure(&mut self, operation: Operation, repetitions: u32) -> BenchResult<()> {
        self.session.measure(operation, repetitions)?;
        let peak = &mut self.peak_memory[operation.phase() as usize];
        *peak = peak.max(self.session.server.process.resident_memory()?);
        Ok(())
    }
}

/// Measures all operations at all sizes.
pub(crate) fn measure_all(sizes: &mut [MeasuredSize], repetitions: u32) -> BenchResult<()> {
    for operation in Operation::measured() {
        let total =
            if operation.is_small() { repetitions } else { repetitions.min(MAX_LARGE_REPETITIONS) };
        for _ in 0..ROUNDS {
            for size in &mut *sizes {
                size.measure(operation, total.div_ceil(ROUNDS))?;
            }
        }
    }
    Ok(())
}
