//! The program as PID 1 of a container, and signals during startup. The kernel ignores signals that PID 1 does not
//! handle, and makes PID 1 the parent of orphaned processes.

use std::fs::{OpenOptions, read_to_string};
use std::path::Path;
use std::process::Command;

use crate::support::files::{self, create_fifo};
use crate::support::process::{
    OutputStream, PROGRAM, RunningProcess, build_clean_env_command, build_command, send_signal,
};
use crate::support::tools::{Tool, can_run};
use crate::support::wait::block_until;
use crate::tool_test::{ToolTest, tool_tests};

pub(super) fn tests() -> Vec<ToolTest> {
    let with_tool = tool_tests![UNSHARE =>
        pid1_handles_signal_during_startup,
        pid1_shuts_down_gracefully,
        pid1_reaps_orphaned_processes,
    ];
    let others = tool_tests![=>
        signal_kills_server_during_startup,
        server_reaps_inherited_children,
    ];
    [with_tool, others].into_iter().flatten().collect()
}

/// `unshare` flags that make the program PID 1: with privileges, or in a user namespace.
const UNSHARE_FLAGS: [&[&str]; 2] = [
    &["--pid", "--fork", "--kill-child"],
    &["--user", "--map-root-user", "--pid", "--fork", "--kill-child"],
];

/// unshare, with the permission to create a PID namespace.
static UNSHARE: Tool = Tool::new("unshare", || {
    find_unshare_flags()
        .map(drop)
        .ok_or_else(|| "not permitted to create a PID namespace".to_owned())
});

fn find_unshare_flags() -> Option<&'static [&'static str]> {
    let is_permitted = |flags: &&&[&str]| can_run("unshare", &[**flags, &["true"]].concat());
    UNSHARE_FLAGS.iter().find(is_permitted).copied()
}

/// Returns a command that runs the program as PID 1.
fn build_pid1_command(arguments: &[&str]) -> Command {
    let flags = find_unshare_flags().expect("the probe of the tool has found the flags");
    build_clean_env_command("unshare", &[flags, &[PROGRAM], arguments].concat())
}

/// Returns the child processes.
fn child_pids(id: u32) -> Vec<u32> {
    let children = read_to_string(format!("/proc/{id}/task/{id}/children"))
        .expect("the child list is readable");
    children.split_whitespace().map(|id| id.parse().expect("a number")).collect()
}

/// Returns arguments that read the seed or the configuration from the FIFO, for `serve` and `run`.
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

fn signal_kills_server_during_startup() {
    let folder = files::create_temp_dir();
    let pipe = folder.path().join("seed.yaml");
    create_fifo(&pipe);
    for arguments in startup_arguments(&pipe) {
        for signal in ["-TERM", "-INT"] {
            let program = RunningProcess::spawn(&mut build_command(&arguments));
            // Opening the FIFO succeeds once the program has opened it for reading.
            let writer =
                OpenOptions::new().write(true).open(&pipe).expect("the program opens the FIFO");
            let ended = program.signal_and_wait(signal);
            assert_eq!(ended.exit_code, None, "the signal kills it, {arguments:?}: {ended:?}");
            assert_eq!(ended.stdout, "", "{arguments:?}: {ended:?}");
            drop(writer);
        }
    }
}

fn pid1_handles_signal_during_startup() {
    let folder = files::create_temp_dir();
    let pipe = folder.path().join("seed.yaml");
    create_fifo(&pipe);
    for arguments in startup_arguments(&pipe) {
        let mut command = build_pid1_command(&arguments);
        let program = RunningProcess::spawn(&mut command);
        let writer =
            OpenOptions::new().write(true).open(&pipe).expect("the program opens the FIFO");
        let [pid1] = child_pids(program.pid())[..] else { panic!("unshare must have one child") };
        send_signal(pid1, "-TERM");
        let ended = program.wait_for_exit();
        assert_eq!(ended.exit_code, Some(143), "{arguments:?}: {ended:?}");
        drop(writer);
    }
}

fn pid1_shuts_down_gracefully() {
    let mut command = build_pid1_command(&["serve", "--listen", "127.0.0.1:0", "--ephemeral"]);
    let mut program = RunningProcess::spawn(&mut command);
    program.base_url();
    let [pid1] = child_pids(program.pid())[..] else { panic!("unshare must have one child") };
    send_signal(pid1, "-TERM");
    let ended = program.wait_for_exit();
    assert_eq!(ended.exit_code, Some(0), "{ended:?}");
}

fn pid1_reaps_orphaned_processes() {
    // A zombie still accepts `kill -0`; the last line is printed once it was reaped.
    let script = "left=$(sh -c 'sleep 0 > /dev/null & echo $!'); \
        while kill -0 $left 2> /dev/null; do sleep 0.01; done; echo reaped; exit 7";
    let mut command = build_pid1_command(&["run", "--", "sh", "-c", script]);
    let mut program = RunningProcess::spawn(&mut command);
    program.wait_for_line(|stream, line| stream == OutputStream::Stdout && line == "reaped");
    assert_eq!(program.wait_for_exit().exit_code, Some(7), "the exit code is the command's");
}

fn server_reaps_inherited_children() {
    let script = "sleep 0.1 & exec \"$0\" \"$@\"";
    let arguments = ["-c", script, PROGRAM, "serve", "--listen", "127.0.0.1:0", "--ephemeral"];
    let mut server = RunningProcess::spawn(&mut build_clean_env_command("sh", &arguments));
    server.base_url();
    block_until("the child to be reaped", || child_pids(server.pid()).is_empty());
    assert_eq!(server.stop().exit_code, Some(0));
}
