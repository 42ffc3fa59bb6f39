//! The journal: how soon a waiting test gets its response, how long a verification of a full journal takes, whether a
//! client of the event stream slows down others, and how much memory the journal takes.

use omnidesk_mock_bench::prelude::*;

/// Writes: name, number of clients that wait for it, and the condition of their waits.
const WAITS: [(&str, u32, &str); 5] = [
    ("PUT item, nobody waits", 0, ""),
    ("PUT item, 1 waits for the request", 1, "operation=ticket.update&since={cursor}"),
    ("PUT item, 50 wait for the request", 50, "operation=ticket.update&since={cursor}"),
    ("PUT item, 1 waits for the ticket", 1, "ticket=1&title={title}"),
    ("PUT item, 50 wait for the ticket", 50, "ticket=1&title={title}"),
];

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
    let Options { memory_requests, common } = Options::parse();
    let Some(bench) = Bench::start("journal", &common)? else { return Ok(()) };
    bench.pin_client();
    let [rounds, repetitions] = [bench.count(1_000, 50), bench.count(300, 30)];
    let [stream_requests, accounts] = [bench.count(400, 20), bench.count(100, 10)];
    let mut report = Report::new(include_str!("report.md"), &bench);
    let counts = [rounds, repetitions, accounts, 5 * stream_requests, memory_requests];
    report.fill_all("rounds repetitions accounts stream_requests memory_requests", &counts);
    report.table("waits", &measure_waits(&bench, rounds)?);
    report.table("queries", &measure_queries(&bench, repetitions)?);
    report.table("streams", &measure_streams(&bench, stream_requests)?);
    report.table("memory", &measure_memory(&bench, memory_requests, accounts)?);
    report.publish("journal")
}

fn control_get(rest: &str) -> String {
    KEY.get(&format!("{ACCOUNTS}/self/{rest}"))
}

fn measure_waits(bench: &Bench, rounds: u32) -> Result<Rows> {
    let mut rows = Vec::new();
    for storage in STORAGES {
        note!("waits, {storage}");
        let server = bench.start_server(storage, 100, &[])?;
        let mut titles = (1..).map(|number| format!("Renamed-{number}"));
        for (name, waiters, condition) in WAITS {
            let titles = titles.by_ref().take(rounds as usize);
            let (write, wake_up) = measure_wait(&server, waiters, condition, titles)?;
            let [p50, p99, cpu] = fixed(write.figures(), 3);
            let wake_up = fixed(wake_up.figures(), 3).map(|cell| cell.replace("NaN", ""));
            rows.push(row![name, storage, p50, p99, wake_up[0], wake_up[1], cpu]);
        }
        // After the writes, because one of them is the past request.
        for (name, line) in [
            ("GET item", "GET /api/v2/ticket/2"),
            ("wait for a past request", "GET /_control/accounts/self/wait?operation=ticket.update"),
        ] {
            let requests = repeat_n(KEY.line(line), rounds as usize);
            let requests = requests.inspect(|_| thread::sleep(Duration::from_millis(2)));
            let samples = server.measure(requests, Response::check_success)?;
            let [p50, p99, cpu] = fixed(samples.figures(), 3);
            rows.push(row![name, storage, p50, p99, "", "", cpu]);
        }
        server.stop()?;
    }
    Ok(rows)
}

/// Writes each title while clients wait for it. Returns the latencies of the writes, and from each response until the
/// last waiting client has read its own.
fn measure_wait(
    server: &Server,
    waiters: u32,
    condition: &str,
    titles: impl Iterator<Item = String>,
) -> Result<(Samples, Samples)> {
    let cursor = |response: &Response| -> Result<String> {
        Ok(response.json()?["cursor"].as_str().context("no cursor")?.to_owned())
    };
    let (mut connection, mut waiting) = (server.connect()?, server.connect_many(waiters)?);
    let mut last_cursor = cursor(&connection.exchange(&control_get("requests"))?)?;
    let (mut writes, mut wake_ups) = (Samples::default(), Samples::default());
    let cpu_before = server.cpu_seconds()?;
    for title in titles {
        let condition = condition.replace("{title}", &title).replace("{cursor}", &last_cursor);
        let wait = control_get(&format!("wait?{condition}&timeout=20s"));
        waiting.iter_mut().try_for_each(|waiter| waiter.send(&wait))?;
        // Until the server has processed the waits.
        thread::sleep(Duration::from_millis(2) + waiters * Duration::from_micros(60));
        let (latency, _) = connection.time(&KEY.update_title(1, &title))?;
        let written = Instant::now();
        let responses = waiting.iter_mut().map(Connection::receive);
        let responses = responses.collect::<Result<Vec<_>, _>>()?;
        let wake_up = milliseconds(written.elapsed());
        writes.latencies.push(latency);
        for response in &responses {
            last_cursor = cursor(response)?;
        }
        wake_ups.latencies.extend(responses.first().map(|_| wake_up));
    }
    writes.cpu_seconds = server.cpu_seconds()? - cpu_before;
    Ok((writes, wake_ups))
}

fn measure_queries(bench: &Bench, repetitions: u32) -> Result<Rows> {
    let server = bench.start_server(MEMORY, 250, &[])?;
    let requests = (1..=250).flat_map(|ticket| {
        let update = KEY.update_title(ticket, &format!("Renamed-{ticket}"));
        let set_status = KEY.set("status=solved", &[ticket]);
        [KEY.get_ticket(ticket), update, KEY.get_ticket(ticket), set_status]
    });
    send_all(&mut server.connect_many(4)?, requests, Response::check_success)?;
    let mut rows = Vec::new();
    let queries: Vec<(String, String, u16)> = serde_json::from_str(include_str!("queries.json"))?;
    for (name, send, status) in queries {
        let requests = repeat_n(KEY.line(&send), repetitions as usize);
        let mut response_bytes = 0;
        let samples = server.measure(requests, |response| {
            response_bytes = response.body.len();
            response.expect(status).map(drop)
        })?;
        rows.push([row![name, response_bytes], fixed(samples.figures(), 3).into()].concat());
    }
    server.stop()?;
    Ok(rows)
}

