//! Limits as settings: defaults, minimum and maximum, and errors that name the setting.

use std::process::Command;

use super::build_request;
use crate::support::client::DEV_KEY;
use crate::support::process::{ProcessOutput, RunningProcess, build_command, run_to_exit};
use crate::support::raw::exchange;
use crate::support::ticket::TICKETS_PATH;
use crate::support::{files, seed};

/// Flag, default, minimum and maximum of a setting.
type Setting = (&'static str, &'static str, &'static str, &'static str);

const SETTINGS: [Setting; 13] = [
    ("max-connections", "4096", "1", "100000"),
    ("max-header-bytes", "131072", "8192", "1048576"),
    ("max-body-bytes", "10485760", "1024", "1073741824"),
    ("max-values", "8192", "1", "1000000"),
    ("max-depth", "8", "4", "64"),
    ("max-response-bytes", "268435456", "1024", "1000000000"),
    ("max-waits", "100", "1", "10000"),
    ("header-timeout", "10s", "10ms", "1h"),
    ("body-timeout", "60s", "10ms", "1h"),
    ("operation-timeout", "60s", "10ms", "1h"),
    ("idle-timeout", "5m", "10ms", "1d"),
    ("send-timeout", "60s", "10ms", "1d"),
    ("durability", "process", "process", "power"),
];

/// Invalid values of each setting: just below the minimum, just above the maximum, and malformed ones.
const INVALID_VALUES: [(&str, &[&str]); 13] = [
    ("max-connections", &["0", "100001", "-1", "", "many", "1.5", "1k"]),
    ("max-header-bytes", &["8191", "1048577", "-8192", "64k"]),
    ("max-body-bytes", &["1023", "1073741825", "10MB"]),
    ("max-values", &["0", "1000001", "99999999999999999999"]),
    ("max-depth", &["3", "65", "260", "0x8"]),
    ("max-response-bytes", &["1023", "1000000001", "1e6"]),
    ("max-waits", &["0", "10001", "none"]),
    ("header-timeout", &["9ms", "3601s", "0s", "-1s", "10", "", "soon"]),
    ("body-timeout", &["9ms", "3601s", "0", "P1M"]),
    ("operation-timeout", &["9ms", "3601s", "never"]),
    ("idle-timeout", &["9ms", "86401s", "-5m"]),
    ("send-timeout", &["9ms", "86401s", "99999999999h"]),
    ("durability", &["disk", "Power", ""]),
];

fn env_variable(flag: &str) -> String {
    format!("OMNIDESK_MOCK_{}", flag.replace('-', "_").to_uppercase())
}

/// Returns a line of the config file; numbers are not quoted.
fn toml_line(flag: &str, value: &str) -> String {
    let name = flag.replace('-', "_");
    match value.parse::<f64>() {
        Ok(_) if !value.starts_with("0x") => format!("{name} = {value}\n"),
        _ => format!("{name} = \"{value}\"\n"),
    }
}

/// Returns a command that serves on a free port, with additional arguments.
fn serve_command(arguments: &[String]) -> Command {
    let mut command = build_command(&["serve", "--listen", "127.0.0.1:0", "--ephemeral"]);
    command.args(arguments);
    command
}

#[test]
fn help_shows_default_and_env_variable_of_each_limit() {
    for command in ["serve", "run"] {
        let help = run_to_exit(&[command, "--help"]).expect_success();
        for (flag, default, _, _) in SETTINGS {
            let (_, rest) = help
                .split_once(&format!(" --{flag} "))
                .unwrap_or_else(|| panic!("{command}: --{flag} is missing in {help}"));
            let flag_help = rest.split("\n      --").next().unwrap_or_default();
            let flag_help = flag_help.split_whitespace().collect::<Vec<_>>().join(" ");
            for part in [format!("[default: {default}]"), format!("[env: {}=", env_variable(flag))]
            {
                assert!(flag_help.contains(&part), "{command}: {part} of --{flag}: {flag_help}");
            }
        }
    }
}

fn assert_startup_rejected(label: &str, flag: &str, output: &ProcessOutput) {
    assert!(output.exit_code.is_some_and(|code| code != 0), "{label}: {output:?}");
    assert!(!output.stdout.contains("listening"), "{label}: {output:?}");
    assert!(!output.combined_output().contains("panicked"), "{label}: {output:?}");
    let stderr = output.stderr.replace('_', "-");
    assert!(stderr.contains(flag), "{label}: the flag is named: {output:?}");
}

