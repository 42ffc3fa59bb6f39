//! The journal: how soon a waiting test gets its response, how long a verification of a full journal takes, whether a
//! client of the event stream slows down others, and how much memory the journal takes.

#![expect(clippy::print_stderr, reason = "a benchmark prints to a terminal")]

use std::net::Shutdown;

use omnidesk_mock_bench::prelude::*;

/// The server's default capacity.
const CAPACITY: u32 = 1_000;

/// Pause before a write, so that the server has processed the waits: in any case, and more for each of them.
const PAUSE: Duration = Duration::from_millis(2);
const PAUSE_PER_WAITER: Duration = Duration::from_micros(60);

/// Writes: name, number of clients that wait for it, and whether they wait for the ticket instead of the request.
const WAITS: [(&str, u32, bool); 5] = [
    ("PUT item, nobody waits", 0, false),
    ("PUT item, 1 waits for the request", 1, false),
    ("PUT item, 50 wait for the request", 50, false),
    ("PUT item, 1 waits for the ticket", 1, true),
    ("PUT item, 50 wait for the ticket", 50, true),
];

/// Queries of a full journal: name, request, and the status of the response.
const QUERIES: [(&str, &str, u16); 5] = [
    (
        "verify: operation and field, 250 match",
        r#"POST /_control/accounts/self/verify json {"operation":"ticket.setStatus","fields":{"status":"solved"},"count":{"exactly":250}}"#,
        200,
    ),
    (
        "verify: a pattern on a field, 25 match",
        r#"POST /_control/accounts/self/verify json {"fields":{"title":{"matches":"^Renamed-[0-9]*7$"}},"count":{"exactly":25}}"#,
        200,
    ),
    (
        "verify: three in order, the last is missing",
        r#"POST /_control/accounts/self/verify json {"order":[{"operation":"ticket.get"},{"operation":"ticket.update"},{"operation":"ticket.delete"}]}"#,
        409,
    ),
    (
        "verify: none matches, with near misses",
        r#"POST /_control/accounts/self/verify json {"operation":"ticket.setStatus","fields":{"status":"holding"}}"#,
        409,
    ),
    ("all entries", "GET /_control/accounts/self/requests", 200),
];

/// Measurements of each kind of stream client, in turn.
const STREAM_ROUNDS: u32 = 5;
/// Requests before those that are timed: their events are far more than the buffers of a connection hold.
const STREAM_EVENTS: u32 = 4_000;

/// Clients of the event stream.
const STREAMS: [&str; 3] =
    ["no stream", "one stream, client reads", "one stream, client does not read"];

/// How often the memory is read.
const MEMORY_SAMPLES: u32 = 10;
/// Requests to an account before the next account: the server keeps about 60 databases open, and this benchmark is not
/// about opening them.
const REQUESTS_PER_ACCOUNT: u32 = 500;
/// Tickets of each account while the memory is measured. Half of them are only read, so that the size of their responses
/// stays the same.
const MEMORY_TICKETS: u32 = 200;

/// Measures waits, verification, event streams and memory of the journal.
#[derive(Parser)]
struct Options {
    /// Requests while the memory is measured, by one account and by many, without a journal and with it
    #[arg(long, default_value_t = 200_000, value_parser = value_parser!(u32).range(1_000..=100_000_000))]
    memory_requests: u32,
    #[command(flatten)]
    common: CommonOptions,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let Some(bench) = Bench::start("journal", &options.common)? else { return Ok(()) };
    bench.pin_client();
    let mut report = Report::new(include_str!("report.md"), &bench);
    measure_waits(&bench, &mut report)?;
    measure_queries(&bench, &mut report)?;
    measure_streams(&bench, &mut report)?;
    measure_memory(&bench, options.memory_requests, &mut report)?;
    report.publish("journal")
}

/// A `GET` of the control API about the account of the seed.
fn control_get(rest: &str) -> String {
    KEY.get(&format!("{ACCOUNTS}/self/{rest}"))
}

