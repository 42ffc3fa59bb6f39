//! Whoever sends requests: one after the other, not too fast, over a connection that is kept.

use std::{
    fmt::Display,
    io,
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    Outcome,
    line::{Answer, Line, shown},
    random::Random,
    tally::Tally,
};

pub(crate) struct Caller<'a> {
    address: SocketAddr,
    tally: &'a Tally,
    line: Option<Line>,
    /// The act that requests belong to.
    pub(crate) act: usize,
    /// The time from one request to the next, on average.
    pause: Duration,
    next: Instant,
    random: Random,
}

impl<'a> Caller<'a> {
    pub(crate) fn new(
        address: SocketAddr,
        tally: &'a Tally,
        pause: Duration,
        random: Random,
    ) -> Self {
        Self { address, tally, line: None, act: 0, pause, next: Instant::now(), random }
    }

    /// Sends a request, and gives the body of the answer, which must have this status.
    pub(crate) fn ask(&mut self, request: &str, status: u16) -> Outcome<Value> {
        self.take_turn();
        let began = Instant::now();
        let answer = self.exchange(request).map_err(|error| about(request, error))?;
        self.tally.answered(self.act, began.elapsed());
        answer.expect(status).map_err(|error| about(request, error))
    }

    /// The same, where an error with a message in Omnidesk's envelope must come. It must have the words.
    pub(crate) fn refuse(&mut self, request: &str, status: u16, words: &str) -> Outcome<()> {
        let body = self.ask(request, status)?;
        let message = body["message"].as_str().unwrap_or_default();
        if body["status"] == "error" && message.contains(words) {
            return Ok(());
        }
        Err(about(request, format_args!("no error about {words:?}: {body}")))
    }

    /// The same, where a problem of this kind must come.
    pub(crate) fn deny(&mut self, request: &str, status: u16, kind: &str) -> Outcome<()> {
        let body = self.ask(request, status)?;
        if body["type"] == format!("/docs/control#{kind}") {
            return Ok(());
        }
        Err(about(request, format_args!("no problem {kind}: {body}")))
    }

    /// Sends a request that something is to happen to, and gives what happens.
    pub(crate) fn provoke(&mut self, request: &str) -> io::Result<Answer> {
        self.take_turn();
        self.tally.asked(self.act);
        let answer = self.exchange(request);
        if let Ok(answer) = &answer {
            self.tally.provoked(answer.status);
        }
        answer
    }

    /// Another connection, for a request that has to wait or that ends its connection.
    pub(crate) fn connect(&mut self) -> Outcome<Line> {
        self.take_turn();
        self.tally.asked(self.act);
        Ok(Line::open(self.address)?)
    }

    /// Closes the connection; the next request makes another.
    pub(crate) fn hang_up(&mut self) {
        self.line = None;
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    fn exchange(&mut self, request: &str) -> io::Result<Answer> {
        let kept = self.line.take();
        let mut line = kept.map_or_else(|| Line::open(self.address), Ok)?;
        line.send(request)?;
        let answer = line.answer()?;
        self.line = (!answer.closes).then_some(line);
        Ok(answer)
    }

    /// Waits until the next request may be sent. Time that was lost is not made up for.
    fn take_turn(&mut self) {
        let now = Instant::now();
        thread::sleep(self.next.saturating_duration_since(now));
        self.next = self.next.max(now) + self.random.around(self.pause);
    }
}

/// Says after which request it was.
fn about(request: &str, error: impl Display) -> Box<dyn std::error::Error> {
    format!("{error}\n    after {}", shown(request.as_bytes())).into()
}
