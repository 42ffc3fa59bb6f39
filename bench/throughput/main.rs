//! Throughput, latency and processor time of each operation; start-up time; memory.
//!
//! Loads the server with `wrk` over loopback. The rounds alternate with those of a bare axum server that sends constant
//! bodies of the same sizes, so that the ratios of two machines can be compared; or with those of the same server
//! without a journal. `--peers` measures other mock servers too. The reports are stored as `target/bench/throughput.md`
//! and `target/bench/peers.md`.

use omnidesk_mock_bench::prelude::*;

use crate::{
    operations::{CREATE, GET_ITEM, OPERATIONS, SET_STATUS_OF_10, UPDATE},
    rounds::{LoadedServer, Rounds},
};

mod bare;
mod operations;
mod peers;
mod rounds;

/// Measures throughput, latency, start-up time and memory.
#[derive(Parser)]
struct Options {
    /// What to measure
    #[arg(long, value_enum, value_delimiter = ',',
        default_values_t = [Part::Startup, Part::Load, Part::Journal, Part::Large])]
    parts: Vec<Part>,
    /// Measure json-server, Mockoon and Prism too; npm installs them below target/bench/peers
    #[arg(long)]
    peers: bool,
    /// Run as the bare server, with this address and these sizes of responses
    #[arg(long, hide = true, value_delimiter = ',')]
    bare: Vec<String>,
    #[command(flatten)]
    common: CommonOptions,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Start-up time and memory without load
    Startup,
    /// Every operation, compared with the bare server
    Load,
    /// Some operations, with the journal and without it
    Journal,
    /// Memory after all tickets of a large account were read
    Large,
    /// Other mock servers; --peers adds it to the other parts
    Peers,
}

struct Throughput<'a> {
    rounds: Rounds<'a>,
    tickets: u32,
    report: Report,
    memory: Rows,
    failed_requests: f64,
}

fn main() -> Result<()> {
    let mut options = Options::parse();
    if !options.bare.is_empty() {
        return bare::serve(&options.bare);
    }
    let Some(bench) = &Bench::start("throughput", &options.common)? else { return Ok(()) };
    if options.peers {
        options.parts.push(Part::Peers);
    }
    let [seconds, rounds, retries] = [bench.count(3, 1), bench.count(3, 1), bench.count(5, 0)];
    let mut throughput = Throughput {
        rounds: Rounds { bench, seconds, count: rounds, retries },
        tickets: bench.count(10_000, 6_000),
        report: Report::new(include_str!("report.md"), bench),
        memory: Vec::new(),
        failed_requests: 0.0,
    };
    for part in &options.parts {
        match part {
            Part::Startup => throughput.measure_startup()?,
            Part::Load => throughput.measure_load()?,
            Part::Journal => throughput.measure_journal()?,
            Part::Large => throughput.measure_large_account()?,
            Part::Peers => peers::measure(&throughput.rounds)?,
        }
    }
    let Throughput { mut report, memory, tickets, .. } = throughput;
    if !memory.is_empty() {
        report.fill_all("tickets rounds seconds retries", &[tickets, rounds, seconds, retries]);
        report.table("memory", &memory);
        report.publish("throughput")?;
    }
    // The figures are those of error responses.
    ensure!(throughput.failed_requests < 1.0, "{} requests failed", throughput.failed_requests);
    Ok(())
}

