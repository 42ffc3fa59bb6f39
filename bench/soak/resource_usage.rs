//! The server under load and its resource usage.

use std::process::Command;

use omnidesk_mock_bench::{
    BenchResult,
    context::BenchContext,
    test_server::{ServerConfig, TestServer},
};

use crate::options::Options;

/// Tickets of the seed. Each account starts with them.
const SEED_TICKETS: u32 = 20;

#[derive(Clone, Copy)]
pub(crate) struct ResourceUsage {
    /// Resident memory, in MB.
    pub(crate) memory: f64,
    pub(crate) threads: u32,
    pub(crate) open_files: u32,
    /// Size of the data folder, in MB.
    pub(crate) data_folder: f64,
}

/// Starts a server as a user does: on any core.
pub(crate) fn start_server(options: &Options, context: &BenchContext) -> BenchResult<TestServer> {
    let (storage, seed_tickets) = (options.storage(), Some(SEED_TICKETS));
    let config = ServerConfig { storage, seed_tickets, flags: &[] };
    TestServer::start(context.name, Command::new(&context.server_binary), &config)
}

impl ResourceUsage {
    pub(crate) fn read(server: &TestServer) -> BenchResult<Self> {
        Ok(Self {
            memory: server.process.resident_memory()?,
            threads: server.process.thread_count()?,
            open_files: u32::try_from(server.process.open_file_count()?)?,
            data_folder: server.data_folder_size(),
        })
    }
}
