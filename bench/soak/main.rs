//! A soak test: whether errors occur, or memory, threads, files or data grow, during a long load with all operations.
//!
//! Rate-limited clients use everything that the Ticket API and the control API offer, with valid and invalid requests,
//! in accounts whose tickets they know, and check every response. They delete what they create, so nothing has to grow.
//! The report is stored as `target/bench/soak.md`. The exit code is 1 after an error or growth.

use omnidesk_mock_bench::prelude::*;

use crate::{
    account::{Account, Tickets},
    actions::{ACTIONS, CREATE, DELETE_MULTI, choose, perform, read},
    client::{Client, SharedCounters},
    monitor::{Monitor, SAMPLE_INTERVAL},
};

mod account;
mod actions;
mod client;
mod monitor;

/// Each client uses an account of its own, and all use a shared one.
const CLIENTS: u32 = 8;
/// Requests per second of all clients together: about 60 % of a core of the server.
const RATE: u32 = 800;

/// Loads a server with all operations for a while, and reports errors and growth.
#[derive(Parser)]
struct Options {
    /// Duration of the load in minutes; growth is an error from 5 minutes on
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u32).range(1..=10_080))]
    minutes: u32,
    /// Exclude fault rules, rate limits and strict mode
    #[arg(long)]
    without_faults: bool,
    #[command(flatten)]
    common: CommonOptions,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let Some(bench) = Bench::start("soak", &options.common)? else { return Ok(()) };
    // As a user does: on any core.
    let seed = bench.path("seed.json");
    seed::write(&seed, 1, 20)?;
    let mut command = bench.serve(false, "127.0.0.1:0", FILES, &bench.path("data"));
    command.arg("--seed").arg(seed);
    let process = bench.start_command(command)?;
    let counters = SharedCounters::default();
    let mut workers = Vec::new();
    for number in 0..CLIENTS {
        let mut client = Client {
            address: process.address,
            counters: &counters,
            // The same numbers in each run.
            random: Rng::with_seed(number.into()),
            action: CREATE,
            interval: Duration::from_secs(1) * CLIENTS / RATE,
            next_send: Instant::now(),
            connection: None,
        };
        let prefix = format!("c{number}");
        let name = json!({ "name": format!("client-{number}") });
        let mut own = Account::create(&mut client, &name, &prefix)?;
        own.create_read_only_key(&mut client)?;
        let (name, api_key) = ("bench-0".to_owned(), seed::API_KEY.to_owned());
        let mut shared = Account { name, api_key, prefix, ..Account::default() };
        shared.create_read_only_key(&mut client)?;
        workers.push((client, own, shared));
    }
    let (start, samples, totals) = (Instant::now(), Vec::new(), [0.0; 6]);
    let (bench, server, counters) = (&bench, &process, &counters);
    let mut monitor = Monitor { bench, server, counters, start, samples, totals };
    let result = thread::scope(|scope| {
        for (client, own, shared) in workers {
            scope.spawn(|| work(client, own, shared, !options.without_faults));
        }
        let result = monitor.run(Duration::from_mins(1) * options.minutes);
        // Also after an error of the monitor, because the workers run until then.
        counters.lock().is_stopped = true;
        result
    });
    result?;
    let mut report = Report::new(include_str!("report.md"), bench);
    report.fill_all("minutes clients rate", &[options.minutes, CLIENTS, RATE]);
    report.fill("faults", if options.without_faults { "without faults" } else { "with faults" });
    // In a shorter time, the journals and the response cache are still filling.
    let has_passed = monitor.report(&mut report, options.minutes >= 5)?;
    report.publish("soak")?;
    process.stop()?;
    ensure!(has_passed, "the soak test has failed");
    Ok(())
}

fn work(mut client: Client, mut own: Account, mut shared: Account, with_faults: bool) {
    while !client.counters.lock().is_stopped {
        if client.random.u32(..200) == 0 {
            client.connection = None;
        }
        // An account has about as many tickets all the time; only the own ones count in the shared account.
        let is_shared = client.random.u32(..4) == 0;
        let (account, min, max) = if is_shared { (&mut shared, 3, 15) } else { (&mut own, 10, 50) };
        client.action = match account.tickets.by_id.len() {
            count if count < min => CREATE,
            count if count > max => DELETE_MULTI,
            _ => choose(&mut client, account.is_exclusive, with_faults),
        };
        let action = client.action;
        if let Err(error) = perform(&mut client, account, action) {
            let name = read(&ACTIONS[action], "/name");
            client.counters.add_error(&name, format_args!("{error:#}"));
            if let Err(error) = recover(&mut client, &mut own, &mut shared) {
                client.counters.add_error("recovery", error);
                thread::sleep(SAMPLE_INTERVAL);
            }
        }
    }
}

/// Restores a known state with a new account, because the effect of the failed request is unknown.
fn recover(client: &mut Client, own: &mut Account, shared: &mut Account) -> Result<()> {
    client.connection = None;
    shared.tickets = Tickets::default();
    client.expect(&KEY.line(&format!("DELETE {ACCOUNTS}/{}", own.name)), 204)?;
    *own = Account::create(client, &json!({ "name": own.name }), &own.prefix)?;
    own.create_read_only_key(client)
}
