//! The program as its users meet it: the built binary, over HTTP.

mod archive;
mod bounds;
mod bulk;
mod cli;
mod clients;
mod concurrency;
mod contract;
mod control;
mod crash;
mod deep;
mod disk;
mod drain;
mod first_process;
mod fixtures;
mod fuzzed;
mod hostile;
mod keys;
mod large;
mod linearizable;
mod logs;
mod metrics;
mod model;
mod nobody;
mod paths;
mod program;
mod provoke;
mod raw;
mod readme;
mod refusals;
mod restart;
mod run;
mod schema;
mod search;
mod see;
mod seed_check;
mod seed_values;
mod settings;
mod snapshots;
mod suites;
mod surprise;
mod two_servers;
mod upgrade;
mod worlds;

#[path = "../support/mod.rs"]
mod support;
