//! What an account has been asked: its journal, what tests verify by it and wait for, its changes, its stream.

mod apart;
mod asks;
mod bad;
mod bounds;
mod bounds_of_waits;
mod cases;
mod changes;
mod crowd;
mod entries;
mod events;
mod fields;
mod filters;
mod fold;
mod look;
mod patterns;
mod refused;
mod secrets;
mod stream;
mod stream_lags;
mod strict;
mod time_to_live;
mod told;
mod verify;
mod wait;
mod wait_ticket;
mod warnings;
