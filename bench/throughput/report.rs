//! The report in Markdown.

use std::fmt::{self, Display, Formatter, Write};

use omnidesk_mock_bench::{machine::Machine, table::Table};

use crate::{
    alternating_rounds::{MAX_NOISE, NoiseCount},
    journal_cost::{self, JournalCost},
    load::{LoadMeasurement, Row},
    options::Options,
    startup::{StartTimes, StartupMeasurement},
};

pub(crate) struct Report<'a> {
    pub(crate) options: &'a Options,
    pub(crate) machine: &'a Machine,
    pub(crate) startup: Option<&'a StartupMeasurement>,
    pub(crate) load: Option<&'a LoadMeasurement>,
    pub(crate) journal: Option<&'a JournalCost>,
    /// Memory of the server with the large account, by state, in MB.
    pub(crate) large_account: Option<&'a [(String, f64)]>,
}

impl Display for Report<'_> {
    fn fmt(&self, out: &mut Formatter) -> fmt::Result {
        let &Options { seconds, rounds, tickets, starts, retries, .. } = self.options;
        writeln!(out, "# Throughput and memory\n")?;
        writeln!(out, "Machine: {}.", self.machine.description())?;
        if let Some(load) = self.load {
            writeln!(out, "\n## Load\n")?;
            writeln!(
                out,
                "One account with {tickets} tickets; wrk with 1 thread and 32 connections over loopback. Medians of \
                 {rounds} rounds of {seconds} s,\nwhich alternate with those of a bare axum server that sends as many \
                 bytes. Every write changes something; the rounds of setStatus of\n1,000 are three times as long. MB is \
                 the memory of this server after the last round of a row.\n"
            )?;
            write_noise(out, retries, load.rows.iter().map(|row| row.noise))?;
            write!(out, "{}", load_table(load))?;
        }
        if let Some(journal) = self.journal {
            writeln!(out, "\n## With and without the journal\n")?;
            writeln!(
                out,
                "The same load on the same server in memory, with `--journal-entries 1000` and with 0. Medians of {rounds} \
                 alternating rounds of {seconds} s.\n"
            )?;
            write_noise(out, retries, journal.rows.iter().map(|row| row.noise))?;
            write!(out, "{}", journal_table(journal))?;
        }
        if let Some(startup) = self.startup {
            writeln!(out, "\n## Start-up time\n")?;
            writeln!(out, "From the start of the process to the first 200; {starts} starts.\n")?;
            write!(out, "{}", startup_table(startup))?;
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
        states.extend(self.startup.iter().flat_map(|startup| startup.memory.iter().cloned()));
        states.extend(self.load.iter().flat_map(|load| load.memory.iter().cloned()));
        if let Some(JournalCost { memory: [with, without], .. }) = self.journal {
            states.push(("after the load, with the journal".to_owned(), *with));
            states.push(("after the load, without the journal".to_owned(), *without));
        }
        states.extend(self.large_account.iter().copied().flatten().cloned());
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

/// Says how many rounds were noisy, because the medians do not show it.
pub(crate) fn write_noise(
    out: &mut impl Write,
    retries: u32,
    counts: impl Iterator<Item = NoiseCount>,
) -> fmt::Result {
    let NoiseCount { rejected, accepted } = NoiseCount::sum(counts);
    writeln!(
        out,
        "A round is noisy if other processes took more than {MAX_NOISE} of a core. It was rejected and retried, up to \
         {retries} times; then the\nleast noisy round counted. Rejected rounds: {rejected}. Noisy rounds that count: \
         {accepted}.\n"
    )
}

fn load_table(load: &LoadMeasurement) -> Table {
    let mut table = Table::new(&[
        "operation",
        "storage",
        "response B",
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
        "rejected rounds",
        "noisy rounds",
    ]);
    load.rows.iter().for_each(|row| table.add(load_cells(row)));
    table
}

fn load_cells(row: &Row) -> Vec<String> {
    let Row { tested, bare, .. } = row;
    let milliseconds = |microseconds: f64| format!("{:.2}", microseconds / 1e3);
    vec![
        row.operation.name().to_owned(),
        row.storage.flag().to_owned(),
        row.response_bytes.to_string(),
        format!("{:.0}", tested.requests_per_second),
        format!("{:.0}", bare.requests_per_second),
        format!("{:.3}", tested.requests_per_second / bare.requests_per_second),
        milliseconds(tested.p50),
        milliseconds(tested.p99),
        milliseconds(bare.p50),
        milliseconds(bare.p99),
        format!("{:.1}", tested.cpu),
        format!("{:.1}", bare.cpu),
        format!("{:.1}", row.memory),
        row.failed_requests().to_string(),
        row.noise.rejected.to_string(),
        row.noise.accepted.to_string(),
    ]
}

fn journal_table(journal: &JournalCost) -> Table {
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
    for journal_cost::Row { operation, with, without, .. } in &journal.rows {
        table.add(vec![
            operation.name().to_owned(),
            format!("{:.0}", with.requests_per_second),
            format!("{:.0}", without.requests_per_second),
            format!("{:.3}", with.requests_per_second / without.requests_per_second),
            format!("{:.2}", with.p99 / 1e3),
            format!("{:.2}", without.p99 / 1e3),
            format!("{:.1}", with.cpu),
            format!("{:.1}", without.cpu),
            format!("{:.3}", with.cpu / without.cpu),
        ]);
    }
    table
}

fn startup_table(startup: &StartupMeasurement) -> Table {
    let mut table = Table::new(&["start with", "median ms", "shortest ms", "longest ms"]);
    for StartTimes { name, median, shortest, longest } in &startup.start_times {
        let times = [median, shortest, longest].map(|time| format!("{time:.1}"));
        table.add([vec![name.clone()], times.to_vec()].concat());
    }
    table
}
