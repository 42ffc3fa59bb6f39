//! How long queries of a full journal take.

use std::iter;

use omnidesk_mock_bench::{
    BenchResult, context::BenchContext, load_generator, statistics::LatencySamples,
    storage::Storage, test_server::TestServer,
};

use crate::options::Options;

const TICKETS: u32 = 250;

/// The server's default capacity.
pub(crate) const CAPACITY: u32 = 1_000;

const CONNECTIONS: usize = 4;

/// Name, expectation, and the status of the response.
const EXPECTATIONS: [(&str, &str, u16); 4] = [
    (
        "verify: operation and field, 250 match",
        r#"{"operation":"ticket.setStatus","fields":{"status":"solved"},"count":{"exactly":250}}"#,
        200,
    ),
    (
        "verify: a pattern on a field, 25 match",
        r#"{"fields":{"title":{"matches":"^Renamed-[0-9]*7$"}},"count":{"exactly":25}}"#,
        200,
    ),
    (
        "verify: three in order, the last is missing",
        r#"{"order":[{"operation":"ticket.get"},{"operation":"ticket.update"},{"operation":"ticket.delete"}]}"#,
        409,
    ),
    (
        "verify: none matches, with near misses",
        r#"{"operation":"ticket.setStatus","fields":{"status":"holding"}}"#,
        409,
    ),
];

pub(crate) struct VerifyMeasurement {
    pub(crate) name: &'static str,
    /// Size of the response body.
    pub(crate) response_bytes: usize,
    pub(crate) samples: LatencySamples,
}

impl VerifyMeasurement {
    pub(crate) fn run_all(options: &Options, context: &BenchContext) -> BenchResult<Vec<Self>> {
        let server = context.start_seeded_server(Storage::Memory, TICKETS)?;
        fill_journal(&server)?;
        let requests = server.requests();
        let verify =
            |expectation| requests.with_json("POST", "/_control/accounts/self/verify", expectation);
        let verifications =
            EXPECTATIONS.map(|(name, expectation, status)| (name, verify(expectation), status));
        let list = ("all entries", requests.get("/_control/accounts/self/requests"), 200);
        let all = verifications.into_iter().chain([list]);
        let all = all.map(|(name, request, status)| {
            Self::run(&server, options.repetitions, name, (&request, status))
        });
        let all = all.collect::<BenchResult<_>>()?;
        server.stop()?;
        Ok(all)
    }

    fn run(
        server: &TestServer,
        repetitions: u32,
        name: &'static str,
        (request, status): (&str, u16),
    ) -> BenchResult<Self> {
        let mut response_bytes = 0;
        let requests = iter::repeat_n(request, repetitions as usize);
        let samples = server.measure(&mut server.connect()?, requests, |response| {
            response.expect_status(status).map_err(|error| format!("{name}: {error}"))?;
            response_bytes = response.body.len();
            Ok(())
        })?;
        Ok(Self { name, response_bytes, samples })
    }
}

/// Sends two reads and two writes of each ticket: as many requests as the journal can hold.
fn fill_journal(server: &TestServer) -> BenchResult<()> {
    let encoder = server.requests();
    let requests = (1..=CAPACITY / 4).flat_map(|ticket| {
        [
            encoder.get_ticket(ticket),
            encoder.update_title(ticket, &format!("Renamed-{ticket}")),
            encoder.get_ticket(ticket),
            encoder.set_status("solved", &[ticket]),
        ]
    });
    load_generator::send_all(&mut server.connect_many(CONNECTIONS)?, requests)
}
