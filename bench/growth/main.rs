//! How costs grow with the number of tickets: latency, memory and disk of accounts of several sizes.
//!
//! Fills an account through the Ticket API, and sends requests over one connection. A small write before each list
//! empties the response cache, except in the operation that measures a cached response. `operations.json` contains the
//! operations in the order of their measurement, and limits of their median latencies: a multiple of that of the
//! smallest size, or milliseconds at all sizes or at one.

use omnidesk_mock_bench::prelude::*;

const BATCH_SIZE: usize = 1_000;
/// Name and decimals. The first are the peaks of the memory in each phase.
const FIGURES: [(&str, usize); 7] = [
    ("peak memory of reads, MB", 1),
    ("peak memory of writes, MB", 1),
    ("peak memory of resets, MB", 1),
    ("resident memory when filled, MB", 1),
    ("data folder when filled, MB", 1),
    ("creations per second", 0),
    ("processor time of a creation, ms", 3),
];

/// Measures latency, memory and disk of accounts of several sizes.
#[derive(Parser)]
struct Options {
    /// Tickets in the accounts, one for each size
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 10_000, 100_000],
        value_parser = value_parser!(u32).range(1_000..=1_000_000))]
    sizes: Vec<u32>,
    #[command(flatten)]
    common: CommonOptions,
}

fn main() -> Result<()> {
    let Options { mut sizes, common } = Options::parse();
    let Some(bench) = Bench::start("growth", &common)? else { return Ok(()) };
    bench.pin_client();
    sizes.sort_unstable();
    sizes.dedup();
    let operations: Vec<Value> = serde_json::from_str(include_str!("operations.json"))?;
    let accounts = sizes.iter().map(|tickets| {
        note!("filling an account with {tickets} tickets");
        Account::fill(&bench, *tickets, operations.len())
    });
    let mut accounts = accounts.collect::<Result<Vec<_>>>()?;
    let repetitions = bench.count(50, 5);
    // Some latencies are measured together with those of the previous operation.
    for (index, operation) in operations.iter().enumerate() {
        if operation["send"].is_null() {
            continue;
        }
        note!("{}", operation["name"]);
        let max = operation["max_repetitions"].as_u64().map_or(Ok(repetitions), u32::try_from)?;
        // Five rounds alternate between the sizes, so that noise affects all sizes alike.
        for _ in 0..5 {
            for account in &mut accounts {
                account.measure_round(index, operation, max.min(repetitions).div_ceil(5))?;
            }
        }
    }
    let rows = operations.iter().enumerate().map(|(index, operation)| {
        let medians = accounts.iter().map(|account| median(account.latencies[index].clone()));
        let latencies: Vec<_> = sizes.iter().copied().zip(medians).collect();
        let figures = latencies.iter().map(|(_, latency)| format!("{latency:.2}"));
        let name = operation["name"].as_str().unwrap_or_default().to_owned();
        [vec![name], figures.collect(), judge(operation, &latencies)].concat()
    });
    let rows: Vec<_> = rows.collect();
    let mut figures = Rows::new();
    for account in &accounts {
        for ((name, decimals), figure) in FIGURES.into_iter().zip(account.figures) {
            extend(&mut figures, row![name], fixed([figure], decimals));
        }
    }
    let mut report = Report::new(include_str!("report.md"), &bench);
    report.fill("repetitions", repetitions);
    report.fill("sizes", sizes.iter().map(u32::to_string).collect::<Vec<_>>().join(" | "));
    report.table("operations", &rows);
    report.table("figures", &figures);
    report.publish("growth")?;
    accounts.into_iter().try_for_each(|account| account.server.stop())
}

