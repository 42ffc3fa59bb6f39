//! The server without load: how soon it answers after its start, and how much memory it holds.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use crate::{
    Outcome, client,
    operation::first_question,
    options::Options,
    seed::{self, KEY},
    server::Server,
    storage::Storage,
    workplace::Workplace,
};

/// The key that a server on loopback has when it was told nothing.
const DEFAULT_KEY: &str = "dev-key";

const TICKETS_OF_EACH: u32 = 1000;

/// How long a server is left alone before its memory is read.
const SETTLE: Duration = Duration::from_millis(500);

pub(crate) struct Rest {
    pub(crate) starts: Vec<Starts>,
    /// Memory by state of the server, in MB.
    pub(crate) memory: Vec<(String, f64)>,
}

/// The times from the start of the process to its first `200`, in milliseconds.
pub(crate) struct Starts {
    pub(crate) name: String,
    pub(crate) median: f64,
    pub(crate) shortest: f64,
    pub(crate) longest: f64,
}

/// Leaves the seed planted in the workplace's folder.
pub(crate) fn measure(options: &Options, workplace: &Workplace) -> Outcome<Rest> {
    let mut rest = Rest { starts: Vec::new(), memory: Vec::new() };
    rest.add_starts("empty data folder", options, workplace, |start| {
        let folder = workplace.path(&format!("empty-{start}"));
        fs::create_dir(&folder)?;
        Ok((folder, DEFAULT_KEY.to_owned()))
    })?;
    for storage in Storage::ALL {
        let server = workplace.start_seeded(storage, &[])?;
        client::ask_until_ready(server.address, &first_question(server.address, KEY))?;
        let name = format!("seed just planted, {}", storage.flag());
        rest.memory.push((name, settled_memory(&server)?));
        server.stop()?;
    }
    let seeded = workplace.seeded_folder();
    let name = format!("one account of {} tickets", options.tickets);
    rest.add_starts(&name, options, workplace, |_| Ok((seeded.clone(), KEY.to_owned())))?;
    let folder = plant_accounts(options, workplace)?;
    let name = format!("{} accounts of {TICKETS_OF_EACH} tickets each", options.accounts);
    // Each start is asked for another account.
    rest.add_starts(&name, options, workplace, |start| {
        Ok((folder.clone(), key_of(start % options.accounts)))
    })?;
    Ok(rest)
}

/// Makes the folder of many accounts.
fn plant_accounts(options: &Options, workplace: &Workplace) -> Outcome<PathBuf> {
    eprintln!("planting {} accounts", options.accounts);
    let (file, folder) = (workplace.path("accounts.json"), workplace.path("accounts"));
    let accounts: Vec<_> =
        (0..options.accounts).map(|n| (format!("bench-{n}"), key_of(n))).collect();
    seed::write_accounts(&file, &accounts, TICKETS_OF_EACH)?;
    workplace.plant(&file, &folder)?;
    fs::remove_file(&file)?;
    Ok(folder)
}

fn key_of(account: u32) -> String {
    format!("{KEY}-{account:04}")
}

/// Resident memory once nothing is going on any more.
pub(crate) fn settled_memory(server: &Server) -> Outcome<f64> {
    thread::sleep(SETTLE);
    server.memory()
}

/// The middle one; of an even number the lower of the two.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[(figures.len() - 1) / 2]
}

impl Rest {
    /// Starts the server several times, each with the folder and key that `choose` gives.
    fn add_starts(
        &mut self,
        name: &str,
        options: &Options,
        workplace: &Workplace,
        choose: impl Fn(u32) -> Outcome<(PathBuf, String)>,
    ) -> Outcome<()> {
        let mut times = Vec::new();
        for start in 0..options.starts {
            let (folder, key) = choose(start)?;
            let (server, time) = timed_start(workplace, &folder, &key)?;
            times.push(time.as_secs_f64() * 1e3);
            if start + 1 == options.starts {
                self.memory.push((name.to_owned(), settled_memory(&server)?));
            }
            server.stop()?;
        }
        let shortest = times.iter().copied().fold(f64::INFINITY, f64::min);
        let longest = times.iter().copied().fold(0.0, f64::max);
        let name = name.to_owned();
        self.starts.push(Starts { name, median: median(times), shortest, longest });
        Ok(())
    }
}

/// The time is the client's: from before the process exists to after the answer is read.
fn timed_start(workplace: &Workplace, data: &Path, key: &str) -> Outcome<(Server, Duration)> {
    let address = free_address()?;
    let question = first_question(address, key);
    let mut command = workplace.plain(&address.to_string(), Storage::Files, data);
    let began = Instant::now();
    command.stdout(Stdio::null());
    let server = Server::start_at(address, &mut command, &workplace.log())?;
    client::ask_until_ready(address, &question)?;
    Ok((server, began.elapsed()))
}

/// Told to the server beforehand, so that the wait needs no line of its output.
pub(crate) fn free_address() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
