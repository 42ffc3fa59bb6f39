//! The figures as Markdown.

use std::fmt::{self, Display, Formatter};

use crate::{
    machine::Machine,
    operation::{Operation, Phase, ratio},
    options::Options,
    size::Size,
    table::Table,
};

pub(crate) struct Report<'a> {
    pub(crate) options: &'a Options,
    pub(crate) machine: &'a Machine,
    /// From the smallest to the largest.
    pub(crate) sizes: &'a [Size],
}

/// What there is to say of a size: a name, how it is read, and how many decimals it has.
type Figure = (&'static str, fn(&Size) -> f64, usize);

const FIGURES: [Figure; 7] = [
    ("resident memory when filled, MB", |size| size.memory, 1),
    ("most after reads, MB", |size| size.most[Phase::Reads as usize], 1),
    ("most after writes, MB", |size| size.most[Phase::Writes as usize], 1),
    ("most after resets, MB", |size| size.most[Phase::Resets as usize], 1),
    ("data folder when filled, MB", |size| size.files, 1),
    ("creations per second while filled", |size| size.rate, 0),
    ("processor time of one of them, ms", |size| size.cpu, 3),
];

impl Display for Report<'_> {
    fn fmt(&self, out: &mut Formatter) -> fmt::Result {
        let Options { repetitions, connections, archived, .. } = self.options;
        let storage = self.options.storage().flag();
        let closed = if *archived { "archived" } else { "not archived yet" };
        writeln!(out, "# How costs grow with the number of tickets\n")?;
        writeln!(out, "Machine: {}.\n", self.machine.description())?;
        writeln!(
            out,
            "With `{storage}`, each account on a server of its own and filled over {connections} connections. The \
             closed tickets,\na sixth, are {closed}. Milliseconds from a request to the end of its answer, over one \
             connection:\nmedians of up to {repetitions} repetitions, in turns with the other sizes. Every read is \
             the first after a small write,\nexcept `GET item`, of another ticket each time, and where it says again. \
             The ratio is that of the largest size to the\nsmallest.\n"
        )?;
        writeln!(out, "{}", self.times())?;
        write!(out, "{}", self.figures())
    }
}

impl Report<'_> {
    fn table(&self, first: &str, last: &[&str]) -> Table {
        let sizes: Vec<_> = self.sizes.iter().map(|size| size.tickets.to_string()).collect();
        let sizes = sizes.iter().map(String::as_str);
        let headings: Vec<_> =
            [first].into_iter().chain(sizes).chain(last.iter().copied()).collect();
        Table::new(&headings)
    }

    fn times(&self) -> Table {
        let mut table = self.table("operation", &["ratio", "target", "holds"]);
        for operation in self.sizes.iter().take(1).flat_map(|size| size.session.times.keys()) {
            table.add(self.row(*operation));
        }
        table
    }

    fn row(&self, operation: Operation) -> Vec<String> {
        let times =
            self.sizes.iter().map(|size| (size.tickets, size.session.times[&operation].median()));
        let times: Vec<_> = times.collect();
        let target = operation.target();
        let holds = match target.holds(&times) {
            Some(true) => "yes",
            Some(false) => "no",
            None => "-",
        };
        let figures = times.iter().map(|(_, time)| format!("{time:.2}"));
        let ratio = ratio(&times).map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        let rest = [ratio, target.name(), holds.to_owned()];
        [operation.name()].into_iter().chain(figures).chain(rest).collect()
    }

    fn figures(&self) -> Table {
        let mut table = self.table("figure", &[]);
        for (name, read, decimals) in FIGURES {
            let figures = self.sizes.iter().map(|size| format!("{:.decimals$}", read(size)));
            table.add([name.to_owned()].into_iter().chain(figures).collect());
        }
        table
    }
}
