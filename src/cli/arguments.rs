//! The arguments: each setting with its flag, environment variable, default and help text.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use ipnet::IpNet;
use serde_json::{Map, Value};

use crate::accounts::{StorageMode, UnknownKeyPolicy};
use crate::cli::flag_values::{
    number_in, parse_delay, parse_duration, parse_listen_address, parse_origin, parse_public_url,
    parse_trusted_proxy,
};
use crate::cli::limit_arguments::LimitArgs;
use crate::console::ConsoleMode;
use crate::journal::JournalLimits;
use crate::server::config::{DEFAULT_DATA_DIR, DEFAULT_LISTEN_ADDRESS, ServerConfig};
use crate::storage::Durability;

/// A mock server for the Omnidesk Ticket API: stored tickets, API keys with permissions, the documented rules.
///
/// Without a command it runs `serve`.
#[derive(Debug, Parser)]
#[command(name = "omnidesk-mock", version, args_conflicts_with_subcommands = true)]
pub(super) struct CommandLine {
    #[command(subcommand)]
    pub(super) command: Option<CliCommand>,
    #[command(flatten)]
    pub(super) serve: ServeArgs,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum CliCommand {
    /// Serve the Ticket API (the default)
    Serve(ServeArgs),
    /// Run a command against its own in-memory server on a free port
    ///
    /// The command gets the server's URLs in `OMNIDESK_BASE_URL` and `OMNIDESK_CONTROL_URL`, the key of a new account
    /// in `OMNIDESK_API_KEY`, and the token, if there is one, in `OMNIDESK_CONTROL_TOKEN`. Signals are forwarded to it, and its exit code is returned.
    Run(RunArgs),
    /// Wait until a server is ready; for scripts and container health checks
    Ready(ReadyArgs),
    /// Print the OpenAPI 3.1 document of the Ticket API, or of the control API
    Openapi(OpenapiArgs),
    /// Print the fidelity report: the documented facts, and our assumptions
    Fidelity(FidelityArgs),
    /// Work with seeds
    #[command(subcommand)]
    Seed(SeedCommand),
}

/// The commands for seeds.
#[derive(Debug, Subcommand)]
pub(super) enum SeedCommand {
    /// Validate seeds, and print errors and warnings with line numbers; nothing is written
    Check {
        /// Seed files, YAML or JSON
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

/// The addresses of a server.
#[derive(Clone, Debug, Args)]
pub(super) struct ListenArgs {
    /// Address that the server listens on; port 0 picks a free port, and `[::]` is all addresses of IPv4 and IPv6;
    /// repeatable
    #[arg(
        id = "listen",
        long = "listen",
        env = "OMNIDESK_MOCK_LISTEN",
        default_value = DEFAULT_LISTEN_ADDRESS,
        value_name = "HOST:PORT",
        value_parser = parse_listen_address,
        value_delimiter = ','
    )]
    pub(super) addresses: Vec<String>,
}

/// The settings of a server.
#[derive(Clone, Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(super) listen: ListenArgs,
    /// Data directory of the accounts; created if it is missing
    #[arg(long, env = "OMNIDESK_MOCK_DATA", default_value = DEFAULT_DATA_DIR, value_name = "DIR")]
    data: PathBuf,
    /// Store everything in memory instead, until the server stops
    #[arg(long, env = "OMNIDESK_MOCK_EPHEMERAL", value_parser = BoolishValueParser::new())]
    pub(super) ephemeral: bool,
    /// Seed file that accounts start from, YAML or JSON; repeatable
    #[arg(long, env = "OMNIDESK_MOCK_SEED", value_name = "FILE")]
    seed: Vec<PathBuf>,
    /// API key with all permissions, of the account of the seed that has the key, or its only account, or else of the account
    /// `dev` [default: without a seed, dev-key on loopback, and a random one on other addresses]
    #[arg(long, env = "OMNIDESK_MOCK_API_KEY", value_name = "KEY", hide_env_values = true)]
    api_key: Option<String>,
    /// Policy for unknown API keys: reject them, or create an account for each from the seed
    #[arg(
        long,
        env = "OMNIDESK_MOCK_ACCOUNTS",
        value_enum,
        default_value_t = ServerConfig::default().unknown_keys,
        value_name = "POLICY"
    )]
    accounts: UnknownKeyPolicy,
    /// Maximum number of accounts
    #[arg(
        long,
        env = "OMNIDESK_MOCK_MAX_ACCOUNTS",
        default_value_t = ServerConfig::default().max_accounts,
        value_name = "NUMBER",
        value_parser = number_in(1..=1_000_000)
    )]
    max_accounts: usize,
    /// Token that the control API requires, 8 to 256 characters [default: none on loopback, else a random one]
    #[arg(long, env = "OMNIDESK_MOCK_CONTROL_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    control_token: Option<String>,
    /// Maximum number of requests in the journal of an account; 0 turns it off
    #[arg(
        long,
        env = "OMNIDESK_MOCK_JOURNAL_ENTRIES",
        default_value_t = ServerConfig::default().journal.max_entries,
        value_name = "NUMBER",
        value_parser = number_in(0..=100_000)
    )]
    journal_entries: usize,
    /// Maximum memory of the journal of an account, in bytes
    #[arg(
        long,
        env = "OMNIDESK_MOCK_JOURNAL_BYTES",
        default_value_t = ServerConfig::default().journal.max_bytes,
        value_name = "BYTES",
        value_parser = number_in(1024..=1_073_741_824)
    )]
    journal_bytes: usize,
    /// Durability of acknowledged writes: they survive a process crash, or also a power failure (slower)
    #[arg(
        long,
        env = "OMNIDESK_MOCK_DURABILITY",
        value_enum,
        default_value_t = ServerConfig::default().durability,
        value_name = "LEVEL"
    )]
    durability: Durability,
    /// File to write HOST:PORT to once the server is ready, a line for each address
    #[arg(long, env = "OMNIDESK_MOCK_PORT_FILE", value_name = "FILE")]
    port_file: Option<PathBuf>,
    /// Base URL of the server for clients, for links in responses; repeatable: the one with the host of the request is
    /// used, else the first [default: the host of the request]
    #[arg(
        long,
        env = "OMNIDESK_MOCK_PUBLIC_URL",
        value_name = "URL",
        value_parser = parse_public_url,
        value_delimiter = ','
    )]
    public_url: Vec<String>,
    /// Address or network of a reverse proxy, such as `127.0.0.1` or `10.0.0.0/8`, whose `X-Forwarded-Proto`,
    /// `X-Forwarded-Host` and `X-Forwarded-Prefix` tell the address that the client used; repeatable
    #[arg(
        long,
        env = "OMNIDESK_MOCK_TRUSTED_PROXY",
        value_name = "NETWORK",
        value_parser = parse_trusted_proxy,
        value_delimiter = ','
    )]
    trusted_proxy: Vec<IpNet>,
    /// Origin of web pages that may use the Ticket API, such as `http://localhost:3000`, or `*`; repeatable
    #[arg(
        long,
        env = "OMNIDESK_MOCK_CORS_ORIGIN",
        value_name = "ORIGIN",
        value_parser = parse_origin,
        value_delimiter = ','
    )]
    cors_origin: Vec<String>,
    /// Whether the console, the web pages, is on, changes nothing, or is off
    #[arg(
        long,
        env = "OMNIDESK_MOCK_CONSOLE",
        value_enum,
        default_value_t = ServerConfig::default().console_mode,
        value_name = "MODE"
    )]
    console: ConsoleMode,
    /// Delay between SIGTERM or SIGINT and the shutdown; requests are served, but the server reports that it is not ready
    #[arg(long, env = "OMNIDESK_MOCK_DRAIN_DELAY", default_value = "0s", value_name = "TIME",
        value_parser = parse_delay)]
    pub(super) drain_delay: Duration,
    /// Format of the log on standard error; `RUST_LOG` sets the level
    #[arg(long, env = "OMNIDESK_MOCK_LOG", default_value = "text", value_name = "FORMAT")]
    pub(super) log: LogFormat,
    /// TOML file with these settings by name, such as `port_file`, and a table `dialect`
    #[arg(long, env = "OMNIDESK_MOCK_CONFIG", value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    #[command(flatten)]
    limits: LimitArgs,
    /// The `[dialect]` table of the config file.
    #[arg(skip)]
    pub(super) dialect: Map<String, Value>,
}

