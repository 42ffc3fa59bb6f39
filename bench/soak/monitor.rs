//! Samples the resource usage of the server during the load, prints a line at each interval, and judges the result.

use omnidesk_mock_bench::prelude::*;

use crate::{
    CLIENTS,
    actions::{ACTIONS, read},
    client::SharedCounters,
};

const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);
/// Samples between two printed lines.
const LINE_INTERVAL: usize = 10;

/// The figures that must not grow, and growth that is no error: in memory, a few allocations; a few more open databases,
/// with five threads each; files that are about to be deleted; write-ahead logs before their checkpoint.
const FIGURES: [(&str, f64); 4] =
    [("RSS, MB", 8.0), ("threads", 20.0), ("open files", 40.0), ("data folder, MB", 20.0)];

/// Longer than the lifetime of an expiring account and of an idle database: two seconds each.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) struct Monitor<'a> {
    server: &'a Server,
    data: PathBuf,
    counters: &'a SharedCounters,
    start: Instant,
    /// Seconds since the start, and figures.
    samples: Vec<(f64, [f64; FIGURES.len()])>,
    /// Values that only increase, at the last printed line: seconds, requests, processor time, commits, number and
    /// duration of group commits.
    totals: [f64; 6],
    /// After all clients have disconnected: figures, and responses with a 5xx according to the server.
    final_figures: [f64; FIGURES.len()],
    final_failures: f64,
}

impl<'a> Monitor<'a> {
    pub(crate) fn new(
        server: &'a Server,
        data: PathBuf,
        counters: &'a SharedCounters,
    ) -> Result<Self> {
        let (start, samples) = (Instant::now(), Vec::new());
        let (final_figures, final_failures) = Default::default();
        let totals = [0.0; 6];
        let mut monitor =
            Self { server, data, counters, start, samples, totals, final_figures, final_failures };
        monitor.totals = monitor.read_totals(&Metrics::fetch(server)?)?;
        Ok(monitor)
    }

    /// Samples until the time is over, or until there are too many errors.
    pub(crate) fn run(&mut self, time: Duration) -> Result<()> {
        let mut next = self.start;
        while next < self.start + time && !self.counters.lock().is_stopped {
            next += SAMPLE_INTERVAL;
            thread::sleep(next.saturating_duration_since(Instant::now()));
            let figures = self.read_figures()?;
            self.samples.push((self.start.elapsed().as_secs_f64(), figures));
            if self.samples.len().is_multiple_of(LINE_INTERVAL) {
                self.print_line(figures)?;
            }
        }
        Ok(())
    }

    fn read_figures(&self) -> Result<[f64; FIGURES.len()]> {
        let [memory, threads, files] = self.server.resources()?;
        Ok([memory, threads, files, folder_size(&self.data)])
    }

    fn read_totals(&self, metrics: &Metrics) -> Result<[f64; 6]> {
        Ok([
            self.start.elapsed().as_secs_f64(),
            f64::from(self.counters.lock().requests),
            self.server.cpu_seconds()?,
            metrics.sum("sqlite_commits_total", ""),
            metrics.sum("sqlite_seconds_count", "work=\"write\""),
            metrics.sum("sqlite_seconds_sum", "work=\"write\""),
        ])
    }

    fn print_line(&mut self, [memory, threads, files, data]: [f64; 4]) -> Result<()> {
        let metrics = Metrics::fetch(self.server)?;
        let now = self.read_totals(&metrics)?;
        let before = mem::replace(&mut self.totals, now);
        let [seconds, requests, cpu, commits, writes, write_seconds] =
            [0, 1, 2, 3, 4, 5].map(|index| now[index] - before[index]);
        let mut counters = self.counters.lock();
        let (latencies, errors) = (mem::take(&mut counters.recent), f64::from(counters.errors));
        drop(counters);
        let gauge = |name| metrics.sum(name, "");
        // Name, figure and decimals.
        let columns = [
            ("seconds", now[0], 0),
            ("requests", now[1], 0),
            ("errors", errors, 0),
            ("per_s", requests / seconds, 0),
            ("p50_ms", latencies.percentile(50), 2),
            ("p99_ms", latencies.percentile(99), 2),
            ("max_ms", latencies.max, 1),
            ("cpu_%", cpu / seconds * 100.0, 0),
            ("rss_mb", memory, 1),
            ("threads", threads, 0),
            ("files", files, 0),
            ("data_mb", data, 1),
            ("accounts", gauge("accounts"), 0),
            ("journal", gauge("journal_entries"), 0),
            ("open_db", gauge("open_databases"), 0),
            ("conns", gauge("open_connections"), 0),
            ("served", gauge("requests_total"), 0),
            ("commits", commits / seconds, 0),
            ("write_ms", write_seconds / writes.max(1.0) * 1e3, 3),
        ];
        if self.samples.len() == LINE_INTERVAL {
            println!("{}", columns.map(|(name, ..)| format!("{name:>8}")).join(" "));
        }
        let cells = columns.map(|(_, figure, decimals)| format!("{figure:>8.decimals$}"));
        println!("{}", cells.join(" "));
        Ok(())
    }

