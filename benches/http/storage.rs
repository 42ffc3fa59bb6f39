//! Where a server keeps its accounts, and the flags that it is started with.

use std::{env, ffi::OsStr, path::Path, process::Command};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_omnidesk-mock");

/// Where the server keeps its accounts.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Storage {
    Files,
    Memory,
}

impl Storage {
    pub(crate) const ALL: [Self; 2] = [Self::Files, Self::Memory];

    pub(crate) fn flag(self) -> &'static str {
        match self {
            Self::Files => "--data",
            Self::Memory => "--ephemeral",
        }
    }

    /// Adds the command line of `serve`; a server in memory makes nothing of the data folder.
    pub(crate) fn serve(self, command: &mut Command, listen: &str, data: &Path) {
        // The settings of whoever runs the benchmark must not change what is measured.
        for (name, _) in env::vars_os().filter(|(name, _)| is_setting(name)) {
            command.env_remove(name);
        }
        command.env("RUST_LOG", "warn");
        command.args(["serve", "--listen", listen, self.flag()]);
        if self == Self::Files {
            command.arg(data);
        }
    }
}

fn is_setting(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with("OMNIDESK_MOCK_")
}
