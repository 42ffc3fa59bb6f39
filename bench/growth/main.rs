//! How costs grow with the number of tickets: latency, memory and disk of accounts of several sizes.
//!
//! Fills an account through the Ticket API, and sends requests over one connection. A small write before each list
//! empties the response cache, except in the operation that measures a cached response. The report is stored as
//! `target/bench/growth.md`.

#![expect(clippy::print_stderr, reason = "a benchmark prints to a terminal")]

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::anyhow;
use omnidesk_mock_bench::{prelude::*, server::folder_size};

use crate::tickets::{ABSENT_WORD, COMMON_WORD, RARE_WORD};

mod tickets;

/// Connections that fill an account.
const CONNECTIONS: u32 = 8;

/// Tickets in one request that changes several.
const BATCH_SIZE: usize = 1_000;

/// The repetitions of an operation are spread over this number of rounds, which alternate between the sizes, so that
/// noise affects all sizes alike.
const ROUNDS: u32 = 5;
/// Maximum repetitions of an operation on 1,000 tickets or on all.
const MAX_LARGE_REPETITIONS: u32 = 20;
/// After this time a slow operation is not repeated again in its round.
const TIME_LIMIT: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, PartialEq)]
enum Operation {
    GetItem,
    /// A list with this query, right after a write.
    List(&'static str),
    /// The same with a query that was sent before.
    CachedList(&'static str),
    FarPage,
    Create,
    Delete,
    SetStatus,
    Reset,
    /// It is measured together with the reset.
    AfterReset,
}

/// A limit of the median latency.
#[derive(Clone, Copy)]
enum Target {
    None,
    /// At the largest size, at most this multiple of the latency at the smallest.
    Ratio(f64),
    /// At every size, at most this number of milliseconds.
    Milliseconds(f64),
    /// At this number of tickets, at most this number of milliseconds.
    MillisecondsAt(u32, f64),
}

use Operation::{AfterReset, CachedList, Create, Delete, FarPage, GetItem, List, Reset, SetStatus};
use Target::{Milliseconds, MillisecondsAt, Ratio};

/// In the order of their measurement. `Delete` needs the tickets as they were filled, so it comes before `SetStatus`.
const OPERATIONS: [(&str, Operation, Target); 24] = [
    ("GET item", GetItem, Ratio(1.5)),
    ("newest 15", List(""), Ratio(1.5)),
    ("status=open", List("status=open"), Ratio(1.5)),
    ("applyView=all", List("applyView=all"), Ratio(1.5)),
    ("applyView=unassigned", List("applyView=unassigned"), Ratio(1.5)),
    ("applyView=new", List("applyView=new"), Ratio(1.5)),
    ("applyView=open", List("applyView=open"), Ratio(1.5)),
    ("applyView=pending", List("applyView=pending"), Ratio(1.5)),
    ("applyView=holding", List("applyView=holding"), Ratio(1.5)),
    ("applyView=solved", List("applyView=solved"), Ratio(1.5)),
    ("applyView=closed", List("applyView=closed"), Ratio(1.5)),
    ("applyView=unsolved", List("applyView=unsolved"), Ratio(1.5)),
    ("applyView=urgent", List("applyView=urgent"), Ratio(1.5)),
    ("query, a rare word", List(RARE_WORD), Milliseconds(5.0)),
    ("query, an absent word", List(ABSENT_WORD), Milliseconds(2.0)),
    ("query, a common word", List(COMMON_WORD), Milliseconds(40.0)),
    ("query, a common word, cached", CachedList(COMMON_WORD), Milliseconds(1.0)),
    ("itemStart at 90 %", FarPage, Milliseconds(12.0)),
    ("create", Create, Ratio(1.5)),
    ("delete 1,000", Delete, Milliseconds(60.0)),
    ("setStatus of 1,000", SetStatus, Milliseconds(60.0)),
    ("reset", Reset, MillisecondsAt(10_000, 5.0)),
    ("first GET item after a reset", AfterReset, Target::None),
    ("reset and first GET item", AfterReset, MillisecondsAt(10_000, 5.0)),
];

/// Measures latency, memory and disk of accounts of several sizes.
#[derive(Parser)]
struct Options {
    /// Tickets in the accounts, one for each size
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 10_000, 100_000],
        value_parser = value_parser!(u32).range(1_000..=1_000_000))]
    sizes: Vec<u32>,
    #[command(flatten)]
    common: CommonOptions,
}

