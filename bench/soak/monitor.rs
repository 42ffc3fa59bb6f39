//! Samples the resource usage of the server during the load, and prints a line at each interval.

use std::{
    fs::File,
    io::Write,
    thread,
    time::{Duration, Instant},
};

use omnidesk_mock_bench::{BenchResult, test_server::TestServer};

use crate::{
    counters::Counters, metrics::Metrics, options::Options, resource_usage::ResourceUsage,
};

const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);

/// The columns of a line: name, width, decimals.
const COLUMNS: [(&str, usize, usize); 19] = [
    ("seconds", 7, 0),
    ("requests", 9, 0),
    ("errors", 6, 0),
    ("per_s", 6, 0),
    ("p50_ms", 7, 2),
    ("p99_ms", 7, 2),
    ("max_ms", 7, 1),
    ("cpu_%", 5, 0),
    ("rss_mb", 7, 1),
    ("threads", 7, 0),
    ("files", 5, 0),
    ("data_mb", 7, 1),
    ("accounts", 8, 0),
    ("journal", 7, 0),
    ("open_db", 7, 0),
    ("conns", 5, 0),
    ("served", 9, 0),
    ("commits", 7, 0),
    ("write_ms", 8, 3),
];

/// The resource usage of the server after this number of seconds.
pub(crate) struct Sample {
    pub(crate) seconds: f64,
    pub(crate) resource_usage: ResourceUsage,
}

/// The figures of one line, in the order of `COLUMNS`.
type Line = [f64; COLUMNS.len()];

/// Values that only increase. A line shows the difference to the previous line.
#[derive(Clone, Copy)]
struct Totals {
    at: Instant,
    requests: u32,
    cpu_seconds: f64,
    commits: f64,
    writes: (f64, f64),
}

impl Totals {
    fn read(server: &TestServer, counters: &Counters, metrics: &Metrics) -> BenchResult<Self> {
        Ok(Self {
            at: Instant::now(),
            requests: counters.requests(),
            cpu_seconds: server.process.cpu_seconds()?,
            commits: metrics.commits(),
            writes: metrics.writes(),
        })
    }
}

pub(crate) struct Monitor<'a> {
    options: &'a Options,
    server: &'a TestServer,
    counters: &'a Counters,
    start: Instant,
    previous: Totals,
    csv: Option<File>,
}

impl<'a> Monitor<'a> {
    pub(crate) fn start(
        options: &'a Options,
        server: &'a TestServer,
        counters: &'a Counters,
    ) -> BenchResult<Self> {
        let start = Instant::now();
        let metrics = Metrics::fetch(server.process.address)?;
        let previous = Totals::read(server, counters, &metrics)?;
        let mut csv = options.csv.as_ref().map(File::create).transpose()?;
        if let Some(csv) = &mut csv {
            let names = COLUMNS.map(|(name, ..)| name.replace('%', "percent"));
            writeln!(csv, "{}", names.join(","))?;
        }
        println!("{}", COLUMNS.map(|(name, width, _)| format!("{name:>width$}")).join(" "));
        Ok(Self { options, server, counters, start, previous, csv })
    }

    /// Samples until the time is over, or until there are too many errors.
    pub(crate) fn run(mut self) -> BenchResult<Vec<Sample>> {
        let end = self.start + Duration::from_mins(1) * self.options.minutes;
        let mut samples = Vec::new();
        let (mut next, mut next_line) = (self.start, self.start + self.options.interval);
        while next < end && !self.counters.is_stopped() {
            next += SAMPLE_INTERVAL;
            thread::sleep(next.saturating_duration_since(Instant::now()));
            let resource_usage = ResourceUsage::read(self.server)?;
            samples.push(Sample { seconds: self.start.elapsed().as_secs_f64(), resource_usage });
            if next >= next_line || next >= end {
                next_line += self.options.interval;
                self.print_line(resource_usage)?;
            }
        }
        Ok(samples)
    }

    fn print_line(&mut self, usage: ResourceUsage) -> BenchResult<()> {
        let metrics = Metrics::fetch(self.server.process.address)?;
        let latencies = self.counters.take_recent_latencies();
        let (previous, now) = (self.previous, Totals::read(self.server, self.counters, &metrics)?);
        let seconds = (now.at - previous.at).as_secs_f64();
        let writes = (now.writes.0 - previous.writes.0).max(1.0);
        let line = [
            self.start.elapsed().as_secs_f64(),
            f64::from(now.requests),
            f64::from(self.counters.errors()),
            f64::from(now.requests - previous.requests) / seconds,
            latencies.percentile(50),
            latencies.percentile(99),
            latencies.max(),
            (now.cpu_seconds - previous.cpu_seconds) / seconds * 100.0,
            usage.memory,
            f64::from(usage.threads),
            f64::from(usage.open_files),
            usage.data_folder,
            metrics.gauge("accounts"),
            metrics.gauge("journal_entries"),
            metrics.gauge("open_databases"),
            metrics.gauge("open_connections"),
            metrics.requests(),
            (now.commits - previous.commits) / seconds,
            (now.writes.1 - previous.writes.1) / writes * 1e3,
        ];
        self.previous = now;
        println!("{}", format_cells(&line, true).join(" "));
        if let Some(csv) = &mut self.csv {
            writeln!(csv, "{}", format_cells(&line, false).join(","))?;
        }
        Ok(())
    }
}

fn format_cells(line: &Line, is_padded: bool) -> Vec<String> {
    let cells = COLUMNS.iter().zip(line).map(|((_, width, decimals), figure)| {
        let width = if is_padded { *width } else { 0 };
        format!("{figure:>width$.decimals$}")
    });
    cells.collect()
}
