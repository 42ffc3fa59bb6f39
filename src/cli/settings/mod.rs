//! All settings: each with its flag, environment variable, name in the config file, default and help text.
//!
//! A flag overrides an environment variable, which overrides the file of `--config`, which overrides the default.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::builder::BoolishValueParser;
use clap::parser::ValueSource;
use clap::{
    Arg, ArgAction, ArgMatches, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand,
    ValueEnum,
};
use serde_json::{Map, Value};

use crate::clock;
use crate::storage::Durability;

mod config_file;
mod limits;

use config_file::{apply_config_defaults, read_config_file};
use limits::LimitArgs;

/// A mock server for the Omnidesk Ticket API: stored tickets, API keys with permissions, the documented rules.
///
/// Without a command it runs `serve`.
#[derive(Debug, Parser)]
#[command(name = "omnidesk-mock", version, args_conflicts_with_subcommands = true)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Option<CliCommand>,
    #[command(flatten)]
    pub(crate) serve: Settings,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum CliCommand {
    /// Serve the Ticket API (the default)
    Serve(Settings),
    /// Run a command against its own in-memory server on a free port
    ///
    /// The command gets the server's URLs in `OMNIDESK_BASE_URL` and `OMNIDESK_CONTROL_URL`, and the key of a fresh
    /// account in `OMNIDESK_API_KEY`. Signals are forwarded to it, and its exit code is returned.
    Run(RunArgs),
    /// Wait until a server is ready; for scripts and container health checks
    Ready(ReadyArgs),
    /// Print the OpenAPI 3.1 document of the Ticket API, or of the control API
    Openapi(OpenapiArgs),
    /// Print the fidelity report: what the vendor documents, and what is our assumption
    Fidelity(FidelityArgs),
    /// Work with seeds
    #[command(subcommand)]
    Seed(SeedCommand),
}

/// The commands for seeds.
#[derive(Debug, Subcommand)]
pub(crate) enum SeedCommand {
    /// Validate seeds, and print errors with line numbers; nothing is written
    Check {
        /// Seed files, YAML or JSON
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

/// The address of a server.
#[derive(Clone, Debug, Args)]
pub(crate) struct ListenArgs {
    /// Address that the server listens on; port 0 picks a free port
    #[arg(
        id = "listen",
        long = "listen",
        env = "OMNIDESK_MOCK_LISTEN",
        default_value = "127.0.0.1:8080",
        value_name = "HOST:PORT"
    )]
    pub(crate) address: String,
}