/// The ratio of the largest size to the smallest, the target, and whether the latencies by size meet it.
fn judge(operation: &Value, latencies: &[(u32, f64)]) -> Vec<String> {
    let ratio = match latencies {
        [(_, first), .., (_, last)] => Some(last / first),
        _ => None,
    };
    let (max_ratio, max_ms) = (operation["max_ratio"].as_f64(), operation["max_ms"].as_f64());
    let (target, is_met) = match (max_ratio, max_ms, operation["at"].as_u64()) {
        (Some(max), ..) => (format!("ratio {max}"), ratio.map(|ratio| ratio <= max)),
        (_, Some(max), None) => (format!("{max} ms"), Some(latencies.iter().all(|at| at.1 <= max))),
        (_, Some(max), Some(size)) => {
            let latency = latencies.iter().find(|at| u64::from(at.0) == size);
            (format!("{max} ms at {size}"), latency.map(|at| at.1 <= max))
        }
        _ => ("-".to_owned(), None),
    };
    let ratio = ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
    row![ratio, target, is_met.map_or("-", |is_met| if is_met { "yes" } else { "no" })]
}

struct Account {
    server: Server,
    connections: Vec<Connection>,
    /// Number of the next ticket, and ids of all tickets in the order of their creation.
    next_ticket: u32,
    ids: Vec<u64>,
    count: u32,
    copy_key: String,
    latencies: Vec<Vec<f64>>,
    figures: [f64; FIGURES.len()],
}

impl Account {
    fn fill(bench: &Bench, tickets: u32, operations: usize) -> Result<Self> {
        let data = bench.path(&format!("data-{tickets}"));
        let mut command = bench.serve(true, "127.0.0.1:0", FILES, &data);
        // Small accounts wait while a large one is filled.
        command.args(["--api-key", seed::API_KEY, "--idle-timeout", "6h"]);
        let server = bench.start_command(command)?;
        let mut account = Self {
            connections: server.connect_many(8)?,
            server,
            next_ticket: 0,
            ids: Vec::new(),
            count: 0,
            copy_key: String::new(),
            latencies: vec![Vec::new(); operations],
            figures: Default::default(),
        };
        let (start, cpu_before) = (Instant::now(), account.server.cpu_seconds()?);
        account.create(tickets)?;
        let per_second = f64::from(tickets) / start.elapsed().as_secs_f64();
        let cpu = (account.server.cpu_seconds()? - cpu_before) * 1e3 / f64::from(tickets);
        account.set_statuses_and_priorities(0)?;
        let memory = account.server.settled_memory()?;
        account.figures = [0.0, 0.0, 0.0, memory, folder_size(&data), per_second, cpu];
        Ok(account)
    }

    fn create(&mut self, count: u32) -> Result<()> {
        let numbers = self.next_ticket..self.next_ticket + count;
        self.next_ticket += count;
        let requests =
            numbers.map(|number| KEY.line(&format!("POST {TICKETS} multipart {}", fields(number))));
        send_all(&mut self.connections, requests, |response| {
            self.ids.push(response.json()?["ticketID"].as_u64().context("no ticketID")?);
            Ok(())
        })
    }

    /// Each status becomes that of a sixth of the tickets after the first; each priority but medium, of one in twenty.
    fn set_statuses_and_priorities(&mut self, first: usize) -> Result<()> {
        let statuses = STATUSES[1..].iter().enumerate();
        let statuses = statuses.map(|(index, status)| (format!("status={status}"), index, 6));
        let priorities = ["low", "high", "urgent"].iter().enumerate();
        let priorities = priorities.map(|(index, value)| (format!("priority={value}"), index, 20));
        for (field, offset, step) in statuses.chain(priorities) {
            let ids: Vec<_> = self.ids[first..].iter().skip(offset).step_by(step).collect();
            for ids in ids.chunks(BATCH_SIZE) {
                self.connections[0].time(&KEY.set(&field, ids))?;
            }
        }
        Ok(())
    }

    fn measure_round(&mut self, index: usize, operation: &Value, max: u32) -> Result<()> {
        // Opens the database again, which the server may have closed during the measurements of other sizes.
        self.send(&format!("GET {TICKETS}"))?;
        let start = Instant::now();
        for repetition in 0..max {
            if repetition > 0 && start.elapsed() > Duration::from_secs(2) {
                break;
            }
            for (offset, latency) in self.measure(operation)?.into_iter().enumerate() {
                self.latencies[index + offset].push(latency);
            }
        }
        let peak = &mut self.figures[usize::try_from(operation["phase"].as_u64().unwrap_or(0))?];
        *peak = peak.max(self.server.memory()?);
        Ok(())
    }

