//! The operations under measurement, and the request of each.

use reqwest::RequestBuilder;

use crate::{
    account::{self, Account},
    client::Client,
};

/// In the order of the report.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    Health,
    Make,
    FirstRead,
    NextRead,
    WriteAfterRead,
    FirstWrite,
    NextWrite,
    Reset,
    ReadAfterReset,
    WriteAfterReset,
    TakeSnapshot,
    WriteAfterSnapshot,
    Restore,
    ReadAfterRestore,
    WriteAfterRestore,
    Remove,
}

impl Operation {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Health => "health, of no account",
            Self::Make => "new account from the seed",
            Self::FirstRead => "first read in a new account",
            Self::NextRead => "next read",
            Self::WriteAfterRead => "first write after reads",
            Self::FirstWrite => "first write in a new account",
            Self::NextWrite => "next write",
            Self::Reset => "reset after a write",
            Self::ReadAfterReset => "first read after a reset",
            Self::WriteAfterReset => "first write after a reset",
            Self::TakeSnapshot => "snapshot",
            Self::WriteAfterSnapshot => "first write after a snapshot",
            Self::Restore => "restore after a write",
            Self::ReadAfterRestore => "first read after a restore",
            Self::WriteAfterRestore => "first write after a restore",
            Self::Remove => "removal",
        }
    }

    pub(crate) fn request(self, account: &Account, client: &Client) -> RequestBuilder {
        match self {
            Self::Health => account::health(client),
            Self::Make => account::make(client),
            Self::FirstRead | Self::NextRead | Self::ReadAfterReset | Self::ReadAfterRestore => {
                account.read(client)
            }
            Self::WriteAfterRead
            | Self::FirstWrite
            | Self::NextWrite
            | Self::WriteAfterReset
            | Self::WriteAfterSnapshot
            | Self::WriteAfterRestore => account.write(client, self.name()),
            Self::Reset => account.reset(client),
            Self::TakeSnapshot => account.snapshot(client),
            Self::Restore => account.restore(client),
            Self::Remove => account.remove(client),
        }
    }
}
