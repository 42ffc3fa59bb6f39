//! A self-hosted stand-in for the Omnidesk Ticket API.
//!
//! The program is the product; ARCHITECTURE.md is the map of what follows.

mod accounts;
mod answers;
mod app;
mod cli;
mod clock;
mod console;
mod dialect;
mod fidelity;
mod http;
mod rules;
mod seed;
mod serve;
mod settings;
mod state;
mod storage;
mod telemetry;
mod terminal;
mod tickets;

pub use cli::main;