    /// Returns the latency, in milliseconds, and those of the next operations if they are measured together.
    fn measure(&mut self, operation: &Value) -> Result<Vec<f64>> {
        for line in operation["before"].as_array().into_iter().flatten() {
            self.send(line.as_str().context("no line")?)?;
        }
        let line = operation["send"].as_str().context("no line")?;
        if line.contains("reset") {
            return self.reset(line);
        }
        let (latency, response) = self.send(line)?;
        if let Some(expected) = operation["total"].as_str() {
            let total = response.json()?["itemTotal"].as_u64().context("no itemTotal")?;
            ensure!((total == 0) == (expected == "none"), "{line}: {total} tickets");
        }
        if line.contains("{oldest}") {
            // As many new ones are created outside the measured time.
            self.ids.drain(..BATCH_SIZE);
            self.create(u32::try_from(BATCH_SIZE)?)?;
            self.set_statuses_and_priorities(self.ids.len() - BATCH_SIZE)?;
        }
        Ok(vec![latency])
    }

    fn send(&mut self, line: &str) -> Result<(f64, Response)> {
        self.count += 1;
        let join = |ids: &[u64]| {
            let fields: Vec<_> = ids.iter().map(|id| format!("ticketIDs[]={id}")).collect();
            fields.join("&")
        };
        let (ids, count) = (&self.ids, self.count);
        // A prime that divides no round number, so every ticket is read once before one is read again.
        let next = ids[count as usize * 7_919 % ids.len()];
        let values = [
            ("{first}", ids[0].to_string()),
            ("{next}", next.to_string()),
            ("{title}", format!("Renamed+{count}+times")),
            ("{ticket}", fields(count)),
            ("{start}", (ids.len() / 10 * 9).to_string()),
            ("{oldest}", join(&ids[..BATCH_SIZE])),
            ("{newest}", join(&ids[ids.len() - BATCH_SIZE..])),
        ];
        let line =
            values.iter().fold(line.to_owned(), |line, (name, value)| line.replace(name, value));
        self.connections[0].time(&KEY.line(&line))
    }

    /// Resets a copy of the account after a write, and reads from it. Returns both latencies and their sum.
    fn reset(&mut self, line: &str) -> Result<Vec<f64>> {
        if self.copy_key.is_empty() {
            self.send(&format!("PUT {ACCOUNTS}/dev/snapshots/filled"))?;
            let copy = r#"{"name":"copy","from":"snapshot:dev/filled"}"#;
            let created = self.send(&format!("POST {ACCOUNTS} json {copy}"))?.1.json()?;
            created["api_key"].as_str().context("no key")?.clone_into(&mut self.copy_key);
        }
        let (requests, id) = (Requests(&self.copy_key), self.ids[0]);
        let update = requests.update_title(id, &format!("Renamed+{}", self.count));
        let read = requests.get_ticket(id);
        self.connections[0].time(&update)?;
        let reset = self.send(line)?.0;
        let read = self.connections[0].time(&read)?.0;
        Ok(vec![reset, read, reset + read])
    }
}

/// The fields of the ticket with this number: varied, but the same number always gives the same ticket. `invoice` is in
/// the title of every tenth ticket, `chrysalis` in that of ticket 7 and of one in 100,000 after it, `zeppelin` in none.
fn fields(number: u32) -> String {
    let mut title = format!("{number}");
    for (phrases, factor) in include_str!("words.txt").lines().zip([1, 3, 5]) {
        let phrases: Vec<_> = phrases.split(", ").collect();
        title.extend([" ", phrases[(number / factor) as usize % phrases.len()]]);
    }
    title.push_str(if number.is_multiple_of(10) { ", see the invoice" } else { "" });
    title.push_str(if number % 100_000 == 7 { ", like a chrysalis" } else { "" });
    // Every fourth ticket is unassigned: it has group 0.
    let group = number % 4;
    format!(
        "brandID=1&channelID=1&direction=inbound&from=customer{number}@example.test&fromName=Customer {number}\
         &to=desk@example.test&assignedGroupID={group}&title={title}"
    )
}
