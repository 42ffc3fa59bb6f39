//! The token of the control API and the keys of a start: nothing that the program prints tells one.

use super::{KEY, TOKEN};
use crate::fixtures::{file, folder};
use crate::program::{Finished, Running, command, run};

/// What stands in every secret here.
const MARK: &str = "canary";

fn tells_nothing(what: &str, finished: &Finished) {
    assert!(!finished.text().to_lowercase().contains(MARK), "{what}: {finished:?}");
}

/// Tokens that nobody could send.
fn unfit() -> Vec<String> {
    let long = format!("canary{}", "x".repeat(300));
    ["canary", "canary with spaces", "canäry-cänary-canary", "canary\tcanary", &long]
        .map(str::to_owned)
        .into()
}

#[test]
fn a_token_that_cannot_be_used_is_not_printed() {
    let folder = folder();
    for (number, token) in unfit().iter().enumerate() {
        let finished = Running::serve(&["--control-token", token]).finish();
        assert!(matches!(finished.code, Some(1..)), "{token}: {finished:?}");
        assert!(finished.stderr.contains("8 to 256 visible ASCII characters"), "{finished:?}");
        tells_nothing("a flag", &finished);

        let mut by_variable = command(&["--ephemeral", "--listen", "127.0.0.1:0"]);
        let finished =
            Running::spawn(by_variable.env("OMNIDESK_MOCK_CONTROL_TOKEN", token)).finish();
        assert!(matches!(finished.code, Some(1..)), "{token}: {finished:?}");
        tells_nothing("a variable", &finished);

        let text = format!("control_token = {}\n", serde_json::Value::from(token.as_str()));
        let config = file(&folder, &format!("mock{number}.toml"), &text);
        let finished = Running::serve(&["--config", &config]).finish();
        assert!(matches!(finished.code, Some(1..)), "{token}: {finished:?}");
        tells_nothing("a file", &finished);
    }
}

#[test]
fn a_token_of_another_shape_in_the_file_is_not_printed() {
    let folder = folder();
    for (number, value) in
        ["canary-bare", "[\"canary-in-a-list\", 7]", "{ canary = 7 }", "\"canary", "'''canary"]
            .iter()
            .enumerate()
    {
        let config =
            file(&folder, &format!("mock{number}.toml"), &format!("control_token = {value}\n"));
        let finished = Running::serve(&["--config", &config]).finish();
        assert!(matches!(finished.code, Some(1..)), "{value}: {finished:?}");
        tells_nothing(value, &finished);
    }
}

#[test]
fn no_command_prints_a_secret_of_its_environment() {
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
        let mut command = command(arguments);
        let finished = Running::spawn(command.envs(secrets)).finish();
        tells_nothing(&arguments.join(" "), &finished);
    }
}

#[test]
fn a_refused_command_line_repeats_no_secret_of_it() {
    let folder = folder();
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
        let finished = run(&[&["serve"], &secrets[..], arguments].concat());
        assert!(matches!(finished.code, Some(1..)), "{arguments:?}: {finished:?}");
        tells_nothing(&arguments.join(" "), &finished);
    }
}

#[test]
fn what_was_made_up_is_shown_once_and_what_was_given_is_not() {
    let shown = |arguments: &[&str]| {
        let fixed = ["--ephemeral", "--listen", "0.0.0.0:0"];
        let mut program =
            Running::spawn(command(&[&fixed, arguments].concat()).env("RUST_LOG", "trace"));
        program.base();
        program.wait_for(|_, line| line.contains("curl "));
        program.stop().text()
    };
    let both = shown(&[]);
    assert_eq!(both.matches("asks for the token ").count(), 1, "{both}");
    assert_eq!(both.matches("apiKey: ").count(), 1, "{both}");
    let given = shown(&["--api-key", KEY, "--control-token", TOKEN]);
    assert!(!given.contains(KEY) && !given.contains(TOKEN), "{given}");
    assert!(!given.contains("asks for the token"), "{given}");
}