/// The settings of a server.
#[derive(Clone, Debug, Args)]
pub(crate) struct Settings {
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    /// Data directory of the accounts; created if it is missing
    #[arg(long, env = "OMNIDESK_MOCK_DATA", default_value = "./data", value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Store everything in memory instead, until the server stops
    #[arg(long, env = "OMNIDESK_MOCK_EPHEMERAL", value_parser = BoolishValueParser::new())]
    pub(crate) ephemeral: bool,
    /// Seed file that accounts start from, YAML or JSON; repeatable
    #[arg(long, env = "OMNIDESK_MOCK_SEED", value_name = "FILE", action = ArgAction::Append)]
    pub(crate) seed: Vec<PathBuf>,
    /// API key of the account `dev`, with all permissions [default: dev-key on loopback, else a random one]
    #[arg(long, env = "OMNIDESK_MOCK_API_KEY", value_name = "KEY", hide_env_values = true)]
    pub(crate) api_key: Option<String>,
    /// Policy for unknown API keys: reject them, or create an account for each from the seed
    #[arg(long, env = "OMNIDESK_MOCK_ACCOUNTS", default_value = "fixed", value_name = "WAY")]
    pub(crate) accounts: UnknownKeys,
    /// Maximum number of accounts
    #[arg(
        long,
        env = "OMNIDESK_MOCK_MAX_ACCOUNTS",
        default_value = "10000",
        value_name = "NUMBER",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub(crate) max_accounts: u32,
    /// Token that the control API requires [default: none on loopback, else a random one]
    #[arg(long, env = "OMNIDESK_MOCK_CONTROL_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub(crate) control_token: Option<String>,
    /// Maximum number of requests in the journal of an account; 0 turns it off
    #[arg(
        long,
        env = "OMNIDESK_MOCK_JOURNAL_ENTRIES",
        default_value = "1000",
        value_name = "NUMBER",
        value_parser = clap::value_parser!(u32).range(0..=100_000)
    )]
    pub(crate) journal_entries: u32,
    /// Maximum memory of the journal of an account, in bytes
    #[arg(
        long,
        env = "OMNIDESK_MOCK_JOURNAL_BYTES",
        default_value = "4194304",
        value_name = "BYTES",
        value_parser = clap::value_parser!(u32).range(1024..=1_073_741_824)
    )]
    pub(crate) journal_bytes: u32,
    /// What an acknowledged write survives: a process crash, or also a power failure, which is slower
    #[arg(long, env = "OMNIDESK_MOCK_DURABILITY", default_value = "process", value_name = "LEVEL")]
    pub(crate) durability: Durability,
    /// File to write HOST:PORT to once the server is ready
    #[arg(long, env = "OMNIDESK_MOCK_PORT_FILE", value_name = "FILE")]
    pub(crate) port_file: Option<PathBuf>,
    /// Base URL of the server for clients, for links in responses [default: the address it listens on]
    #[arg(long, env = "OMNIDESK_MOCK_PUBLIC_URL", value_name = "URL", value_parser = parse_public_url)]
    pub(crate) public_url: Option<String>,
    /// Format of the log on standard error; `RUST_LOG` sets the level
    #[arg(long, env = "OMNIDESK_MOCK_LOG", default_value = "text", value_name = "FORM")]
    pub(crate) log: LogFormat,
    /// TOML file with these settings by name, such as `port_file`, and a table `dialect`
    #[arg(long, env = "OMNIDESK_MOCK_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    /// The `[dialect]` table of the config file.
    #[arg(skip)]
    pub(crate) dialect: Map<String, Value>,
    /// Seeds as texts instead of files.
    #[arg(skip)]
    pub(crate) seed_texts: Vec<String>,
}

/// A free port on loopback, for embedded servers and `run`.
const FREE_PORT_ADDRESS: &str = "127.0.0.1:0";

impl Settings {
    /// Returns the settings of an in-memory server on a free port, ignoring the environment.
    pub(crate) fn ephemeral_defaults() -> Self {
        let matches = Self::augment_args(Command::new("serve").no_binary_name(true));
        let matches =
            matches.mut_args(|arg| arg.env(None::<&str>)).get_matches_from(["--ephemeral"; 1]);
        let mut settings = Self::from_arg_matches(&matches).expect("the defaults are valid");
        FREE_PORT_ADDRESS.clone_into(&mut settings.listen.address);
        settings
    }
}

/// The policy for unknown API keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum UnknownKeys {
    Fixed,
    Auto,
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// A command, and the settings of its server.
#[derive(Clone, Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) serve: Settings,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// How to wait for a server.
#[derive(Debug, Args)]
pub(crate) struct ReadyArgs {
    /// Base URL of the server [default: from --listen]
    #[arg(long, value_name = "URL", value_parser = parse_public_url)]
    pub(crate) url: Option<String>,
    /// How long to wait, such as 10s or 500ms
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = parse_duration)]
    pub(crate) timeout: std::time::Duration,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
}

/// Which document to print.
#[derive(Debug, Args)]
pub(crate) struct OpenapiArgs {
    #[command(flatten)]
    pub(crate) config_arg: ConfigArg,
    /// Print the document of the control API
    #[arg(long)]
    pub(crate) control: bool,
}

