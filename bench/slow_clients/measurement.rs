//! The rounds: each measures without and with slow clients, and which of them comes first alternates.

use std::time::Instant;

use omnidesk_mock_bench::{
    BenchResult,
    connection::Response,
    context::BenchContext,
    load_generator,
    request::RequestEncoder,
    storage::Storage,
    test_server::{ServerConfig, TestServer},
};

use crate::{options::Options, slow_clients::SlowClients};

/// Connections for the throughput.
const CONNECTIONS: usize = 32;

const TICKETS: u32 = 200;

/// The slow clients must stay connected for longer than a measurement takes.
const LONG_TIMEOUTS: [&str; 8] = [
    "--header-timeout",
    "10m",
    "--body-timeout",
    "10m",
    "--idle-timeout",
    "10m",
    "--send-timeout",
    "10m",
];

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum RequestKind {
    GetItem,
    Create,
}

pub(crate) const REQUEST_KINDS: [(&str, RequestKind); 2] =
    [("GET item", RequestKind::GetItem), ("POST create, multipart", RequestKind::Create)];

/// The figures of one kind of request in one measurement.
#[derive(Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) requests_per_second: f64,
    /// Latency over one connection, in milliseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Processor time of the server for one request over one connection, in milliseconds.
    pub(crate) cpu: f64,
}

/// By kind of request: the figures of all rounds.
#[derive(Default)]
pub(crate) struct Series(pub(crate) [Vec<Figures>; 2]);

#[derive(Default)]
pub(crate) struct Measurement {
    pub(crate) without: Series,
    pub(crate) with: Series,
    /// The most slow clients that were disconnected at the end of a measurement.
    pub(crate) disconnected: usize,
    /// The most resident memory without and with slow clients, in MB.
    pub(crate) memory: [f64; 2],
}

impl Measurement {
    pub(crate) fn run(
        options: &Options,
        context: &BenchContext,
        storage: Storage,
    ) -> BenchResult<Self> {
        let (seed_tickets, flags) = (Some(TICKETS), &LONG_TIMEOUTS);
        let server = context.start_server(&ServerConfig { storage, seed_tickets, flags })?;
        let mut measurement = Self::default();
        let mut request_number = 0;
        // The warm-up.
        measure_once(options, &server, &mut request_number)?;
        for round in 0..options.rounds {
            eprintln!("{}, round {}", storage.flag(), round + 1);
            for has_slow_clients in [round % 2 == 0, round % 2 != 0] {
                let slow_clients = has_slow_clients
                    .then(|| SlowClients::connect(&server, options.clients))
                    .transpose()?;
                let figures = measure_once(options, &server, &mut request_number)?;
                measurement.add(options, &server, slow_clients.as_ref(), figures)?;
            }
        }
        server.stop()?;
        Ok(measurement)
    }

    fn add(
        &mut self,
        options: &Options,
        server: &TestServer,
        slow_clients: Option<&SlowClients>,
        figures: [Figures; 2],
    ) -> BenchResult<()> {
        let memory = &mut self.memory[usize::from(slow_clients.is_some())];
        *memory = memory.max(server.process.resident_memory()?);
        if let Some(clients) = slow_clients {
            let disconnected = options.clients as usize - clients.connected_count();
            self.disconnected = self.disconnected.max(disconnected);
        }
        let series = if slow_clients.is_some() { &mut self.with } else { &mut self.without };
        for (all, figures) in series.0.iter_mut().zip(figures) {
            all.push(figures);
        }
        Ok(())
    }
}

pub(crate) fn create_request(requests: RequestEncoder, number: u32) -> String {
    let title = format!("Order {number} arrived with a broken screen and without its charger");
    requests.create_ticket(&[
        ("brandID", "1"),
        ("channelID", "1"),
        ("direction", "inbound"),
        ("from", "ada@example.test"),
        ("to", "desk@example.test"),
        ("title", &title),
    ])
}

/// Measures each kind of request once: latency over one connection, throughput over many.
fn measure_once(
    options: &Options,
    server: &TestServer,
    request_number: &mut u32,
) -> BenchResult<[Figures; 2]> {
    let (mut connection, mut connections) = (server.connect()?, server.connect_many(CONNECTIONS)?);
    let requests = server.requests();
    let mut figures = Vec::new();
    for (_, kind) in REQUEST_KINDS {
        let mut next_request = || {
            *request_number += 1;
            match kind {
                RequestKind::GetItem => requests.get_ticket(1 + *request_number % TICKETS),
                RequestKind::Create => create_request(requests, *request_number),
            }
        };
        let sequential: Vec<_> = (0..options.sequential).map(|_| next_request()).collect();
        let concurrent: Vec<_> = (0..options.concurrent).map(|_| next_request()).collect();
        let samples =
            server.measure(&mut connection, sequential.iter(), Response::check_success)?;
        let start = Instant::now();
        load_generator::send_all(&mut connections, concurrent.into_iter())?;
        figures.push(Figures {
            requests_per_second: f64::from(options.concurrent) / start.elapsed().as_secs_f64(),
            p50: samples.percentile(50),
            p99: samples.percentile(99),
            cpu: samples.mean_cpu(),
        });
    }
    figures.try_into().map_err(|_| "a kind of request has no figures".into())
}
