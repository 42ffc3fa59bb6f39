//! The command `run`: a command beside a server of its own.

use serde_json::Value;

use crate::program::{Running, Stream, command, run};

#[test]
fn the_command_is_told_where_its_server_is() {
    let script = "echo base=$OMNIDESK_BASE_URL key=$OMNIDESK_API_KEY control=$OMNIDESK_CONTROL_URL token=$OMNIDESK_CONTROL_TOKEN.";
    let ended = run(&["run", "--", "sh", "-c", script]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.starts_with("base=http://127.0.0.1:"), "{ended:?}");
    assert!(ended.stdout.contains("/_control token=.\n"), "{ended:?}");
    let told =
        ["run", "--api-key", "my-key", "--control-token", "my-token-1", "--", "sh", "-c", script];
    let ended = run(&told);
    assert!(
        ended.stdout.contains(" key=my-key ") && ended.stdout.contains("token=my-token-1."),
        "{ended:?}"
    );
    assert_eq!(ended.stdout.lines().count(), 1, "the server itself prints nothing: {ended:?}");
}

#[test]
fn its_exit_code_passes_through() {
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("exit 255", 255), ("kill -KILL $$", 137)]
    {
        let ended = run(&["run", "--", "sh", "-c", script]);
        assert_eq!(ended.code, Some(code), "{script}: {ended:?}");
    }
    let ended = run(&["run", "--", "/no/such/command"]);
    assert_eq!(ended.code, Some(127), "{ended:?}");
    assert!(ended.stderr.contains("/no/such/command cannot be started"), "{ended:?}");
    let ended = run(&["run", "--", "/"]);
    assert_eq!(ended.code, Some(126), "{ended:?}");
    assert_eq!(run(&["run"]).code, Some(2), "a command is needed");
}

#[test]
fn signals_are_passed_on() {
    for (signal, code) in [("-TERM", 3), ("-INT", 4), ("-HUP", 5)] {
        let script = "trap 'exit 3' TERM; trap 'exit 4' INT; trap 'exit 5' HUP; echo started; while :; do read -t 1 line || :; done < /dev/zero";
        let mut program = Running::spawn(&mut command(&["run", "--", "bash", "-c", script]));
        program.wait_for(|stream, line| stream == Stream::Out && line == "started");
        let ended = program.signal(signal);
        assert_eq!(ended.code, Some(code), "{signal}: {ended:?}");
    }
}

#[test]
fn a_server_that_cannot_start_runs_no_command() {
    let ended = run(&["run", "--seed", "/no/such/seed.yaml", "--", "echo", "ran"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
    assert!(ended.stderr.contains("/no/such/seed.yaml"), "{ended:?}");
}

#[test]
fn a_well_known_key_is_refused_where_others_can_reach_it() {
    let ended = run(&["run", "--listen", "0.0.0.0:0", "--api-key", "dev-key", "--", "echo", "ran"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
    assert!(ended.stderr.contains("well-known"), "{ended:?}");
}

#[test]
fn the_document_of_the_control_api_is_printed() {
    let document: Value =
        serde_json::from_str(&run(&["openapi", "--control"]).output()).expect("JSON");
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/_control/accounts/{account}/reset"]["post"].is_object());
}
