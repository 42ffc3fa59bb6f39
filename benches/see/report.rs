//! The figures as Markdown.

use std::fmt::{self, Display, Formatter};

use crate::{
    machine::Machine,
    memory::{Growth, LOOKS},
    options::Options,
    storage::Storage,
    stream::Stream,
    table::Table,
    times::Times,
    verify::{KEPT, Verify},
    wake::Wake,
};

pub(crate) struct Report<'a> {
    pub(crate) options: &'a Options,
    pub(crate) machine: &'a Machine,
    pub(crate) wakes: Vec<(Storage, Vec<Wake>)>,
    pub(crate) checks: Vec<Verify>,
    pub(crate) readers: Vec<Stream>,
    pub(crate) growths: Vec<Growth>,
}

impl Display for Report<'_> {
    fn fmt(&self, out: &mut Formatter) -> fmt::Result {
        let Options { rounds, checks, followed, requests, .. } = self.options;
        writeln!(out, "# What it costs to see\n")?;
        writeln!(out, "Machine: {}.\n", self.machine.description())?;
        writeln!(out, "## Waiting\n")?;
        writeln!(
            out,
            "{rounds} rounds each, over connections that are kept alive. The round trip is that of \
             the request itself; woken is the time\nfrom its answer until the last of those who \
             wait has read its own. Processor time is of a whole round, waiters included.\n"
        )?;
        writeln!(out, "{}", self.wake_table())?;
        writeln!(out, "## A full journal\n")?;
        writeln!(out, "{KEPT} entries, in memory; {checks} repetitions.\n")?;
        writeln!(out, "{}", self.check_table())?;
        writeln!(out, "## Following the journal\n")?;
        writeln!(
            out,
            "{followed} requests of each kind over one connection, in turns, after thousands that \
             the reader had to read. Where it reads, it does so on the client's core.\n"
        )?;
        writeln!(out, "{}", self.reader_table())?;
        writeln!(out, "## Memory\n")?;
        writeln!(
            out,
            "Resident memory, in MB, with accounts in files, while {requests} requests arrive: four \
             `GET` of an item and a `setStatus`, and so on.\nWithout a journal, what grows is what \
             the server keeps of its answers.\n"
        )?;
        write!(out, "{}", self.memory_table())
    }
}

impl Report<'_> {
    fn wake_table(&self) -> Table {
        let mut table = Table::new(&[
            "request",
            "storage",
            "p50 ms",
            "p99 ms",
            "woken p50 ms",
            "woken p99 ms",
            "CPU ms",
        ]);
        for (storage, wakes) in &self.wakes {
            for Wake { name, round_trip, woken } in wakes {
                let [p50, p99, cpu] = cells(round_trip);
                // Where nobody waits, nobody is woken.
                let woken = woken.as_ref().map(cells).unwrap_or_default();
                let [woken_p50, woken_p99, _] = woken;
                let names = [name.clone(), storage.flag().to_owned()];
                table.add([&names[..], &[p50, p99, woken_p50, woken_p99, cpu]].concat());
            }
        }
        table
    }

    fn check_table(&self) -> Table {
        let mut table = Table::new(&["question", "answer B", "p50 ms", "p99 ms", "CPU ms"]);
        for Verify { name, bytes, times } in &self.checks {
            table.add([&[(*name).to_owned(), bytes.to_string()][..], &cells(times)].concat());
        }
        table
    }

    fn reader_table(&self) -> Table {
        let mut table =
            Table::new(&["reader", "request", "p50 ms", "p99 ms", "CPU ms", "memory MB"]);
        for Stream { name, reads, writes, memory } in &self.readers {
            for (request, times) in [("GET item", reads), ("PUT item", writes)] {
                let names = [name, request].map(str::to_owned);
                table.add([&names[..], &cells(times), &[format!("{memory:.1}")]].concat());
            }
        }
        table
    }

    fn memory_table(&self) -> Table {
        let names = self.growths.iter().map(|growth| growth.name.as_str());
        let headings: Vec<&str> = ["requests"].into_iter().chain(names).collect();
        let mut table = Table::new(&headings);
        for look in 0..=LOOKS {
            let requests = self.options.requests / LOOKS * look;
            let memory = self.growths.iter().map(|growth| growth.memory[look as usize]);
            let cells = memory.map(|megabytes| format!("{megabytes:.1}"));
            table.add([requests.to_string()].into_iter().chain(cells).collect());
        }
        table
    }
}

fn cells(times: &Times) -> [String; 3] {
    [times.percentile(50), times.percentile(99), times.cpu()].map(|figure| format!("{figure:.3}"))
}
