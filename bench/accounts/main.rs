//! The cost of accounts: creation, reset, snapshot, restore, deletion, and idle accounts.
//!
//! Sends requests over one connection, with seeds of three sizes and both kinds of storage.

use omnidesk_mock_bench::prelude::*;

const SEED_SIZES: [u32; 3] = [20, 1_000, 10_000];

const RESET_ACCOUNTS: u32 = 10;

/// The operations in the life of an account: name, request, and whether they are measured on the accounts that are read
/// first (`r`), on those that are written first (`w`) or on both. The server may defer a copy until the first read or
/// write. The health check concerns no account: its latency is the overhead of connection and client.
static OPERATIONS: LazyLock<Vec<[String; 3]>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("operations.json")).expect("operations.json is valid")
});

// The names of the operations that are measured by themselves, too.
const HEALTH: &str = "health check, no account";
const CREATE: &str = "create account from the seed";
const WRITE: &str = "next write";
const RESET: &str = "reset after a write";
const SNAPSHOT: &str = "snapshot";
const DELETE: &str = "delete account";

/// Returns the position of an operation in the list.
fn find_operation(name: &str) -> usize {
    OPERATIONS
        .iter()
        .position(|[other, ..]| other == name)
        .expect("operations.json has the operation")
}

fn main() -> Result<()> {
    let Some(bench) = Bench::start("accounts", &CommonOptions::parse())? else { return Ok(()) };
    bench.pin_client();
    let (mut operations, mut sizes) = (Rows::new(), Rows::new());
    let (mut many, mut idle) = (Rows::new(), Rows::new());
    for storage in STORAGES {
        for tickets in SEED_SIZES {
            note!("accounts with {tickets} tickets, {storage}");
            let (samples, bytes) = measure_lifecycle(&bench, storage, tickets)?;
            for ([name, ..], samples) in OPERATIONS.iter().zip(samples) {
                extend(&mut operations, row![name, storage], fixed(samples.figures(), 2));
            }
            sizes.push(row![tickets, storage, bytes, bytes / u64::from(tickets)]);
        }
        note!("many accounts, {storage}");
        measure_many(&bench, storage, &mut many, &mut idle)?;
    }
    let mut report = Report::new(include_str!("report.md"), &bench);
    for (name, tickets) in [("small", SEED_SIZES[0]), ("large", SEED_SIZES[2])] {
        let (accounts, rounds) = rounds(&bench, tickets);
        // The kernel rounds the processor time before and after each measurement.
        let error = f64::from(rounds).sqrt() * 5.0 / f64::from(accounts * rounds);
        report.fill(name, accounts * rounds);
        report.fill(&format!("{name}_error"), format_args!("{error:.2}"));
    }
    report.fill("accounts", bench.count(1_000, 200));
    report.table("operations", &operations);
    report.table("sizes", &sizes);
    report.table("many", &many);
    report.table("idle", &idle);
    report.publish("accounts")
}

/// How many accounts are measured at once, and how often. With the largest seed, half as many as with the others.
fn rounds(bench: &Bench, tickets: u32) -> (u32, u32) {
    let repetitions = bench.count(300, 100) / if tickets == SEED_SIZES[2] { 2 } else { 1 };
    // With many accounts, the kernel's unit of processor time (10 ms) matters less; with few tickets at once, the
    // server does not close their databases between two operations.
    let accounts = (100_000 / tickets).clamp(10, 50);
    (accounts, repetitions / accounts)
}

/// Sends the request for each account, given by the response to its creation. Returns the bodies of the responses, too.
fn measure(server: &Server, operation: usize, accounts: &[Value]) -> Result<(Samples, Vec<Value>)> {
    let [name, line, _] = &OPERATIONS[operation];
    let requests = accounts.iter().map(|account| {
        let [account, key] =
            ["account", "api_key"].map(|name| account[name].as_str().unwrap_or(""));
        let line = line.replace("{control}", &format!("{ACCOUNTS}/{account}"));
        Requests(key).line(&line.replace("{name}", &name.replace(' ', "+")))
    });
    let (requests, mut bodies): (Vec<_>, _) = (requests.collect(), Vec::new());
    let samples = server.measure(requests, |response| {
        bodies.push(serde_json::from_slice(&response.body).unwrap_or_default());
        response.check_success()
    })?;
    Ok((samples, bodies))
}

/// The same in groups. Adds the rows of the first and the last group.
fn measure_groups(
    server: &Server,
    operation: usize,
    accounts: &[Value],
    names: [&str; 2],
    rows: &mut Rows,
) -> Result<Vec<Value>> {
    let (count, mut all_bodies) = (accounts.len(), Vec::new());
    for group in accounts.chunks(100) {
        let (samples, bodies) = measure(server, operation, group)?;
        let start = all_bodies.len();
        all_bodies.extend(bodies);
        let end = all_bodies.len();
        if start == 0 || end == count {
            let name = format!("{} accounts {} to {end} of {count}", names[0], start + 1);
            extend(rows, row![name, names[1]], fixed(samples.figures(), 2));
        }
    }
    Ok(all_bodies)
}

