//! What the server holds after many requests.

use serde::Deserialize;

use crate::{
    Outcome,
    desk::{self, Desk},
    load,
    machine::Machine,
    options::Options,
    storage::Storage,
};

/// Half of them are read and never change, so that the answers stay as large as they are.
const TICKETS: u32 = 200;

/// Every so many requests one sets a status; the others read.
const WRITES: u32 = 5;

/// Requests to an account before the next has its turn: the server keeps some 60 databases open, and
/// this is not about their opening.
const TURN: u32 = 500;

const CONNECTIONS: usize = 32;

/// How often the memory is looked at.
pub(crate) const LOOKS: u32 = 10;

pub(crate) struct Growth {
    pub(crate) name: String,
    /// Resident memory before the first request and after each tenth of them, in MB.
    pub(crate) memory: Vec<f64>,
}

#[derive(Deserialize)]
struct Made {
    api_key: String,
}

impl Growth {
    /// One account and many, each without a journal and with it.
    pub(crate) fn measure_all(options: &Options, machine: &Machine) -> Outcome<Vec<Self>> {
        let mut all = Vec::new();
        for (count, name) in [
            (1, "1 account".to_owned()),
            (options.accounts, format!("{} accounts", options.accounts)),
        ] {
            let without = format!("{name}, no journal");
            for (name, flags) in [(without, &["--journal-entries", "0"][..]), (name, &[])] {
                all.push(Self::measure(name, options, machine, count, flags)?);
            }
        }
        Ok(all)
    }

    /// The accounts are in files, so that what their databases grow by is not in the memory.
    fn measure(
        name: String,
        options: &Options,
        machine: &Machine,
        accounts: u32,
        flags: &[&str],
    ) -> Outcome<Self> {
        eprintln!("memory, {name}");
        let desk = Desk::open_with(machine, Storage::Files, TICKETS, flags)?;
        let mut connections = desk.connect_often(CONNECTIONS)?;
        let keys = (0..accounts).map(|_| {
            let made: Made = desk::read(&connections[0].ask(&desk.make_account())?)?;
            Ok(made.api_key)
        });
        let keys = keys.collect::<Outcome<Vec<_>>>()?;
        let first = keys.iter().map(|key| desk.show(key, 1));
        load::send_all(&mut connections, first)?;
        let mut memory = vec![desk.server.memory()?];
        let step = options.requests / LOOKS;
        for look in 0..LOOKS {
            let numbers = look * step..(look + 1) * step;
            load::send_all(&mut connections, mix(&desk, &keys, numbers))?;
            memory.push(desk.server.memory()?);
        }
        desk.server.stop()?;
        Ok(Self { name, memory })
    }
}

/// The requests of these numbers.
fn mix<'a>(
    desk: &'a Desk,
    keys: &'a [String],
    mut numbers: std::ops::Range<u32>,
) -> impl Iterator<Item = String> + 'a {
    std::iter::from_fn(move || {
        let number = numbers.next()?;
        let count = u32::try_from(keys.len()).ok()?;
        let (turns, rest) = (number / TURN, number % TURN);
        let (key, turn) = (&keys[(turns % count) as usize], turns / count * TURN + rest);
        let half = TICKETS / 2;
        Some(if turn % WRITES == WRITES - 1 {
            let write = turn / WRITES;
            // Another one in each pass: a status that the ticket has is no change.
            let status = ["open", "pending"][(write / half % 2) as usize];
            desk.set_status(key, half + 1 + write % half, status)
        } else {
            desk.show(key, 1 + turn % half)
        })
    })
}
