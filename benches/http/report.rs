//! The figures as Markdown.

use std::fmt::{self, Display, Formatter, Write};

use crate::{
    journal::{self, Journal},
    load::{Load, Row},
    machine::Machine,
    options::Options,
    rest::{Rest, Starts},
    table::Table,
    turns::{Disturbance, MOST_BY_OTHERS},
};

pub(crate) struct Report<'a> {
    pub(crate) options: &'a Options,
    pub(crate) machine: &'a Machine,
    pub(crate) rest: Option<&'a Rest>,
    pub(crate) load: Option<&'a Load>,
    pub(crate) journal: Option<&'a Journal>,
    /// Memory of the server with the large account, by state, in MB.
    pub(crate) large: Option<&'a [(String, f64)]>,
}

impl Display for Report<'_> {
    fn fmt(&self, out: &mut Formatter) -> fmt::Result {
        let &Options { seconds, rounds, tickets, starts, repeats, .. } = self.options;
        writeln!(out, "# Speed and memory\n")?;
        writeln!(out, "Machine: {}.", self.machine.description())?;
        if let Some(load) = self.load {
            writeln!(out, "\n## Under load\n")?;
            writeln!(
                out,
                "One account with {tickets} tickets; wrk with 1 thread and 32 connections over \
                 loopback. Medians of {rounds} rounds of {seconds} s,\nin turns with a bare axum \
                 server that sends as many bytes. Every write changes something;\nthe rounds of setStatus of 1,000 are three times as long. \
                 MB is what this server holds after the last round of a row.\n"
            )?;
            disturbed(out, repeats, load.rows.iter().map(|row| row.disturbance))?;
            write!(out, "{}", load_table(load))?;
        }
        if let Some(journal) = self.journal {
            writeln!(out, "\n## With the journal and without it\n")?;
            writeln!(
                out,
                "The same load on the same program in memory, with `--journal-entries 1000` and \
                 with 0, in turns. Medians of {rounds} rounds of {seconds} s.\n"
            )?;
            disturbed(out, repeats, journal.rows.iter().map(|row| row.disturbance))?;
            write!(out, "{}", journal_table(journal))?;
        }
        if let Some(rest) = self.rest {
            writeln!(out, "\n## Start-up\n")?;
            writeln!(out, "From the start of the process to the first 200; {starts} starts.\n")?;
            write!(out, "{}", start_table(rest))?;
        }
        match self.memory_table() {
            None => Ok(()),
            Some(table) => write!(out, "\n## Resident memory\n\n{table}"),
        }
    }
}

impl Report<'_> {
    fn memory_table(&self) -> Option<Table> {
        let mut states: Vec<(String, f64)> = Vec::new();
        states.extend(self.rest.iter().flat_map(|rest| rest.memory.iter().cloned()));
        states.extend(self.load.iter().flat_map(|load| load.memory.iter().cloned()));
        if let Some(Journal { memory: [with, without], .. }) = self.journal {
            states.push(("after the load, with the journal".to_owned(), *with));
            states.push(("after the same load, without it".to_owned(), *without));
        }
        states.extend(self.large.iter().copied().flatten().cloned());
        if states.is_empty() {
            return None;
        }
        let mut table = Table::new(&["state", "MB"]);
        for (state, megabytes) in states {
            table.add(vec![state, format!("{megabytes:.1}")]);
        }
        Some(table)
    }
}

/// Says which rounds were refused; nothing of it is hidden by the medians.
pub(crate) fn disturbed(
    out: &mut impl Write,
    repeats: u32,
    rows: impl Iterator<Item = Disturbance>,
) -> fmt::Result {
    let Disturbance { refused, kept } = rows.fold(Disturbance::default(), Disturbance::and);
    writeln!(
        out,
        "A round in which other programs took more than {MOST_BY_OTHERS} of a core was refused and \
         done again, up to {repeats} times; then the quietest counted.\nRefused rounds: {refused}. \
         Noisy rounds that count: {kept}.\n"
    )
}

fn load_table(load: &Load) -> Table {
    let mut table = Table::new(&[
        "operation",
        "storage",
        "answer B",
        "req/s",
        "bare req/s",
        "ratio",
        "p50 ms",
        "p99 ms",
        "bare p50 ms",
        "bare p99 ms",
        "CPU µs/req",
        "bare CPU µs/req",
        "MB",
        "failed",
        "refused rounds",
        "noisy rounds",
    ]);
    load.rows.iter().for_each(|row| table.add(load_cells(row)));
    table
}

fn journal_table(journal: &Journal) -> Table {
    let mut table = Table::new(&[
        "operation",
        "req/s with",
        "req/s without",
        "ratio",
        "p99 ms with",
        "p99 ms without",
        "CPU µs/req with",
        "CPU µs/req without",
        "CPU ratio",
    ]);
    for journal::Row { operation, with, without, .. } in &journal.rows {
        table.add(vec![
            operation.name().to_owned(),
            format!("{:.0}", with.per_second),
            format!("{:.0}", without.per_second),
            format!("{:.3}", with.per_second / without.per_second),
            format!("{:.2}", with.p99 / 1e3),
            format!("{:.2}", without.p99 / 1e3),
            format!("{:.1}", with.cpu),
            format!("{:.1}", without.cpu),
            format!("{:.3}", with.cpu / without.cpu),
        ]);
    }
    table
}

fn start_table(rest: &Rest) -> Table {
    let mut table = Table::new(&["start with", "median ms", "shortest ms", "longest ms"]);
    for Starts { name, median, shortest, longest } in &rest.starts {
        let times = [median, shortest, longest].map(|time| format!("{time:.1}"));
        table.add([vec![name.clone()], times.to_vec()].concat());
    }
    table
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
        milliseconds(bare.p50),
        milliseconds(bare.p99),
        format!("{:.1}", ours.cpu),
        format!("{:.1}", bare.cpu),
        format!("{:.1}", row.memory),
        (row.refused + row.lost).to_string(),
        row.disturbance.refused.to_string(),
        row.disturbance.kept.to_string(),
    ]
}
