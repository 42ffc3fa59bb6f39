//! The server under load: each operation in alternating rounds with the bare server.

use omnidesk_mock_bench::{
    BenchResult, server_process::ServerProcess, statistics::median, storage::Storage,
};

use crate::{
    alternating_rounds::{AlternatingRounds, NoiseCount},
    launcher::{ServerLauncher, settled_memory},
    operation::Operation,
    options::Options,
    readiness::send_once,
    wrk::Round,
};

/// All operations on both kinds of storage.
pub(crate) struct LoadMeasurement {
    pub(crate) rows: Vec<Row>,
    /// Memory after all operations, by server, in MB.
    pub(crate) memory: Vec<(String, f64)>,
}

/// One operation on one kind of storage.
pub(crate) struct Row {
    pub(crate) operation: Operation,
    pub(crate) storage: Storage,
    /// Size of the response body, in bytes.
    pub(crate) response_bytes: usize,
    /// Memory of the server under test after the last round, in MB.
    pub(crate) memory: f64,
    pub(crate) noise: NoiseCount,
    pub(crate) tested: MedianFigures,
    pub(crate) bare: MedianFigures,
    /// Failed requests to the server under test, in all rounds.
    pub(crate) error_responses: u32,
    pub(crate) lost_requests: u32,
}

/// The median of each figure over several rounds.
pub(crate) struct MedianFigures {
    pub(crate) requests_per_second: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) cpu: f64,
}

impl LoadMeasurement {
    /// Fails if any request failed: the figures would be those of error responses.
    pub(crate) fn check_failures(&self) -> BenchResult<()> {
        let failed = self.rows.iter().filter(|row| row.failed_requests() > 0);
        let lines: Vec<_> = failed
            .map(|row| {
                let (name, flag) = (row.operation.name(), row.storage.flag());
                let Row { error_responses, lost_requests, .. } = row;
                format!("{name}, {flag}: {error_responses} error responses, {lost_requests} lost")
            })
            .collect();
        if lines.is_empty() {
            return Ok(());
        }
        Err(format!("some requests failed\n{}", lines.join("\n")).into())
    }
}

impl MedianFigures {
    pub(crate) fn of_rounds(rounds: &[Round]) -> Self {
        let of = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
        Self {
            requests_per_second: of(|round| round.requests_per_second),
            p50: of(|round| round.p50),
            p99: of(|round| round.p99),
            cpu: of(|round| round.cpu),
        }
    }
}

pub(crate) fn measure(
    options: &Options,
    launcher: &ServerLauncher,
) -> BenchResult<LoadMeasurement> {
    let mut load = LoadMeasurement { rows: Vec::new(), memory: Vec::new() };
    for storage in Storage::ALL {
        let tested = start_server(launcher, storage)?;
        let sizes = response_sizes(&tested, options.tickets)?;
        let bare = launcher.start_bare(&sizes)?;
        let servers = [("bare", &bare), (storage.flag(), &tested)];
        let alternating = AlternatingRounds::new(options, launcher, servers);
        for (operation, size) in Operation::ALL.into_iter().zip(sizes) {
            let rounds = alternating.run(operation, options.tickets)?;
            let memory = settled_memory(&tested)?;
            load.rows.push(Row::new(operation, storage, rounds, (size, memory))?);
        }
        let flag = storage.flag();
        load.memory.push((format!("after the load, {flag}"), tested.resident_memory()?));
        load.memory.push((format!("bare server, compared with {flag}"), bare.resident_memory()?));
        tested.stop()?;
    }
    Ok(load)
}

/// Starts the server with the account of the seed. With files, the server has not loaded the seed itself, so that this
/// is not part of its memory.
fn start_server(launcher: &ServerLauncher, storage: Storage) -> BenchResult<ServerProcess> {
    if storage == Storage::Memory {
        return launcher.start_with_seed(storage, &[]);
    }
    launcher.create_data(&launcher.seed_file(), &launcher.seeded_data())?;
    launcher.start_on_data(&launcher.seeded_data())
}

impl Row {
    fn new(
        operation: Operation,
        storage: Storage,
        [bare, tested]: [Vec<Round>; 2],
        (response_bytes, memory): (usize, f64),
    ) -> BenchResult<Self> {
        if bare.iter().any(|round| round.failed_requests() > 0) {
            return Err(format!("{}: requests to the bare server failed", operation.name()).into());
        }
        Ok(Self {
            operation,
            storage,
            response_bytes,
            memory,
            noise: NoiseCount::of_rounds(bare.iter().chain(&tested)),
            error_responses: tested.iter().map(|round| round.error_responses).sum(),
            lost_requests: tested.iter().map(|round| round.lost_requests).sum(),
            tested: MedianFigures::of_rounds(&tested),
            bare: MedianFigures::of_rounds(&bare),
        })
    }

    pub(crate) fn failed_requests(&self) -> u32 {
        self.error_responses + self.lost_requests
    }
}

/// Sends one request of each operation. This shows the text of an error response before the load starts.
fn response_sizes(server: &ServerProcess, tickets: u32) -> BenchResult<Vec<usize>> {
    Operation::ALL
        .into_iter()
        .map(|operation| {
            // The rounds have numbers from 1, so the first of them changes these tickets again.
            let requests = operation.requests(server.address, tickets, 0);
            let response = send_once(server.address, &requests[0])?;
            let result = response.check_success();
            result.map_err(|error| format!("{}: {error}", operation.name()))?;
            Ok(response.body.len())
        })
        .collect()
}
