//! Loads the settings: a flag overrides an environment variable, which overrides the file of `--config`, which overrides
//! the default.

use std::cmp::Ordering;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, CommandFactory, FromArgMatches};
use serde_json::Map;

use crate::cli::arguments::{CliCommand, CommandLine, ServeArgs};
use crate::cli::config_file::ConfigFile;
use crate::contract::dialect::Dialect;
use crate::server::config::FREE_PORT_ADDRESS;

/// Parses the command line, the environment and the config file. Clap exits the process on an error or `--help`.
///
/// # Errors
/// If the config file cannot be used, or settings contradict each other.
pub(super) fn load() -> anyhow::Result<CliCommand> {
    let build = || restrict_variables(build_command(), std::env::args_os().nth(1).as_deref());
    let matches = build().try_get_matches().unwrap_or_else(|error| add_hint(error).exit());
    let serve_matches = find_serve_matches(&matches);
    let Some(path) = serve_matches.try_get_one::<PathBuf>("config").ok().flatten() else {
        return resolve(&matches, None);
    };
    let file = ConfigFile::read(path)?;
    let serve = ServeArgs::augment_args(Command::new("serve"));
    let serve_args: Vec<Arg> = serve.get_arguments().cloned().collect();
    let command = file.apply_defaults(build(), &serve_args)?;
    // The command line alone was valid, so the error is in the config file.
    let matches = command.try_get_matches().map_err(|error| file.invalid_value(&error))?;
    resolve(&matches, Some(file))
}

/// Reads the dialect of a config file, for commands that only print.
///
/// # Errors
/// If the file cannot be used.
pub(super) fn load_dialect(config: Option<&Path>) -> anyhow::Result<Dialect> {
    let settings = config
        .map_or_else(|| Ok(Map::new()), |path| ConfigFile::read(path).map(|file| file.dialect))?;
    Ok(Dialect::parse(&settings)?)
}

/// Builds the clap command. `run` has other defaults than `serve`; neither environment nor config file set its addresses.
pub(crate) fn build_command() -> Command {
    let listen = |arg: Arg| {
        arg.default_value(FREE_PORT_ADDRESS)
            .env(None::<&str>)
            .help("Address that the server listens on; repeatable")
    };
    // A variable of the environment has the address of another server.
    let public_url = |arg: Arg| arg.env(None::<&str>);
    let data = |arg: Arg| {
        arg.hide_default_value(true)
            .help("Data directory of the accounts; created if it is missing [default: memory]")
    };
    let server = |arg: Arg| arg.help("Address of the server; repeatable");
    CommandLine::command()
        .mut_subcommand("run", |run| {
            run.mut_arg("listen", listen).mut_arg("public_url", public_url).mut_arg("data", data)
        })
        .mut_subcommand("ready", |ready| ready.mut_arg("listen", server))
}

/// Ignores variables that are empty, and those of the arguments that the given subcommand does not have.
fn restrict_variables(command: Command, first_argument: Option<&OsStr>) -> Command {
    let has_subcommand = first_argument.is_some_and(|name| command.find_subcommand(name).is_some());
    let command = command.mut_args(|arg| {
        if has_subcommand || value_of_variable(&arg).is_some_and(|value| value.is_empty()) {
            arg.env(None::<&str>)
        } else {
            arg
        }
    });
    command.mut_subcommands(|subcommand| restrict_variables(subcommand, None))
}

fn value_of_variable(arg: &Arg) -> Option<OsString> {
    arg.get_env().and_then(std::env::var_os)
}

/// Adds what clap cannot know: which variable an invalid value comes from, and what the flag of a port is called.
fn add_hint(mut error: clap::Error) -> clap::Error {
    let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidArg) else { return error };
    let flag = name.split([' ', '=']).next().unwrap_or_default();
    let hint = if error.kind() == ErrorKind::UnknownArgument && matches!(flag, "--port" | "-p") {
        "the flag of the port is --listen 127.0.0.1:PORT".to_owned()
    } else {
        let is_given = std::env::args().any(|argument| argument.split('=').next() == Some(flag));
        let serve = ServeArgs::augment_args(Command::new("serve"));
        let arg = serve
            .get_arguments()
            .find(|arg| arg.get_long().is_some_and(|long| flag.strip_prefix("--") == Some(long)));
        match arg.filter(|_| !is_given).filter(|arg| value_of_variable(arg).is_some()) {
            Some(arg) => format!(
                "the value comes from the variable {}",
                arg.get_env().unwrap_or_default().display()
            ),
            None => return error,
        }
    };
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![hint.into()]));
    error
}

/// Returns the matches with the settings of a server.
fn find_serve_matches(matches: &ArgMatches) -> &ArgMatches {
    let subcommand =
        ["serve", "run", "ready"].iter().find_map(|name| matches.subcommand_matches(name));
    subcommand.unwrap_or(matches)
}

/// Resolves settings that depend on each other: one of `--data` and `--ephemeral` wins.
fn resolve(matches: &ArgMatches, file: Option<ConfigFile>) -> anyhow::Result<CliCommand> {
    let CommandLine { command, serve } =
        CommandLine::from_arg_matches(matches).unwrap_or_else(|error| error.exit());
    let mut command = command.unwrap_or(CliCommand::Serve(serve));
    let is_run = matches!(command, CliCommand::Run(_));
    let args = match &mut command {
        CliCommand::Serve(args) => args,
        CliCommand::Run(run) => &mut run.serve,
        _ => return Ok(command),
    };
    let precedence = |name| source_precedence(find_serve_matches(matches).value_source(name));
    match precedence("ephemeral").cmp(&precedence("data")) {
        Ordering::Less => args.ephemeral = false,
        Ordering::Equal if args.ephemeral && precedence("data") > 0 => {
            bail!("--data and --ephemeral exclude each other; set only one of them");
        }
        _ => {}
    }
    let has_data = precedence("data") > 0 || file.as_ref().is_some_and(|file| file.sets("data"));
    args.ephemeral |= is_run && !has_data;
    args.dialect = file.map(|file| file.dialect).unwrap_or_default();
    Ok(command)
}

const fn source_precedence(source: Option<ValueSource>) -> u8 {
    match source {
        Some(ValueSource::CommandLine) => 2,
        Some(ValueSource::EnvVariable) => 1,
        _ => 0,
    }
}