impl Operation {
    /// The group whose peak memory is reported: reads, writes or resets.
    fn phase(self) -> usize {
        match self {
            Create | Delete | SetStatus => 1,
            Reset | AfterReset => 2,
            _ => 0,
        }
    }
}

impl Target {
    fn name(self) -> String {
        match self {
            Self::None => "-".to_owned(),
            Ratio(max) => format!("ratio {max}"),
            Milliseconds(max) => format!("{max} ms"),
            MillisecondsAt(tickets, max) => format!("{max} ms at {tickets}"),
        }
    }

    /// Whether the latencies, by number of tickets in ascending order, meet the target. None if that cannot be decided.
    fn is_met(self, latencies: &[(u32, f64)]) -> Option<bool> {
        match self {
            Self::None => None,
            Ratio(max) => ratio(latencies).map(|ratio| ratio <= max),
            Milliseconds(max) => Some(latencies.iter().all(|(_, latency)| *latency <= max)),
            MillisecondsAt(size, max) => {
                let latency = latencies.iter().find(|(tickets, _)| *tickets == size);
                latency.map(|(_, latency)| *latency <= max)
            }
        }
    }
}

/// The latency at the largest size divided by that at the smallest.
fn ratio(latencies: &[(u32, f64)]) -> Option<f64> {
    let [(_, first), .., (_, last)] = latencies else { return None };
    Some(last / first)
}

fn main() -> Result<()> {
    let mut options = Options::parse();
    let Some(bench) = Bench::start("growth", &options.common)? else { return Ok(()) };
    bench.pin_client();
    options.sizes.sort_unstable();
    options.sizes.dedup();
    let accounts = options.sizes.iter().map(|tickets| {
        eprintln!("filling an account with {tickets} tickets");
        Account::fill(&bench, *tickets)
    });
    let mut accounts = accounts.collect::<Result<Vec<_>>>()?;
    eprintln!("measuring");
    let repetitions = bench.count(50, 5);
    for (index, (_, operation, _)) in OPERATIONS.into_iter().enumerate() {
        let is_small = operation.phase() == 0 || operation == Create;
        let max = if is_small { repetitions } else { repetitions.min(MAX_LARGE_REPETITIONS) };
        for _ in 0..ROUNDS {
            for account in &mut accounts {
                account.measure_round(index, operation, max.div_ceil(ROUNDS))?;
            }
        }
    }
    let sizes = options.sizes.iter().map(u32::to_string).collect::<Vec<_>>().join(" | ");
    let rows = OPERATIONS.into_iter().enumerate().map(|(index, (name, _, target))| {
        let medians = accounts.iter().map(|account| median(account.latencies[index].clone()));
        let latencies: Vec<_> = options.sizes.iter().copied().zip(medians).collect();
        let met = target.is_met(&latencies).map_or("-", |is_met| if is_met { "yes" } else { "no" });
        let ratio = ratio(&latencies).map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
        let figures = latencies.iter().map(|(_, latency)| format!("{latency:.2}"));
        row![name]
            .into_iter()
            .chain(figures)
            .chain([ratio, target.name(), met.to_owned()])
            .collect()
    });
    let rows: Vec<_> = rows.collect();
    let figures = FIGURES.iter().enumerate().map(|(index, (name, decimals))| {
        let figures = accounts.iter().map(|account| account.figures[index]);
        row![name].into_iter().chain(figures.map(|figure| format!("{figure:.decimals$}"))).collect()
    });
    let figures: Vec<_> = figures.collect();
    let mut report = Report::new(include_str!("report.md"), &bench);
    report.fill("repetitions", repetitions);
    report.fill("sizes", sizes);
    report.table("operations", &rows);
    report.table("figures", &figures);
    report.publish("growth")?;
    accounts.into_iter().try_for_each(|account| account.server.stop())
}