/// Returns the samples of each operation, and the size of an account's database.
fn measure_lifecycle(bench: &Bench, storage: &str, tickets: u32) -> Result<(Vec<Samples>, u64)> {
    let server = bench.start_server(storage, tickets, &[])?;
    let (count, rounds) = rounds(bench, tickets);
    let mut all = vec![Samples::default(); OPERATIONS.len()];
    let mut database_bytes = 0;
    for _ in 0..rounds {
        for order in ["r", "w"] {
            let new = vec![Value::Null; count as usize];
            let (samples, accounts) = measure(&server, find_operation(CREATE), &new)?;
            all[find_operation(CREATE)].extend(samples);
            if order == "r" {
                all[find_operation(HEALTH)]
                    .extend(measure(&server, find_operation(HEALTH), &accounts)?.0);
            }
            // Each operation on all accounts before the next operation.
            for index in (0..all.len()).filter(|index| OPERATIONS[*index][2].contains(order)) {
                let (samples, bodies) = measure(&server, index, &accounts)?;
                all[index].extend(samples);
                database_bytes = bodies[0]["bytes"].as_u64().unwrap_or(database_bytes);
            }
        }
    }
    server.stop()?;
    Ok((all, database_bytes))
}

fn measure_many(bench: &Bench, storage: &str, rows: &mut Rows, costs: &mut Rows) -> Result<()> {
    let server = bench.start_server(storage, SEED_SIZES[0], &[])?;
    let new = |count: u32| vec![Value::Null; count as usize];
    let (_, reset_accounts) = measure(&server, find_operation(CREATE), &new(RESET_ACCOUNTS))?;
    let measure_resets = |rows: &mut Rows, others: u32| -> Result<()> {
        let mut samples = Samples::default();
        for _ in 0..bench.count(300, 100) / RESET_ACCOUNTS {
            measure(&server, find_operation(WRITE), &reset_accounts)?;
            samples.extend(measure(&server, find_operation(RESET), &reset_accounts)?.0);
        }
        let name = format!("reset after a write, {others} other accounts");
        extend(rows, row![name, storage], fixed(samples.figures(), 2));
        Ok(())
    };
    measure_resets(rows, RESET_ACCOUNTS)?;

    let before = wait_until_idle(&server)?;
    let (names, count) = (["create", storage], bench.count(1_000, 200));
    let accounts = measure_groups(&server, find_operation(CREATE), &new(count), names, rows)?;
    measure(&server, find_operation(WRITE), &accounts)?;
    let busy = server.resources()?;
    let idle = wait_until_idle(&server)?;
    let bytes = measure(&server, find_operation(SNAPSHOT), &accounts[..1])?.1[0]["bytes"].as_f64();
    measure_groups(&server, find_operation(DELETE), &accounts, ["delete", storage], rows)?;

    let others = bench.count(5_000, 200);
    measure_groups(&server, find_operation(CREATE), &new(others - RESET_ACCOUNTS), names, rows)?;
    measure_resets(rows, others)?;
    server.stop()?;

    for (index, figure) in ["resident memory, MB", "threads", "open files"].iter().enumerate() {
        for (time, usage) in [("before", before), ("after the last write", busy), ("idle", idle)] {
            let cell = fixed([usage[index]], usize::from(index == 0));
            extend(costs, row![format_args!("{figure}, {time}")], cell);
        }
    }
    let growth = (idle[0] - before[0]) * 1e3 / f64::from(count);
    let database = bytes.context("the snapshot has no size")? / 1e3;
    let overhead = if storage == MEMORY { growth - database } else { f64::NAN };
    for (name, figure) in [
        ("growth per idle account, kB", growth),
        ("size of its database, kB", database),
        ("growth minus that size, kB", overhead),
    ] {
        extend(costs, row![name], fixed([figure], 1).map(|cell| cell.replace("NaN", "-")));
    }
    Ok(())
}

/// Waits until the server has closed its idle databases, and its resource usage does not change any more.
fn wait_until_idle(server: &Server) -> Result<[f64; 3]> {
    thread::sleep(Duration::from_secs(8));
    let (mut last, mut equal_readings) = (server.resources()?, 0);
    for _ in 0..90 {
        thread::sleep(Duration::from_millis(500));
        let usage = server.resources()?;
        let is_equal = usage.iter().zip(last).all(|(now, last)| (now - last).abs() / last < 0.005);
        equal_readings = if is_equal { equal_readings + 1 } else { 0 };
        last = usage;
        if equal_readings == 5 {
            break;
        }
    }
    Ok(last)
}
