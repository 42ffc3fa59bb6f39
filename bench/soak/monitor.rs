//! Samples the resource usage of the server during the load, prints a line at each interval, and judges the result.

use omnidesk_mock_bench::prelude::*;

use crate::{
    CLIENTS,
    actions::{ACTIONS, read},
    client::SharedCounters,
};

pub(crate) const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);

const COLUMNS: &str = "seconds requests errors served per_s cpu_% commits p50_ms p99_ms max_ms write_ms rss_mb \
                       data_mb threads files accounts journal open_db conns";

/// The figures that must not grow, and growth that is no error, such as a few more open databases or write-ahead logs.
const FIGURES: [(&str, f64); 4] =
    [("RSS, MB", 8.0), ("threads", 20.0), ("open files", 40.0), ("data folder, MB", 20.0)];

pub(crate) struct Monitor<'a> {
    pub(crate) bench: &'a Bench,
    pub(crate) server: &'a Server,
    pub(crate) counters: &'a SharedCounters,
    pub(crate) start: Instant,
    pub(crate) samples: Vec<(f64, [f64; 4])>,
    /// At the last printed line: seconds, requests, processor time, commits, number and duration of group commits.
    pub(crate) totals: [f64; 6],
}

impl Monitor<'_> {
    pub(crate) fn run(&mut self, time: Duration) -> Result<()> {
        let mut next = self.start;
        while next < self.start + time && !self.counters.lock().is_stopped {
            next += SAMPLE_INTERVAL;
            thread::sleep(next.saturating_duration_since(Instant::now()));
            let figures = self.read_figures()?;
            self.samples.push((self.start.elapsed().as_secs_f64(), figures));
            if self.samples.len().is_multiple_of(10) {
                self.print_line(figures)?;
            }
        }
        Ok(())
    }

    fn read_figures(&self) -> Result<[f64; 4]> {
        let [memory, threads, files] = self.server.resources()?;
        Ok([memory, threads, files, folder_size(&self.bench.path("data"))])
    }

    fn print_line(&mut self, [memory, threads, files, data]: [f64; 4]) -> Result<()> {
        let metrics = fetch_metrics(self.server)?;
        let gauge = |name| sum(&metrics, name, "");
        let write = |name| sum(&metrics, name, "work=\"write\"");
        let cpu = self.server.cpu_seconds()?;
        let commits = gauge("sqlite_commits_total");
        let (writes, write_time) = (write("sqlite_seconds_count"), write("sqlite_seconds_sum"));
        let mut counters = self.counters.lock();
        let (latencies, errors) = (mem::take(&mut counters.recent), f64::from(counters.errors));
        let (seconds, requests) = (self.start.elapsed().as_secs_f64(), counters.requests.into());
        drop(counters);
        let now = [seconds, requests, cpu, commits, writes, write_time];
        let before = mem::replace(&mut self.totals, now);
        let since = |index: usize| now[index] - before[index];
        let rates = [since(1) / since(0), since(2) / since(0) * 100.0, since(3) / since(0)];
        let times = [latencies.percentile(50), latencies.percentile(99), latencies.max];
        let gauges = ["accounts", "journal_entries", "open_databases", "open_connections"];
        let cells = [
            fixed([seconds, requests, errors, gauge("requests_total")], 0).to_vec(),
            fixed(rates, 0).to_vec(),
            fixed(times, 2).to_vec(),
            fixed([since(5) / since(4).max(1.0) * 1e3], 3).to_vec(),
            fixed([memory, data], 1).to_vec(),
            fixed([threads, files], 0).to_vec(),
            fixed(gauges.map(gauge), 0).to_vec(),
        ];
        let format = |cell: &str| format!("{cell:>9}");
        if self.samples.len() == 10 {
            note!("{}", COLUMNS.split(' ').map(format).collect::<String>());
        }
        note!("{}", cells.concat().iter().map(|cell| format(cell)).collect::<String>());
        Ok(())
    }

    /// Waits until the server is idle after all clients have disconnected: it must have freed their accounts, databases
    /// and connections. An unexpected 5xx or a line in its log is an error, too. Returns the number of 5xx.
    fn check_idle_server(&self) -> Result<f64> {
        // The clients' accounts and the shared one; the connection that fetches the metrics.
        let expected = [("accounts", CLIENTS + 1), ("open_databases", 0), ("open_connections", 1)];
        // Longer than the lifetime of an expiring account and of an idle database: two seconds each.
        let deadline = Instant::now() + Duration::from_secs(30);
        let metrics = loop {
            let metrics = fetch_metrics(self.server)?;
            let difference = |(name, value)| (sum(&metrics, name, "") - f64::from(value)).abs();
            if expected.into_iter().map(difference).sum::<f64>() < 0.5 {
                break metrics;
            }
            if Instant::now() > deadline {
                self.counters.add_error("idle server", format_args!("not {expected:?}: {metrics}"));
                break metrics;
            }
            thread::sleep(SAMPLE_INTERVAL);
        };
        let failures = sum(&metrics, "requests_total", "status=\"5");
        let requested = f64::from(self.counters.lock().requested_failures);
        if (failures - requested).abs() > 0.5 {
            let error = format!("{failures} counted, {requested} requested");
            self.counters.add_error("responses with a 5xx", error);
        }
        let log = fs::read_to_string(self.bench.path("server.log"))?;
        log.lines().for_each(|line| self.counters.add_error("log of the server", line));
        Ok(failures)
    }

    pub(crate) fn report(&self, report: &mut Report, is_long: bool) -> Result<bool> {
        report.fill("failures", self.check_idle_server()?);
        let final_figures = self.read_figures()?;
        let counters = self.counters.lock();
        let (mut rows, mut max) = (Vec::new(), 0.0_f64);
        for (index, action) in ACTIONS.iter().enumerate() {
            let (requests, latencies) = counters.by_action.get(&index).cloned().unwrap_or_default();
            max = max.max(latencies.max);
            let figures = [latencies.percentile(50), latencies.percentile(99), latencies.max];
            let is_timed = latencies.max > 0.0;
            let figures = fixed(figures, 2).map(|cell| if is_timed { cell } else { String::new() });
            rows.push([row![read(action, "/name"), requests], figures.into()].concat());
        }
        report.table("actions", &rows);
        let (mut rows, mut grown) = (Vec::new(), Vec::new());
        for (index, (name, tolerance)) in FIGURES.into_iter().enumerate() {
            let samples = &self.samples[self.samples.len() / 3..];
            let values: Vec<_> = samples.iter().map(|(_, figures)| figures[index]).collect();
            let part = values.len().div_ceil(6);
            let first = median(values[..part].to_vec());
            let last = median(values[values.len() - part..].to_vec());
            let slope = regression_slope(samples.iter().map(|(at, figures)| [*at, figures[index]]));
            let rise = slope * samples.last().map_or(0.0, |(end, _)| end - samples[0].0);
            if is_long && rise > tolerance && last - first > tolerance {
                grown.push(name);
            }
            let figures = [first, last, slope * 3600.0, rise, tolerance, final_figures[index]];
            rows.push([row![name], fixed(figures, 1).into()].concat());
        }
        report.table("growth", &rows);
        let has_passed = counters.errors == 0 && grown.is_empty();
        let (errors, requested) = (counters.errors, counters.requested_failures);
        report.fill_all("requests errors requested", &[counters.requests, errors, requested]);
        report.fill("max", format_args!("{max:.1}"));
        let growth = match &grown[..] {
            _ if !is_long => "growth is not checked in such a short time".to_owned(),
            [] => "no figure has grown".to_owned(),
            grown => format!("grown: {}", grown.join("; ")),
        };
        report.fill("growth_result", growth);
        report.fill("result", if has_passed { "passed" } else { "FAILED" });
        Ok(has_passed)
    }
}

