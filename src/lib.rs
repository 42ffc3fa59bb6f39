//! A self-hosted mock server for the Omnidesk Ticket API, as an executable and as a library for Rust tests.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use omnidesk_mock::MockServer;
//!
//! let server = MockServer::start().await;
//! let new = [
//!     ("brandID", "1"),
//!     ("channelID", "1"),
//!     ("direction", "inbound"),
//!     ("from", "ada@example.test"),
//!     ("to", "desk@example.test"),
//!     ("title", "Printer on fire"),
//! ];
//! let response = reqwest::Client::new()
//!     .post(format!("{}/api/v2/ticket", server.base_url()))
//!     .header("apiKey", server.api_key())
//!     .form(&new)
//!     .send()
//!     .await?;
//! assert_eq!(response.status(), 200);
//! assert_eq!(server.control().account("self").details().await?.counts["tickets"], 1);
//! # Ok(())
//! # }
//! ```
//!
//! The feature `cli`, on by default, adds the command line. Disable it if a test only embeds the server.
//!
//! docs/architecture.md describes the modules.

mod accounts;
mod api;
#[cfg(feature = "cli")]
mod cli;
mod clock;
mod console;
mod contract;
mod control;
mod controllers;
mod faults;
#[cfg(fuzzing)]
pub mod fuzzing;
mod journal;
mod metrics;
mod mock_server;
#[cfg(all(test, feature = "cli"))]
mod reference_pages;
mod seed;
mod server;
mod storage;
mod text_encoding;
mod tickets;

#[cfg(feature = "cli")]
pub use cli::main;
pub use mock_server::{MockServer, MockServerBuilder, StartError};
#[doc(inline)]
pub use omnidesk_mock_client::{
    AccountClient, ControlClient, ControlError, RequestFilter, RequestStream, types,
};
