//! The file of `--config`.

use std::path::Path;

use clap::{Arg, ArgAction, Args, Command};
use serde_json::{Map, Value};

use super::{SettingError, Settings};

/// A table of a file.
type Table = Map<String, Value>;

/// A file's settings, and its dialect.
pub(super) fn file(path: &Path) -> Result<(Table, Table), SettingError> {
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
pub(super) fn with_file(
    mut command: Command,
    path: &Path,
    settings: &Table,
) -> Result<Command, SettingError> {
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
        command = command.mut_arg(name, set);
        for task in if name == "listen" { &["serve"][..] } else { &["serve", "run"] } {
            command = command.mut_subcommand(task, |task| task.mut_arg(name, set));
        }
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
