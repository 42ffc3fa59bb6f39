//! A large account on a disk: what the server holds when all of it was read once.

use std::fs;

use crate::{
    Outcome,
    connection::Connection,
    operation::{first_question, read_item, read_page},
    options::Options,
    rest,
    seed::{self, KEY},
    workplace::Workplace,
};

/// Pages that are read, by the tickets on each.
const PAGES: [(u32, u32); 2] = [(15, 100), (1000, 10)];

/// Memory by state, in MB. The server is started anew on the planted folder, so that planting does not count.
pub(crate) fn measure(options: &Options, workplace: &Workplace) -> Outcome<Vec<(String, f64)>> {
    let tickets = options.large;
    eprintln!("planting an account of {tickets} tickets");
    let (file, folder) = (workplace.path("large.json"), workplace.path("large"));
    seed::write(&file, tickets)?;
    workplace.plant(&file, &folder)?;
    fs::remove_file(&file)?;
    let server = workplace.start_planted(&folder)?;
    let mut connection = Connection::open(server.address)?;
    connection.ask(&first_question(server.address, KEY))?.succeeded()?;
    let first = rest::settled_memory(&server)?;
    eprintln!("reading all of them");
    for id in 1..=tickets {
        connection.ask(&read_item(server.address, id))?.succeeded()?;
    }
    for (limit, pages) in PAGES {
        for page in 0..pages {
            connection.ask(&read_page(server.address, page * limit, limit))?.succeeded()?;
        }
    }
    let all = rest::settled_memory(&server)?;
    let most = f64::from(server.status("VmHWM")?) * 1024.0 / 1e6;
    server.stop()?;
    let name = format!("one account of {tickets} tickets, --data");
    Ok(vec![
        (format!("{name}: after the first list"), first),
        (format!("{name}: after all items and 110 lists were read"), all),
        (format!("{name}: the most until then"), most),
    ])
}
