//! The metrics of the server.

use std::net::SocketAddr;

use omnidesk_mock_bench::{
    BenchResult,
    connection::{Connection, excerpt},
    request::RequestEncoder,
};

use crate::paced_client::TIMEOUT;

const PATH: &str = "/_control/metrics";

/// A response in the text format of Prometheus.
pub(crate) struct Metrics(String);

impl Metrics {
    /// Uses a new connection, so that a server that accepts no connections any more is noticed.
    pub(crate) fn fetch(address: SocketAddr) -> BenchResult<Self> {
        let mut connection = Connection::open_with_timeout(address, TIMEOUT)?;
        let response = connection.exchange(&RequestEncoder::new(address, "none").get(PATH))?;
        if response.status != 200 {
            let (status, body) = (response.status, excerpt(&response.body));
            return Err(format!("{PATH}: status {status}: {body}").into());
        }
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

    pub(crate) fn gauge(&self, name: &str) -> f64 {
        self.sum(name, "")
    }

    pub(crate) fn requests(&self) -> f64 {
        self.sum("requests_total", "")
    }

    /// Responses with a 5xx.
    pub(crate) fn failures(&self) -> f64 {
        self.sum("requests_total", "status=\"5")
    }

    pub(crate) fn commits(&self) -> f64 {
        self.sum("sqlite_commits_total", "")
    }

    /// Number of group commits, and their total duration in seconds.
    pub(crate) fn writes(&self) -> (f64, f64) {
        let label = "work=\"write\"";
        (self.sum("sqlite_seconds_count", label), self.sum("sqlite_seconds_sum", label))
    }
}
