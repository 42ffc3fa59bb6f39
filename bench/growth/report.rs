//! The report in Markdown.

use std::fmt::{self, Display, Formatter};

use omnidesk_mock_bench::{machine::Machine, table::Table};

use crate::{
    measured_size::MeasuredSize,
    operation::{Operation, Phase, ratio},
    options::Options,
};

pub(crate) struct Report<'a> {
    pub(crate) options: &'a Options,
    pub(crate) machine: &'a Machine,
    /// From the smallest to the largest.
    pub(crate) sizes: &'a [MeasuredSize],
}

/// A row of the second table: name, accessor and decimals.
type Figure = (&'static str, fn(&MeasuredSize) -> f64, usize);

const FIGURES: [Figure; 7] = [
    ("resident memory when filled, MB", |size| size.filled_memory, 1),
    ("peak memory of reads, MB", |size| size.peak_memory[Phase::Reads as usize], 1),
    ("peak memory of writes, MB", |size| size.peak_memory[Phase::Writes as usize], 1),
    ("peak memory of resets, MB", |size| size.peak_memory[Phase::Resets as usize], 1),
    ("data folder when filled, MB", |size| size.data_folder_size, 1),
    ("creations per second", |size| size.creation_rate, 0),
    ("processor time of a creation, ms", |size| size.creation_cpu, 3),
];

impl Display for Report<'_> {
    fn fmt(&self, out: &mut Formatter) -> fmt::Result {
        let Options { repetitions, connections, archived, .. } = self.options;
        let storage = self.options.storage().flag();
        let closed = if *archived { "archived" } else { "not archived" };
        writeln!(out, "# Growth with the number of tickets\n")?;
        writeln!(out, "Machine: {}.\n", self.machine.description())?;
        writeln!(
            out,
            "With `{storage}`. Each account has a server of its own and was filled over {connections} connections. A sixth \
             of the tickets\nis closed and {closed}. Latency in milliseconds over one connection: medians of up to \
             {repetitions} repetitions, which alternate\nbetween the sizes. A small write comes before each read, so that \
             no response is cached, except for `GET item`, which\nreads another ticket each time, and for the cached \
             query. The ratio is the largest size divided by the smallest.\n"
        )?;
        writeln!(out, "{}", self.latency_table())?;
        write!(out, "{}", self.figure_table())
    }
}

impl Report<'_> {
    /// An empty table with a column for each size.
    fn new_table(&self, first: &str, last: &[&str]) -> Table {
        let sizes: Vec<_> = self.sizes.iter().map(|size| size.tickets.to_string()).collect();
        let sizes = sizes.iter().map(String::as_str);
        let headings: Vec<_> =
            [first].into_iter().chain(sizes).chain(last.iter().copied()).collect();
        Table::new(&headings)
    }

    fn latency_table(&self) -> Table {
        let mut table = self.new_table("operation", &["ratio", "target", "met"]);
        for operation in self.sizes.iter().take(1).flat_map(|size| size.session.samples.keys()) {
            table.add(self.latency_row(*operation));
        }
        table
    }

    fn latency_row(&self, operation: Operation) -> Vec<String> {
        let latencies =
            self.sizes.iter().map(|size| (size.tickets, size.session.samples[&operation].median()));
        let latencies: Vec<_> = latencies.collect();
        let target = operation.target();
        let is_met = match target.is_met(&latencies) {
            Some(true) => "yes",
            Some(false) => "no",
            None => "-",
        };
        let figures = latencies.iter().map(|(_, latency)| format!("{latency:.2}"));
        let ratio = ratio(&latencies).map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        let rest = [ratio, target.name(), is_met.to_owned()];
        [operation.name()].into_iter().chain(figures).chain(rest).collect()
    }

    fn figure_table(&self) -> Table {
        let mut table = self.new_table("figure", &[]);
        for (name, accessor, decimals) in FIGURES {
            let figures = self.sizes.iter().map(|size| format!("{:.decimals$}", accessor(size)));
            table.add([name.to_owned()].into_iter().chain(figures).collect());
        }
        table
    }
}