#[test]
fn invalid_flag_value_is_rejected_by_name() {
    for (flag, values) in INVALID_VALUES {
        for value in values {
            let argument = format!("--{flag}={value}");
            let output = RunningProcess::spawn(&mut serve_command(std::slice::from_ref(&argument)))
                .wait_for_exit();
            assert_startup_rejected(&argument, &format!("--{flag}"), &output);
        }
    }
}

#[test]
fn invalid_env_variable_is_rejected_by_name() {
    for (flag, values) in INVALID_VALUES {
        for value in &values[..2] {
            let mut command = serve_command(&[]);
            let output =
                RunningProcess::spawn(command.env(env_variable(flag), value)).wait_for_exit();
            assert_startup_rejected(&format!("{}={value}", env_variable(flag)), flag, &output);
        }
    }
}

#[test]
fn invalid_config_file_value_is_rejected_by_name() {
    let folder = files::create_temp_dir();
    for (flag, values) in INVALID_VALUES {
        for (index, value) in values.iter().take(2).enumerate() {
            let line = toml_line(flag, value);
            let path = files::write_file(&folder, &format!("{flag}-{index}.toml"), &line);
            let mut command = serve_command(&["--config".to_owned(), path.clone()]);
            let output = RunningProcess::spawn(&mut command).wait_for_exit();
            assert_startup_rejected(&line, flag, &output);
            assert!(output.stderr.contains(&path), "the error names the file: {output:?}");
        }
    }
}

/// Checks that the server starts and stops.
fn assert_starts(label: &str, command: &mut Command) {
    let mut running = RunningProcess::spawn(command);
    let base = running.base_url();
    let output = running.stop();
    assert_eq!(output.exit_code, Some(0), "{label}: {base}: {output:?}");
}

#[test]
fn min_and_max_of_each_limit_are_accepted() {
    let folder = files::create_temp_dir();
    let minimums = SETTINGS.map(|(flag, _, min, _)| (flag, min));
    let maximums = SETTINGS.map(|(flag, _, _, max)| (flag, max));
    for (name, settings) in [("minimum", minimums), ("maximum", maximums)] {
        let flags = settings.map(|(flag, value)| format!("--{flag}={value}"));
        assert_starts(name, &mut serve_command(&flags));
        let variables = settings.map(|(flag, value)| (env_variable(flag), value));
        assert_starts(name, serve_command(&[]).envs(variables));
        let text = settings.map(|(flag, value)| toml_line(flag, value)).concat();
        let path = files::write_file(&folder, &format!("{name}.toml"), &text);
        assert_starts(name, &mut serve_command(&["--config".to_owned(), path]));
    }
}

/// Lists tickets with three values in the query; returns the status.
async fn send_two_values(mut running: RunningProcess) -> u16 {
    let path = format!("{TICKETS_PATH}?query=a&status=open&apiKey={DEV_KEY}");
    let bytes = String::from_utf8(build_request("GET", &path, "")).expect("the request is text");
    let bytes = bytes.replace(&format!("apiKey: {}\r\n", seed::ACME_KEY), "");
    exchange(&running.base_url(), bytes.as_bytes()).await.status
}

#[tokio::test]
async fn limit_applies_from_flag_env_and_config_file() {
    let folder = files::create_temp_dir();
    // The API key counts as one of the values.
    let path = files::write_file(&folder, "two.toml", "max_values = 2\n");
    let file = ["--config".to_owned(), path];
    let flag = "--max-values=3".to_owned();
    let variable = |value: &str| ("OMNIDESK_MOCK_MAX_VALUES", value.to_owned());
    let spawn = |command: &mut Command| RunningProcess::spawn(command);
    assert_eq!(send_two_values(spawn(&mut serve_command(&[]))).await, 200);
    assert_eq!(send_two_values(spawn(&mut serve_command(&file))).await, 400);
    assert_eq!(send_two_values(spawn(serve_command(&file).envs([variable("3")]))).await, 200);
    assert_eq!(send_two_values(spawn(serve_command(&[]).envs([variable("2")]))).await, 400);
    let all = [&file[..], &[flag]].concat();
    assert_eq!(send_two_values(spawn(serve_command(&all).envs([variable("2")]))).await, 200);
}
