//! Resets of a copy of the filled account, each after a write.

use std::time::{Duration, Instant};

use omnidesk_mock_bench::{BenchResult, connection::Connection, test_server::TestServer};

use crate::operation::Operation::{self, ReadAfterReset, Reset, ResetAndRead};

pub(crate) struct ResetSession {
    connection: Connection,
    api_key: String,
    /// The ticket that is written and read.
    ticket: u64,
    writes: u32,
}

impl ResetSession {
    /// Creates the account `copy` from `dev`, which is the filled one.
    pub(crate) fn prepare(server: &TestServer, ticket: u64) -> BenchResult<Self> {
        let mut connection = server.connect()?;
        let requests = server.requests();
        let snapshot = requests.without_body("PUT", "/_control/accounts/dev/snapshots/filled");
        connection.exchange(&snapshot)?.expect_status(201)?;
        let account = r#"{"name":"copy","from":"snapshot:dev/filled"}"#;
        let create = requests.with_json("POST", "/_control/accounts", account);
        let created = connection.exchange(&create)?.expect_status(201)?;
        let api_key = created["api_key"].as_str().ok_or("the account has no key")?.to_owned();
        Ok(Self { connection, api_key, ticket, writes: 0 })
    }

    pub(crate) fn measure(
        &mut self,
        server: &TestServer,
    ) -> BenchResult<[(Operation, Duration); 3]> {
        self.writes += 1;
        let title = format!("Renamed+{}", self.writes);
        let api_key = self.api_key.clone();
        let requests = server.requests_with_key(&api_key);
        self.time(&requests.update_title(self.ticket, &title), 200)?;
        let reset = server.requests().without_body("POST", "/_control/accounts/copy/reset");
        let reset = self.time(&reset, 204)?;
        let read = self.time(&requests.get_ticket(self.ticket), 200)?;
        Ok([(Reset, reset), (ReadAfterReset, read), (ResetAndRead, reset + read)])
    }

    fn time(&mut self, request: &str, status: u16) -> BenchResult<Duration> {
        let start = Instant::now();
        let response = self.connection.exchange(request)?;
        let latency = start.elapsed();
        response.expect_status(status)?;
        Ok(latency)
    }
}