impl ServeArgs {
    /// Converts the arguments to the configuration of the server.
    pub(super) fn to_server_config(&self) -> ServerConfig {
        ServerConfig {
            listen_addresses: self.listen.addresses.clone(),
            storage_mode: if self.ephemeral {
                StorageMode::Memory
            } else {
                StorageMode::DataDir(self.data.clone())
            },
            durability: self.durability,
            seed_files: self.seed.clone(),
            seed_texts: Vec::new(),
            api_key: self.api_key.clone(),
            unknown_keys: self.accounts,
            max_accounts: self.max_accounts,
            control_token: self.control_token.clone(),
            journal: JournalLimits {
                max_entries: self.journal_entries,
                max_bytes: self.journal_bytes,
            },
            port_file: self.port_file.clone(),
            public_urls: self.public_url.clone(),
            trusted_proxies: self.trusted_proxy.clone(),
            cors_origins: self.cors_origin.clone(),
            console_mode: self.console,
            dialect: self.dialect.clone(),
            limits: self.limits.to_limits(),
            max_waits: self.limits.max_waits,
            operation_timeout: self.limits.operation_timeout,
        }
    }
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
}

/// A command, and the settings of its server.
#[derive(Clone, Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) serve: ServeArgs,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(super) command: Vec<OsString>,
}

