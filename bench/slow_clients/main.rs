//! Whether slow clients slow down others: the same requests without and with many connections that stop in a head, stop
//! in a body, are idle, or do not read the response.

use omnidesk_mock_bench::prelude::*;

const REQUESTS: [(&str, &str); 2] = [
    ("GET item", "GET /api/v2/ticket/{id}"),
    (
        "POST create, multipart",
        "POST /api/v2/ticket multipart brandID=1&channelID=1&direction=inbound&from=ada@example.test\
         &to=desk@example.test&title=Order {number} arrived with a broken screen and without its charger",
    ),
];

const FIGURES: [(&str, usize); 4] = [
    ("req/s, 32 connections", 0),
    ("p50 ms, 1 connection", 3),
    ("p99 ms, 1 connection", 3),
    ("CPU ms/req, 1 connection", 3),
];

type Figures = [[f64; FIGURES.len()]; REQUESTS.len()];

fn main() -> Result<()> {
    let Some(bench) = Bench::start("slow_clients", &CommonOptions::parse())? else { return Ok(()) };
    bench.pin_client();
    let (rounds, clients) = (bench.count(8, 2), bench.count(1_000, 100));
    let counts = [bench.count(2_000, 200), bench.count(10_000, 1_000)];
    let (mut rows, mut peaks) = (Vec::new(), Vec::new());
    for storage in STORAGES {
        // The slow clients must stay connected for longer than a measurement takes.
        let timeouts = [
            "--header-timeout=10m",
            "--body-timeout=10m",
            "--idle-timeout=10m",
            "--send-timeout=10m",
        ];
        let server = bench.start_server(storage, 200, &timeouts)?;
        let (mut measurements, mut memory) = ([Vec::new(), Vec::new()], [0.0, 0.0]);
        let (mut most_disconnected, mut numbers) = (0, 0..);
        measure(&server, counts, &mut numbers)?;
        for round in 0..rounds {
            note!("{storage}, round {}", round + 1);
            // Which of the two comes first alternates.
            for has_slow_clients in [round % 2 == 0, round % 2 != 0] {
                let slow = connect_slow(&server, if has_slow_clients { clients } else { 0 })?;
                let index = usize::from(has_slow_clients);
                measurements[index].push(measure(&server, counts, &mut numbers)?);
                memory[index] = server.memory()?.max(memory[index]);
                let disconnected = slow.iter().filter(|stream| is_disconnected(stream)).count();
                most_disconnected = most_disconnected.max(disconnected);
            }
        }
        server.stop()?;
        for (request, (name, _)) in REQUESTS.iter().enumerate() {
            for (figure, (figure_name, decimals)) in FIGURES.into_iter().enumerate() {
                let [without, with] = measurements.each_ref().map(|measurements| {
                    let figures = measurements.iter().map(|all: &Figures| all[request][figure]);
                    figures.collect::<Vec<_>>()
                });
                let ratios = with.iter().zip(&without).map(|(with, without)| with / without);
                let [least, greatest] = range(&ratios.collect::<Vec<_>>());
                let [without, with] = [without, with].map(median);
                let medians = cells([(without, decimals), (with, decimals), (with / without, 3)]);
                let range = row![format_args!("{least:.2} to {greatest:.2}")];
                rows.push([row![name, storage, figure_name], medians, range].concat());
            }
        }
        let [without, with] = fixed(memory, 1);
        peaks.push(row![storage, without, with, most_disconnected]);
    }
    let mut report = Report::new(include_str!("report.md"), &bench);
    let values = [rounds, clients, counts[0], counts[1]];
    report.fill_all("rounds clients sequential concurrent", &values);
    report.table("figures", &rows);
    report.table("peaks", &peaks);
    report.publish("slow_clients")
}

fn encode(line: &str, number: u32) -> String {
    let line = line.replace("{id}", &(1 + number % 200).to_string());
    KEY.line(&line.replace("{number}", &number.to_string()))
}

fn measure(
    server: &Server,
    [sequential, concurrent]: [u32; 2],
    numbers: &mut impl Iterator<Item = u32>,
) -> Result<Figures> {
    let mut connections = server.connect_many(32)?;
    let mut all = Figures::default();
    for (figures, (_, line)) in all.iter_mut().zip(REQUESTS) {
        let [single, many] = [sequential, concurrent].map(|count| {
            numbers.take(count as usize).map(|number| encode(line, number)).collect::<Vec<_>>()
        });
        let [p50, p99, cpu] = server.measure(single, Response::check_success)?.figures();
        let start = Instant::now();
        send_all(&mut connections, many.into_iter(), Response::check_success)?;
        *figures = [f64::from(concurrent) / start.elapsed().as_secs_f64(), p50, p99, cpu];
    }
    Ok(all)
}

/// Connects the slow clients: a third stops in a head, a third in a form or a multipart body. Of the last third, one in
/// ten requests more lists than the buffers of a connection hold and reads nothing; the others are idle.
fn connect_slow(server: &Server, count: u32) -> Result<Vec<TcpStream>> {
    let (create, update) =
        (encode(REQUESTS[1].1, 0), KEY.update_title(1, "A-title-that-never-arrives"));
    let lists = KEY.get(&format!("{TICKETS}?itemLimit=200")).repeat(100);
    let streams = (0..count).map(|number| {
        let mut stream = TcpStream::connect(server.address)?;
        let bytes = match (number % 3, number / 3) {
            (0, _) => &create[..80],
            (1, index) if index % 2 == 0 => &update[..update.len() - 10],
            (1, _) => &create[..create.len() - 100],
            (_, index) if index % 10 == 0 => &lists,
            _ => "",
        };
        stream.write_all(bytes.as_bytes())?;
        stream.set_nonblocking(true)?;
        Ok(stream)
    });
    streams.collect()
}

fn is_disconnected(stream: &TcpStream) -> bool {
    match stream.peek(&mut [0]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}
