//! The figures as Markdown.

use std::fmt::{self, Display, Formatter};

use crate::{
    machine::Machine,
    options::Options,
    rounds::{Figures, Measured, REQUESTS, Turns},
    storage::Storage,
    table::Table,
};

pub(crate) struct Report<'a> {
    pub(crate) options: &'a Options,
    pub(crate) machine: &'a Machine,
    pub(crate) measured: Vec<(Storage, Measured)>,
}

/// A figure: its name, how it is read, and how many decimals it has.
type Figure = (&'static str, fn(&Figures) -> f64, usize);

const FIGURES: [Figure; 4] = [
    ("req/s, 32 connections", |figures| figures.per_second, 0),
    ("p50 ms, 1 connection", |figures| figures.p50, 3),
    ("p99 ms, 1 connection", |figures| figures.p99, 3),
    ("CPU ms/req, 1 connection", |figures| figures.cpu, 3),
];

impl Display for Report<'_> {
    fn fmt(&self, out: &mut Formatter) -> fmt::Result {
        let Options { rounds, clients, timed, crowded, .. } = self.options;
        writeln!(out, "# Beside clients that hang\n")?;
        writeln!(out, "Machine: {}.\n", self.machine.description())?;
        writeln!(
            out,
            "Medians of {rounds} rounds, each with a turn without and a turn with {clients} clients: a third stops \
             in a head, a third\nin a body, a third is idle or does not read. In a turn {timed} requests of each kind \
             over one connection, and {crowded} over 32.\nThe span is that of the rounds' own ratios.\n"
        )?;
        writeln!(out, "{}", self.table())?;
        for (storage, measured) in &self.measured {
            let [without, with] = measured.memory;
            writeln!(
                out,
                "Resident memory, {}: {without:.1} MB without, {with:.1} MB with them, at most; {} of them had \
                 gone before a turn was over.",
                storage.flag(),
                measured.gone
            )?;
        }
        Ok(())
    }
}

impl Report<'_> {
    fn table(&self) -> Table {
        let mut table =
            Table::new(&["request", "storage", "figure", "without", "with", "ratio", "span"]);
        for (storage, Measured { without, with, .. }) in &self.measured {
            for (index, (request, _)) in REQUESTS.iter().enumerate() {
                for figure in FIGURES {
                    let names = [request, storage.flag(), figure.0].map(str::to_owned);
                    let cells = cells(figure, [without, with].map(|Turns(all)| &all[index][..]));
                    table.add([&names[..], &cells].concat());
                }
            }
        }
        table
    }
}

fn cells((_, read, decimals): Figure, [without, with]: [&[Figures]; 2]) -> [String; 4] {
    let ratios = without.iter().zip(with).map(|(without, with)| read(with) / read(without));
    let ratios: Vec<f64> = ratios.collect();
    let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let most = ratios.iter().copied().fold(0.0, f64::max);
    let [without, with] = [without, with].map(|all| median(all.iter().map(read).collect()));
    [
        format!("{without:.decimals$}"),
        format!("{with:.decimals$}"),
        format!("{:.3}", with / without),
        format!("{least:.2} to {most:.2}"),
    ]
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    if figures.len() % 2 == 1 {
        return figures[middle];
    }
    f64::midpoint(figures[middle - 1], figures[middle])
}
