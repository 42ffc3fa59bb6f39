//! The cost of accounts: creation, reset, snapshot, restore, deletion, and idle accounts.
//!
//! Sends requests over one connection, with seeds of three sizes and both kinds of storage.

#![expect(clippy::print_stderr, reason = "a benchmark prints to a terminal")]

use std::{
    thread,
    time::{Duration, Instant},
};

use omnidesk_mock_bench::prelude::*;

/// Tickets in the seeds, from the smallest to the largest.
const SEED_SIZES: [u32; 3] = [20, 1_000, 10_000];

/// Tickets in all accounts on which an operation is measured together. With many accounts, the kernel's unit of
/// processor time (10 ms) matters less; with few, the server does not close their databases between two operations.
const TICKETS_AT_ONCE: u32 = 100_000;

/// Accounts that are reset beside many others. The others of these and the seed's account make as many other accounts.
const RESET_ACCOUNTS: u32 = 10;
/// Accounts created or deleted one after the other that make one row of the report.
const GROUP_SIZE: usize = 100;

/// The server closes idle databases a few seconds after their last request.
const IDLE_TIME: Duration = Duration::from_secs(8);
const IDLE_TIMEOUT: Duration = Duration::from_secs(45);
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// The server is idle after this number of equal readings.
const EQUAL_READINGS: u32 = 5;

#[derive(Clone, Copy, PartialEq)]
enum Request {
    /// Concerns no account: its latency is the overhead of connection and client.
    Health,
    Create,
    Read,
    Write,
    Reset,
    Snapshot,
    Restore,
    Delete,
}

use Request::{Create, Delete, Health, Read, Reset, Restore, Snapshot, Write};

/// The operations in the life of an account: name and request, and whether they are measured on the accounts that are
/// read first and on those that are written first. The server may defer a copy until the first read or write.
const OPERATIONS: [(&str, Request, [bool; 2]); 16] = [
    ("health check, no account", Health, [false, false]),
    ("create account from the seed", Create, [false, false]),
    ("first read of a new account", Read, [true, false]),
    ("next read", Read, [true, false]),
    ("first write after reads", Write, [true, false]),
    ("first write to a new account", Write, [false, true]),
    ("next write", Write, [false, true]),
    ("reset after a write", Reset, [true, true]),
    ("first read after a reset", Read, [true, false]),
    ("first write after a reset", Write, [false, true]),
    ("snapshot", Snapshot, [true, true]),
    ("first write after a snapshot", Write, [true, true]),
    ("restore after a write", Restore, [true, true]),
    ("first read after a restore", Read, [true, false]),
    ("first write after a restore", Write, [false, true]),
    ("delete account", Delete, [true, true]),
];

#[derive(Default)]
struct Account {
    name: String,
    api_key: String,
}

impl Account {
    fn encode(&self, request: Request, title: &str) -> String {
        let control =
            |method, rest| KEY.without_body(method, &format!("{ACCOUNTS}/{}{rest}", self.name));
        match request {
            Health => KEY.get("/_control/health"),
            Create => KEY.without_body("POST", ACCOUNTS),
            Read => Requests(&self.api_key).get_ticket(1),
            Write => Requests(&self.api_key).update_title(1, &title.replace(' ', "+")),
            Reset => control("POST", "/reset"),
            Snapshot => control("PUT", "/snapshots/before"),
            Restore => control("POST", "/snapshots/before/restore"),
            Delete => control("DELETE", ""),
        }
    }
}