    /// Waits until the server is idle after all clients have disconnected: it must have freed their accounts, databases
    /// and connections. It is an error if that takes too long, if there was an unexpected 5xx, or if it has logged anything.
    pub(crate) fn check_idle_server(&mut self, log: &str) -> Result<()> {
        // The clients' accounts and the shared one; the connection that fetches the metrics.
        let expected = [("accounts", CLIENTS + 1), ("open_databases", 0), ("open_connections", 1)];
        let expected = expected.map(|(name, value)| (name, f64::from(value)));
        let deadline = Instant::now() + IDLE_TIMEOUT;
        let metrics = loop {
            let metrics = Metrics::fetch(self.server)?;
            let actual = expected.map(|(name, _)| (name, metrics.sum(name, "")));
            if actual == expected {
                break metrics;
            }
            if Instant::now() > deadline {
                let error = format!("{actual:?}, expected {expected:?}");
                self.counters.add_error("idle server", error);
                break metrics;
            }
            thread::sleep(SAMPLE_INTERVAL / 2);
        };
        self.final_failures = metrics.sum("requests_total", "status=\"5");
        let requested = f64::from(self.counters.lock().requested_failures);
        if (self.final_failures - requested).abs() > 0.5 {
            let error = format!("{} counted, {requested} requested", self.final_failures);
            self.counters.add_error("responses with a 5xx", error);
        }
        log.lines().for_each(|line| self.counters.add_error("log of the server", line));
        self.final_figures = self.read_figures()?;
        Ok(())
    }

    /// Adds the tables and the result, and returns whether the test has passed.
    pub(crate) fn report(&self, report: &mut Report, checks_growth: bool) -> bool {
        let counters = self.counters.lock();
        let (mut rows, mut max) = (Vec::new(), 0.0_f64);
        for (index, action) in ACTIONS.iter().enumerate() {
            let (requests, latencies) = counters.by_action.get(&index).cloned().unwrap_or_default();
            max = max.max(latencies.max);
            let figures = [latencies.percentile(50), latencies.percentile(99), latencies.max];
            // Empty cells if no response is timed.
            let figures =
                fixed(figures, 2).map(|cell| if max > 0.0 { cell } else { String::new() });
            rows.push([row![read(action, "/name"), requests], figures.into()].concat());
        }
        report.table("actions", &rows);
        let (mut rows, mut grown) = (Vec::new(), Vec::new());
        for (index, (name, tolerance)) in FIGURES.into_iter().enumerate() {
            // The first third is the warm-up.
            let samples = &self.samples[self.samples.len() / 3..];
            let samples: Vec<_> =
                samples.iter().map(|(at, figures)| (*at, figures[index])).collect();
            let part = samples.len().div_ceil(6);
            let [first, last] = [&samples[..part], &samples[samples.len() - part..]]
                .map(|samples| median(samples.iter().map(|(_, figure)| *figure)));
            let slope = regression_slope(&samples);
            let rise = slope * samples.last().map_or(0.0, |(end, _)| end - samples[0].0);
            if checks_growth && rise > tolerance && last - first > tolerance {
                grown.push(name);
            }
            let figures = [first, last, slope * 3600.0, rise, tolerance, self.final_figures[index]];
            rows.push([row![name], fixed(figures, 1).into()].concat());
        }
        report.table("growth", &rows);
        let has_passed = counters.errors == 0 && grown.is_empty();
        report.fill("requests", counters.requests);
        report.fill("errors", counters.errors);
        report.fill("failures", self.final_failures);
        report.fill("requested", counters.requested_failures);
        report.fill("max", format_args!("{max:.1}"));
        report.fill(
            "growth_result",
            match grown[..] {
                _ if !checks_growth => "growth is not checked in such a short time".to_owned(),
                [] => "no figure has grown".to_owned(),
                _ => format!("grown: {}", grown.join("; ")),
            },
        );
        report.fill("result", if has_passed { "passed" } else { "FAILED" });
        has_passed
    }
}

/// The slope of the line of least squares.
fn regression_slope(samples: &[(f64, f64)]) -> f64 {
    let count: f64 = samples.iter().map(|_| 1.0).sum();
    let mean_x = samples.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = samples.iter().map(|(_, y)| y).sum::<f64>() / count;
    let covariance: f64 = samples.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let variance: f64 = samples.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    if variance > 0.0 { covariance / variance } else { 0.0 }
}

/// The metrics of the server, in the text format of Prometheus.
struct Metrics(String);

impl Metrics {
    /// Uses a new connection, so that a server that accepts no connections any more is noticed.
    fn fetch(server: &Server) -> Result<Self> {
        let response = server.connect()?.exchange(&KEY.get("/_control/metrics"))?;
        response.check_success()?;
        Ok(Self(String::from_utf8(response.body)?))
    }

    /// The sum of all series that have this name, without the common prefix, and this label.
    fn sum(&self, name: &str, label: &str) -> f64 {
        let values = self.0.lines().filter_map(|line| {
            let (series, value) = line.strip_prefix("omnidesk_mock_")?.rsplit_once(' ')?;
            let (series_name, labels) = series.split_once('{').unwrap_or((series, ""));
            (series_name == name && labels.contains(label)).then(|| value.parse::<f64>().ok())?
        });
        // The sum of no values is a negative zero.
        values.sum::<f64>() + 0.0
    }
}
