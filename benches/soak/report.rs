//! The figures as Markdown, and the verdict.

use std::{
    fmt::{self, Display, Formatter},
    thread,
};

use crate::{
    act::ACTS, desk::Holding, options::Options, rest::Rest, table::Table, tally::Tally,
    trend::Trend, watch::Sample,
};

/// In a shorter time the journals and the kept answers are still filling, and all that can be said is how fast.
const JUDGED_FROM: u32 = 5;

/// What is taken for noise: some databases more that happen to be open, at five threads each; some files that are
/// about to go; journals of the database that have yet to be written back.
const MORE_THREADS: f64 = 20.0;
const MORE_FILES: f64 = 40.0;
const MORE_DATA: f64 = 20.0;

pub(crate) struct Report<'a> {
    pub(crate) options: &'a Options,
    pub(crate) tally: &'a Tally,
    pub(crate) samples: Vec<Sample>,
    pub(crate) rest: Rest,
}

/// A figure that must not grow.
struct Figure {
    name: &'static str,
    trend: Trend,
    tolerance: f64,
    at_rest: f64,
}

impl Report<'_> {
    pub(crate) fn is_good(&self) -> bool {
        self.tally.errors() == 0 && self.grown().is_empty()
    }

    fn figures(&self) -> [Figure; 4] {
        let figure = |name, tolerance, of: fn(&Holding) -> f64| {
            let trend = Trend::of(self.samples.iter().map(|sample| (sample.at, of(&sample.held))));
            Figure { name, trend, tolerance, at_rest: of(&self.rest.held) }
        };
        [
            figure("RSS, MB", f64::from(self.options.growth), |held| held.memory),
            figure("threads", MORE_THREADS, |held| held.threads.into()),
            figure("open files", MORE_FILES, |held| held.files.into()),
            figure("data folder, MB", MORE_DATA, |held| held.data),
        ]
    }

    /// Whether the load lasts long enough to say that something has grown.
    fn is_judged(&self) -> bool {
        self.options.minutes >= JUDGED_FROM
    }

    /// The names of what has grown.
    fn grown(&self) -> Vec<&'static str> {
        if !self.is_judged() {
            return Vec::new();
        }
        let figures = self.figures().into_iter();
        let grown = figures.filter(|figure| figure.trend.has_grown(figure.tolerance));
        grown.map(|figure| figure.name).collect()
    }

    fn act_table(&self) -> Table {
        let mut table = Table::new(&["act", "requests", "p50 ms", "p99 ms", "max ms"]);
        for (act, (requests, times)) in ACTS.iter().zip(self.tally.acts()) {
            let figures = [times.percentile(50), times.percentile(99), times.most()];
            let figures = figures.map(|figure| format!("{figure:.2}"));
            let figures = if times.is_empty() { [const { String::new() }; 3] } else { figures };
            let cells = [act.name.to_owned(), requests.to_string()].into_iter();
            table.add(cells.chain(figures).collect());
        }
        table
    }

    fn trend_table(&self) -> Table {
        let mut table = Table::new(&[
            "figure",
            "first sixth",
            "last sixth",
            "line, per hour",
            "line, in all",
            "tolerance",
            "at rest",
        ]);
        for Figure { name, trend, tolerance, at_rest } in self.figures() {
            let Trend { first, last, per_hour, rise } = trend;
            let figures = [first, last, per_hour, rise, tolerance, at_rest];
            let cells = figures.map(|figure| format!("{figure:.1}"));
            table.add([name.to_owned()].into_iter().chain(cells).collect());
        }
        table
    }
}

impl Display for Report<'_> {
    fn fmt(&self, out: &mut Formatter) -> fmt::Result {
        let Options { clients, rate, seed, ephemeral, without_faults, .. } = self.options;
        let faults = if *without_faults { "without faults" } else { "with faults" };
        let storage = if *ephemeral { "--ephemeral" } else { "--data" };
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let seconds = self.samples.last().map_or(0.0, |sample| sample.at);
        writeln!(out, "# A load that does not end soon\n")?;
        writeln!(
            out,
            "{seconds:.0} seconds, {storage}, {faults}, {clients} clients, at most {rate} requests per second, \
             seed {seed}; {cores} cores for server and clients together.\n"
        )?;
        writeln!(out, "## What was done\n")?;
        writeln!(
            out,
            "Time from a request to its answer. What is delayed on purpose (waits, faults, streams) is \
             not among the figures.\n"
        )?;
        writeln!(out, "{}", self.act_table())?;
        writeln!(out, "## Growth\n")?;
        writeln!(
            out,
            "Looked at every second. The first third is the warm-up. What has grown: both the medians \
             and the line that fits best rise by more than the tolerance.\n"
        )?;
        writeln!(out, "{}", self.trend_table())?;
        writeln!(out, "## Verdict\n")?;
        let (requests, errors) = (self.tally.requests(), self.tally.errors());
        let (failures, wanted) = (self.rest.failures, self.tally.wanted_failures());
        writeln!(out, "- {requests} requests, {errors} errors")?;
        writeln!(
            out,
            "- {failures} answers with a 5xx by the server's own count, {wanted} asked for"
        )?;
        let slowest = self.tally.acts().iter().map(|(_, times)| times.most()).fold(0.0, f64::max);
        writeln!(out, "- slowest answer {slowest:.1} ms")?;
        match &self.grown()[..] {
            [] if self.is_judged() => writeln!(out, "- nothing has grown")?,
            [] => writeln!(out, "- growth is not judged below {JUDGED_FROM} minutes")?,
            grown => writeln!(out, "- grown: {}", grown.join("; "))?,
        }
        writeln!(out, "- {}", if self.is_good() { "passed" } else { "FAILED" })
    }
}
