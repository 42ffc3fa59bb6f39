//! How long a look at a full journal takes.

use std::time::Instant;

use crate::{
    Outcome, desk::Desk, load, machine::Machine, options::Options, seed::KEY, storage::Storage,
    times::Times,
};

const TICKETS: u32 = 250;

/// As many as the server keeps when it was told nothing.
pub(crate) const KEPT: u32 = 1_000;

const CONNECTIONS: usize = 4;

/// What is claimed of the journal, and the status that this gets.
const CLAIMS: [(&str, &str, u16); 4] = [
    (
        "verify: operation and field, 250 do",
        r#"{"operation":"ticket.setStatus","fields":{"status":"solved"},"count":{"exactly":250}}"#,
        200,
    ),
    (
        "verify: a pattern on a field, 25 do",
        r#"{"fields":{"title":{"matches":"^Renamed-[0-9]*7$"}},"count":{"exactly":25}}"#,
        200,
    ),
    (
        "verify: three in order, the last is missing",
        r#"{"order":[{"operation":"ticket.get"},{"operation":"ticket.update"},{"operation":"ticket.delete"}]}"#,
        409,
    ),
    (
        "verify: none does, with the nearest misses",
        r#"{"operation":"ticket.setStatus","fields":{"status":"holding"}}"#,
        409,
    ),
];

pub(crate) struct Verify {
    pub(crate) name: &'static str,
    /// Size of the answer.
    pub(crate) bytes: usize,
    pub(crate) times: Times,
}

impl Verify {
    pub(crate) fn measure_all(options: &Options, machine: &Machine) -> Outcome<Vec<Self>> {
        let desk = Desk::open(machine, Storage::Memory, TICKETS)?;
        fill(&desk)?;
        let claims = CLAIMS.map(|(name, claim, status)| (name, desk.verify(claim), status));
        let looks = [("all entries", desk.look("requests"), 200)];
        let all = claims.into_iter().chain(looks);
        let all = all.map(|(name, request, status)| {
            Self::measure(&desk, options.checks, name, (&request, status))
        });
        let all = all.collect::<Outcome<_>>()?;
        desk.server.stop()?;
        Ok(all)
    }

    fn measure(
        desk: &Desk,
        checks: u32,
        name: &'static str,
        (request, status): (&str, u16),
    ) -> Outcome<Self> {
        let mut connection = desk.connect()?;
        let (mut elapsed, mut bytes) = (Vec::new(), 0);
        let before = desk.server.cpu_seconds()?;
        for _ in 0..checks {
            let began = Instant::now();
            let answer = connection.ask(request)?;
            elapsed.push(began.elapsed());
            if answer.status != status {
                let (got, said) = (answer.status, answer.body.escape_ascii());
                return Err(format!("{name}: {got} in place of {status}: {said}").into());
            }
            bytes = answer.body.len();
        }
        let mut times = Times::default();
        times.add(elapsed, desk.server.cpu_seconds()? - before);
        Ok(Self { name, bytes, times })
    }
}

/// Two reads and two writes of each ticket, so that the journal has as many as it keeps.
fn fill(desk: &Desk) -> Outcome<()> {
    let requests = (1..=KEPT / 4).flat_map(|ticket| {
        [
            desk.show(KEY, ticket),
            desk.rename(ticket, &format!("Renamed-{ticket}")),
            desk.show(KEY, ticket),
            desk.set_status(KEY, ticket, "solved"),
        ]
    });
    load::send_all(&mut desk.connect_often(CONNECTIONS)?, requests)
}
