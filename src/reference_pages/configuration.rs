//! The page with all settings and commands, from the definition of the command line.

use std::fmt::Write;

use clap::builder::PossibleValue;
use clap::{Arg, ArgAction, Args, Command};
use serde_json::Value;

use super::json_schema::describe;
use super::markdown::{code, generated_note, table};
use crate::cli::arguments::ServeArgs;
use crate::cli::settings::build_command;
use crate::contract::dialect::DIALECT_FIELDS;
use crate::contract::json_schema::type_schema;
use crate::contract::{Field, FieldType, Presence};

const INTRODUCTION: &str = "
# Configuration

Each setting of the server has a flag, an environment variable and a name in the configuration file. A flag overrides
the variable, the variable the file, and the file the default. An empty variable counts as unset. Paths are relative to
the working directory.
`omnidesk-mock --help` prints the same settings.

A time is a number with a unit, such as `500ms`, `10s`, `5m` or `2h`.
";

const FILE: &str = "
## Configuration file

`--config FILE` reads a TOML file. Its names are those of the flags with `_` instead of `-`. A repeatable setting
may be a list.
The table `[dialect]` contains the [dialect settings](#dialect). An unknown name is an error. The
[guide](guide.md#dialect) has an example.
";

const DIALECT: &str = "
## Dialect

Where the documentation of Omnidesk is silent, the mock had to choose. These choices can be changed, for all accounts in
the table `[dialect]` of the configuration file, for one account in its [seed](guide.md#seeds) or with
[`PUT …/dialect`](control-api.md#dialect).

";

/// Generates the page.
pub(super) fn page() -> String {
    let serve = ServeArgs::augment_args(Command::new("serve"));
    let is_limit = |arg: &&Arg| arg.get_help_heading() == Some("Limits");
    let (limits, settings): (Vec<&Arg>, Vec<&Arg>) = serve.get_arguments().partition(is_limit);
    let mut page = generated_note("the command line") + INTRODUCTION;
    let _ = write!(page, "\n## Server\n\n{}", settings_table(&settings));
    let _ = write!(
        page,
        "\n## Limits\n\n[Limits](limits.md) explains them.\n\n{}",
        settings_table(&limits)
    );
    page += FILE;
    let dialect: Vec<_> = DIALECT_FIELDS.iter().map(dialect_row).collect();
    page += DIALECT;
    page += &table(["Setting", "Values", "Default", "Meaning"], &dialect);
    page += "\n## Commands\n";
    for command in build_command().get_subcommands() {
        describe_command(&mut page, command, "omnidesk-mock");
    }
    page
}

fn settings_table(args: &[&Arg]) -> String {
    let rows: Vec<_> = args.iter().map(|arg| setting_row(arg)).collect();
    table(["Flag", "Environment variable", "Default", "Meaning"], &rows)
}

fn setting_row(arg: &Arg) -> [String; 4] {
    let variable = arg.get_env().map_or_else(String::new, |name| code(&name.to_string_lossy()));
    [code(&flag(arg)), variable, default(arg), help(arg)]
}

/// Returns the flag with the placeholder of its value, or its possible values.
fn flag(arg: &Arg) -> String {
    let mut flag = arg.get_long().map_or_else(String::new, |long| format!("--{long} "));
    let values: Vec<_> = arg.get_possible_values();
    if !values.is_empty() && arg.get_action().takes_values() {
        let values: Vec<&str> = values.iter().map(PossibleValue::get_name).collect();
        flag += &values.join("|");
    } else if arg.get_action().takes_values() {
        flag += arg.get_value_names().and_then(|names| names.first()).map_or("", |name| name);
    }
    flag.trim_end().to_owned()
}

fn default(arg: &Arg) -> String {
    let default = arg.get_default_values().first();
    default.map_or_else(
        || match arg.get_action() {
            ArgAction::SetTrue => code("false"),
            _ => String::new(),
        },
        |value| code(&value.to_string_lossy()),
    )
}

fn help(arg: &Arg) -> String {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    // `[default: …]` becomes a sentence: the table has a column for defaults that are values.
    match help.split_once(" [default: ") {
        Some((help, default)) => format!("{help}. Default: {}.", default.trim_end_matches(']')),
        None => format!("{help}."),
    }
}

fn describe_command(page: &mut String, command: &Command, parent: &str) {
    let name = format!("{parent} {}", command.get_name());
    if command.get_name() == "help" {
        return;
    }
    if command.has_subcommands() {
        for command in command.get_subcommands() {
            describe_command(page, command, &name);
        }
        return;
    }
    let about = command.get_long_about().or_else(|| command.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    let is_server = command.get_arguments().any(|arg| arg.get_id() == "port_file");
    let own: Vec<&Arg> = command
        .get_arguments()
        .filter(|arg| !is_server || arg.is_positional() || arg.is_last_set())
        .filter(|arg| arg.get_id() != "help")
        .collect();
    let usage: String = own
        .iter()
        .map(|arg| match (arg.is_last_set(), arg.is_positional()) {
            (true, _) => " -- COMMAND…".to_owned(),
            (_, true) => " FILE…".to_owned(),
            _ => format!(" [{}]", flag(arg)),
        })
        .collect();
    let settings = if is_server { " [SETTINGS]" } else { "" };
    let _ = write!(
        page,
        "\n### {}\n\n```text\n{name}{settings}{usage}\n```\n",
        name.trim_start_matches("omnidesk-mock ")
    );
    let _ = write!(page, "\n{}.\n", about.trim_end_matches('.'));
    let flags: Vec<&Arg> = own.into_iter().filter(|arg| !arg.is_positional()).collect();
    if !flags.is_empty() {
        let _ = write!(page, "\n{}", settings_table(&flags));
    }
}

fn dialect_row(field: &Field) -> [String; 4] {
    let default = match field.presence {
        Presence::Default(default) => Value::from(default).to_string(),
        Presence::Required => String::new(),
    };
    [code(field.name), values(&field.data_type), code(&default), field.description.to_owned()]
}

/// Describes the values of a setting; a pattern says more than `string`.
fn values(data_type: &FieldType) -> String {
    match data_type {
        FieldType::Text { pattern: Some(pattern), .. } => code(pattern.as_str()),
        _ => describe(&type_schema(data_type)),
    }
}
