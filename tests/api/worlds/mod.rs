//! Accounts as worlds of their own: random lives of many of them at once, side by side, and copied.

mod act;
mod admission;
mod copies;
mod determinism;
mod guard;
mod imports;
mod isolation;
mod lasting;
mod life;
mod races;
mod refusals;
mod rest;
mod strangers;
mod turns;

use crate::fixtures::{Seeded, serve_with};
use crate::model::{Tickets, check};

/// A server whose account `acme` has the model's tickets, and the model.
async fn modelled(arguments: &[&str]) -> (Seeded, Tickets) {
    let mut tickets = Tickets::seeded();
    let server = serve_with(&tickets.seed(), arguments);
    check::learn_external_ids(&server, &mut tickets).await;
    (server, tickets)
}

fn block_on(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future);
}
