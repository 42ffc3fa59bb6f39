//! Every setting once: its flag, its variable, its name in the file, its default and its meaning.
//!
//! A flag wins over a variable, a variable over the file of `--config`, the file over the default.

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

mod file;
mod limits;

use file::{file, with_file};
use limits::LimitSettings;

/// A stand-in for the Omnidesk Ticket API: real tickets, keys with permissions, the documented rules.
///
/// Without a command it serves.
#[derive(Debug, Parser)]
#[command(name = "omnidesk-mock", version, args_conflicts_with_subcommands = true)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Option<Task>,
    #[command(flatten)]
    pub(crate) serve: Settings,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Serve the Ticket API (the default)
    Serve(Settings),
    /// Run a command beside a server of its own, in memory on a free port
    ///
    /// The command finds the server by `OMNIDESK_BASE_URL` and `OMNIDESK_CONTROL_URL`, and a fresh account by
    /// `OMNIDESK_API_KEY`. Signals are passed on to it, and its exit code is that of this program.
    Run(Run),
    /// Wait until a server answers; for scripts and the health check of an image
    Ready(Ready),
    /// Print the OpenAPI 3.1 document of the Ticket API, or of the control API
    Openapi(Openapi),
    /// Print the ledger: what the vendor documents, and what is chosen where it is silent
    Fidelity(Fidelity),
    /// Work with seeds
    #[command(subcommand)]
    Seed(SeedTask),
}

/// What can be done with a seed.
#[derive(Debug, Subcommand)]
pub(crate) enum SeedTask {
    /// Say what is wrong with a seed, with line numbers; nothing is written
    Check {
        /// YAML or JSON
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

/// Where a server is.
#[derive(Clone, Debug, Args)]
pub(crate) struct Listen {
    /// Address that the server listens on; port 0 takes a free one
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
    pub(crate) listen: Listen,
    /// Folder that keeps the accounts; it is made when it is missing
    #[arg(long, env = "OMNIDESK_MOCK_DATA", default_value = "./data", value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Keep everything in memory instead, until the server ends
    #[arg(long, env = "OMNIDESK_MOCK_EPHEMERAL", value_parser = BoolishValueParser::new())]
    pub(crate) ephemeral: bool,
    /// Seed that accounts start from, YAML or JSON; may be given more than once
    #[arg(long, env = "OMNIDESK_MOCK_SEED", value_name = "FILE", action = ArgAction::Append)]
    pub(crate) seed: Vec<PathBuf>,
    /// Key of the account `dev`, with all permissions [default: dev-key on loopback, else a random one]
    #[arg(long, env = "OMNIDESK_MOCK_API_KEY", value_name = "KEY", hide_env_values = true)]
    pub(crate) api_key: Option<String>,
    /// What an unknown key does: nothing, or make an account of its own from the seed
    #[arg(long, env = "OMNIDESK_MOCK_ACCOUNTS", default_value = "fixed", value_name = "WAY")]
    pub(crate) accounts: Admitting,
    /// The most accounts
    #[arg(
        long,
        env = "OMNIDESK_MOCK_MAX_ACCOUNTS",
        default_value = "10000",
        value_name = "NUMBER",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub(crate) max_accounts: u32,
    /// Token that the control API asks for [default: none on loopback, else a random one]
    #[arg(long, env = "OMNIDESK_MOCK_CONTROL_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub(crate) control_token: Option<String>,
    /// The most requests that the journal of an account keeps; 0 turns it off
    #[arg(
        long,
        env = "OMNIDESK_MOCK_JOURNAL_ENTRIES",
        default_value = "1000",
        value_name = "NUMBER",
        value_parser = clap::value_parser!(u32).range(0..=100_000)
    )]
    pub(crate) journal_entries: u32,
    /// The most memory that the journal of an account takes, in bytes
    #[arg(
        long,
        env = "OMNIDESK_MOCK_JOURNAL_BYTES",
        default_value = "4194304",
        value_name = "BYTES",
        value_parser = clap::value_parser!(u32).range(1024..=1_073_741_824)
    )]
    pub(crate) journal_bytes: u32,
    /// What an acknowledged change survives: the death of the process, or a power cut as well, which is slower
    #[arg(long, env = "OMNIDESK_MOCK_DURABILITY", default_value = "process", value_name = "LEVEL")]
    pub(crate) durability: Durability,
    /// File that receives HOST:PORT once the server is ready
    #[arg(long, env = "OMNIDESK_MOCK_PORT_FILE", value_name = "FILE")]
    pub(crate) port_file: Option<PathBuf>,
    /// Where clients find the server, for links in answers [default: the address it listens on]
    #[arg(long, env = "OMNIDESK_MOCK_PUBLIC_URL", value_name = "URL", value_parser = public_url)]
    pub(crate) public_url: Option<String>,
    /// Form of the log on standard error; `RUST_LOG` sets how much of it there is
    #[arg(long, env = "OMNIDESK_MOCK_LOG", default_value = "text", value_name = "FORM")]
    pub(crate) log: LogForm,
    /// TOML file with these settings by name, such as `port_file`, and a table `dialect`
    #[arg(long, env = "OMNIDESK_MOCK_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) limits: LimitSettings,
    /// The `[dialect]` table of the file.
    #[arg(skip)]
    pub(crate) dialect: Map<String, Value>,
    /// Seeds that are no files.
    #[arg(skip)]
    pub(crate) seed_texts: Vec<String>,
}

/// A free port of loopback, where a server of one's own listens.
const FREE_PORT: &str = "127.0.0.1:0";

