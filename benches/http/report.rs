//! The figures as Markdown.

use std::fmt::{self, Display, Formatter};

use crate::{
    load::{Load, Row},
    machine::Machine,
    options::Options,
    rest::{Rest, Starts},
    storage::Storage,
    table::Table,
};

pub(crate) struct Report<'a> {
    pub(crate) options: &'a Options,
    pub(crate) machine: &'a Machine,
    pub(crate) rest: &'a Rest,
    pub(crate) load: &'a Load,
}

impl Display for Report<'_> {
    fn fmt(&self, out: &mut Formatter) -> fmt::Result {
        let Options { seconds, rounds, tickets, starts, .. } = self.options;
        writeln!(out, "# Speed and memory\n")?;
        writeln!(out, "Machine: {}.\n", self.machine.description())?;
        writeln!(out, "## Under load\n")?;
        writeln!(
            out,
            "One account with {tickets} tickets; wrk with 1 thread and 32 connections over \
             loopback. Medians of {rounds} rounds of {seconds} s,\nin turns with a bare axum \
             server that sends as many bytes.\n"
        )?;
        writeln!(out, "{}", self.load_table())?;
        writeln!(out, "## Start-up\n")?;
        writeln!(out, "From the start of the process to the first 200; {starts} starts.\n")?;
        writeln!(out, "{}", self.start_table())?;
        writeln!(out, "## Resident memory\n")?;
        write!(out, "{}", self.memory_table())
    }
}

impl Report<'_> {
    fn load_table(&self) -> Table {
        let mut table = Table::new(&[
            "operation",
            "storage",
            "answer B",
            "req/s",
            "bare req/s",
            "ratio",
            "p50 ms",
            "p99 ms",
            "bare p99 ms",
            "CPU µs/req",
            "bare CPU µs/req",
            "non-2xx",
            "lost",
        ]);
        self.load.rows.iter().for_each(|row| table.add(load_cells(row)));
        table
    }

    fn start_table(&self) -> Table {
        let mut table = Table::new(&["start with", "median ms", "shortest ms", "longest ms"]);
        for Starts { name, median, shortest, longest } in &self.rest.starts {
            let times = [median, shortest, longest].map(|time| format!("{time:.1}"));
            table.add([vec![(*name).to_owned()], times.to_vec()].concat());
        }
        table
    }

    fn memory_table(&self) -> Table {
        let mut table = Table::new(&["state", "MB"]);
        let after = |&(storage, megabytes): &(Storage, f64)| {
            (format!("after the load, {}", storage.flag()), megabytes)
        };
        let after = self.load.memory.iter().map(after);
        for (state, megabytes) in self.rest.memory.iter().cloned().chain(after) {
            table.add(vec![state, format!("{megabytes:.1}")]);
        }
        table
    }
}

fn load_cells(row: &Row) -> Vec<String> {
    let Row { ours, bare, .. } = row;
    let milliseconds = |time: f64| format!("{:.2}", time / 1e3);
    vec![
        row.operation.name().to_owned(),
        row.storage.flag().to_owned(),
        row.size.to_string(),
        format!("{:.0}", ours.per_second),
        format!("{:.0}", bare.per_second),
        format!("{:.3}", ours.per_second / bare.per_second),
        milliseconds(ours.p50),
        milliseconds(ours.p99),
        milliseconds(bare.p99),
        format!("{:.1}", ours.cpu),
        format!("{:.1}", bare.cpu),
        row.refused.to_string(),
        row.lost.to_string(),
    ]
}
