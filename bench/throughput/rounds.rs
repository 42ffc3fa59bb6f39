//! Rounds of load with wrk that alternate between servers. A round with noise of other processes is rejected and retried.

use omnidesk_mock_bench::prelude::*;

/// Processor time that other processes may take during a round, in cores.
const MAX_NOISE: f64 = 0.15;

/// A server is idle if it takes less processor time than the kernel's unit in this time.
const IDLE_PERIOD: Duration = Duration::from_millis(300);
/// After this time the benchmark goes on although a server is still busy.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// How rounds are run.
pub(crate) struct Rounds<'a> {
    pub(crate) bench: &'a Bench,
    pub(crate) seconds: u32,
    pub(crate) count: u32,
    /// How often a noisy round is retried; after that the least noisy one counts.
    pub(crate) retries: u32,
    /// Rounds of this part that were rejected, and noisy rounds of it that count.
    pub(crate) noise: Cell<[u32; 2]>,
}

pub(crate) struct LoadedServer<'a> {
    pub(crate) name: &'a str,
    pub(crate) server: &'a Server,
    /// Number of its rounds so far. Rejected rounds count too, because they have changed the tickets.
    pub(crate) rounds: Cell<u32>,
}

impl<'a> LoadedServer<'a> {
    pub(crate) fn new((name, server): (&'a str, &'a Server)) -> Self {
        Self { name, server, rounds: Cell::new(0) }
    }
}

/// The rounds of one operation on one server.
pub(crate) struct Outcome {
    /// Medians: requests per second; p50 and p99 of the latency in milliseconds; processor time of the server per request
    /// in microseconds.
    pub(crate) figures: [f64; 4],
    /// Requests without a response, or with a status other than 2xx and 3xx.
    pub(crate) failed: u32,
    /// Rounds that were retried, and noisy rounds that count because all retries were noisier.
    pub(crate) noise: [u32; 2],
}

struct Round {
    figures: [f64; 4],
    failed: u32,
    /// Processor time of other processes during the round, in cores.
    noise: f64,
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
        let mut all = [const { (Vec::new(), [0, 0]) }; N];
        for number in 0..self.count as usize {
            // Another server is the first each time: the accounts grow, and the machine warms up.
            for index in (0..N).map(|offset| (offset + number) % N) {
                let (rounds, [rejected, noisy]) = &mut all[index];
                let mut quietest = self.run_round(servers, index, seconds, &requests)?;
                for _ in 0..self.retries {
                    if quietest.noise <= MAX_NOISE {
                        break;
                    }
                    *rejected += 1;
                    eprintln!("other processes took {:.2} of a core", quietest.noise);
                    let round = self.run_round(servers, index, seconds, &requests)?;
                    quietest = if round.noise < quietest.noise { round } else { quietest };
                }
                *noisy += u32::from(quietest.noise > MAX_NOISE);
                let (server, rate) = (servers[index].name, quietest.figures[0]);
                eprintln!("{name}, {server}, round {}: {rate:.0}/s", number + 1);
                rounds.push(quietest);
            }
        }
        let [mut rejected, mut noisy] = self.noise.get();
        for (_, noise) in &all {
            (rejected, noisy) = (rejected + noise[0], noisy + noise[1]);
        }
        self.noise.set([rejected, noisy]);
        Ok(all.map(|(rounds, noise)| Outcome {
            figures: [0, 1, 2, 3]
                .map(|index| median(rounds.iter().map(|round| round.figures[index]))),
            failed: rounds.iter().map(|round| round.failed).sum(),
            noise,
        }))
    }

    fn run_round(
        &self,
        servers: &[LoadedServer],
        index: usize,
        seconds: u32,
        requests: impl Fn(u32) -> Vec<String>,
    ) -> Result<Round> {
        let LoadedServer { server, rounds, .. } = &servers[index];
        rounds.set(rounds.get() + 1);
        let (script, file) = (self.bench.path("load.lua"), self.bench.path("requests"));
        fs::write(&script, include_str!("load.lua"))?;
        let requests = requests(rounds.get()).into_iter();
        let requests = requests.map(|text| format!("{}\n{text}", text.len()));
        fs::write(&file, requests.collect::<Vec<_>>().concat())?;
        let mut command = self.bench.command_on_core(CLIENT_CORE, "wrk");
        command.args(["-t", "1", "-c", "32", "-d", &format!("{seconds}s")]);
        command.args(["--timeout", "10s", "--latency", "-s"]).arg(script);
        command.arg(format!("http://{}", server.address)).arg("--").arg(file);

        wait_until_idle(servers)?;
        let (start, before) = (Instant::now(), cpu_usage(server)?);
        let output = command.output().context("wrk is missing (Debian: `apt-get install wrk`)")?;
        let (seconds, after) = (start.elapsed().as_secs_f64(), cpu_usage(server)?);
        let [server_cpu, own, machine] = [0, 1, 2].map(|index| after[index] - before[index]);
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().find_map(|line| line.strip_prefix("figures "));
        let line = line.with_context(|| format!("wrk printed no figures: {output:?}"))?;
        let numbers = line.split(' ').map(str::parse).collect::<Result<Vec<u32>, _>>()?;
        let [requests, time, p50, p99, failed] = numbers[..] else { bail!("wrk: {line}") };
        let [requests, time, p50, p99] = [requests, time, p50, p99].map(f64::from);
        let rate = requests * 1e6 / time.max(1.0);
        let cpu = server_cpu * 1e6 / requests.max(1.0);
        let noise = (machine - own - server_cpu).max(0.0) / seconds;
        Ok(Round { figures: [rate, p50 / 1e3, p99 / 1e3, cpu], failed, noise })
    }

    /// Says how many rounds of a part were noisy, because the medians do not show it.
    pub(crate) fn describe_noise(&self) -> String {
        let [rejected, noisy] = self.noise.take();
        format!(
            "A round is noisy if other processes took more than {MAX_NOISE} of a core. It was rejected and retried, up to \
             {} times; then the least noisy round counted. Rejected rounds: {rejected}. Noisy rounds that count: {noisy}.",
            self.retries
        )
    }
}

