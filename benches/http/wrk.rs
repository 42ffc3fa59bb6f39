//! The load generator: how wrk is called and what it says.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    process::{Command, Stdio},
    str::FromStr,
};

use crate::{Outcome, machine, quiet::Usage, server::Server, workplace::Workplace};

const CONNECTIONS: &str = "32";

/// Sends the requests of a file in turn: each is its length on a line, and then its bytes.
const SCRIPT: &str = r#"
local requests, count, turn = {}, 0, 0

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
  turn = turn % count + 1
  return requests[turn]
end

function done(summary, latency)
  local errors = summary.errors
  local lost = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format("figures %d %d %d %d %d %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), errors.status, lost))
end
"#;

/// What one round of load came to.
pub(crate) struct Round {
    pub(crate) per_second: f64,
    /// Median latency, in microseconds.
    pub(crate) p50: f64,
    /// Latency that one request in a hundred exceeds, in microseconds.
    pub(crate) p99: f64,
    /// Processor time of the server per request, in microseconds.
    pub(crate) cpu: f64,
    /// Answers that were no success.
    pub(crate) refused: u32,
    /// Requests that got no answer.
    pub(crate) lost: u32,
    /// What other programs took meanwhile, in cores.
    pub(crate) others: f64,
    /// Rounds that were refused before it, or for it.
    pub(crate) repeats: u32,
}

impl Round {
    pub(crate) fn failed(&self) -> u32 {
        self.refused + self.lost
    }
}

pub(crate) fn check_installed() -> Outcome<()> {
    let version =
        Command::new("wrk").arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status();
    match version {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err("this benchmark needs wrk: install it (Debian: `apt-get install wrk`)".into())
        }
        Err(error) => Err(format!("wrk cannot be run: {error}").into()),
        // `wrk -v` prints its version and exits with 1.
        Ok(_) => Ok(()),
    }
}

/// Loads the server for so many seconds with the requests, over and over.
pub(crate) fn load(
    workplace: &Workplace,
    server: &Server,
    requests: &[String],
    seconds: u32,
) -> Outcome<Round> {
    let (script, file) = (workplace.path("load.lua"), workplace.path("requests"));
    fs::write(&script, SCRIPT)?;
    write_requests(&file, requests)?;
    let mut command = workplace.machine.on_core(machine::CLIENT, "wrk");
    command.args(["-t", "1", "-c", CONNECTIONS, "-d", &format!("{seconds}s")]);
    command.args(["--timeout", "10s", "--latency", "-s"]).arg(script);
    command.arg(format!("http://{}", server.address)).arg("--").arg(file);

    let before = Usage::read(server)?;
    let output = command.output()?;
    let after = Usage::read(server)?;
    let text = String::from_utf8_lossy(&output.stdout);
    figures(&text, &before, &after).ok_or_else(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("wrk gave no figures:\n{text}{said}").into()
    })
}

fn write_requests(file: &Path, requests: &[String]) -> Outcome<()> {
    let mut writer = io::BufWriter::new(fs::File::create(file)?);
    for request in requests {
        write!(writer, "{}\n{request}", request.len())?;
    }
    writer.flush()?;
    Ok(())
}

fn figures(text: &str, before: &Usage, after: &Usage) -> Option<Round> {
    let line = text.lines().find_map(|line| line.strip_prefix("figures "))?;
    let numbers: Vec<_> = line.split(' ').map(u32::from_str).collect::<Result<_, _>>().ok()?;
    let [requests, microseconds, p50, p99, refused, lost] = numbers[..] else { return None };
    let answered = f64::from(requests.max(1));
    Some(Round {
        per_second: f64::from(requests) * 1e6 / f64::from(microseconds.max(1)),
        p50: f64::from(p50),
        p99: f64::from(p99),
        cpu: (after.server - before.server) * 1e6 / answered,
        refused,
        lost,
        others: after.others_since(before),
        repeats: 0,
    })
}