fn main() -> Result<()> {
    let Some(bench) = Bench::start("accounts", &CommonOptions::parse())? else { return Ok(()) };
    bench.pin_client();
    // By storage, then by size.
    let (mut lifecycles, mut sizes) = (Vec::new(), Vec::new());
    let (mut many, mut idle) = (Vec::new(), Vec::new());
    for storage in Storage::ALL {
        for tickets in SEED_SIZES {
            eprintln!("accounts with {tickets} tickets, {}", storage.flag());
            let (samples, bytes) = measure_lifecycle(&bench, storage, tickets)?;
            lifecycles.push(samples);
            sizes.push(row![tickets, storage.flag(), bytes, bytes / u64::from(tickets)]);
        }
        eprintln!("many accounts, {}", storage.flag());
        let (rows, idle_cost) = measure_many(&bench, storage)?;
        many.extend(rows.into_iter().map(|(name, samples)| {
            [row![name, storage.flag()], fixed(samples.figures(), 2).into()].concat()
        }));
        idle.push(idle_cost);
    }
    let mut rows = Vec::new();
    for (operation, (name, ..)) in OPERATIONS.iter().enumerate() {
        for (storage, lifecycles) in Storage::ALL.iter().zip(lifecycles.chunks(SEED_SIZES.len())) {
            let figures = lifecycles.iter().flat_map(|all| fixed(all[operation].figures(), 2));
            rows.push(row![name, storage.flag()].into_iter().chain(figures).collect());
        }
    }
    let idle = idle[0].iter().zip(&idle[1]);
    let idle: Vec<_> = idle.map(|((name, files), (_, memory))| row![name, files, memory]).collect();
    let mut report = Report::new(include_str!("report.md"), &bench);
    for (name, tickets) in [("small", SEED_SIZES[0]), ("large", SEED_SIZES[2])] {
        let (accounts, rounds) = rounds(&bench, tickets);
        // The kernel rounds the processor time before and after each measurement.
        let error = f64::from(rounds).sqrt() * 5.0 / f64::from(accounts * rounds);
        report.fill(name, accounts * rounds);
        report.fill(&format!("{name}_error"), format_args!("{error:.2}"));
    }
    report.fill("accounts", idle_accounts(&bench));
    report.table("operations", &rows);
    report.table("sizes", &sizes);
    report.table("many", &many);
    report.table("idle", &idle);
    report.publish("accounts")
}

fn idle_accounts(bench: &Bench) -> u32 {
    bench.count(1_000, 200)
}

/// How many accounts are measured at once, and how often. With the largest seed, half as many as with the others.
fn rounds(bench: &Bench, tickets: u32) -> (u32, u32) {
    let repetitions = bench.count(300, 100) / if tickets == SEED_SIZES[2] { 2 } else { 1 };
    let accounts = (TICKETS_AT_ONCE / tickets).clamp(10, 50);
    (accounts, repetitions / accounts)
}

/// Sends the request for each account, one after the other, and returns the bodies of the responses too.
fn measure(
    server: &Server,
    (name, request, _): (&str, Request, [bool; 2]),
    accounts: &[Account],
) -> Result<(Samples, Vec<Value>)> {
    let requests = accounts.iter().map(|account| account.encode(request, name));
    let requests: Vec<_> = requests.collect();
    let mut bodies = Vec::new();
    let samples = server.measure(requests, |response| {
        response.check_success()?;
        bodies.push(serde_json::from_slice(&response.body).unwrap_or_default());
        Ok(())
    })?;
    Ok((samples, bodies))
}

/// Creates accounts from the seed.
fn create(server: &Server, count: u32) -> Result<(Samples, Vec<Account>)> {
    let none: Vec<_> = (0..count).map(|_| Account::default()).collect();
    let (samples, bodies) = measure(server, OPERATIONS[1], &none)?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let accounts = bodies
        .iter()
        .map(|body| Account { name: text(&body["account"]), api_key: text(&body["api_key"]) });
    Ok((samples, accounts.collect()))
}

/// Returns the samples of each operation, and the size of the account's database according to its last snapshot.
fn measure_lifecycle(
    bench: &Bench,
    storage: Storage,
    tickets: u32,
) -> Result<([Samples; OPERATIONS.len()], u64)> {
    let server = bench.start_server(storage, tickets, &[])?;
    let (count, rounds) = rounds(bench, tickets);
    let mut all: [Samples; OPERATIONS.len()] = Default::default();
    let mut database_bytes = 0;
    for _ in 0..rounds {
        let (samples, first) = create(&server, count)?;
        all[0].extend(measure(&server, OPERATIONS[0], &first)?.0);
        all[1].extend(samples);
        let (samples, second) = create(&server, count)?;
        all[1].extend(samples);
        for (index, accounts) in [first, second].iter().enumerate() {
            for (all, operation) in all.iter_mut().zip(OPERATIONS) {
                // Each operation on all accounts before the next operation.
                if operation.2[index] {
                    let (samples, bodies) = measure(&server, operation, accounts)?;
                    all.extend(samples);
                    if operation.1 == Snapshot {
                        database_bytes = bodies[0]["bytes"].as_u64().context("no size")?;
                    }
                }
            }
        }
    }
    server.stop()?;
    Ok((all, database_bytes))
}

