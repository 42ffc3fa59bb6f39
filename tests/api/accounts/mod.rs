//! Account tests: isolation, copies, persistence and races, with random actions on many accounts.

mod account_model;
mod action;
mod atomic_restore;
mod auto_create;
mod control_access;
mod control_errors;
mod cross_account_access;
mod determinism;
mod export_import;
mod idle_eviction;
mod imports;
mod isolation;
mod persistence;
mod races;

use crate::model::{TicketsModel, assertions};
use crate::support::seed::{SeededServer, serve_seed_with_args};

/// Starts a server whose account `acme` has the model's tickets, and returns both.
async fn start_modelled_server(arguments: &[&str]) -> (SeededServer, TicketsModel) {
    let mut tickets = TicketsModel::with_sample_tickets();
    let server = serve_seed_with_args(&tickets.to_seed(), arguments);
    assertions::learn_external_ids(&server, &mut tickets).await;
    (server, tickets)
}
