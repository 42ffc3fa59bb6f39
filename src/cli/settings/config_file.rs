//! Reads the TOML file of `--config` and merges it into the command line.

use std::path::Path;

use clap::{Arg, ArgAction, Args, Command};
use serde_json::{Map, Value};

use super::{Settings, SettingsError};

/// A TOML table.
type Table = Map<String, Value>;

/// Reads the settings and the `[dialect]` table of a file.
pub(super) fn read_config_file(path: &Path) -> Result<(Table, Table), SettingsError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| SettingsError::Read { path: path.to_owned(), source })?;
    // The error's own text quotes the line, which may contain an API key.
    let parsed = toml::from_str(&text).map_err(|error: toml::de::Error| SettingsError::Parse {
        path: path.to_owned(),
        line: error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1),
        message: error.message().to_owned(),
    });
    let mut settings: Table = parsed?;
    let dialect = match settings.remove("dialect") {
        Some(Value::Object(dialect)) => dialect,
        Some(_) => {
            let message = "dialect must be a table: [dialect]".to_owned();
            return Err(SettingsError::InvalidValue { path: path.to_owned(), message });
        }
        None => Map::new(),
    };
    Ok((settings, dialect))
}

/// Sets the file's values as defaults of the command, so that clap parses them all.
pub(super) fn apply_config_defaults(
    mut command: Command,
    path: &Path,
    settings: &Table,
) -> Result<Command, SettingsError> {
    let serve = Settings::augment_args(Command::new("serve"));
    let args: Vec<&Arg> = serve.get_arguments().filter(|arg| arg.get_id() != "config").collect();
    for (name, value) in settings {
        let Some(arg) = args.iter().find(|arg| arg.get_id() == name.as_str()) else {
            let names: Vec<&str> = args.iter().map(|arg| arg.get_id().as_str()).collect();
            let allowed = names.join(", ");
            return Err(SettingsError::UnknownSetting {
                path: path.to_owned(),
                name: name.clone(),
                allowed,
            });
        };
        let repeatable = matches!(arg.get_action(), ArgAction::Append);
        let values =
            to_arg_values(value).filter(|values| repeatable || values.len() == 1).ok_or_else(
                || SettingsError::WrongType { path: path.to_owned(), name: name.clone() },
            )?;
        let set = |arg: Arg| arg.default_values(values.clone());
        command = command.mut_arg(name, set);
        for subcommand in if name == "listen" { &["serve"][..] } else { &["serve", "run"] } {
            command = command.mut_subcommand(subcommand, |command| command.mut_arg(name, set));
        }
    }
    Ok(command)
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
