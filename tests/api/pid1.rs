//! The program as the first process of a container, and signals that come before it is ready. The system throws away
//! what the first process does not listen to, and gives it the children of those who have ended.

use std::fs::{OpenOptions, read_to_string};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::fixtures;
use crate::process::{OutputStream, RunningProcess, build_clean_env_command, build_command};
use crate::third_party_clients::{can_run, skip_test};

/// Longer than a process takes to do what it should, so that one that does not fails its test instead of holding it.
const TEST_TIMEOUT: Duration = Duration::from_mins(1);

/// The ways in which one may be the first process: with rights, or as a user who has them in a world of his own.
const UNSHARE_FLAGS: [&[&str]; 2] = [
    &["--pid", "--fork", "--kill-child"],
    &["--user", "--map-root-user", "--pid", "--fork", "--kill-child"],
];

/// A program with these arguments as the first process; None where that is not allowed.
fn build_pid1_command(arguments: &[&str]) -> Option<Command> {
    let way =
        UNSHARE_FLAGS.iter().find(|way| can_run("unshare", &[way, &["true"][..]].concat()))?;
    let program = env!("CARGO_BIN_EXE_omnidesk-mock");
    Some(build_clean_env_command("unshare", &[way, &[program][..], arguments].concat()))
}

/// The children of a process.
fn child_pids(id: u32) -> Vec<u32> {
    let listed =
        read_to_string(format!("/proc/{id}/task/{id}/children")).expect("Linux lists them");
    listed.split_whitespace().map(|id| id.parse().expect("a number")).collect()
}

fn send_signal(signal: &str, id: u32) {
    assert!(can_run("kill", &[signal, &id.to_string()]), "{signal} is sent to {id}");
}

/// A pipe with a name in the folder. Who reads it waits until somebody writes.
fn create_fifo(folder: &Path) -> PathBuf {
    let pipe = folder.join("seed.yaml");
    assert!(can_run("mkfifo", &[pipe.to_str().expect("text")]), "there is mkfifo");
    pipe
}

/// The arguments of a server that reads its seed or its settings from there, and of a command beside one.
fn startup_arguments(pipe: &Path) -> [Vec<&str>; 4] {
    let pipe = pipe.to_str().expect("text");
    let seed = ["--listen", "127.0.0.1:0", "--ephemeral", "--seed", pipe];
    let settings = ["--listen", "127.0.0.1:0", "--ephemeral", "--config", pipe];
    [
        [&["serve"][..], &seed].concat(),
        [&["serve"][..], &settings].concat(),
        [&["run"], &seed[..], &["--", "echo", "ran"]].concat(),
        [&["run"], &settings[..], &["--", "echo", "ran"]].concat(),
    ]
}

#[test]
fn signal_kills_server_during_startup() {
    let folder = fixtures::create_temp_dir();
    let pipe = create_fifo(folder.path());
    for arguments in startup_arguments(&pipe) {
        for signal in ["-TERM", "-INT"] {
            let program = RunningProcess::spawn(&mut build_command(&arguments));
            // There is a reader now, and it waits.
            let writer = OpenOptions::new().write(true).open(&pipe).expect("the file is read");
            let ended = program.signal_and_wait(signal);
            assert_eq!(ended.exit_code, None, "a signal ends it, {arguments:?}: {ended:?}");
            assert_eq!(ended.stdout, "", "{arguments:?}: {ended:?}");
            drop(writer);
        }
    }
}

#[test]
fn pid1_handles_signal_during_startup() {
    let folder = fixtures::create_temp_dir();
    let pipe = create_fifo(folder.path());
    for arguments in startup_arguments(&pipe) {
        let Some(mut command) = build_pid1_command(&arguments) else {
            return skip_test("no process may be the first of a world of its own (unshare)");
        };
        let program = RunningProcess::spawn(&mut command);
        let writer = OpenOptions::new().write(true).open(&pipe).expect("the file is read");
        let [first] = child_pids(program.pid())[..] else { panic!("unshare has one child") };
        send_signal("-TERM", first);
        let ended = program.wait_for_exit();
        assert_eq!(ended.exit_code, Some(143), "{arguments:?}: {ended:?}");
        drop(writer);
    }
}

#[test]
fn pid1_shuts_down_gracefully() {
    let Some(mut command) =
        build_pid1_command(&["serve", "--listen", "127.0.0.1:0", "--ephemeral"])
    else {
        return skip_test("no process may be the first of a world of its own (unshare)");
    };
    let mut program = RunningProcess::spawn(&mut command);
    program.base_url();
    let [first] = child_pids(program.pid())[..] else { panic!("unshare has one child") };
    send_signal("-TERM", first);
    let ended = program.wait_for_exit();
    assert_eq!(ended.exit_code, Some(0), "{ended:?}");
}

#[test]
fn pid1_reaps_orphaned_processes() {
    // One that nobody has waited for still takes a signal; the last line comes when it does not any more.
    let script = "left=$(sh -c 'sleep 0 > /dev/null & echo $!'); \
        while kill -0 $left 2> /dev/null; do sleep 0.01; done; echo reaped; exit 7";
    let Some(mut command) = build_pid1_command(&["run", "--", "sh", "-c", script]) else {
        return skip_test("no process may be the first of a world of its own (unshare)");
    };
    let mut program = RunningProcess::spawn(&mut command);
    program.wait_for_line(|stream, line| stream == OutputStream::Stdout && line == "reaped");
    assert_eq!(program.wait_for_exit().exit_code, Some(7), "the code is that of the command");
}

#[test]
fn server_reaps_inherited_children() {
    let script = "sleep 0.1 & exec \"$0\" \"$@\"";
    let program = env!("CARGO_BIN_EXE_omnidesk-mock");
    let arguments = ["-c", script, program, "serve", "--listen", "127.0.0.1:0", "--ephemeral"];
    let mut server = RunningProcess::spawn(&mut build_clean_env_command("sh", &arguments));
    server.base_url();
    let end = Instant::now() + TEST_TIMEOUT;
    while !child_pids(server.pid()).is_empty() {
        assert!(Instant::now() < end, "a child stays");
        std::thread::yield_now();
    }
    assert_eq!(server.stop().exit_code, Some(0));
}