/// How soon a client that waits for a request or a ticket gets its response.
fn measure_waits(bench: &Bench, report: &mut Report) -> Result<()> {
    let rounds = bench.count(1_000, 50);
    let mut rows = Vec::new();
    for storage in Storage::ALL {
        eprintln!("waits, {}", storage.flag());
        let server = bench.start_server(storage, 100, &[])?;
        let single = |name: &str, request: String| -> Result<Vec<String>> {
            let requests = repeat_n(request, rounds as usize).inspect(|_| thread::sleep(PAUSE));
            let samples = server.measure(requests, Response::check_success)?;
            let [p50, p99, cpu] = fixed(samples.figures(), 3);
            Ok(row![name, storage.flag(), p50, p99, "", "", cpu])
        };
        rows.push(single("GET item", KEY.get_ticket(2))?);
        let mut titles = (1..).map(|number| format!("Renamed-{number}"));
        let mut write_rows = Vec::new();
        for (name, waiters, for_ticket) in WAITS {
            let titles = titles.by_ref().take(rounds as usize);
            let (write, wake_up) = measure_wait(&server, waiters, for_ticket, titles)?;
            let [p50, p99, cpu] = fixed(write.figures(), 3);
            let [wake_p50, wake_p99, _] =
                fixed(wake_up.figures(), 3).map(|cell| cell.replace("NaN", ""));
            write_rows.push(row![name, storage.flag(), p50, p99, wake_p50, wake_p99, cpu]);
        }
        // After the writes, because one of them is the request that it finds.
        rows.push(single("wait for a past request", control_get("wait?operation=ticket.update"))?);
        rows.extend(write_rows);
        server.stop()?;
    }
    report.fill("rounds", rounds);
    report.table("waits", &rows);
    Ok(())
}

/// Writes each title while clients wait for it. Returns the latencies of the writes, and from each response until the
/// last waiting client has read its own.
fn measure_wait(
    server: &Server,
    waiters: u32,
    for_ticket: bool,
    titles: impl Iterator<Item = String>,
) -> Result<(Samples, Samples)> {
    let cursor = |response: &Response| -> Result<String> {
        Ok(response.json()?["cursor"].as_str().context("no cursor")?.to_owned())
    };
    let (mut connection, mut waiting) = (server.connect()?, server.connect_many(waiters)?);
    let mut since = cursor(&connection.exchange(&control_get("requests"))?)?;
    let (mut writes, mut wake_ups) = (Samples::default(), Samples::default());
    let cpu_before = server.cpu_seconds()?;
    for title in titles {
        let condition = if for_ticket {
            format!("ticket=1&title={title}")
        } else {
            format!("operation=ticket.update&since={since}")
        };
        let wait = control_get(&format!("wait?{condition}&timeout=20s"));
        waiting.iter_mut().try_for_each(|waiter| waiter.send(&wait))?;
        thread::sleep(PAUSE + waiters * PAUSE_PER_WAITER);
        let (latency, _) = connection.time(&KEY.update_title(1, &title))?;
        let written = Instant::now();
        let responses =
            waiting.iter_mut().map(Connection::receive).collect::<Result<Vec<_>, _>>()?;
        let wake_up = milliseconds(written.elapsed());
        writes.latencies.push(latency);
        for (index, response) in responses.iter().enumerate() {
            since = cursor(response)?;
            if index == 0 {
                wake_ups.latencies.push(wake_up);
            }
        }
    }
    writes.cpu_seconds = server.cpu_seconds()? - cpu_before;
    Ok((writes, wake_ups))
}

/// How long queries of a full journal take.
fn measure_queries(bench: &Bench, report: &mut Report) -> Result<()> {
    eprintln!("verification of a full journal");
    let tickets = CAPACITY / 4;
    let server = bench.start_server(Storage::Memory, tickets, &[])?;
    // Two reads and two writes of each ticket: as many requests as the journal can hold.
    let requests = (1..=tickets).flat_map(|ticket| {
        [
            KEY.get_ticket(ticket),
            KEY.update_title(ticket, &format!("Renamed-{ticket}")),
            KEY.get_ticket(ticket),
            KEY.set("status", "solved", &[ticket]),
        ]
    });
    send_all(&mut server.connect_many(4)?, requests)?;
    let repetitions = bench.count(300, 30);
    let mut rows = Vec::new();
    for (name, line, status) in QUERIES {
        let requests = repeat_n(KEY.line(line), repetitions as usize);
        let mut response_bytes = 0;
        let samples = server.measure(requests, |response| {
            response_bytes = response.body.len();
            response.expect(status).context(name).map(drop)
        })?;
        rows.push([row![name, response_bytes], fixed(samples.figures(), 3).into()].concat());
    }
    server.stop()?;
    report.fill("repetitions", repetitions);
    report.table("queries", &rows);
    Ok(())
}

