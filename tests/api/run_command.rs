//! The command `run`: runs a command next to its own server.

use serde_json::Value;

use crate::support::process::{OutputStream, RunningProcess, build_command, run_to_exit};

#[test]
fn command_receives_server_address_in_environment() {
    let script = "echo base=$OMNIDESK_BASE_URL key=$OMNIDESK_API_KEY control=$OMNIDESK_CONTROL_URL token=$OMNIDESK_CONTROL_TOKEN.";
    let ended = run_to_exit(&["run", "--", "sh", "-c", script]);
    assert_eq!(ended.exit_code, Some(0), "{ended:?}");
    assert!(ended.stdout.starts_with("base=http://127.0.0.1:"), "{ended:?}");
    assert!(ended.stdout.contains("/_control token=.\n"), "{ended:?}");
    let arguments =
        ["run", "--api-key", "my-key", "--control-token", "my-token-1", "--", "sh", "-c", script];
    let ended = run_to_exit(&arguments);
    assert!(
        ended.stdout.contains(" key=my-key ") && ended.stdout.contains("token=my-token-1."),
        "{ended:?}"
    );
    assert_eq!(ended.stdout.lines().count(), 1, "only the command prints to stdout: {ended:?}");
}

#[test]
fn exit_code_of_command_is_passed_on() {
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("exit 255", 255), ("kill -KILL $$", 137)]
    {
        let ended = run_to_exit(&["run", "--", "sh", "-c", script]);
        assert_eq!(ended.exit_code, Some(code), "{script}: {ended:?}");
    }
    let ended = run_to_exit(&["run", "--", "/no/such/command"]);
    assert_eq!(ended.exit_code, Some(127), "{ended:?}");
    assert!(ended.stderr.contains("/no/such/command cannot be started"), "{ended:?}");
    let ended = run_to_exit(&["run", "--", "/"]);
    assert_eq!(ended.exit_code, Some(126), "{ended:?}");
    assert_eq!(run_to_exit(&["run"]).exit_code, Some(2), "run requires a command");
}

#[test]
fn signals_are_forwarded_to_the_command() {
    for (signal, code) in [("-TERM", 3), ("-INT", 4), ("-HUP", 5)] {
        let script = "end() { kill $!; exit $1; }; trap 'end 3' TERM; trap 'end 4' INT; trap 'end 5' HUP; sleep 60 & echo started; wait";
        let mut program =
            RunningProcess::spawn(&mut build_command(&["run", "--", "bash", "-c", script]));
        program.wait_for_line(|stream, line| stream == OutputStream::Stdout && line == "started");
        let ended = program.signal_and_wait(signal);
        assert_eq!(ended.exit_code, Some(code), "{signal}: {ended:?}");
    }
}

#[test]
fn command_does_not_run_if_server_cannot_start() {
    let ended = run_to_exit(&["run", "--seed", "/no/such/seed.yaml", "--", "echo", "ran"]);
    assert_eq!((ended.exit_code, ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
    assert!(ended.stderr.contains("/no/such/seed.yaml"), "{ended:?}");
}

#[test]
fn well_known_key_is_rejected_on_non_loopback_address() {
    let ended =
        run_to_exit(&["run", "--listen", "0.0.0.0:0", "--api-key", "dev-key", "--", "echo", "ran"]);
    assert_eq!((ended.exit_code, ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
    assert!(ended.stderr.contains("well-known"), "{ended:?}");
}

#[test]
fn openapi_control_flag_prints_control_api_document() {
    let document: Value =
        serde_json::from_str(&run_to_exit(&["openapi", "--control"]).expect_success())
            .expect("the body is JSON");
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/_control/accounts/{account}/reset"]["post"].is_object());
}
