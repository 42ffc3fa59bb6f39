//! The resident memory of the server after many requests.

use std::{iter, ops::Range};

use omnidesk_mock_bench::{
    BenchResult,
    context::BenchContext,
    load_generator,
    storage::Storage,
    test_server::{ServerConfig, TestServer},
};
use serde::Deserialize;

use crate::options::Options;

/// Half of them are only read, so that the size of their responses stays the same.
const TICKETS: u32 = 200;

/// One in this number of requests sets a status; the others read.
const WRITE_INTERVAL: u32 = 5;

/// Requests to an account before the next account: the server keeps about 60 databases open, and this benchmark is not
/// about opening them.
const REQUESTS_PER_ACCOUNT: u32 = 500;

const CONNECTIONS: usize = 32;

/// How often the memory is read.
pub(crate) const SAMPLES: u32 = 10;

pub(crate) struct MemoryGrowth {
    pub(crate) name: String,
    /// Resident memory before the first request and after each tenth of the requests, in MB.
    pub(crate) resident: Vec<f64>,
}

#[derive(Deserialize)]
struct CreatedAccount {
    api_key: String,
}

impl MemoryGrowth {
    /// One account and many, each without a journal and with it.
    pub(crate) fn measure_all(options: &Options, context: &BenchContext) -> BenchResult<Vec<Self>> {
        let mut all = Vec::new();
        for (count, name) in [
            (1, "1 account".to_owned()),
            (options.accounts, format!("{} accounts", options.accounts)),
        ] {
            let without = format!("{name}, no journal");
            for (name, flags) in [(without, &["--journal-entries", "0"][..]), (name, &[])] {
                all.push(Self::measure(name, options, context, count, flags)?);
            }
        }
        Ok(all)
    }

    /// The accounts are in files, so that the growth of their databases is not in memory.
    fn measure(
        name: String,
        options: &Options,
        context: &BenchContext,
        accounts: u32,
        flags: &[&str],
    ) -> BenchResult<Self> {
        eprintln!("memory, {name}");
        let config = ServerConfig { storage: Storage::Files, seed_tickets: Some(TICKETS), flags };
        let server = context.start_server(&config)?;
        let mut connections = server.connect_many(CONNECTIONS)?;
        let create = server.requests().without_body("POST", "/_control/accounts");
        let keys = (0..accounts)
            .map(|_| Ok(connections[0].exchange(&create)?.json::<CreatedAccount>()?.api_key));
        let keys = keys.collect::<BenchResult<Vec<_>>>()?;
        let first_reads = keys.iter().map(|key| server.requests_with_key(key).get_ticket(1));
        load_generator::send_all(&mut connections, first_reads)?;
        let mut resident = vec![server.process.resident_memory()?];
        let step = options.memory_requests / SAMPLES;
        for sample in 0..SAMPLES {
            let numbers = sample * step..(sample + 1) * step;
            load_generator::send_all(&mut connections, mixed_requests(&server, &keys, numbers))?;
            resident.push(server.process.resident_memory()?);
        }
        server.stop()?;
        Ok(Self { name, resident })
    }
}

/// The requests with these numbers: reads and writes of all accounts.
fn mixed_requests<'a>(
    server: &'a TestServer,
    keys: &'a [String],
    mut numbers: Range<u32>,
) -> impl Iterator<Item = String> + 'a {
    iter::from_fn(move || {
        let number = numbers.next()?;
        let count = u32::try_from(keys.len()).ok()?;
        let (block, offset) = (number / REQUESTS_PER_ACCOUNT, number % REQUESTS_PER_ACCOUNT);
        let key = &keys[(block % count) as usize];
        // The number of the request within its account.
        let index = block / count * REQUESTS_PER_ACCOUNT + offset;
        let requests = server.requests_with_key(key);
        let half = TICKETS / 2;
        Some(if index % WRITE_INTERVAL == WRITE_INTERVAL - 1 {
            let write = index / WRITE_INTERVAL;
            // Each pass sets the other status, because setting the current one changes nothing.
            let status = ["open", "pending"][(write / half % 2) as usize];
            requests.set_status(status, &[half + 1 + write % half])
        } else {
            requests.get_ticket(1 + index % half)
        })
    })
}
