//! A typed client of the control API of omnidesk-mock, the mock server for the Omnidesk Ticket API.
//!
//! A test against a running server creates an account, uses its API key, and reads the journal:
//!
//! ```no_run
//! # async fn example() -> Result<(), omnidesk_mock_client::ControlError> {
//! use omnidesk_mock_client::{ControlClient, RequestFilter, types::NewAccount};
//!
//! let control = ControlClient::new("http://127.0.0.1:8080");
//! let created = control.create_account(&NewAccount::default()).await?;
//! // Here the code under test sends its requests, with `created.base_url` and `created.api_key`.
//! let account = control.account(&created.account);
//! let requests = account.requests(&RequestFilter::new().operation("ticket.create")).await?;
//! println!("{} tickets were created", requests.requests.len());
//! # Ok(())
//! # }
//! ```

mod client;
mod journal;
mod stream;
pub mod types;

pub use client::{AccountClient, ControlClient, ControlError, PATH_PREFIX};
pub use journal::RequestFilter;
pub use stream::RequestStream;