/// Processor time used so far, in seconds: by the server and its descendants; by this process and its children that have
/// exited, such as wrk; by all processes. Interrupts are excluded, because the network packets of the load cause some.
fn cpu_usage(server: &Server) -> Result<[f64; 3]> {
    let stat = fs::read_to_string("/proc/stat")?;
    let machine = sum_ticks(stat.split_whitespace().skip(1).take(3))?;
    Ok([tree_cpu_seconds(server)?, cpu_seconds(process::id(), true)?, machine])
}

/// Waits until all servers are idle, so that they have finished the work of the previous round.
fn wait_until_idle(servers: &[LoadedServer]) -> Result<()> {
    let deadline = Instant::now() + IDLE_TIMEOUT;
    let sum = || servers.iter().map(|loaded| tree_cpu_seconds(loaded.server)).sum::<Result<f64>>();
    let mut before = sum()?;
    while Instant::now() < deadline {
        thread::sleep(IDLE_PERIOD);
        let now = sum()?;
        if now <= before {
            return Ok(());
        }
        before = now;
    }
    eprintln!("warning: a server is still busy after {IDLE_TIMEOUT:?}");
    Ok(())
}

/// Processor time of the server's process and its descendants.
fn tree_cpu_seconds(server: &Server) -> Result<f64> {
    let descendants = descendants(server.id());
    // A process that has exited meanwhile has no entry any more.
    let times = descendants.iter().filter_map(|id| cpu_seconds(*id, false).ok());
    Ok(server.cpu_seconds()? + times.sum::<f64>())
}

/// Ids of the child processes of a process, and of their children.
pub(crate) fn descendants(id: u32) -> Vec<u32> {
    let path = format!("/proc/{id}/task/{id}/children");
    let children = fs::read_to_string(path).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|id| id.parse::<u32>().ok());
    children.flat_map(|id| [vec![id], descendants(id)].concat()).collect()
}
