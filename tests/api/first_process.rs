//! The program as the first process of a container, and signals that come before it is ready. The system throws away
//! what the first process does not listen to, and gives it the children of those who have ended.

use std::fs::{OpenOptions, read_to_string};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::clients::{can_run, passed_over};
use crate::fixtures;
use crate::program::{Running, Stream, command, undisturbed};

/// Longer than a process takes to do what it should, so that one that does not fails its test instead of holding it.
const PATIENCE: Duration = Duration::from_mins(1);

/// The ways in which one may be the first process: with rights, or as a user who has them in a world of his own.
const WAYS: [&[&str]; 2] = [
    &["--pid", "--fork", "--kill-child"],
    &["--user", "--map-root-user", "--pid", "--fork", "--kill-child"],
];

/// A program with these arguments as the first process; None where that is not allowed.
fn first_process(arguments: &[&str]) -> Option<Command> {
    let way = WAYS.iter().find(|way| can_run("unshare", &[way, &["true"][..]].concat()))?;
    let program = env!("CARGO_BIN_EXE_omnidesk-mock");
    Some(undisturbed("unshare", &[way, &[program][..], arguments].concat()))
}

/// The children of a process.
fn children(id: u32) -> Vec<u32> {
    let listed =
        read_to_string(format!("/proc/{id}/task/{id}/children")).expect("Linux lists them");
    listed.split_whitespace().map(|id| id.parse().expect("a number")).collect()
}

fn kill(signal: &str, id: u32) {
    assert!(can_run("kill", &[signal, &id.to_string()]), "{signal} is sent to {id}");
}

/// A pipe with a name in the folder. Who reads it waits until somebody writes.
fn pipe(folder: &Path) -> PathBuf {
    let pipe = folder.join("seed.yaml");
    assert!(can_run("mkfifo", &[pipe.to_str().expect("text")]), "there is mkfifo");
    pipe
}

/// The arguments of a server that reads its seed or its settings from there, and of a command beside one.
fn starting(pipe: &Path) -> [Vec<&str>; 4] {
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
fn a_signal_ends_a_server_that_is_still_starting() {
    let folder = fixtures::folder();
    let pipe = pipe(folder.path());
    for arguments in starting(&pipe) {
        for signal in ["-TERM", "-INT"] {
            let program = Running::spawn(&mut command(&arguments));
            // There is a reader now, and it waits.
            let writer = OpenOptions::new().write(true).open(&pipe).expect("the file is read");
            let ended = program.signal(signal);
            assert_eq!(ended.code, None, "a signal ends it, {arguments:?}: {ended:?}");
            assert_eq!(ended.stdout, "", "{arguments:?}: {ended:?}");
            drop(writer);
        }
    }
}

#[test]
fn the_first_process_hears_a_signal_while_it_is_still_starting() {
    let folder = fixtures::folder();
    let pipe = pipe(folder.path());
    for arguments in starting(&pipe) {
        let Some(mut command) = first_process(&arguments) else {
            return passed_over("no process may be the first of a world of its own (unshare)");
        };
        let program = Running::spawn(&mut command);
        let writer = OpenOptions::new().write(true).open(&pipe).expect("the file is read");
        let [first] = children(program.id())[..] else { panic!("unshare has one child") };
        kill("-TERM", first);
        let ended = program.finish();
        assert_eq!(ended.code, Some(143), "{arguments:?}: {ended:?}");
        drop(writer);
    }
}

#[test]
fn the_first_process_ends_in_order() {
    let Some(mut command) = first_process(&["serve", "--listen", "127.0.0.1:0", "--ephemeral"])
    else {
        return passed_over("no process may be the first of a world of its own (unshare)");
    };
    let mut program = Running::spawn(&mut command);
    program.base();
    let [first] = children(program.id())[..] else { panic!("unshare has one child") };
    kill("-TERM", first);
    let ended = program.finish();
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn the_first_process_reaps_children_that_others_have_left() {
    // One that nobody has waited for still takes a signal; the last line comes when it does not any more.
    let script = "left=$(sh -c 'sleep 0 > /dev/null & echo $!'); \
        while kill -0 $left 2> /dev/null; do sleep 0.01; done; echo reaped; exit 7";
    let Some(mut command) = first_process(&["run", "--", "sh", "-c", script]) else {
        return passed_over("no process may be the first of a world of its own (unshare)");
    };
    let mut program = Running::spawn(&mut command);
    program.wait_for(|stream, line| stream == Stream::Out && line == "reaped");
    assert_eq!(program.finish().code, Some(7), "the code is that of the command");
}

#[test]
fn a_server_reaps_children_that_it_has_not_started() {
    let script = "sleep 0.1 & exec \"$0\" \"$@\"";
    let program = env!("CARGO_BIN_EXE_omnidesk-mock");
    let arguments = ["-c", script, program, "serve", "--listen", "127.0.0.1:0", "--ephemeral"];
    let mut server = Running::spawn(&mut undisturbed("sh", &arguments));
    server.base();
    let end = Instant::now() + PATIENCE;
    while !children(server.id()).is_empty() {
        assert!(Instant::now() < end, "a child stays");
        std::thread::yield_now();
    }
    assert_eq!(server.stop().code, Some(0));
}
