//! Rounds of load with wrk that alternate between servers. A round with noise of other processes is retried.

use omnidesk_mock_bench::prelude::*;

const MAX_NOISE: f64 = 0.15;

pub(crate) struct Rounds<'a> {
    pub(crate) bench: &'a Bench,
    pub(crate) seconds: u32,
    pub(crate) count: u32,
    /// How often a noisy round is retried; after that the least noisy one counts.
    pub(crate) retries: u32,
}

/// Name, server, and the number of its rounds so far. Rejected rounds count too, because they have changed the tickets.
pub(crate) type LoadedServer<'a> = (&'a str, &'a Server, Cell<u32>);

/// Requests per second; p50 and p99 in ms; processor time per request in µs; failed requests; noise in cores.
type Round = [f64; 6];

pub(crate) struct Outcome {
    pub(crate) figures: [f64; 4],
    /// Failed requests, rejected rounds, and noisy rounds that count because all retries were noisier.
    pub(crate) counts: [f64; 3],
}

impl Rounds<'_> {
    /// Runs all rounds of one operation on each server, in turn. `requests` gets the number of the server's round.
    pub(crate) fn run<const N: usize>(
        &self,
        name: &str,
        factor: u32,
        servers: &[LoadedServer; N],
        requests: impl Fn(u32) -> Vec<String>,
    ) -> Result<[Outcome; N]> {
        let seconds = factor * self.seconds;
        let mut all = [const { (Vec::new(), [0.0; 3]) }; N];
        for number in 0..self.count as usize {
            // Another server is the first each time: the accounts grow, and the machine warms up.
            for index in (0..N).map(|offset| (offset + number) % N) {
                let (rounds, [failed, rejected, noisy]) = &mut all[index];
                let mut quietest = self.run_round(servers, index, seconds, &requests)?;
                for _ in 0..self.retries {
                    if quietest[5] <= MAX_NOISE {
                        break;
                    }
                    *rejected += 1.0;
                    let round = self.run_round(servers, index, seconds, &requests)?;
                    quietest = if round[5] < quietest[5] { round } else { quietest };
                }
                let (server, [rate, .., others]) = (servers[index].0, quietest);
                note!("{name}, {server}: {rate:.0}/s, other processes took {others:.2}");
                *failed += quietest[4];
                *noisy += f64::from(u8::from(others > MAX_NOISE));
                rounds.push(quietest);
            }
        }
        Ok(all.map(|(rounds, counts)| Outcome {
            figures: [0, 1, 2, 3].map(|index| median(rounds.iter().map(|round| round[index]))),
            counts,
        }))
    }

    fn run_round(
        &self,
        servers: &[LoadedServer],
        index: usize,
        seconds: u32,
        requests: impl Fn(u32) -> Vec<String>,
    ) -> Result<Round> {
        let (_, server, rounds) = &servers[index];
        rounds.set(rounds.get() + 1);
        let (script, file) = (self.bench.path("load.lua"), self.bench.path("requests"));
        fs::write(&script, include_str!("load.lua"))?;
        let requests = requests(rounds.get()).into_iter();
        let requests = requests.map(|text| format!("{}\n{text}", text.len()));
        fs::write(&file, requests.collect::<Vec<_>>().concat())?;
        let mut command = self.bench.command(Some(CLIENT_CORE), "wrk");
        command.args(["-t", "1", "-c", "32", "-d", &format!("{seconds}s")]);
        command.args(["--timeout", "10s", "--latency", "-s"]).arg(script);
        command.arg(format!("http://{}", server.address)).arg("--").arg(file);

        wait_until_idle(servers)?;
        let (start, before) = (Instant::now(), cpu_usage(server)?);
        let output = command.output().context("wrk is missing (Debian: `apt-get install wrk`)")?;
        let (elapsed, after) = (start.elapsed().as_secs_f64(), cpu_usage(server)?);
        let [cpu, own, machine] = [0, 1, 2].map(|index| after[index] - before[index]);
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().find_map(|line| line.strip_prefix("figures "));
        let line = line.with_context(|| format!("wrk printed no figures: {output:?}"))?;
        let numbers = line.split(' ').map(str::parse).collect::<Result<Vec<f64>, _>>()?;
        let [requests, time, p50, p99, failed] = numbers[..] else { bail!("wrk: {line}") };
        let (rate, cpu_each) = (requests * 1e6 / time.max(1.0), cpu * 1e6 / requests.max(1.0));
        let noise = (machine - own - cpu).max(0.0) / elapsed;
        Ok([rate, p50 / 1e3, p99 / 1e3, cpu_each, failed, noise])
    }
}

/// Processor time used so far, in seconds: by the server; by this process and its children that have
/// exited, such as wrk; by all processes. Interrupts are excluded, because the network packets of the load cause some.
fn cpu_usage(server: &Server) -> Result<[f64; 3]> {
    let stat = fs::read_to_string("/proc/stat")?;
    let machine = sum_ticks(stat.split_whitespace().skip(1).take(3))?;
    Ok([server.cpu_seconds()?, cpu_seconds(process::id(), true)?, machine])
}

/// Waits until all servers have finished the work of the previous round: they take less than the kernel's unit of time.
fn wait_until_idle(servers: &[LoadedServer]) -> Result<()> {
    let sum = || servers.iter().map(|(_, server, _)| server.cpu_seconds()).sum::<Result<f64>>();
    let mut before = sum()?;
    for _ in 0..33 {
        thread::sleep(Duration::from_millis(300));
        let now = sum()?;
        if now <= before {
            return Ok(());
        }
        before = now;
    }
    note!("warning: a server is still busy");
    Ok(())
}