/// Event streams: name, number, path, and whether the clients read.
const STREAMS: [(&str, usize, &str, bool); 4] = [
    ("no stream", 0, "", true),
    ("one stream, client reads", 1, "/_control/accounts/self/requests/stream", true),
    ("one stream, client does not read", 1, "/_control/accounts/self/requests/stream", false),
    ("ten open pages of the console", 10, "/accounts/bench-0/requests/stream", true),
];

/// Whether the clients of event streams slow down the requests of others. The kinds of clients are measured in turn.
fn measure_streams(bench: &Bench, requests: u32) -> Result<Rows> {
    let server = bench.start_server(MEMORY, 100, &[])?;
    // By kind of client: samples of reads and of writes, and the most resident memory after a round.
    let mut all: [([Samples; 2], f64); STREAMS.len()] = Default::default();
    for round in 0..5 {
        for ((kind, count, path, is_read), (samples, memory)) in STREAMS.iter().zip(&mut all) {
            let mut streams = Vec::new();
            for _ in 0..*count {
                let mut stream = TcpStream::connect(server.address)?;
                stream.write_all(KEY.get(path).as_bytes())?;
                let mut start = [0; 12];
                stream.read_exact(&mut start)?;
                ensure!(start == *b"HTTP/1.1 200", "the stream begins with {start:?}");
                streams.push(stream);
            }
            let copies = streams.iter().filter(|_| *is_read).map(TcpStream::try_clone);
            let copies = copies.collect::<io::Result<Vec<_>>>()?;
            let read =
                |mut copy: TcpStream| thread::spawn(move || io::copy(&mut copy, &mut io::sink()));
            let readers: Vec<_> = copies.into_iter().map(read).collect();
            // Their events are far more than the buffers of a connection hold.
            let events = (0..4_000).map(|number| KEY.get_ticket(2 + number % 99));
            send_all(&mut server.connect_many(8)?, events, Response::check_success)?;
            let reads = repeat_n(KEY.get_ticket(2), requests as usize);
            let titles = (0..requests)
                .map(|number| format!("Renamed-{}-{round}-{number}", kind.replace(' ', "-")));
            let writes = titles.map(|title| KEY.update_title(1, &title));
            samples[0].extend(server.measure(reads, Response::check_success)?);
            samples[1].extend(server.measure(writes, Response::check_success)?);
            *memory = server.memory()?.max(*memory);
            for stream in &streams {
                stream.shutdown(Shutdown::Both)?;
            }
            for reader in readers {
                let _ = reader.join();
            }
        }
    }
    server.stop()?;
    let mut rows = Vec::new();
    for ((name, ..), (samples, memory)) in STREAMS.iter().zip(&all) {
        for (request, samples) in ["GET item", "PUT item"].iter().zip(samples) {
            let [p50, p99, cpu] = samples.figures();
            let figures = cells([(p50, 3), (p99, 3), (cpu, 3), (*memory, 1)]);
            rows.push([row![name, request], figures].concat());
        }
    }
    Ok(rows)
}

/// The resident memory after many requests: one account and many, each without a journal and with it.
fn measure_memory(bench: &Bench, requests: u32, many: u32) -> Result<Rows> {
    let step = requests / 10;
    let mut rows: Vec<_> = (0..=10).map(|sample| row![step * sample]).collect();
    for accounts in [1, many] {
        for flags in [&["--journal-entries=0"][..], &[]] {
            note!("memory, {accounts} accounts {flags:?}");
            // The accounts are in files, so that the growth of their databases is not in memory.
            let server = bench.start_server(FILES, 200, flags)?;
            let mut connections = server.connect_many(32)?;
            let mut keys = Vec::new();
            for _ in 0..accounts {
                let created =
                    connections[0].time(&KEY.line(&format!("POST {ACCOUNTS}")))?.1.json()?;
                keys.push(created["api_key"].as_str().context("no key")?.to_owned());
            }
            let first_reads = keys.iter().map(|key| Requests(key).get_ticket(1));
            send_all(&mut connections, first_reads, Response::check_success)?;
            for (sample, row) in (0..).zip(&mut rows) {
                let numbers = step * u32::saturating_sub(sample, 1)..step * sample;
                let requests = numbers.map(|number| mixed_request(&keys, number));
                send_all(&mut connections, requests, Response::check_success)?;
                row.extend(fixed([server.memory()?], 1));
            }
            server.stop()?;
        }
    }
    Ok(rows)
}

/// Four in five requests are reads of half of the 200 tickets, so that the size of their responses stays the same. 500
/// requests to an account come before those to the next, because the server keeps about 60 databases open.
fn mixed_request(keys: &[String], number: u32) -> String {
    let accounts = u32::try_from(keys.len()).unwrap_or(u32::MAX);
    let (block, offset) = (number / 500, number % 500);
    let requests = Requests(&keys[(block % accounts) as usize]);
    let index = block / accounts * 500 + offset;
    if index % 5 < 4 {
        return requests.get_ticket(1 + index % 100);
    }
    let write = index / 5;
    // Each pass sets the other status, because setting the current one changes nothing.
    let status = ["status=open", "status=pending"][(write / 100 % 2) as usize];
    requests.set(status, &[101 + write % 100])
}
