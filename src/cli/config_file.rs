//! Reads the TOML file of `--config`, and makes its values the defaults of the command line.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command};
use serde_json::{Map, Value};

use crate::contract::dialect::Dialect;
use crate::contract::suggest;
use crate::text_encoding::into_utf8;

/// A TOML table.
type Table = Map<String, Value>;

/// The content of a config file.
#[derive(Debug)]
pub(super) struct ConfigFile {
    path: PathBuf,
    /// The settings, by the names of their flags.
    settings: Table,
    /// The table `[dialect]`.
    pub(super) dialect: Table,
}

/// An error of a config file.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConfigFileError {
    #[error("{}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}:{line}: {message}", path.display())]
    Parse { path: PathBuf, line: usize, message: String },
    #[error("{}: {message}", path.display())]
    InvalidValue { path: PathBuf, message: String },
    #[error("{}", join_faults(path, faults))]
    InvalidSettings { path: PathBuf, faults: Vec<String> },
}

impl ConfigFile {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, or is invalid TOML.
    pub(super) fn read(path: &Path) -> Result<Self, ConfigFileError> {
        let path = path.to_owned();
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(source) => return Err(ConfigFileError::Read { path, source }),
        };
        let text = match into_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let message = format!("the file {error}");
                return Err(ConfigFileError::InvalidValue { path, message });
            }
        };
        let mut settings: Table = match toml::from_str(&text) {
            Ok(settings) => settings,
            // The error's own text quotes the line, which may contain an API key.
            Err(error) => {
                let line =
                    error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
                let message = error.message().to_owned();
                return Err(ConfigFileError::Parse { path, line, message });
            }
        };
        match settings.remove("dialect") {
            Some(Value::Object(dialect)) => Ok(Self { path, settings, dialect }),
            Some(_) => {
                let message = "dialect must be a table: [dialect]".to_owned();
                Err(ConfigFileError::InvalidValue { path, message })
            }
            None => Ok(Self { path, settings, dialect: Table::new() }),
        }
    }

    /// Returns whether the file sets this setting.
    pub(super) fn sets(&self, name: &str) -> bool {
        self.settings.contains_key(name)
    }

    /// Sets the file's values as defaults of the command, so that clap parses them all. `serve_args` are the arguments
    /// of a server.
    ///
    /// # Errors
    /// If a setting is unknown, or has the wrong type.
    pub(super) fn apply_defaults(
        &self,
        mut command: Command,
        serve_args: &[Arg],
    ) -> Result<Command, ConfigFileError> {
        let args: Vec<&Arg> = serve_args.iter().filter(|arg| arg.get_id() != "config").collect();
        let mut faults = Vec::new();
        for (name, value) in &self.settings {
            let Some(arg) = args.iter().find(|arg| arg.get_id() == name.as_str()) else {
                let names: Vec<&str> = args.iter().map(|arg| arg.get_id().as_str()).collect();
                let meant = suggest(&name.replace('-', "_"), names.iter().copied());
                let hint =
                    meant.map_or_else(String::new, |meant| format!(". Did you mean {meant}?"));
                faults.push(format!(
                    "{name} is not a setting; the settings are {} and the table [dialect]{hint}",
                    names.join(", ")
                ));
                continue;
            };
            let Some(values) =
                to_arg_values(value).filter(|values| is_repeatable(arg) || values.len() == 1)
            else {
                let repeatable = args.iter().filter(|arg| is_repeatable(arg));
                let lists: Vec<&str> = repeatable.map(|arg| arg.get_id().as_str()).collect();
                faults.push(format!(
                    "{name} must be a string, a number, true or false; these may also be lists: {}",
                    lists.join(", ")
                ));
                continue;
            };
            if let Some(expected) = expected_type(arg, value) {
                // A secret is not repeated, nor is a list, which may be long.
                let is_shown = !arg.is_hide_env_values_set() && !value.is_array();
                let written =
                    if is_shown { format!("; {value} is written") } else { String::new() };
                faults.push(format!("{name} must be {expected}{written}"));
                continue;
            }
            let wrong = values.iter().filter_map(|value| check_value(arg, value).err());
            let wrong: Vec<String> = wrong.map(|error| first_line(&error)).collect();
            if !wrong.is_empty() {
                faults.extend(wrong);
                continue;
            }
            let set = |arg: Arg| arg.default_values(values.clone());
            command = command.mut_arg(name, set);
            for subcommand in subcommands_of(name) {
                command = command.mut_subcommand(subcommand, |command| command.mut_arg(name, set));
            }
        }
        if let Err(error) = Dialect::parse(&self.dialect) {
            faults.extend(error.to_string().lines().map(str::to_owned));
        }
        if faults.is_empty() {
            Ok(command)
        } else {
            Err(ConfigFileError::InvalidSettings { path: self.path.clone(), faults })
        }
    }

    /// Converts clap's error about a value of the file.
    pub(super) fn invalid_value(&self, error: &clap::Error) -> ConfigFileError {
        ConfigFileError::InvalidValue { path: self.path.clone(), message: first_line(error) }
    }
}

/// Returns whether a setting may have several values.
fn is_repeatable(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append)
}

/// Returns the type that a value must have in TOML, if it has another one.
fn expected_type(arg: &Arg, value: &Value) -> Option<&'static str> {
    let is_flag = matches!(arg.get_action(), ArgAction::SetTrue);
    let value_names = arg.get_value_names().unwrap_or_default();
    let is_number = value_names.iter().any(|name| ["NUMBER", "BYTES"].contains(&name.as_str()));
    let has_type = |value: &Value| match value {
        Value::Bool(_) => is_flag,
        Value::Number(_) => is_number,
        _ => !is_flag,
    };
    let is_expected = match value {
        Value::Array(items) => items.iter().all(has_type),
        value => has_type(value),
    };
    let expected = match (is_flag, is_number) {
        (true, _) => "true or false",
        (false, true) => "a number",
        (false, false) => "text in quotes",
    };
    (!is_expected).then_some(expected)
}

/// Parses a value of one argument alone.
fn check_value(arg: &Arg, value: &str) -> Result<(), clap::Error> {
    let arg = arg.clone().env(None::<&str>).default_value(value.to_owned());
    Command::new("check").arg(arg).try_get_matches_from(["check"]).map(drop)
}

/// Returns the message without the usage, but with the possible values.
fn first_line(error: &clap::Error) -> String {
    let message = error.to_string();
    let mut lines = message.trim_start_matches("error: ").lines().map(str::trim);
    let first = lines.next().unwrap_or_default();
    match lines.next().filter(|second| second.starts_with("[possible values")) {
        Some(values) => format!("{first} {values}"),
        None => first.to_owned(),
    }
}

fn join_faults(path: &Path, faults: &[String]) -> String {
    let lines = faults.iter().map(|fault| format!("{}: {fault}", path.display()));
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the subcommands that read this setting from the file. `run` has addresses of its own.
fn subcommands_of(setting: &str) -> &'static [&'static str] {
    match setting {
        "listen" => &["serve", "ready"],
        "port_file" => &["serve", "run", "ready"],
        "public_url" => &["serve"],
        _ => &["serve", "run"],
    }
}

fn to_arg_values(value: &Value) -> Option<Vec<String>> {
    Some(match value {
        Value::String(text) => vec![text.clone()],
        Value::Number(number) => vec![number.to_string()],
        Value::Bool(flag) => vec![flag.to_string()],
        Value::Array(items) => {
            items.iter().map(|item| to_arg_values(item)?.pop()).collect::<Option<_>>()?
        }
        _ => return None,
    })
}
