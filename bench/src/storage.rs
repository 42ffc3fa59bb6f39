//! Where a server stores its accounts, and the arguments for that.

use std::{env, ffi::OsStr, path::Path, process::Command};

#[derive(Clone, Copy, PartialEq)]
pub enum Storage {
    Files,
    Memory,
}

impl Storage {
    pub const ALL: [Self; 2] = [Self::Files, Self::Memory];

    pub fn from_ephemeral(is_ephemeral: bool) -> Self {
        if is_ephemeral { Self::Memory } else { Self::Files }
    }

    pub fn flag(self) -> &'static str {
        match self {
            Self::Files => "--data",
            Self::Memory => "--ephemeral",
        }
    }

    /// Adds the arguments of `serve`. A server in memory ignores the data folder.
    pub fn add_arguments(self, command: &mut Command, listen: &str, data: &Path) {
        // The user's own settings must not change the figures.
        for (name, _) in env::vars_os().filter(|(name, _)| is_server_setting(name)) {
            command.env_remove(name);
        }
        command.env("RUST_LOG", "warn");
        command.args(["serve", "--listen", listen, self.flag()]);
        if self == Self::Files {
            command.arg(data);
        }
    }
}

fn is_server_setting(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with("OMNIDESK_MOCK_")
}