/// Whether a client of the event stream slows down the requests of others.
fn measure_streams(bench: &Bench, report: &mut Report) -> Result<()> {
    eprintln!("event streams");
    let server = bench.start_server(Storage::Memory, 100, &[])?;
    let count = bench.count(2_000, 100) / STREAM_ROUNDS;
    // By kind of client: samples of reads and of writes, and the most resident memory after a round.
    let mut all: [([Samples; 2], f64); STREAMS.len()] = Default::default();
    for round in 0..STREAM_ROUNDS {
        for (kind, (samples, memory)) in all.iter_mut().enumerate() {
            let stream = (kind > 0).then(|| open_stream(&server)).transpose()?;
            // Without a reader, the client of the stream does not read.
            let reader = stream.as_ref().filter(|_| kind == 1).map(TcpStream::try_clone);
            let reader = reader
                .transpose()?
                .map(|mut stream| thread::spawn(move || io::copy(&mut stream, &mut io::sink())));
            let events = (0..STREAM_EVENTS).map(|number| KEY.get_ticket(2 + number % 99));
            send_all(&mut server.connect_many(8)?, events)?;
            let reads = repeat_n(KEY.get_ticket(2), count as usize);
            samples[0].extend(server.measure(reads, Response::check_success)?);
            let writes = (0..count)
                .map(|number| KEY.update_title(1, &format!("Renamed-{kind}-{round}-{number}")));
            samples[1].extend(server.measure(writes, Response::check_success)?);
            *memory = server.memory()?.max(*memory);
            stream.map_or(Ok(()), |stream| stream.shutdown(Shutdown::Both))?;
            // The end of the stream ends the reader.
            let _ = reader.map(thread::JoinHandle::join);
        }
    }
    server.stop()?;
    report.fill("stream_requests", count * STREAM_ROUNDS);
    let mut rows = Vec::new();
    for (name, (samples, memory)) in STREAMS.iter().zip(&all) {
        for (request, samples) in ["GET item", "PUT item"].iter().zip(samples) {
            let [p50, p99, cpu] = fixed(samples.figures(), 3);
            rows.push(row![name, request, p50, p99, cpu, format_args!("{memory:.1}")]);
        }
    }
    report.table("streams", &rows);
    Ok(())
}

fn open_stream(server: &Server) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(server.address)?;
    stream.write_all(control_get("requests/stream").as_bytes())?;
    let mut status_line = [0; 12];
    stream.read_exact(&mut status_line)?;
    let text = status_line.escape_ascii();
    ensure!(status_line == *b"HTTP/1.1 200", "the stream begins with {text}");
    Ok(stream)
}

/// The resident memory after many requests: one account and many, each without a journal and with it.
fn measure_memory(bench: &Bench, requests: u32, report: &mut Report) -> Result<()> {
    let many = bench.count(100, 10);
    let step = requests / MEMORY_SAMPLES;
    let mut rows: Vec<_> = (0..=MEMORY_SAMPLES).map(|sample| row![step * sample]).collect();
    for accounts in [1, many] {
        for (suffix, flags) in [(", no journal", &["--journal-entries=0"][..]), ("", &[])] {
            eprintln!("memory, {accounts} accounts{suffix}");
            // The accounts are in files, so that the growth of their databases is not in memory.
            let server = bench.start_server(Storage::Files, MEMORY_TICKETS, flags)?;
            let mut connections = server.connect_many(32)?;
            let mut keys = Vec::new();
            for _ in 0..accounts {
                let created =
                    connections[0].exchange(&KEY.without_body("POST", ACCOUNTS))?.json()?;
                keys.push(created["api_key"].as_str().context("no key")?.to_owned());
            }
            send_all(&mut connections, keys.iter().map(|key| Requests(key).get_ticket(1)))?;
            for (sample, row) in (0..).zip(&mut rows) {
                if sample > 0 {
                    let numbers = (sample - 1) * step..sample * step;
                    send_all(&mut connections, numbers.map(|number| mixed_request(&keys, number)))?;
                }
                row.extend(fixed([server.memory()?], 1));
            }
            server.stop()?;
        }
    }
    report.fill("memory_requests", requests);
    report.fill("accounts", many);
    report.table("memory", &rows);
    Ok(())
}

/// The request with this number: four in five are reads, one is a write.
fn mixed_request(keys: &[String], number: u32) -> String {
    let (block, offset) = (number / REQUESTS_PER_ACCOUNT, number % REQUESTS_PER_ACCOUNT);
    let accounts = u32::try_from(keys.len()).unwrap_or(u32::MAX);
    let requests = Requests(&keys[(block % accounts) as usize]);
    // The number of the request within its account.
    let index = block / accounts * REQUESTS_PER_ACCOUNT + offset;
    let half = MEMORY_TICKETS / 2;
    if index % 5 < 4 {
        return requests.get_ticket(1 + index % half);
    }
    let write = index / 5;
    // Each pass sets the other status, because setting the current one changes nothing.
    let status = ["open", "pending"][(write / half % 2) as usize];
    requests.set("status", status, &[half + 1 + write % half])
}