impl Settings {
    /// A server in memory on a free port, whatever the environment says.
    pub(crate) fn of_ones_own() -> Self {
        let matches = Self::augment_args(Command::new("serve").no_binary_name(true));
        let matches =
            matches.mut_args(|arg| arg.env(None::<&str>)).get_matches_from(["--ephemeral"; 1]);
        let mut settings = Self::from_arg_matches(&matches).expect("the defaults are good");
        FREE_PORT.clone_into(&mut settings.listen.address);
        settings
    }
}

/// What an unknown key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Admitting {
    Fixed,
    Auto,
}

/// How lines of the log look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogForm {
    Text,
    Json,
}

/// A command and the server that it runs beside.
#[derive(Clone, Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) serve: Settings,
    /// The command and what it is given
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// How to wait for a server.
#[derive(Debug, Args)]
pub(crate) struct Ready {
    /// Where the server is [default: the address that --listen means]
    #[arg(long, value_name = "URL", value_parser = public_url)]
    pub(crate) url: Option<String>,
    /// How long to wait, such as 10s or 500ms
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = duration)]
    pub(crate) timeout: std::time::Duration,
    #[command(flatten)]
    pub(crate) listen: Listen,
}

/// Which document to print.
#[derive(Debug, Args)]
pub(crate) struct Openapi {
    #[command(flatten)]
    pub(crate) configured: Configured,
    /// Print the document of the control API
    #[arg(long)]
    pub(crate) control: bool,
}

/// How to print the ledger.
#[derive(Debug, Args)]
pub(crate) struct Fidelity {
    #[command(flatten)]
    pub(crate) configured: Configured,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What a printed document depends on.
#[derive(Debug, Args)]
pub(crate) struct Configured {
    /// TOML file whose [dialect] table counts
    #[arg(long, env = "OMNIDESK_MOCK_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingError {
    #[error("{}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}:{line}: {what}", path.display())]
    Parse { path: PathBuf, line: usize, what: String },
    #[error("{}: {what}", path.display())]
    Value { path: PathBuf, what: String },
    #[error("{}: {name} is no setting; there are {known} and the table [dialect]", path.display())]
    Unknown { path: PathBuf, name: String, known: String },
    #[error("{}: {name} must be a text, a number, true or false; seed may be a list", path.display())]
    Shape { path: PathBuf, name: String },
    #[error("--data and --ephemeral contradict each other")]
    DataAndEphemeral,
}

/// Reads the command line, the environment and the file; ends the program where clap has something to say.
///
/// # Errors
/// When the file cannot be used.
pub(crate) fn read() -> Result<CommandLine, SettingError> {
    let matches = command().get_matches();
    let serving = serving(&matches).clone();
    let Some(path) = serving.try_get_one::<PathBuf>("config").ok().flatten().cloned() else {
        return finish(&matches, Map::new(), false);
    };
    let (settings, dialect) = file(&path)?;
    let command = with_file(command(), &path, &settings)?;
    // The command line alone was good, so what is wrong now stands in the file.
    let matches = command.try_get_matches().map_err(|error| SettingError::Value {
        path,
        what: error
            .to_string()
            .trim_start_matches("error: ")
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned(),
    })?;
    finish(&matches, dialect, settings.contains_key("data"))
}

/// All commands. `run` has other defaults than `serve`, and no variable and no file may give it the port of another.
fn command() -> Command {
    let listen = |arg: Arg| {
        arg.default_value(FREE_PORT).env(None::<&str>).help("Address that the server listens on")
    };
    let data = |arg: Arg| {
        arg.hide_default_value(true).help("Folder that keeps the accounts [default: memory]")
    };
    CommandLine::command()
        .mut_subcommand("run", |run| run.mut_arg("listen", listen).mut_arg("data", data))
}

/// The `[dialect]` table of a file, for the commands that only print.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn dialect(config: Option<&Path>) -> Result<Map<String, Value>, SettingError> {
    config.map_or_else(|| Ok(Map::new()), |path| file(path).map(|(_, dialect)| dialect))
}

/// The matches that hold the settings of a server.
fn serving(matches: &ArgMatches) -> &ArgMatches {
    let named = ["serve", "run"].iter().find_map(|name| matches.subcommand_matches(name));
    named.unwrap_or(matches)
}

fn finish(
    matches: &ArgMatches,
    dialect: Map<String, Value>,
    has_data: bool,
) -> Result<CommandLine, SettingError> {
    let mut line = CommandLine::from_arg_matches(matches).unwrap_or_else(|error| error.exit());
    let settings = match &mut line.command {
        Some(Task::Serve(settings)) => settings,
        Some(Task::Run(run)) => &mut run.serve,
        None => &mut line.serve,
        Some(_) => return Ok(line),
    };
    settings.dialect = dialect;
    let rank = |name| rank(serving(matches).value_source(name));
    match rank("ephemeral").cmp(&rank("data")) {
        std::cmp::Ordering::Less => settings.ephemeral = false,
        std::cmp::Ordering::Equal if settings.ephemeral && rank("data") > 0 => {
            return Err(SettingError::DataAndEphemeral);
        }
        _ => {}
    }
    if let Some(Task::Run(run)) = &mut line.command {
        run.serve.ephemeral |= rank("data") == 0 && !has_data;
    }
    Ok(line)
}

const fn rank(source: Option<ValueSource>) -> u8 {
    match source {
        Some(ValueSource::CommandLine) => 2,
        Some(ValueSource::EnvVariable) => 1,
        _ => 0,
    }
}

fn public_url(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match host.map(|host| host.trim_end_matches('/')) {
        Some(host) if !host.is_empty() => Ok(text.trim_end_matches('/').to_owned()),
        _ => Err("a URL begins with http:// or https:// and a host".to_owned()),
    }
}

fn duration(text: &str) -> Result<std::time::Duration, String> {
    let duration = clock::duration(text)?;
    std::time::Duration::try_from(duration).map_err(|_| "a time is not negative".to_owned())
}
