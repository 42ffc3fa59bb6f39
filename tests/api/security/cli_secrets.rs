//! Secrets on the command line: no output contains the control token or an API key.

use super::{CONTROL_TOKEN, TEST_API_KEY};
use crate::support::files::{create_temp_dir, write_file};
use crate::support::process::{ProcessOutput, RunningProcess, build_command, run_to_exit};

/// A part of every secret in this file.
const CANARY_MARKER: &str = "canary";

fn assert_no_secret_in_output(what: &str, finished: &ProcessOutput) {
    assert!(
        !finished.combined_output().to_lowercase().contains(CANARY_MARKER),
        "{what}: {finished:?}"
    );
}

/// Tokens that are not valid in an HTTP header, or too short or too long.
fn invalid_tokens() -> Vec<String> {
    let long = format!("canary{}", "x".repeat(300));
    ["canary", "canary with spaces", "canäry-cänary-canary", "canary\tcanary", &long]
        .map(str::to_owned)
        .into()
}

#[test]
fn invalid_control_token_is_not_printed() {
    let folder = create_temp_dir();
    for (number, token) in invalid_tokens().iter().enumerate() {
        let finished = RunningProcess::spawn_server(&["--control-token", token]).wait_for_exit();
        assert!(matches!(finished.exit_code, Some(1..)), "{token}: {finished:?}");
        assert!(finished.stderr.contains("8 to 256 visible ASCII characters"), "{finished:?}");
        assert_no_secret_in_output("flag", &finished);

        let mut command = build_command(&["--ephemeral", "--listen", "127.0.0.1:0"]);
        let finished = RunningProcess::spawn(command.env("OMNIDESK_MOCK_CONTROL_TOKEN", token))
            .wait_for_exit();
        assert!(matches!(finished.exit_code, Some(1..)), "{token}: {finished:?}");
        assert_no_secret_in_output("environment variable", &finished);

        let text = format!("control_token = {}\n", serde_json::Value::from(token.as_str()));
        let config = write_file(&folder, &format!("mock{number}.toml"), &text);
        let finished = RunningProcess::spawn_server(&["--config", &config]).wait_for_exit();
        assert!(matches!(finished.exit_code, Some(1..)), "{token}: {finished:?}");
        assert_no_secret_in_output("configuration file", &finished);
    }
}

#[test]
fn malformed_token_in_config_file_is_not_printed() {
    let folder = create_temp_dir();
    for (number, value) in
        ["canary-bare", "[\"canary-in-a-list\", 7]", "{ canary = 7 }", "\"canary", "'''canary"]
            .iter()
            .enumerate()
    {
        let config = write_file(
            &folder,
            &format!("mock{number}.toml"),
            &format!("control_token = {value}\n"),
        );
        let finished = RunningProcess::spawn_server(&["--config", &config]).wait_for_exit();
        assert!(matches!(finished.exit_code, Some(1..)), "{value}: {finished:?}");
        assert_no_secret_in_output(value, &finished);
    }
}

#[test]
fn no_command_prints_secrets_from_environment() {
    let secrets = [
        ("OMNIDESK_MOCK_API_KEY", "canary-key-0123456789"),
        ("OMNIDESK_MOCK_CONTROL_TOKEN", "canary-token-0123456789"),
    ];
    for arguments in [
        &["--help"][..],
        &["serve", "--help"],
        &["run", "--help"],
        &["ready", "--help"],
        &["openapi"],
        &["openapi", "--control"],
        &["fidelity"],
        &["fidelity", "--json"],
        &["--version"],
        &["serve", "--nonsense"],
        &["serve", "--log", "xml"],
        &["serve", "--ephemeral", "--listen", "nowhere"],
        &["run", "--", "/nothing/here"],
        &["run", "--", "sh", "-c", "exit 7"],
        &["ready", "--url", "http://127.0.0.1:9", "--timeout", "10ms"],
    ] {
        let mut command = build_command(arguments);
        let finished = RunningProcess::spawn(command.envs(secrets)).wait_for_exit();
        assert_no_secret_in_output(&arguments.join(" "), &finished);
    }
}

#[test]
fn rejected_command_line_prints_no_secret() {
    let folder = create_temp_dir();
    let data = folder.path().to_str().expect("text");
    for arguments in [
        &["--ephemeral", "--data", data, "--listen", "127.0.0.1:0"][..],
        &["--ephemeral", "--listen", "nowhere"],
        &["--ephemeral", "--nonsense"],
        &["--ephemeral", "--seed", "/nothing/here.yaml", "--listen", "127.0.0.1:0"],
        &["--ephemeral", "--api-key", "canary-again-0123456789"],
        &["--ephemeral", "--control-token", "canary-again-0123456789"],
    ] {
        let secrets =
            ["--api-key", "canary-key-0123456789", "--control-token", "canary-token-0123456789"];
        let finished = run_to_exit(&[&["serve"], &secrets[..], arguments].concat());
        assert!(matches!(finished.exit_code, Some(1..)), "{arguments:?}: {finished:?}");
        assert_no_secret_in_output(&arguments.join(" "), &finished);
    }
}

#[test]
fn generated_secrets_are_printed_once_and_given_ones_never() {
    let run_and_get_output = |arguments: &[&str]| {
        let common = ["--ephemeral", "--listen", "0.0.0.0:0"];
        let mut program = RunningProcess::spawn(
            build_command(&[&common, arguments].concat()).env("RUST_LOG", "trace"),
        );
        program.base_url();
        program.wait_for_line(|_, line| line.contains("curl "));
        program.stop().combined_output()
    };
    let output = run_and_get_output(&[]);
    assert_eq!(output.matches("requires the token ").count(), 1, "{output}");
    assert_eq!(output.matches("apiKey: ").count(), 1, "{output}");
    let output = run_and_get_output(&["--api-key", TEST_API_KEY, "--control-token", CONTROL_TOKEN]);
    assert!(!output.contains(TEST_API_KEY) && !output.contains(CONTROL_TOKEN), "{output}");
    assert!(!output.contains("requires the token"), "{output}");
    assert!(output.contains("the control API requires the configured token"), "{output}");
}