/// A filled account on a server of its own.
struct Account {
    server: Server,
    /// The connection of the measurements, and those that create tickets.
    connection: Connection,
    creators: Vec<Connection>,
    /// Number of the next ticket, and ids of all tickets, sorted.
    next_ticket: u32,
    ids: Vec<u64>,
    /// Number of the next read and of the next write.
    reads: usize,
    writes: u32,
    /// Key of the copy of the account that is reset; empty before the first reset.
    copy_key: String,
    /// By operation, in milliseconds.
    latencies: [Vec<f64>; OPERATIONS.len()],
    figures: [f64; FIGURES.len()],
}

/// The figures of an account: name and decimals. The first are the peaks of the memory in each phase.
const FIGURES: [(&str, usize); 7] = [
    ("peak memory of reads, MB", 1),
    ("peak memory of writes, MB", 1),
    ("peak memory of resets, MB", 1),
    ("resident memory when filled, MB", 1),
    ("data folder when filled, MB", 1),
    ("creations per second", 0),
    ("processor time of a creation, ms", 3),
];

impl Account {
    fn fill(bench: &Bench, tickets: u32) -> Result<Self> {
        let data = bench.path(&format!("data-{tickets}"));
        let mut command = bench.serve(true, "127.0.0.1:0", Storage::Files, &data);
        // Small accounts wait while a large one is filled.
        command.args(["--api-key", seed::API_KEY, "--idle-timeout", "6h"]);
        let server = bench.start_command(command)?;
        let mut account = Self {
            connection: server.connect()?,
            creators: server.connect_many(CONNECTIONS)?,
            server,
            next_ticket: 0,
            ids: Vec::new(),
            reads: 0,
            writes: 0,
            copy_key: String::new(),
            latencies: Default::default(),
            figures: Default::default(),
        };
        let (start, cpu_before) = (Instant::now(), account.server.cpu_seconds()?);
        let ids = account.create(tickets)?;
        let per_second = f64::from(tickets) / start.elapsed().as_secs_f64();
        let cpu = (account.server.cpu_seconds()? - cpu_before) * 1e3 / f64::from(tickets);
        account.set_statuses_and_priorities(&ids)?;
        account.ids = ids;
        let memory = account.server.settled_memory()?;
        account.figures = [0.0, 0.0, 0.0, memory, folder_size(&data), per_second, cpu];
        Ok(account)
    }

