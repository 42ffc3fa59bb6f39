//! Whether a client of the event stream slows down the requests of others.

use std::{
    io::{self, Read, Write},
    iter,
    net::{Shutdown, TcpStream},
    thread::{self, JoinHandle},
};

use omnidesk_mock_bench::{
    BenchResult, connection::Response, context::BenchContext, load_generator,
    statistics::LatencySamples, storage::Storage, test_server::TestServer,
};

use crate::options::Options;

const TICKETS: u32 = 100;

/// Measurements of each kind of subscriber, in turn.
const ROUNDS: u32 = 5;

/// Requests before those that are timed: their events are far more than the buffers of a connection hold.
const FILL_REQUESTS: u32 = 4_000;

const CONNECTIONS: usize = 8;

#[derive(Clone, Copy, PartialEq)]
enum SubscriberKind {
    None,
    Reading,
    NotReading,
}

const SUBSCRIBER_KINDS: [(&str, SubscriberKind); 3] = [
    ("no stream", SubscriberKind::None),
    ("one stream, client reads", SubscriberKind::Reading),
    ("one stream, client does not read", SubscriberKind::NotReading),
];

pub(crate) struct StreamMeasurement {
    pub(crate) name: &'static str,
    pub(crate) reads: LatencySamples,
    pub(crate) writes: LatencySamples,
    /// The most resident memory after a round, in MB.
    pub(crate) memory: f64,
}

impl StreamMeasurement {
    pub(crate) fn run_all(options: &Options, context: &BenchContext) -> BenchResult<Vec<Self>> {
        let server = context.start_seeded_server(Storage::Memory, TICKETS)?;
        let mut all = SUBSCRIBER_KINDS.map(|(name, _)| {
            let (reads, writes) = (LatencySamples::default(), LatencySamples::default());
            Self { name, reads, writes, memory: 0.0 }
        });
        for round in 0..ROUNDS {
            for (measurement, (_, kind)) in all.iter_mut().zip(SUBSCRIBER_KINDS) {
                measurement.run_round(&server, kind, round, options.stream_requests / ROUNDS)?;
            }
        }
        server.stop()?;
        Ok(all.into())
    }

    fn run_round(
        &mut self,
        server: &TestServer,
        kind: SubscriberKind,
        round: u32,
        count: u32,
    ) -> BenchResult<()> {
        let subscriber = Subscriber::connect(server, kind)?;
        let requests = server.requests();
        let fill = (0..FILL_REQUESTS).map(|number| requests.get_ticket(2 + number % (TICKETS - 1)));
        load_generator::send_all(&mut server.connect_many(CONNECTIONS)?, fill)?;
        let reads = iter::repeat_with(|| requests.get_ticket(2)).take(count as usize);
        measure(server, &mut self.reads, reads)?;
        let name = self.name.replace(' ', "-");
        let writes =
            (0..count).map(|number| requests.update_title(1, &format!("{name}-{round}-{number}")));
        measure(server, &mut self.writes, writes)?;
        self.memory = self.memory.max(server.process.resident_memory()?);
        subscriber.map_or(Ok(()), Subscriber::disconnect)
    }
}

fn measure(
    server: &TestServer,
    samples: &mut LatencySamples,
    requests: impl Iterator<Item = String>,
) -> BenchResult<()> {
    let measured = server.measure(&mut server.connect()?, requests, Response::check_success)?;
    samples.extend(measured);
    Ok(())
}

/// A client of the event stream.
struct Subscriber {
    stream: TcpStream,
    reader: Option<JoinHandle<()>>,
}

impl Subscriber {
    fn connect(server: &TestServer, kind: SubscriberKind) -> BenchResult<Option<Self>> {
        if kind == SubscriberKind::None {
            return Ok(None);
        }
        let mut stream = TcpStream::connect(server.process.address)?;
        let request = server.requests().get("/_control/accounts/self/requests/stream");
        stream.write_all(request.as_bytes())?;
        let mut status_line = [0; 12];
        stream.read_exact(&mut status_line)?;
        if status_line != *b"HTTP/1.1 200" {
            return Err(format!("the stream begins with {}", status_line.escape_ascii()).into());
        }
        let mut copy = stream.try_clone()?;
        let read = move || drop(io::copy(&mut copy, &mut io::sink()));
        let reader = (kind == SubscriberKind::Reading).then(|| thread::spawn(read));
        Ok(Some(Self { stream, reader }))
    }

    fn disconnect(self) -> BenchResult<()> {
        self.stream.shutdown(Shutdown::Both)?;
        match self.reader.map(JoinHandle::join) {
            Some(Err(_)) => Err("the thread that reads the stream panicked".into()),
            _ => Ok(()),
        }
    }
}
