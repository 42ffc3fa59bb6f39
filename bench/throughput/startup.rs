//! The server without load: start-up time and memory.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use omnidesk_mock_bench::{
    BenchResult,
    request::RequestEncoder,
    seed::{self, API_KEY},
    server_process::ServerProcess,
    statistics::{median, milliseconds},
    storage::Storage,
};

use crate::{
    launcher::{ServerLauncher, settled_memory},
    options::Options,
    readiness::{find_free_address, wait_until_ready},
};

/// The default key of a server on loopback.
const DEFAULT_KEY: &str = "dev-key";

const TICKETS_PER_ACCOUNT: u32 = 1000;

pub(crate) struct StartupMeasurement {
    pub(crate) start_times: Vec<StartTimes>,
    /// Resident memory by state of the server, in MB.
    pub(crate) memory: Vec<(String, f64)>,
}

/// From the start of the process to its first `200`, in milliseconds.
pub(crate) struct StartTimes {
    pub(crate) name: String,
    pub(crate) median: f64,
    pub(crate) shortest: f64,
    pub(crate) longest: f64,
}

pub(crate) fn measure(
    options: &Options,
    launcher: &ServerLauncher,
) -> BenchResult<StartupMeasurement> {
    let mut startup = StartupMeasurement { start_times: Vec::new(), memory: Vec::new() };
    startup.measure_starts("empty data folder", options, launcher, |start| {
        let data = launcher.path(&format!("empty-{start}"));
        fs::create_dir(&data)?;
        Ok((data, DEFAULT_KEY.to_owned()))
    })?;
    for storage in Storage::ALL {
        let server = launcher.start_with_seed(storage, &[])?;
        let request = RequestEncoder::new(server.address, API_KEY).list_tickets();
        wait_until_ready(server.address, &request)?;
        let name = format!("seed just loaded, {}", storage.flag());
        startup.memory.push((name, settled_memory(&server)?));
        server.stop()?;
    }
    let seeded = launcher.seeded_data();
    let name = format!("one account of {} tickets", options.tickets);
    startup
        .measure_starts(&name, options, launcher, |_| Ok((seeded.clone(), API_KEY.to_owned())))?;
    let data = create_accounts(options, launcher)?;
    let name = format!("{} accounts of {TICKETS_PER_ACCOUNT} tickets each", options.accounts);
    // The first request of each start is to another account.
    startup.measure_starts(&name, options, launcher, |start| {
        Ok((data.clone(), account_key(start % options.accounts)))
    })?;
    Ok(startup)
}

/// Creates the data folder with many accounts.
fn create_accounts(options: &Options, launcher: &ServerLauncher) -> BenchResult<PathBuf> {
    eprintln!("creating {} accounts", options.accounts);
    let (seed, data) = (launcher.path("accounts.json"), launcher.path("accounts"));
    let accounts = (0..options.accounts).map(|n| (format!("bench-{n}"), account_key(n)));
    let accounts: Vec<_> = accounts.collect();
    seed::write_accounts(&seed, &accounts, TICKETS_PER_ACCOUNT)?;
    launcher.create_data(&seed, &data)?;
    fs::remove_file(&seed)?;
    Ok(data)
}

fn account_key(account: u32) -> String {
    format!("{API_KEY}-{account:04}")
}

impl StartupMeasurement {
    /// Starts the server several times. `choose` returns the data folder and the key of a start.
    fn measure_starts(
        &mut self,
        name: &str,
        options: &Options,
        launcher: &ServerLauncher,
        choose: impl Fn(u32) -> BenchResult<(PathBuf, String)>,
    ) -> BenchResult<()> {
        let mut times = Vec::new();
        for start in 0..options.starts {
            let (data, key) = choose(start)?;
            let (server, time) = time_start(launcher, &data, &key)?;
            times.push(milliseconds(time));
            if start + 1 == options.starts {
                self.memory.push((name.to_owned(), settled_memory(&server)?));
            }
            server.stop()?;
        }
        let shortest = times.iter().copied().fold(f64::INFINITY, f64::min);
        let longest = times.iter().copied().fold(0.0, f64::max);
        let name = name.to_owned();
        self.start_times.push(StartTimes { name, median: median(times), shortest, longest });
        Ok(())
    }
}

/// Measures from before the process exists until the client has read the first `200`.
fn time_start(
    launcher: &ServerLauncher,
    data: &Path,
    key: &str,
) -> BenchResult<(ServerProcess, Duration)> {
    let address = find_free_address()?;
    let request = RequestEncoder::new(address, key).list_tickets();
    let mut command = launcher.unpinned_command(&address.to_string(), Storage::Files, data);
    let start = Instant::now();
    command.stdout(Stdio::null());
    let server = ServerProcess::spawn(address, &mut command, &launcher.log())?;
    wait_until_ready(address, &request)?;
    Ok((server, start.elapsed()))
}
