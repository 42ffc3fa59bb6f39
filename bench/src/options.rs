//! The command-line options that all benchmarks have.

use std::path::PathBuf;

use clap::Args;

#[derive(Args)]
pub struct CommonOptions {
    /// Measure this binary instead of the release build of the workspace, to compare two builds
    #[arg(long, env = "SERVER", value_name = "PATH")]
    pub server: Option<PathBuf>,
    /// `cargo bench` sets it, `cargo test` does not
    #[arg(long, hide = true)]
    pub bench: bool,
}
