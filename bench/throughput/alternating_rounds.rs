//! Rounds of load that alternate between servers. A round with noise of other processes is rejected and retried.

use std::{cell::Cell, net::SocketAddr};

use omnidesk_mock_bench::{BenchResult, noise, server_process::ServerProcess};

use crate::{
    launcher::ServerLauncher,
    operation::Operation,
    options::Options,
    wrk::{self, Round},
};

/// Processor time that other processes may take during a round, in cores.
pub(crate) const MAX_NOISE: f64 = 0.15;

pub(crate) struct AlternatingRounds<'a, const N: usize> {
    options: &'a Options,
    launcher: &'a ServerLauncher<'a>,
    servers: [LoadedServer<'a>; N],
}

struct LoadedServer<'a> {
    name: &'static str,
    process: &'a ServerProcess,
    /// Number of its rounds so far. Rejected rounds count too, because they have changed the tickets.
    rounds: Cell<u32>,
}

/// The number of noisy rounds.
#[derive(Clone, Copy, Default)]
pub(crate) struct NoiseCount {
    pub(crate) rejected: u32,
    /// Noisy rounds that count because all retries were noisier.
    pub(crate) accepted: u32,
}

impl NoiseCount {
    pub(crate) fn of_rounds<'a>(rounds: impl IntoIterator<Item = &'a Round>) -> Self {
        let counts = rounds
            .into_iter()
            .map(|round| Self { rejected: round.retries, accepted: u32::from(round.is_noisy()) });
        Self::sum(counts)
    }

    pub(crate) fn sum(counts: impl Iterator<Item = Self>) -> Self {
        counts.fold(Self::default(), |sum, count| Self {
            rejected: sum.rejected + count.rejected,
            accepted: sum.accepted + count.accepted,
        })
    }
}

impl Round {
    fn is_noisy(&self) -> bool {
        self.noise > MAX_NOISE
    }
}

impl<'a, const N: usize> AlternatingRounds<'a, N> {
    pub(crate) fn new(
        options: &'a Options,
        launcher: &'a ServerLauncher<'a>,
        servers: [(&'static str, &'a ServerProcess); N],
    ) -> Self {
        let servers =
            servers.map(|(name, process)| LoadedServer { name, process, rounds: Cell::new(0) });
        Self { options, launcher, servers }
    }

    /// Runs all rounds of one operation, and returns them by server.
    pub(crate) fn run(&self, operation: Operation, tickets: u32) -> BenchResult<[Vec<Round>; N]> {
        let seconds = operation.round_seconds(self.options.seconds);
        self.run_requests(operation.name(), seconds, |address, round| {
            operation.requests(address, tickets, round)
        })
    }

    /// The same with other requests. `requests` gets the server's address and the number of its round.
    pub(crate) fn run_requests(
        &self,
        name: &str,
        seconds: u32,
        requests: impl Fn(SocketAddr, u32) -> Vec<String>,
    ) -> BenchResult<[Vec<Round>; N]> {
        let mut rounds = [const { Vec::new() }; N];
        for number in 0..self.options.rounds as usize {
            // Another server is the first each time: the accounts grow, and the machine warms up.
            for index in (0..N).map(|offset| (offset + number) % N) {
                let server = &self.servers[index];
                let round = self.run_quiet_round(server, seconds, &requests)?;
                let (rate, noise) = (round.requests_per_second, round.noise);
                let (server, number) = (server.name, number + 1);
                eprintln!("{name}, {server}, round {number}: {rate:.0}/s, noise {noise:.2}");
                rounds[index].push(round);
            }
        }
        Ok(rounds)
    }

    /// Returns the first round without noise, or else the least noisy one.
    fn run_quiet_round(
        &self,
        server: &LoadedServer,
        seconds: u32,
        requests: impl Fn(SocketAddr, u32) -> Vec<String>,
    ) -> BenchResult<Round> {
        let processes = self.servers.each_ref().map(|server| server.process);
        let mut quietest: Option<Round> = None;
        for retries in 0..=self.options.retries {
            server.rounds.set(server.rounds.get() + 1);
            let requests = requests(server.process.address, server.rounds.get());
            noise::wait_until_idle(&processes)?;
            let round = wrk::run_round(self.launcher, server.process, &requests, seconds)?;
            let noise = round.noise;
            let is_quieter = quietest.as_ref().is_none_or(|best| noise < best.noise);
            let mut best = if is_quieter { Some(round) } else { quietest.take() };
            if let Some(best) = &mut best {
                best.retries = retries;
            }
            quietest = best;
            if noise <= MAX_NOISE {
                break;
            }
            eprintln!("{}: other processes took {noise:.2} of a core", server.name);
        }
        quietest.ok_or_else(|| "no round was run".into())
    }
}
