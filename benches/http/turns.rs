//! Servers that take turns under load. A round that other programs disturbed is refused, and done again.

use std::{cell::Cell, net::SocketAddr};

use crate::{
    Outcome,
    operation::Operation,
    options::Options,
    quiet,
    server::Server,
    workplace::Workplace,
    wrk::{self, Round},
};

/// What other programs may take while a round runs, in cores.
pub(crate) const MOST_BY_OTHERS: f64 = 0.15;

pub(crate) struct Turns<'a, const N: usize> {
    options: &'a Options,
    workplace: &'a Workplace<'a>,
    contestants: [Contestant<'a>; N],
}

struct Contestant<'a> {
    name: &'static str,
    server: &'a Server,
    /// How often it was loaded. A refused round counts here, too: it has changed the tickets.
    loads: Cell<u32>,
}

/// How it went with the rounds that others disturbed.
#[derive(Clone, Copy, Default)]
pub(crate) struct Disturbance {
    pub(crate) refused: u32,
    /// Rounds that count although others took too much.
    pub(crate) kept: u32,
}

impl Disturbance {
    pub(crate) fn of<'a>(rounds: impl IntoIterator<Item = &'a Round>) -> Self {
        rounds.into_iter().fold(Self::default(), |sum, round| Self {
            refused: sum.refused + round.repeats,
            kept: sum.kept + u32::from(round.is_noisy()),
        })
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self { refused: self.refused + other.refused, kept: self.kept + other.kept }
    }
}

impl Round {
    pub(crate) fn is_noisy(&self) -> bool {
        self.others > MOST_BY_OTHERS
    }
}

impl<'a, const N: usize> Turns<'a, N> {
    pub(crate) fn of(
        options: &'a Options,
        workplace: &'a Workplace<'a>,
        servers: [(&'static str, &'a Server); N],
    ) -> Self {
        let contestants =
            servers.map(|(name, server)| Contestant { name, server, loads: Cell::new(0) });
        Self { options, workplace, contestants }
    }

    /// All rounds of one operation, by server.
    pub(crate) fn play(&self, operation: Operation, tickets: u32) -> Outcome<[Vec<Round>; N]> {
        let seconds = operation.seconds(self.options.seconds);
        self.play_any(operation.name(), seconds, |host, load| {
            operation.requests(host, tickets, load)
        })
    }

    /// The same for any requests. They are made for an address, and a number that is larger by one
    /// for each load of the same server.
    pub(crate) fn play_any(
        &self,
        operation: &str,
        seconds: u32,
        requests: impl Fn(SocketAddr, u32) -> Vec<String>,
    ) -> Outcome<[Vec<Round>; N]> {
        let mut rounds = [const { Vec::new() }; N];
        for number in 0..self.options.rounds as usize {
            // None is always the first: the tickets of all grow, and the machine warms up.
            for index in (0..N).map(|place| (place + number) % N) {
                let contestant = &self.contestants[index];
                let round = self.quiet_round(contestant, seconds, &requests)?;
                let (name, rate, others) = (contestant.name, round.per_second, round.others);
                let number = number + 1;
                eprintln!("{operation}, {name}, round {number}: {rate:.0}/s, others {others:.2}");
                rounds[index].push(round);
            }
        }
        Ok(rounds)
    }

    /// The first round that nobody disturbed, or else the one that was disturbed least.
    fn quiet_round(
        &self,
        contestant: &Contestant,
        seconds: u32,
        requests: impl Fn(SocketAddr, u32) -> Vec<String>,
    ) -> Outcome<Round> {
        let servers = self.contestants.each_ref().map(|other| other.server);
        let mut quietest: Option<Round> = None;
        for repeats in 0..=self.options.repeats {
            contestant.loads.set(contestant.loads.get() + 1);
            let sent = requests(contestant.server.address, contestant.loads.get());
            quiet::settle(&servers)?;
            let round = wrk::load(self.workplace, contestant.server, &sent, seconds)?;
            let others = round.others;
            let is_quieter = quietest.as_ref().is_none_or(|best| others < best.others);
            let mut best = if is_quieter { Some(round) } else { quietest.take() };
            if let Some(best) = &mut best {
                best.repeats = repeats;
            }
            quietest = best;
            if others <= MOST_BY_OTHERS {
                break;
            }
            eprintln!("{}: other programs took {others:.2} of a core", contestant.name);
        }
        quietest.ok_or_else(|| "no round was done".into())
    }
}
