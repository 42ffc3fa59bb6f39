//! The report in Markdown, and the result.

use std::{
    fmt::{self, Display, Formatter},
    thread,
};

use omnidesk_mock_bench::table::Table;

use crate::{
    action::ACTIONS, counters::Counters, final_state::FinalState, growth_trend::GrowthTrend,
    monitor::Sample, options::Options, resource_usage::ResourceUsage,
};

/// In a shorter time, the journals and the response cache are still filling.
const MIN_MINUTES_FOR_GROWTH: u32 = 5;

/// Growth that is no error: a few more open databases, with five threads each; files that are about to be deleted;
/// write-ahead logs before their checkpoint.
const THREAD_TOLERANCE: f64 = 20.0;
const FILE_TOLERANCE: f64 = 40.0;
const DATA_TOLERANCE: f64 = 20.0;

pub(crate) struct Report<'a> {
    pub(crate) options: &'a Options,
    pub(crate) counters: &'a Counters,
    pub(crate) samples: Vec<Sample>,
    pub(crate) final_state: FinalState,
}

/// A figure that must not grow.
struct Figure {
    name: &'static str,
    trend: GrowthTrend,
    tolerance: f64,
    final_value: f64,
}

impl Report<'_> {
    pub(crate) fn has_passed(&self) -> bool {
        self.counters.errors() == 0 && self.grown_figures().is_empty()
    }

    fn figures(&self) -> [Figure; 4] {
        let figure = |name, tolerance, accessor: fn(&ResourceUsage) -> f64| {
            let samples = self.samples.iter();
            let samples = samples.map(|sample| (sample.seconds, accessor(&sample.resource_usage)));
            let trend = GrowthTrend::from_samples(samples);
            let final_value = accessor(&self.final_state.resource_usage);
            Figure { name, trend, tolerance, final_value }
        };
        let memory_tolerance = f64::from(self.options.memory_tolerance);
        [
            figure("RSS, MB", memory_tolerance, |usage| usage.memory),
            figure("threads", THREAD_TOLERANCE, |usage| usage.threads.into()),
            figure("open files", FILE_TOLERANCE, |usage| usage.open_files.into()),
            figure("data folder, MB", DATA_TOLERANCE, |usage| usage.data_folder),
        ]
    }

    /// Whether the load is long enough to detect growth.
    fn checks_growth(&self) -> bool {
        self.options.minutes >= MIN_MINUTES_FOR_GROWTH
    }

    fn grown_figures(&self) -> Vec<&'static str> {
        if !self.checks_growth() {
            return Vec::new();
        }
        let figures = self.figures().into_iter();
        let grown = figures.filter(|figure| figure.trend.has_grown(figure.tolerance));
        grown.map(|figure| figure.name).collect()
    }

    fn action_table(&self) -> Table {
        let mut table = Table::new(&["action", "requests", "p50 ms", "p99 ms", "max ms"]);
        for (action, statistics) in ACTIONS.iter().zip(self.counters.by_action()) {
            let latencies = &statistics.latencies;
            let figures = [latencies.percentile(50), latencies.percentile(99), latencies.max()];
            let figures = figures.map(|figure| {
                if latencies.is_empty() { String::new() } else { format!("{figure:.2}") }
            });
            let cells = [action.name.to_owned(), statistics.requests.to_string()].into_iter();
            table.add(cells.chain(figures).collect());
        }
        table
    }

    fn growth_table(&self) -> Table {
        let mut table = Table::new(&[
            "figure",
            "first sixth",
            "last sixth",
            "regression, per hour",
            "regression, total",
            "tolerance",
            "final",
        ]);
        for Figure { name, trend, tolerance, final_value } in self.figures() {
            let GrowthTrend { first_median, last_median, slope_per_hour, rise } = trend;
            let figures = [first_median, last_median, slope_per_hour, rise, tolerance, final_value];
            let cells = figures.map(|figure| format!("{figure:.1}"));
            table.add([name.to_owned()].into_iter().chain(cells).collect());
        }
        table
    }
}

impl Display for Report<'_> {
    fn fmt(&self, out: &mut Formatter) -> fmt::Result {
        let Options { clients, rate, random_seed, without_faults, .. } = self.options;
        let faults = if *without_faults { "without faults" } else { "with faults" };
        let storage = self.options.storage().flag();
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let seconds = self.samples.last().map_or(0.0, |sample| sample.seconds);
        writeln!(out, "# Soak test\n")?;
        writeln!(
            out,
            "{seconds:.0} seconds, {storage}, {faults}, {clients} clients, at most {rate} requests per second, random \
             seed {random_seed}; {cores} cores for server and clients together.\n"
        )?;
        writeln!(out, "## Actions\n")?;
        writeln!(
            out,
            "Latency of each response. Responses that are delayed on purpose (waits, faults, streams) are not timed.\n"
        )?;
        writeln!(out, "{}", self.action_table())?;
        writeln!(out, "## Growth\n")?;
        writeln!(
            out,
            "Sampled every second; the first third is the warm-up. A figure has grown if both the medians and the \
             regression line rise by more than the tolerance. Final is the value after all clients have disconnected.\n"
        )?;
        writeln!(out, "{}", self.growth_table())?;
        writeln!(out, "## Result\n")?;
        let (requests, errors) = (self.counters.requests(), self.counters.errors());
        let (failures, requested) = (self.final_state.failures, self.counters.requested_failures());
        writeln!(out, "- {requests} requests, {errors} errors")?;
        writeln!(
            out,
            "- {failures} responses with a 5xx counted by the server, {requested} requested by fault rules"
        )?;
        let by_action = self.counters.by_action();
        let max = by_action.iter().map(|statistics| statistics.latencies.max()).fold(0.0, f64::max);
        writeln!(out, "- highest latency {max:.1} ms")?;
        match &self.grown_figures()[..] {
            [] if self.checks_growth() => writeln!(out, "- no figure has grown")?,
            [] => writeln!(
                out,
                "- growth is not checked in less than {MIN_MINUTES_FOR_GROWTH} minutes"
            )?,
            grown => writeln!(out, "- grown: {}", grown.join("; "))?,
        }
        writeln!(out, "- {}", if self.has_passed() { "passed" } else { "FAILED" })
    }
}
