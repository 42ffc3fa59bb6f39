//! A large account in files: the memory of the server after all of it was read once.

use std::fs;

use omnidesk_mock_bench::{BenchResult, connection::Connection, request::RequestEncoder, seed};

use crate::{
    launcher::{ServerLauncher, settled_memory},
    options::Options,
};

/// Sizes of pages, and how many pages of that size are read.
const PAGES: [(u32, u32); 2] = [(15, 100), (1000, 10)];

/// Returns memory by state, in MB. The server starts on an existing data folder, so that loading the seed does not count.
pub(crate) fn measure(
    options: &Options,
    launcher: &ServerLauncher,
) -> BenchResult<Vec<(String, f64)>> {
    let tickets = options.large_account_tickets;
    eprintln!("creating an account of {tickets} tickets");
    let (seed, data) = (launcher.path("large.json"), launcher.path("large"));
    seed::write(&seed, tickets)?;
    launcher.create_data(&seed, &data)?;
    fs::remove_file(&seed)?;
    let server = launcher.start_on_data(&data)?;
    let requests = RequestEncoder::new(server.address, seed::API_KEY);
    let mut connection = Connection::open(server.address)?;
    connection.exchange(&requests.list_tickets())?.check_success()?;
    let after_first_list = settled_memory(&server)?;
    eprintln!("reading all of them");
    for id in 1..=tickets {
        connection.exchange(&requests.get_ticket(id))?.check_success()?;
    }
    for (limit, pages) in PAGES {
        for page in 0..pages {
            let start = page * limit;
            let path = format!("/api/v2/ticket?itemStart={start}&itemLimit={limit}");
            connection.exchange(&requests.get(&path))?.check_success()?;
        }
    }
    let after_all = settled_memory(&server)?;
    let peak = server.peak_memory()?;
    server.stop()?;
    let name = format!("one account of {tickets} tickets, --data");
    Ok(vec![
        (format!("{name}: after the first list"), after_first_list),
        (format!("{name}: after all items and 110 lists were read"), after_all),
        (format!("{name}: peak until then"), peak),
    ])
}