/// The server to wait for, and the timeout.
#[derive(Debug, Args)]
pub(super) struct ReadyArgs {
    /// Base URL of the server [default: from --listen, or from --port-file if a port is 0]
    #[arg(long, value_name = "URL", value_parser = parse_public_url)]
    pub(super) url: Option<String>,
    /// Timeout, such as 10s or 500ms
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = parse_duration)]
    pub(super) timeout: Duration,
    #[command(flatten)]
    pub(super) listen: ListenArgs,
    /// File of the server with its addresses, if it has a free port
    #[arg(long, env = "OMNIDESK_MOCK_PORT_FILE", value_name = "FILE")]
    pub(super) port_file: Option<PathBuf>,
    /// TOML file of the server, whose `listen` and `port_file` are used
    #[arg(long, env = "OMNIDESK_MOCK_CONFIG", value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

/// The document to print.
#[derive(Debug, Args)]
pub(super) struct OpenapiArgs {
    #[command(flatten)]
    pub(super) config_arg: ConfigArg,
    /// Print the document of the control API
    #[arg(long, conflicts_with = "all")]
    pub(super) control: bool,
    /// List all content types and ways to send the API key that the server accepts, not only the preferred ones
    #[arg(long)]
    pub(super) all: bool,
    /// Base URL of the server in the document [default: `http://127.0.0.1:8080`]
    #[arg(long, value_name = "URL", value_parser = parse_public_url)]
    pub(super) url: Option<String>,
}

/// The format of the fidelity report.
#[derive(Debug, Args)]
pub(super) struct FidelityArgs {
    #[command(flatten)]
    pub(super) config_arg: ConfigArg,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// The config file of a printed document.
#[derive(Debug, Args)]
pub(super) struct ConfigArg {
    /// TOML file with the [dialect] table to use
    #[arg(long, env = "OMNIDESK_MOCK_CONFIG", value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::{Command, FromArgMatches};

    use super::*;

    #[test]
    fn defaults_of_the_flags_are_those_of_a_server() {
        let command = ServeArgs::augment_args(Command::new("serve"));
        let command = command.mut_args(|arg| arg.env(None::<&str>));
        let args = ServeArgs::from_arg_matches(&command.get_matches_from(["serve"]));
        let config = args.expect("the defaults are valid").to_server_config();
        assert_eq!(config, ServerConfig::default());
    }
}