type Rows<T> = Vec<(String, T)>;

/// Whether the number of accounts slows down operations, and what idle accounts cost.
fn measure_many(bench: &Bench, storage: Storage) -> Result<(Rows<Samples>, Rows<String>)> {
    let server = bench.start_server(storage, SEED_SIZES[0], &[])?;
    let others = bench.count(5_000, 200);
    let [write, reset, snapshot, delete] = [6, 7, 10, 15].map(|index| OPERATIONS[index]);
    let mut rows = Vec::new();
    let (_, reset_accounts) = create(&server, RESET_ACCOUNTS)?;
    let measure_resets = |rows: &mut Rows<Samples>, others: u32| -> Result<()> {
        let mut samples = Samples::default();
        for _ in 0..bench.count(300, 100) / RESET_ACCOUNTS {
            measure(&server, write, &reset_accounts)?;
            samples.extend(measure(&server, reset, &reset_accounts)?.0);
        }
        rows.push((format!("reset after a write, {others} other accounts"), samples));
        Ok(())
    };
    measure_resets(&mut rows, RESET_ACCOUNTS)?;

    let before = wait_until_idle(&server)?;
    let accounts = create_many(&server, idle_accounts(bench), &mut rows)?;
    measure(&server, write, &accounts)?;
    let busy = server.resources()?;
    let idle = wait_until_idle(&server)?;
    let bytes = measure(&server, snapshot, &accounts[..1])?.1[0]["bytes"].take();
    let groups = accounts.chunks(GROUP_SIZE);
    let last = groups.len() - 1;
    for (index, group) in groups.enumerate() {
        let (samples, _) = measure(&server, delete, group)?;
        if index == 0 || index == last {
            let (start, count) = (index * GROUP_SIZE, accounts.len());
            let name =
                format!("delete accounts {} to {} of {count}", start + 1, start + group.len());
            rows.push((name, samples));
        }
    }
    create_many(&server, others - RESET_ACCOUNTS, &mut rows)?;
    measure_resets(&mut rows, others)?;
    server.stop()?;

    let mut figures = Vec::new();
    for (index, figure) in ["resident memory, MB", "threads", "open files"].iter().enumerate() {
        for (time, usage) in [("before", before), ("after the last write", busy), ("idle", idle)] {
            let [cell] = fixed([usage[index]], usize::from(index == 0));
            figures.push((format!("{figure}, {time}"), cell));
        }
    }
    let growth = (idle[0] - before[0]) * 1e3 / f64::from(idle_accounts(bench));
    let database = bytes.as_f64().context("the snapshot has no size")? / 1e3;
    let overhead = if storage == Storage::Memory { growth - database } else { f64::NAN };
    let [growth, database, overhead] = fixed([growth, database, overhead], 1);
    figures.push(("growth per idle account, kB".to_owned(), growth));
    figures.push(("size of its database, kB".to_owned(), database));
    figures.push(("growth minus that size, kB".to_owned(), overhead.replace("NaN", "-")));
    Ok((rows, figures))
}

/// Creates accounts, and adds the rows of the first and the last group.
fn create_many(server: &Server, count: u32, rows: &mut Rows<Samples>) -> Result<Vec<Account>> {
    let mut accounts = Vec::new();
    let group = u32::try_from(GROUP_SIZE)?;
    for start in (0..count).step_by(GROUP_SIZE) {
        let end = count.min(start + group);
        let (samples, created) = create(server, end - start)?;
        accounts.extend(created);
        if start == 0 || end == count {
            rows.push((format!("create accounts {} to {end} of {count}", start + 1), samples));
        }
    }
    Ok(accounts)
}

/// Waits until the server has closed its idle databases and its resource usage does not change any more.
fn wait_until_idle(server: &Server) -> Result<[f64; 3]> {
    thread::sleep(IDLE_TIME);
    let deadline = Instant::now() + IDLE_TIMEOUT;
    let (mut last, mut equal_readings) = (server.resources()?, 0);
    while equal_readings < EQUAL_READINGS && Instant::now() < deadline {
        thread::sleep(POLL_INTERVAL);
        let usage = server.resources()?;
        // The memory may change a little, threads and open files may not.
        let is_equal = usage.iter().zip(last).all(|(now, last)| (now - last).abs() / last < 0.005);
        equal_readings = if is_equal { equal_readings + 1 } else { 0 };
        last = usage;
    }
    Ok(last)
}
