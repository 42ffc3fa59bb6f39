//! What is left when all clients have gone: nothing that belongs to them.

use std::{
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

/// Forsaken accounts live for two seconds and idle databases as long; all of it is over by then.
const PATIENCE: Duration = Duration::from_secs(30);
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

pub(crate) struct Rest {
    pub(crate) held: Holding,
    /// Answers with a 5xx, as the server counts them.
    pub(crate) failures: f64,
}

impl Rest {
    /// Waits until the server is at rest. What never comes to rest is an error, and so is what it has logged.
    pub(crate) fn reach(options: &Options, desk: &Desk, tally: &Tally) -> Outcome<Self> {
        let deadline = Instant::now() + PATIENCE;
        // That of each client, and the shared one; the connection that asks.
        let wanted = [f64::from(options.clients + 1), 0.0, 1.0];
        let metrics = loop {
            let metrics = Metrics::ask(desk.address())?;
            let names = ["accounts", "open_databases", "open_connections"];
            let is = names.map(|name| metrics.gauge(name));
            if is.iter().zip(wanted).all(|(is, wanted)| (is - wanted).abs() < 0.5) {
                break metrics;
            }
            if Instant::now() > deadline {
                let error = format!("{names:?} are {is:?} in place of {wanted:?}");
                tally.fail("the server at rest", error);
                break metrics;
            }
            thread::sleep(BETWEEN_LOOKS);
        };
        let (failures, wanted) = (metrics.failures(), f64::from(tally.wanted_failures()));
        if (failures - wanted).abs() > 0.5 {
            tally
                .fail("answers with a 5xx", format!("{failures} were counted, {wanted} asked for"));
        }
        for line in desk.log()?.lines() {
            tally.fail("the log", line);
        }
        Ok(Self { held: desk.holding()?, failures })
    }
}
