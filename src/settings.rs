//! Every setting once: its flag, its variable, its name in the file, its default and its meaning.
//!
//! A flag wins over a variable, a variable over the file of `--config`, the file over the default.

use std::path::{Path, PathBuf};

use clap::builder::BoolishValueParser;
use clap::parser::ValueSource;
use clap::{
    Arg, ArgAction, ArgMatches, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand,
    ValueEnum,
};
use serde_json::{Map, Value};

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
    /// Wait until a server answers; for scripts and the health check of an image
    Ready(Ready),
    /// Print the OpenAPI 3.1 document of the Ticket API
    Openapi(Configured),
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
    /// The `[dialect]` table of the file.
    #[arg(skip)]
    pub(crate) dialect: Map<String, Value>,
}

/// How lines of the log look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogForm {
    Text,
    Json,
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
    let matches = CommandLine::command().get_matches();
    let serving = serving(&matches).clone();
    let Some(path) = serving.try_get_one::<PathBuf>("config").ok().flatten().cloned() else {
        return finish(&matches, Map::new());
    };
    let (settings, dialect) = file(&path)?;
    let command = with_file(CommandLine::command(), &path, &settings)?;
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
    finish(&matches, dialect)
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
    matches.subcommand_matches("serve").unwrap_or(matches)
}

fn finish(matches: &ArgMatches, dialect: Map<String, Value>) -> Result<CommandLine, SettingError> {
    let mut line = CommandLine::from_arg_matches(matches).unwrap_or_else(|error| error.exit());
    let settings = match &mut line.command {
        Some(Task::Serve(settings)) => settings,
        None => &mut line.serve,
        Some(_) => return Ok(line),
    };
    settings.dialect = dialect;
    let rank = |name| rank(serving(matches).value_source(name));
    match rank("ephemeral").cmp(&rank("data")) {
        std::cmp::Ordering::Less => settings.ephemeral = false,
        std::cmp::Ordering::Equal if settings.ephemeral && rank("data") > 1 => {
            return Err(SettingError::DataAndEphemeral);
        }
        _ => {}
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

/// A table of a file.
type Table = Map<String, Value>;

/// A file's settings, and its dialect.
fn file(path: &Path) -> Result<(Table, Table), SettingError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| SettingError::Read { path: path.to_owned(), source })?;
    // The error's own text shows the line, which may hold a key.
    let parsed = toml::from_str(&text).map_err(|error: toml::de::Error| SettingError::Parse {
        path: path.to_owned(),
        line: error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1),
        what: error.message().to_owned(),
    });
    let mut settings: Table = parsed?;
    let dialect = match settings.remove("dialect") {
        Some(Value::Object(dialect)) => dialect,
        Some(_) => {
            let what = "dialect must be a table: [dialect]".to_owned();
            return Err(SettingError::Value { path: path.to_owned(), what });
        }
        None => Map::new(),
    };
    Ok((settings, dialect))
}

/// The command with the file's values as its defaults, so that one parser reads them all.
fn with_file(mut command: Command, path: &Path, settings: &Table) -> Result<Command, SettingError> {
    let serve = Settings::augment_args(Command::new("serve"));
    let known: Vec<&Arg> = serve.get_arguments().filter(|arg| arg.get_id() != "config").collect();
    for (name, value) in settings {
        let Some(arg) = known.iter().find(|arg| arg.get_id() == name.as_str()) else {
            let names: Vec<&str> = known.iter().map(|arg| arg.get_id().as_str()).collect();
            let known = names.join(", ");
            return Err(SettingError::Unknown { path: path.to_owned(), name: name.clone(), known });
        };
        let repeatable = matches!(arg.get_action(), ArgAction::Append);
        let words = words(value)
            .filter(|words| repeatable || words.len() == 1)
            .ok_or_else(|| SettingError::Shape { path: path.to_owned(), name: name.clone() })?;
        let set = |arg: Arg| arg.default_values(words.clone());
        command =
            command.mut_arg(name, set).mut_subcommand("serve", |serve| serve.mut_arg(name, set));
    }
    Ok(command)
}

fn words(value: &Value) -> Option<Vec<String>> {
    Some(match value {
        Value::String(text) => vec![text.clone()],
        Value::Number(number) => vec![number.to_string()],
        Value::Bool(flag) => vec![flag.to_string()],
        Value::Array(entries) => {
            entries.iter().map(|entry| words(entry)?.pop()).collect::<Option<_>>()?
        }
        _ => return None,
    })
}

fn public_url(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match host.map(|host| host.trim_end_matches('/')) {
        Some(host) if !host.is_empty() => Ok(text.trim_end_matches('/').to_owned()),
        _ => Err("a URL begins with http:// or https:// and a host".to_owned()),
    }
}

fn duration(text: &str) -> Result<std::time::Duration, String> {
    let duration: jiff::SignedDuration =
        text.parse().map_err(|_| "a time is a number and a unit, such as 10s".to_owned())?;
    std::time::Duration::try_from(duration).map_err(|_| "a time is not negative".to_owned())
}