fn regression_slope(points: impl Iterator<Item = [f64; 2]> + Clone) -> f64 {
    let count: f64 = points.clone().map(|_| 1.0).sum();
    let mean = |axis: usize| points.clone().map(|point| point[axis]).sum::<f64>() / count;
    let (mean_x, mean_y) = (mean(0), mean(1));
    let covariance: f64 = points.clone().map(|[x, y]| (x - mean_x) * (y - mean_y)).sum();
    let variance: f64 = points.map(|[x, _]| (x - mean_x).powi(2)).sum();
    if variance > 0.0 { covariance / variance } else { 0.0 }
}

fn fetch_metrics(server: &Server) -> Result<String> {
    let response = server.connect()?.time(&KEY.get("/_control/metrics"))?.1;
    Ok(String::from_utf8(response.body)?)
}

/// The sum of all series that have this name, without the common prefix, and this label.
fn sum(metrics: &str, name: &str, label: &str) -> f64 {
    let values = metrics.lines().filter_map(|line| {
        let (series, value) = line.strip_prefix("omnidesk_mock_")?.rsplit_once(' ')?;
        let (series_name, labels) = series.split_once('{').unwrap_or((series, ""));
        (series_name == name && labels.contains(label)).then(|| value.parse::<f64>().ok())?
    });
    // The sum of no values is a negative zero.
    values.sum::<f64>() + 0.0
}