/// How to print the fidelity report.
#[derive(Debug, Args)]
pub(crate) struct FidelityArgs {
    #[command(flatten)]
    pub(crate) config_arg: ConfigArg,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What a printed document depends on.
#[derive(Debug, Args)]
pub(crate) struct ConfigArg {
    /// TOML file with the [dialect] table to use
    #[arg(long, env = "OMNIDESK_MOCK_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// An invalid setting or config file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("{}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}:{line}: {message}", path.display())]
    Parse { path: PathBuf, line: usize, message: String },
    #[error("{}: {message}", path.display())]
    InvalidValue { path: PathBuf, message: String },
    #[error("{}: {name} is no setting; there are {allowed} and the table [dialect]", path.display())]
    UnknownSetting { path: PathBuf, name: String, allowed: String },
    #[error("{}: {name} must be a text, a number, true or false; seed may be a list", path.display())]
    WrongType { path: PathBuf, name: String },
    #[error("--data and --ephemeral contradict each other")]
    DataAndEphemeral,
}

/// Parses the command line, the environment and the config file. Clap exits the process on an error or `--help`.
///
/// # Errors
/// If the config file cannot be used.
pub(crate) fn load() -> Result<CommandLine, SettingsError> {
    let matches = build_command().get_matches();
    let serve_matches = find_serve_matches(&matches).clone();
    let Some(path) = serve_matches.try_get_one::<PathBuf>("config").ok().flatten().cloned() else {
        return resolve(&matches, Map::new(), false);
    };
    let (settings, dialect) = read_config_file(&path)?;
    let command = apply_config_defaults(build_command(), &path, &settings)?;
    // The command line alone was valid, so the error is in the config file.
    let matches = command.try_get_matches().map_err(|error| SettingsError::InvalidValue {
        path,
        message: error
            .to_string()
            .trim_start_matches("error: ")
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned(),
    })?;
    resolve(&matches, dialect, settings.contains_key("data"))
}

/// Builds the clap command. `run` has other defaults than `serve`; neither environment nor config file set its port.
fn build_command() -> Command {
    let listen = |arg: Arg| {
        arg.default_value(FREE_PORT_ADDRESS)
            .env(None::<&str>)
            .help("Address that the server listens on")
    };
    let data = |arg: Arg| {
        arg.hide_default_value(true).help("Folder that keeps the accounts [default: memory]")
    };
    CommandLine::command()
        .mut_subcommand("run", |run| run.mut_arg("listen", listen).mut_arg("data", data))
}

/// Reads the `[dialect]` table of a config file, for commands that only print.
///
/// # Errors
/// If the file cannot be read.
pub(crate) fn load_dialect_table(
    config: Option<&Path>,
) -> Result<Map<String, Value>, SettingsError> {
    config.map_or_else(|| Ok(Map::new()), |path| read_config_file(path).map(|(_, dialect)| dialect))
}

/// Returns the matches with the settings of a server.
fn find_serve_matches(matches: &ArgMatches) -> &ArgMatches {
    let subcommand = ["serve", "run"].iter().find_map(|name| matches.subcommand_matches(name));
    subcommand.unwrap_or(matches)
}

fn resolve(
    matches: &ArgMatches,
    dialect: Map<String, Value>,
    has_data: bool,
) -> Result<CommandLine, SettingsError> {
    let mut command_line =
        CommandLine::from_arg_matches(matches).unwrap_or_else(|error| error.exit());
    let settings = match &mut command_line.command {
        Some(CliCommand::Serve(settings)) => settings,
        Some(CliCommand::Run(run)) => &mut run.serve,
        None => &mut command_line.serve,
        Some(_) => return Ok(command_line),
    };
    settings.dialect = dialect;
    let precedence = |name| source_precedence(find_serve_matches(matches).value_source(name));
    match precedence("ephemeral").cmp(&precedence("data")) {
        std::cmp::Ordering::Less => settings.ephemeral = false,
        std::cmp::Ordering::Equal if settings.ephemeral && precedence("data") > 0 => {
            return Err(SettingsError::DataAndEphemeral);
        }
        _ => {}
    }
    if let Some(CliCommand::Run(run)) = &mut command_line.command {
        run.serve.ephemeral |= precedence("data") == 0 && !has_data;
    }
    Ok(command_line)
}

const fn source_precedence(source: Option<ValueSource>) -> u8 {
    match source {
        Some(ValueSource::CommandLine) => 2,
        Some(ValueSource::EnvVariable) => 1,
        _ => 0,
    }
}

fn parse_public_url(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match host.map(|host| host.trim_end_matches('/')) {
        Some(host) if !host.is_empty() => Ok(text.trim_end_matches('/').to_owned()),
        _ => Err("a URL begins with http:// or https:// and a host".to_owned()),
    }
}

fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    let duration = clock::parse_duration(text)?;
    std::time::Duration::try_from(duration).map_err(|_| "a time is not negative".to_owned())
}
