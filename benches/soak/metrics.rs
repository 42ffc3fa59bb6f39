//! What the server says of itself.

use std::net::SocketAddr;

use crate::{
    Outcome,
    line::{Line, shown},
    message::message,
};

const PATH: &str = "/_control/metrics";

/// Prometheus' text, line by line.
pub(crate) struct Metrics(String);

impl Metrics {
    /// Over a connection of its own: a server that takes no new ones any more is noticed.
    pub(crate) fn ask(address: SocketAddr) -> Outcome<Self> {
        let mut line = Line::open(address)?;
        line.send(&message(address, "none", "GET", PATH, None))?;
        let answer = line.answer()?;
        if answer.status != 200 {
            let (status, body) = (answer.status, shown(&answer.body));
            return Err(format!("{status} from {PATH}: {body}").into());
        }
        Ok(Self(String::from_utf8(answer.body)?))
    }

    /// The sum of all series with this name, without what all begin with, that have this label.
    fn sum(&self, name: &str, label: &str) -> f64 {
        let values = self.0.lines().filter_map(|line| {
            let (series, value) = line.strip_prefix("omnidesk_mock_")?.rsplit_once(' ')?;
            let (known, labels) = series.split_once('{').unwrap_or((series, ""));
            (known == name && labels.contains(label)).then(|| value.parse::<f64>().ok())?
        });
        // The sum of nothing is a negative zero.
        values.sum::<f64>() + 0.0
    }

    pub(crate) fn gauge(&self, name: &str) -> f64 {
        self.sum(name, "")
    }

    pub(crate) fn requests(&self) -> f64 {
        self.sum("requests_total", "")
    }

    /// Answers with a 5xx.
    pub(crate) fn failures(&self) -> f64 {
        self.sum("requests_total", "status=\"5")
    }

    pub(crate) fn commits(&self) -> f64 {
        self.sum("sqlite_commits_total", "")
    }

    /// How many groups of changes were committed, and how long all of that took, in seconds.
    pub(crate) fn writes(&self) -> (f64, f64) {
        let label = "work=\"write\"";
        (self.sum("sqlite_seconds_count", label), self.sum("sqlite_seconds_sum", label))
    }
}
