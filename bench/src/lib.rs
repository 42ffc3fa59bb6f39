//! The code that several benchmarks share: it builds and starts the server, sends requests, reads `/proc` and prints tables.
//!
//! Each benchmark is a folder beside `src/`. `cargo bench -p omnidesk-mock-bench --bench NAME -- --help` lists its options.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints to a terminal")]

pub mod affinity;
pub mod connection;
pub mod context;
pub mod load_generator;
pub mod machine;
pub mod noise;
pub mod options;
pub mod procfs;
pub mod report;
pub mod request;
pub mod seed;
pub mod server_binary;
pub mod server_process;
pub mod statistics;
pub mod storage;
pub mod table;
pub mod target_folder;
pub mod test_server;

/// The result of a step of a benchmark. Every error ends the benchmark with its message, so no code matches on it.
pub type BenchResult<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
