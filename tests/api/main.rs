//! End-to-end tests of the built program over HTTP.

mod accounts;
mod addresses;
mod api_keys;
mod archive;
mod bulk;
mod cli;
mod concurrency;
mod contract;
mod cors;
mod crash;
mod data_dir_lock;
mod defaults;
mod disk;
mod faults;
mod fuzz_regressions;
mod graceful_shutdown;
mod journal;
mod large_bodies;
mod limits;
mod linearizability;
mod listen_addresses;
mod logs;
mod malformed_input;
mod metrics;
mod model;
mod openapi;
mod openapi_documents;
mod pagination;
mod port_file;
mod rejections;
mod restart;
mod routing;
mod run_command;
mod search_correctness;
mod search_index;
mod security;
mod seed_check;
mod seed_validation;
mod settings;
mod snapshots;
mod time_zones;
mod trusted_proxies;

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "each target uses a part of the helpers")]
mod support;
