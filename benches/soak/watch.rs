//! Looks at the server while the clients load it.

use std::{
    fs::File,
    io::Write,
    thread,
    time::{Duration, Instant},
};

use crate::{
    Outcome,
    desk::{Desk, Holding},
    metrics::Metrics,
    options::Options,
    tally::Tally,
};

/// The time between two looks.
const LOOK: Duration = Duration::from_secs(1);

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

/// What the server held after so many seconds.
pub(crate) struct Sample {
    pub(crate) at: f64,
    pub(crate) held: Holding,
}

/// The figures of one line, in the order of `COLUMNS`.
type Row = [f64; COLUMNS.len()];

/// What only goes up, as it was at the line before.
#[derive(Clone, Copy)]
struct Before {
    at: Instant,
    requests: u32,
    cpu: f64,
    commits: f64,
    writes: (f64, f64),
}

pub(crate) struct Watch<'a> {
    options: &'a Options,
    desk: &'a Desk,
    tally: &'a Tally,
    began: Instant,
    before: Before,
    out: Option<File>,
}

impl<'a> Watch<'a> {
    pub(crate) fn start(options: &'a Options, desk: &'a Desk, tally: &'a Tally) -> Outcome<Self> {
        let began = Instant::now();
        let metrics = Metrics::ask(desk.address())?;
        let before = Before {
            at: began,
            requests: tally.requests(),
            cpu: desk.cpu_seconds()?,
            commits: metrics.commits(),
            writes: metrics.writes(),
        };
        let mut out = options.out.as_ref().map(File::create).transpose()?;
        if let Some(out) = &mut out {
            let names = COLUMNS.map(|(name, ..)| name.replace('%', "percent"));
            writeln!(out, "{}", names.join(","))?;
        }
        println!("{}", COLUMNS.map(|(name, width, _)| format!("{name:>width$}")).join(" "));
        Ok(Self { options, desk, tally, began, before, out })
    }

    /// Looks until the time is over, or until there are too many errors.
    pub(crate) fn run(mut self) -> Outcome<Vec<Sample>> {
        let end = self.began + Duration::from_mins(1) * self.options.minutes;
        let mut samples = Vec::new();
        let (mut next, mut next_line) = (self.began, self.began + self.options.every);
        while next < end && !self.tally.is_over() {
            next += LOOK;
            thread::sleep(next.saturating_duration_since(Instant::now()));
            let held = self.desk.holding()?;
            samples.push(Sample { at: self.began.elapsed().as_secs_f64(), held });
            if next >= next_line || next >= end {
                next_line += self.options.every;
                self.line(held)?;
            }
        }
        Ok(samples)
    }

    fn line(&mut self, held: Holding) -> Outcome<()> {
        let metrics = Metrics::ask(self.desk.address())?;
        let (before, times) = (self.before, self.tally.take_latest());
        let now = Before {
            at: Instant::now(),
            requests: self.tally.requests(),
            cpu: self.desk.cpu_seconds()?,
            commits: metrics.commits(),
            writes: metrics.writes(),
        };
        let seconds = (now.at - before.at).as_secs_f64();
        let written = (now.writes.0 - before.writes.0).max(1.0);
        let row = [
            self.began.elapsed().as_secs_f64(),
            f64::from(now.requests),
            f64::from(self.tally.errors()),
            f64::from(now.requests - before.requests) / seconds,
            times.percentile(50),
            times.percentile(99),
            times.most(),
            (now.cpu - before.cpu) / seconds * 100.0,
            held.memory,
            f64::from(held.threads),
            f64::from(held.files),
            held.data,
            metrics.gauge("accounts"),
            metrics.gauge("journal_entries"),
            metrics.gauge("open_databases"),
            metrics.gauge("open_connections"),
            metrics.requests(),
            (now.commits - before.commits) / seconds,
            (now.writes.1 - before.writes.1) / written * 1e3,
        ];
        self.before = now;
        self.print(&row)
    }

    fn print(&mut self, row: &Row) -> Outcome<()> {
        let cells = |is_padded: bool| {
            let cells = COLUMNS.iter().zip(row).map(|((_, width, decimals), figure)| {
                let width = if is_padded { *width } else { 0 };
                format!("{figure:>width$.decimals$}")
            });
            cells.collect::<Vec<_>>()
        };
        println!("{}", cells(true).join(" "));
        if let Some(out) = &mut self.out {
            writeln!(out, "{}", cells(false).join(","))?;
        }
        Ok(())
    }
}
