//! What the tests of every target share: servers, requests, a model of tickets, and the tools of the machine.

pub(crate) mod client;
pub(crate) mod control;
pub(crate) mod disk;
pub(crate) mod files;
pub(crate) mod integrity;
pub(crate) mod model;
pub(crate) mod process;
pub(crate) mod property;
pub(crate) mod raw;
pub(crate) mod rng;
pub(crate) mod seed;
pub(crate) mod server;
pub(crate) mod text;
pub(crate) mod ticket;
pub(crate) mod tools;
pub(crate) mod wait;
pub(crate) mod yaml;