impl Throughput<'_> {
    fn add_memory(&mut self, state: &str, server: &Server) -> Result<()> {
        extend(&mut self.memory, row![state], fixed([server.settled_memory()?], 1));
        Ok(())
    }

    /// Measures an operation on two servers in alternating rounds. Returns a row with the figures of both, and the ratio
    /// of their throughputs.
    fn compare(&mut self, index: usize, servers: &[LoadedServer; 2]) -> Result<(Vec<String>, f64)> {
        let operation = &OPERATIONS[index];
        let requests = |round| operation.requests(self.tickets, round);
        let factor = operation.factor.unwrap_or(1);
        let [first, second] = self.rounds.run(&operation.name, factor, servers, requests)?;
        let counts = [0, 1, 2].map(|index| first.counts[index] + second.counts[index]);
        self.failed_requests += counts[0];
        let ([rate, p50, p99, cpu], other) = (first.figures, second.figures);
        let throughput = cells([(rate, 0), (other[0], 0), (rate / other[0], 3)]);
        let latency = fixed([p50, p99, other[1], other[2]], 2).into();
        let processor = cells([(cpu, 1), (other[3], 1), (cpu / other[3], 3)]);
        let row = [throughput, latency, processor, fixed(counts, 0).into()].concat();
        Ok((row, rate / other[0]))
    }

    /// The server under load: each operation in alternating rounds with the bare server.
    fn measure_load(&mut self) -> Result<()> {
        let (bench, mut rows) = (self.rounds.bench, Vec::new());
        for storage in STORAGES {
            let server = if storage == FILES {
                // It has not loaded the seed itself, so that this is not part of its memory.
                bench.start_command(create_data(bench, "load", 1, self.tickets)?)?
            } else {
                bench.start_server(storage, self.tickets, &[])?
            };
            self.lengthen_timelines(&server)?;
            // One request of each operation shows the text of an error response before the load starts. The rounds have
            // numbers from 1, so the first of them changes these tickets again.
            let mut sizes = Vec::new();
            for operation in OPERATIONS.iter() {
                let response = server.connect()?.time(&operation.requests(self.tickets, 0)[0])?.1;
                sizes.push(response.body.len().to_string());
            }
            let mut command = bench.command(Some(SERVER_CORE), env::current_exe()?);
            command.args(["--bare", &format!("127.0.0.1:0,{}", sizes.join(","))]);
            let bare_server = bench.start_command(command)?;
            let servers = [(storage, &server, Cell::new(0)), ("bare", &bare_server, Cell::new(0))];
            for (index, size) in (0..).zip(sizes) {
                let (figures, ratio) = self.compare(index, &servers)?;
                let goal =
                    OPERATIONS[index].goals.map(|goals| goals[usize::from(storage == MEMORY)]);
                let goal = goal.map_or_else(String::new, |goal| {
                    format!("{goal:.2}{}", if ratio < goal { ", short" } else { "" })
                });
                let [memory] = fixed([server.settled_memory()?], 1);
                let names = row![OPERATIONS[index].name, storage, size, memory];
                rows.push([names, figures, row![goal]].concat());
            }
            self.add_memory(&format!("after the load, {storage}"), &server)?;
            self.add_memory(&format!("bare server, compared with {storage}"), &bare_server)?;
            server.stop()?;
        }
        self.report.table("load", &rows);
        Ok(())
    }

    /// Changes every ticket, until its timeline has 16 entries.
    fn lengthen_timelines(&self, server: &Server) -> Result<()> {
        let mut connection = server.connect()?;
        // The seed has two entries for each ticket, and a round changes each twice.
        for round in 1..=7 {
            for request in OPERATIONS[SET_STATUS_OF_10].requests(self.tickets, round) {
                connection.time(&request)?;
            }
        }
        Ok(())
    }

    /// The cost of the journal: alternating rounds of the same server with and without a journal, in memory.
    fn measure_journal(&mut self) -> Result<()> {
        let bench = self.rounds.bench;
        let [with, without] = ["--journal-entries=1000", "--journal-entries=0"]
            .map(|flag| bench.start_server(MEMORY, self.tickets, &[flag]));
        let (with, without) = (with?, without?);
        let names = ["with the journal", "without the journal"];
        let servers = [(names[0], &with, Cell::new(0)), (names[1], &without, Cell::new(0))];
        let mut rows = Vec::new();
        for index in [GET_ITEM, CREATE, UPDATE] {
            rows.push([row![OPERATIONS[index].name], self.compare(index, &servers)?.0].concat());
        }
        for (name, server) in names.into_iter().zip([with, without]) {
            self.add_memory(&format!("after the load, {name}"), &server)?;
            server.stop()?;
        }
        self.report.table("journal", &rows);
        Ok(())
    }

    fn measure_startup(&mut self) -> Result<()> {
        let (bench, tickets) = (self.rounds.bench, self.tickets);
        for storage in STORAGES {
            let server = bench.start_server(storage, tickets, &[])?;
            wait_until_ready(server.address, &KEY.get(TICKETS))?;
            self.add_memory(&format!("seed just loaded, {storage}"), &server)?;
            server.stop()?;
        }
        let (starts, many) = (bench.count(11, 2), bench.count(100, 10));
        create_data(bench, "one", 1, tickets)?;
        create_data(bench, "many", many, 1_000)?;
        let mut rows = Vec::new();
        for (name, data, accounts) in [
            ("empty data folder".to_owned(), "empty", 0),
            (format!("one account of {tickets} tickets"), "one", 1),
            (format!("{many} accounts of 1000 tickets each"), "many", many),
        ] {
            let mut times = Vec::new();
            for start in 0..starts {
                let (data, key) = match accounts {
                    0 => (bench.path(&format!("{data}-{start}")), "dev-key".to_owned()),
                    // The first request of each start is to another account.
                    _ => (bench.path(data), seed::api_key(start % accounts)),
                };
                fs::create_dir_all(&data)?;
                let address = find_free_address()?;
                let mut command = bench.serve(false, &address.to_string(), FILES, &data);
                // From before the process exists until the client has read the first `200`.
                let begin = Instant::now();
                let server = bench.spawn(address, command.stdout(Stdio::null()))?;
                wait_until_ready(address, &Requests(&key).get(TICKETS))?;
                times.push(milliseconds(begin.elapsed()));
                if start + 1 == starts {
                    self.add_memory(&name, &server)?;
                }
                server.stop()?;
            }
            let [shortest, longest] = range(&times);
            rows.push([row![name], fixed([median(times), shortest, longest], 1).into()].concat());
        }
        self.report.fill("starts", starts);
        self.report.table("startup", &rows);
        Ok(())
    }

    fn measure_large_account(&mut self) -> Result<()> {
        let bench = self.rounds.bench;
        let tickets = bench.count(100_000, 10_000);
        // The server does not load the seed itself, so that this does not count.
        let server = bench.start_command(create_data(self.rounds.bench, "large", 1, tickets)?)?;
        let name = format!("one account of {tickets} tickets, --data");
        let mut connection = server.connect()?;
        connection.time(&KEY.get(TICKETS))?;
        self.add_memory(&format!("{name}: after the first list"), &server)?;
        for id in 1..=tickets {
            connection.time(&KEY.get_ticket(id))?;
        }
        for (start, limit) in
            (0..100).map(|page| (15 * page, 15)).chain((0..10).map(|page| (1000 * page, 1000)))
        {
            connection.time(&KEY.get(&format!("{TICKETS}?itemStart={start}&itemLimit={limit}")))?;
        }
        self.add_memory(&format!("{name}: after all items and 110 lists were read"), &server)?;
        let peak = fixed([server.status("VmHWM")?], 1);
        extend(&mut self.memory, row![format_args!("{name}: peak until then")], peak);
        server.stop()
    }
}

/// Creates a data folder from a seed. Returns the command of a server that starts on it.
fn create_data(bench: &Bench, name: &str, accounts: u32, tickets: u32) -> Result<Command> {
    note!("creating {accounts} accounts of {tickets} tickets");
    let (seed, data) = (bench.path("seed.json"), bench.path(name));
    seed::write(&seed, accounts, tickets)?;
    let command = || bench.serve(true, "127.0.0.1:0", FILES, &data);
    let mut with_seed = command();
    with_seed.arg("--seed").arg(seed);
    bench.start_command(with_seed)?.stop()?;
    Ok(command())
}

/// Repeats the request over new connections until the status of the response is 200.
fn wait_until_ready(address: SocketAddr, request: &str) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(30);
    let send = || Connection::open(address)?.exchange(request);
    while !send().is_ok_and(|response| response.status == 200) {
        ensure!(Instant::now() < deadline, "{address} has sent no 200 for 30 seconds");
        thread::sleep(Duration::from_micros(50));
    }
    Ok(())
}

/// An address for a server that cannot report the port that it has chosen, or whose output is not read.
fn find_free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