    /// Creates tickets over several connections, and returns their sorted ids.
    fn create(&mut self, count: u32) -> Result<Vec<u64>> {
        let (first, end) = (self.next_ticket, self.next_ticket + count);
        self.next_ticket = end;
        let mut ids = thread::scope(|scope| {
            let threads = self.creators.iter_mut().zip(first..).map(|(connection, first)| {
                let numbers = (first..end).step_by(CONNECTIONS as usize);
                scope.spawn(move || {
                    let ids = numbers.map(|number| {
                        let created = connection.exchange(&tickets::create(number))?.json()?;
                        created["ticketID"].as_u64().context("no ticketID")
                    });
                    ids.collect::<Result<Vec<_>>>()
                })
            });
            let threads: Vec<_> = threads.collect();
            let results = threads.into_iter().map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err(anyhow!("a thread that creates tickets panicked")))
            });
            results.collect::<Result<Vec<_>>>()
        })?
        .concat();
        ids.sort_unstable();
        Ok(ids)
    }

    fn set_statuses_and_priorities(&mut self, ids: &[u64]) -> Result<()> {
        let mut set = |field, value, offset, step| -> Result<()> {
            let ids: Vec<_> = ids.iter().skip(offset).step_by(step).collect();
            ids.chunks(BATCH_SIZE)
                .try_for_each(|ids| self.connection.time(&KEY.set(field, value, ids)).map(drop))
        };
        // Each status is that of a sixth of the tickets. Each priority but medium is that of one in twenty.
        for (offset, status) in STATUSES.into_iter().enumerate().skip(1) {
            set("status", status, offset, STATUSES.len())?;
        }
        for (offset, priority) in ["low", "high", "urgent"].into_iter().enumerate() {
            set("priority", priority, offset, 20)?;
        }
        Ok(())
    }

    /// Repeats the operation up to this number of times.
    fn measure_round(&mut self, index: usize, operation: Operation, max: u32) -> Result<()> {
        if operation == AfterReset {
            return Ok(());
        }
        // Opens the database again, which the server may have closed during the measurements of other sizes.
        self.empty_response_cache()?;
        self.connection.time(&KEY.get(TICKETS))?;
        let start = Instant::now();
        for repetition in 0..max {
            if repetition > 0 && start.elapsed() > TIME_LIMIT {
                break;
            }
            for (offset, latency) in self.measure(operation)?.into_iter().enumerate() {
                self.latencies[index + offset].push(latency);
            }
        }
        let peak = &mut self.figures[operation.phase()];
        *peak = peak.max(self.server.memory()?);
        Ok(())
    }

    /// Returns the latency, in milliseconds; with those of the next operations, if it is measured together with them.
    fn measure(&mut self, operation: Operation) -> Result<Vec<f64>> {
        let latency = match operation {
            GetItem => {
                // A prime that divides no round number, so every ticket is read once before one is read again.
                self.reads += 7_919;
                self.connection.time(&KEY.get_ticket(self.ids[self.reads % self.ids.len()]))?.0
            }
            List(query) => self.list(query)?,
            CachedList(query) => {
                self.list(query)?;
                self.connection.time(&KEY.get(&format!("{TICKETS}?{query}")))?.0
            }
            FarPage => self.list(&format!("itemStart={}", self.ids.len() / 10 * 9))?,
            Create => {
                self.writes += 1;
                self.connection.time(&tickets::create(self.writes))?.0
            }
            Delete => {
                // The oldest are deleted, and as many new ones created outside the measured time.
                let oldest = self.ids.drain(..BATCH_SIZE).map(|id| format!("ticketIDs[]={id}"));
                let body = oldest.collect::<Vec<_>>().join("&");
                let delete = KEY.form("DELETE", &format!("{TICKETS}/multi"), &body);
                let latency = self.connection.time(&delete)?.0;
                let new = self.create(u32::try_from(BATCH_SIZE)?)?;
                self.set_statuses_and_priorities(&new)?;
                self.ids.extend(new);
                latency
            }
            SetStatus => {
                let newest = &self.ids[self.ids.len() - BATCH_SIZE..];
                self.connection.time(&KEY.set("status", "open", newest))?;
                self.connection.time(&KEY.set("status", "pending", newest))?.0
            }
            Reset | AfterReset => return self.reset(),
        };
        Ok(vec![latency])
    }

    /// Requests a list right after a write.
    fn list(&mut self, query: &str) -> Result<f64> {
        self.empty_response_cache()?;
        let separator = if query.is_empty() { "" } else { "?" };
        let request = KEY.get(&format!("{TICKETS}{separator}{query}"));
        let (latency, response) = self.connection.time(&request)?;
        let total = response.json()?["itemTotal"].as_u64().context("no itemTotal")?;
        ensure!((total == 0) == (query == ABSENT_WORD), "{query}: {total} tickets");
        Ok(latency)
    }

    /// Sends a small write, which invalidates the cached responses.
    fn empty_response_cache(&mut self) -> Result<()> {
        self.writes += 1;
        let title = format!("Renamed+{}+times", self.writes);
        self.connection.time(&KEY.update_title(self.ids[0], &title)).map(drop)
    }

    /// Resets a copy of the account after a write, and reads from it. Returns both latencies and their sum.
    fn reset(&mut self) -> Result<Vec<f64>> {
        if self.copy_key.is_empty() {
            let snapshot = format!("{ACCOUNTS}/dev/snapshots/filled");
            self.connection.exchange(&KEY.without_body("PUT", &snapshot))?.expect(201)?;
            let copy = r#"{"name":"copy","from":"snapshot:dev/filled"}"#;
            let created =
                self.connection.exchange(&KEY.json("POST", ACCOUNTS, copy))?.expect(201)?;
            created["api_key"].as_str().context("no key")?.clone_into(&mut self.copy_key);
        }
        self.writes += 1;
        let requests = Requests(&self.copy_key);
        let update = requests.update_title(self.ids[0], &format!("Renamed+{}", self.writes));
        self.connection.time(&update)?;
        let reset = KEY.without_body("POST", &format!("{ACCOUNTS}/copy/reset"));
        let reset = self.connection.time(&reset)?.0;
        let read = self.connection.time(&requests.get_ticket(self.ids[0]))?.0;
        Ok(vec![reset, read, reset + read])
    }
}
