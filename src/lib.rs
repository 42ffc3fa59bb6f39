//! A self-hosted stand-in for the Omnidesk Ticket API: as a program, and inside of Rust tests.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use omnidesk_mock::MockServer;
//!
//! let desk = MockServer::start().await;
//! let new = [
//!     ("brandID", "1"),
//!     ("channelID", "1"),
//!     ("direction", "inbound"),
//!     ("from", "ada@example.test"),
//!     ("to", "desk@example.test"),
//!     ("title", "Printer on fire"),
//! ];
//! let answer = reqwest::Client::new()
//!     .post(format!("{}/api/v2/ticket", desk.base_url()))
//!     .header("apiKey", desk.api_key())
//!     .form(&new)
//!     .send()
//!     .await?;
//! assert_eq!(answer.status(), 200);
//! assert_eq!(desk.control().account("self").show().await?.counts.tickets, 1);
//! # Ok(())
//! # }
//! ```
//!
//! ARCHITECTURE.md is the map of what follows.

mod accounts;
mod answers;
mod app;
mod cli;
mod client;
mod clock;
mod connections;
mod console;
mod control;
mod dialect;
mod faults;
mod fidelity;
#[cfg(fuzzing)]
pub mod fuzzing;
mod http;
mod journal;
mod limits;
mod line;
mod metrics;
mod mock_server;
mod pace;
mod port_file;
mod rules;
mod run;
mod seed;
mod serve;
mod server;
mod settings;
mod signals;
mod state;
mod storage;
mod system;
mod telemetry;
mod terminal;
mod tickets;
mod unread;

pub use cli::main;
pub use client::{Account, Control, ControlError, Filter, Requests};
pub use mock_server::{Builder, MockServer, StartError};

/// What the control API takes and gives.
pub mod wire {
    pub use crate::control::wire::*;
}
