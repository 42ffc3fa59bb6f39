//! The measured operations, and the request of each.

use reqwest::RequestBuilder;

use crate::{
    http_client::HttpClient,
    requests::{self, Account},
};

/// In the order of the report.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    CheckHealth,
    Create,
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
    Delete,
}

impl Operation {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CheckHealth => "health check, no account",
            Self::Create => "create account from the seed",
            Self::FirstRead => "first read of a new account",
            Self::NextRead => "next read",
            Self::WriteAfterRead => "first write after reads",
            Self::FirstWrite => "first write to a new account",
            Self::NextWrite => "next write",
            Self::Reset => "reset after a write",
            Self::ReadAfterReset => "first read after a reset",
            Self::WriteAfterReset => "first write after a reset",
            Self::TakeSnapshot => "snapshot",
            Self::WriteAfterSnapshot => "first write after a snapshot",
            Self::Restore => "restore after a write",
            Self::ReadAfterRestore => "first read after a restore",
            Self::WriteAfterRestore => "first write after a restore",
            Self::Delete => "delete account",
        }
    }

    pub(crate) fn request(self, account: &Account, client: &HttpClient) -> RequestBuilder {
        match self {
            Self::CheckHealth => requests::check_health(client),
            Self::Create => requests::create_account(client),
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
            Self::TakeSnapshot => account.take_snapshot(client),
            Self::Restore => account.restore(client),
            Self::Delete => account.delete(client),
        }
    }
}
