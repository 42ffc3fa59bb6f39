//! How much requests and connections may ask for.

use std::time::Duration;

use clap::Args;

use super::duration;
use crate::limits::{self, Limits, LineLimits, Shape};

/// The bounds of a server. Beyond one of them a request is refused, with a sentence that names it.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitSettings {
    /// The most connections at the same time; one more is answered 503
    #[arg(long, env = "OMNIDESK_MOCK_MAX_CONNECTIONS", default_value = "4096", value_name = "NUMBER",
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    max_connections: u32,
    /// The most bytes of a request's URL and headers; beyond it 431
    #[arg(long, env = "OMNIDESK_MOCK_MAX_HEADER_BYTES", default_value = "131072", value_name = "BYTES",
        value_parser = clap::value_parser!(u32).range(8192..=1_048_576))]
    max_header_bytes: u32,
    /// The most bytes of a body; beyond it 413
    #[arg(long, env = "OMNIDESK_MOCK_MAX_BODY_BYTES", default_value_t = limits::BODY, value_name = "BYTES",
        value_parser = clap::value_parser!(u32).range(1024..=1_073_741_824))]
    max_body_bytes: u32,
    /// The most values of a request, counted over query and body each; beyond it 400
    #[arg(long, env = "OMNIDESK_MOCK_MAX_VALUES", default_value_t = limits::VALUES, value_name = "NUMBER",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_values: u32,
    /// The deepest nesting of brackets or JSON in a request; beyond it 400
    #[arg(long, env = "OMNIDESK_MOCK_MAX_DEPTH", default_value_t = limits::DEPTH, value_name = "NUMBER",
        value_parser = clap::value_parser!(u8).range(4..=64))]
    max_depth: u8,
    /// The most bytes of an answer of the Ticket API; beyond it 400
    #[arg(long, env = "OMNIDESK_MOCK_MAX_ANSWER_BYTES", default_value = "268435456", value_name = "BYTES",
        value_parser = clap::value_parser!(u32).range(1024..=1_000_000_000))]
    max_answer_bytes: u32,
    /// The most waits and streams of an account at the same time; one more is answered 429
    #[arg(long, env = "OMNIDESK_MOCK_MAX_WAITS", default_value = "100", value_name = "NUMBER",
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    max_waits: u32,
    /// How long the headers of a request may take to arrive; beyond it 408
    #[arg(long, env = "OMNIDESK_MOCK_HEADER_TIMEOUT", default_value = "10s", value_name = "TIME",
        value_parser = |text: &str| within(text, HOUR))]
    header_timeout: Duration,
    /// How long a body may take to arrive; beyond it 408
    #[arg(long, env = "OMNIDESK_MOCK_BODY_TIMEOUT", default_value = "60s", value_name = "TIME",
        value_parser = |text: &str| within(text, HOUR))]
    body_timeout: Duration,
    /// How long a request may wait for its turn, and a read may take; beyond it 503, and nothing is changed
    #[arg(long, env = "OMNIDESK_MOCK_ANSWER_TIMEOUT", default_value = "60s", value_name = "TIME",
        value_parser = |text: &str| within(text, HOUR))]
    pub(crate) answer_timeout: Duration,
    /// How long a connection may stay open without a request
    #[arg(long, env = "OMNIDESK_MOCK_IDLE_TIMEOUT", default_value = "5m", value_name = "TIME",
        value_parser = |text: &str| within(text, DAY))]
    idle_timeout: Duration,
    /// How long a client may take nothing of its answer; its connection is closed then
    #[arg(long, env = "OMNIDESK_MOCK_SEND_TIMEOUT", default_value = "60s", value_name = "TIME",
        value_parser = |text: &str| within(text, DAY))]
    send_timeout: Duration,
}

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
/// The shortest time that can be given.
const LEAST: Duration = Duration::from_millis(10);

fn within(text: &str, most: Duration) -> Result<Duration, String> {
    let time = duration(text)?;
    if (LEAST..=most).contains(&time) {
        return Ok(time);
    }
    let most = if most == DAY { "24h" } else { "1h" };
    Err(format!("must be from 10ms to {most}"))
}

impl LimitSettings {
    /// As the server has them.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            shape: Shape { values: size(self.max_values), depth: usize::from(self.max_depth) },
            body: size(self.max_body_bytes),
            answer: size(self.max_answer_bytes),
            body_time: self.body_timeout,
            line: LineLimits {
                most: size(self.max_connections),
                crowd: limits::CROWD,
                head: size(self.max_header_bytes),
                head_time: self.header_timeout,
                idle_time: self.idle_timeout,
                send_time: self.send_timeout,
            },
        }
    }

    /// The most waits and streams of an account.
    pub(crate) fn waits(&self) -> usize {
        size(self.max_waits)
    }
}

fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
