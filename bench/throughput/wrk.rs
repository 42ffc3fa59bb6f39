//! The load generator wrk: its script, its command line and its output.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    process::{Command, Stdio},
    str::FromStr,
};

use omnidesk_mock_bench::{
    BenchResult, affinity::CLIENT_CORE, noise::CpuUsage, server_process::ServerProcess,
};

use crate::launcher::ServerLauncher;

const CONNECTIONS: &str = "32";

/// Sends the requests of a file in turn. In the file, the length of each request is on a line before its bytes.
const SCRIPT: &str = r#"
local requests, count, index = {}, 0, 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  while true do
    local length = file:read("*n")
    if not length then break end
    file:read(1)
    count = count + 1
    requests[count] = file:read(length)
  end
  file:close()
end

function request()
  index = index % count + 1
  return requests[index]
end

function done(summary, latency)
  local errors = summary.errors
  local lost = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format("figures %d %d %d %d %d %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), errors.status, lost))
end
"#;

/// The figures of one round of load.
pub(crate) struct Round {
    pub(crate) requests_per_second: f64,
    /// Median latency, in microseconds.
    pub(crate) p50: f64,
    /// 99th percentile of the latency, in microseconds.
    pub(crate) p99: f64,
    /// Processor time of the server per request, in microseconds.
    pub(crate) cpu: f64,
    /// Responses with a status other than 2xx and 3xx.
    pub(crate) error_responses: u32,
    /// Requests without a response.
    pub(crate) lost_requests: u32,
    /// Processor time of other processes during the round, in cores.
    pub(crate) noise: f64,
    /// Rejected rounds in place of which this one counts.
    pub(crate) retries: u32,
}

impl Round {
    pub(crate) fn failed_requests(&self) -> u32 {
        self.error_responses + self.lost_requests
    }
}

pub(crate) fn check_installed() -> BenchResult<()> {
    let version =
        Command::new("wrk").arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status();
    match version {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err("wrk is missing: install it (Debian: `apt-get install wrk`)".into())
        }
        Err(error) => Err(format!("wrk: {error}").into()),
        // `wrk -v` prints its version and exits with 1.
        Ok(_) => Ok(()),
    }
}

/// Sends the requests to the server in turn, over and over for this time.
pub(crate) fn run_round(
    launcher: &ServerLauncher,
    server: &ServerProcess,
    requests: &[String],
    seconds: u32,
) -> BenchResult<Round> {
    let (script, file) = (launcher.path("load.lua"), launcher.path("requests"));
    fs::write(&script, SCRIPT)?;
    write_requests(&file, requests)?;
    let mut command = launcher.context.machine.affinity.command_on_core(CLIENT_CORE, "wrk");
    command.args(["-t", "1", "-c", CONNECTIONS, "-d", &format!("{seconds}s")]);
    command.args(["--timeout", "10s", "--latency", "-s"]).arg(script);
    command.arg(format!("http://{}", server.address)).arg("--").arg(file);

    let before = CpuUsage::read(server)?;
    let output = command.output()?;
    let after = CpuUsage::read(server)?;
    let text = String::from_utf8_lossy(&output.stdout);
    parse_figures(&text, &before, &after).ok_or_else(|| {
        let errors = String::from_utf8_lossy(&output.stderr);
        format!("wrk printed no figures:\n{text}{errors}").into()
    })
}

fn write_requests(file: &Path, requests: &[String]) -> BenchResult<()> {
    let mut writer = io::BufWriter::new(fs::File::create(file)?);
    for request in requests {
        write!(writer, "{}\n{request}", request.len())?;
    }
    writer.flush()?;
    Ok(())
}

fn parse_figures(text: &str, before: &CpuUsage, after: &CpuUsage) -> Option<Round> {
    let line = text.lines().find_map(|line| line.strip_prefix("figures "))?;
    let numbers: Vec<_> = line.split(' ').map(u32::from_str).collect::<Result<_, _>>().ok()?;
    let [requests, microseconds, p50, p99, error_responses, lost_requests] = numbers[..] else {
        return None;
    };
    Some(Round {
        requests_per_second: f64::from(requests) * 1e6 / f64::from(microseconds.max(1)),
        p50: f64::from(p50),
        p99: f64::from(p99),
        cpu: (after.server - before.server) * 1e6 / f64::from(requests.max(1)),
        error_responses,
        lost_requests,
        noise: after.noise_since(before),
        retries: 0,
    })
}
