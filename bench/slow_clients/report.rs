//! The report in Markdown.

use std::fmt::{self, Display, Formatter};

use omnidesk_mock_bench::{machine::Machine, statistics::median, storage::Storage, table::Table};

use crate::{
    measurement::{Figures, Measurement, REQUEST_KINDS, Series},
    options::Options,
};

pub(crate) struct Report<'a> {
    pub(crate) options: &'a Options,
    pub(crate) machine: &'a Machine,
    pub(crate) measurements: Vec<(Storage, Measurement)>,
}

/// A row of the table: name, accessor and decimals.
type Figure = (&'static str, fn(&Figures) -> f64, usize);

const FIGURES: [Figure; 4] = [
    ("req/s, 32 connections", |figures| figures.requests_per_second, 0),
    ("p50 ms, 1 connection", |figures| figures.p50, 3),
    ("p99 ms, 1 connection", |figures| figures.p99, 3),
    ("CPU ms/req, 1 connection", |figures| figures.cpu, 3),
];

impl Display for Report<'_> {
    fn fmt(&self, out: &mut Formatter) -> fmt::Result {
        let Options { rounds, clients, sequential, concurrent, .. } = self.options;
        writeln!(out, "# Slow clients\n")?;
        writeln!(out, "Machine: {}.\n", self.machine.description())?;
        writeln!(
            out,
            "Medians of {rounds} rounds. Each round measures once without and once with {clients} slow clients: a third \
             stops in a head,\na third stops in a body, a third is idle or does not read. A measurement sends {sequential} \
             requests of each kind over one\nconnection, and {concurrent} over 32. The range is that of the ratios of the \
             rounds.\n"
        )?;
        writeln!(out, "{}", self.table())?;
        for (storage, measurement) in &self.measurements {
            let [without, with] = measurement.memory;
            writeln!(
                out,
                "Peak of the resident memory, {}: {without:.1} MB without slow clients, {with:.1} MB with them. The \
                 server had disconnected at most {} of them at the end of a measurement.",
                storage.flag(),
                measurement.disconnected
            )?;
        }
        Ok(())
    }
}

impl Report<'_> {
    fn table(&self) -> Table {
        let headings = ["request", "storage", "figure", "without", "with", "ratio", "range"];
        let mut table = Table::new(&headings);
        for (storage, Measurement { without, with, .. }) in &self.measurements {
            for (index, (request, _)) in REQUEST_KINDS.iter().enumerate() {
                for figure in FIGURES {
                    let names = [request, storage.flag(), figure.0].map(str::to_owned);
                    let series = [without, with].map(|Series(all)| &all[index][..]);
                    table.add([&names[..], &cells(figure, series)].concat());
                }
            }
        }
        table
    }
}

fn cells((_, accessor, decimals): Figure, [without, with]: [&[Figures]; 2]) -> [String; 4] {
    let ratios = without.iter().zip(with).map(|(without, with)| accessor(with) / accessor(without));
    let ratios: Vec<f64> = ratios.collect();
    let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let most = ratios.iter().copied().fold(0.0, f64::max);
    let [without, with] = [without, with].map(|all| median(all.iter().map(accessor).collect()));
    [
        format!("{without:.decimals$}"),
        format!("{with:.decimals$}"),
        format!("{:.3}", with / without),
        format!("{least:.2} to {most:.2}"),
    ]
}
