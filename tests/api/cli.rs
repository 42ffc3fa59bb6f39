//! The commands that start and check a server, and their output.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use tokio::net::TcpSocket;

use crate::support::client::DEV_KEY;
use crate::support::files;
use crate::support::process::{OutputStream, RunningProcess, build_command, run_to_exit};

/// Returns the status of a ticket list request with this key.
pub(crate) async fn get_status(base: &str, key: &str) -> u16 {
    let request = reqwest::Client::new().get(format!("{base}/api/v2/ticket")).header("apiKey", key);
    request.send().await.expect("the server responds").status().as_u16()
}

#[tokio::test]
async fn first_stdout_line_is_the_listen_address() {
    let mut running =
        RunningProcess::spawn(&mut build_command(&["--listen", "127.0.0.1:0", "--ephemeral"]));
    let first = running.wait_for_line(|stream, _| stream == OutputStream::Stdout);
    let address = first.strip_prefix("listening on http://127.0.0.1:").expect("the address");
    assert_ne!(address.parse::<u16>().expect("a port"), 0);
    assert_eq!(get_status(&running.base_url(), DEV_KEY).await, 200);
    assert_eq!(running.stop().exit_code, Some(0));
}

#[test]
fn configured_key_is_announced_but_not_printed() {
    let mut running = RunningProcess::spawn_server(&["--api-key", "a-configured-key"]);
    running.wait_for_line(|_, line| line == "the account dev has the configured API key");
    let finished = running.stop();
    assert!(!finished.combined_output().contains("a-configured-key"), "{finished:?}");
}

#[tokio::test]
async fn the_port_file_receives_the_address() {
    let folder = files::create_temp_dir();
    let path = folder.path().join("port");
    let mut running = RunningProcess::spawn_server(&["--port-file", path.to_str().expect("text")]);
    let base = running.base_url();
    let written =
        std::fs::read_to_string(&path).expect("the port file exists once the server is ready");
    assert_eq!(format!("http://{}", written.trim()), base);
    assert_eq!(get_status(&base, DEV_KEY).await, 200);
}

#[tokio::test]
async fn non_loopback_server_has_random_api_key() {
    let mut keys = Vec::new();
    for _ in 0..2 {
        let mut command = build_command(&["--listen", "0.0.0.0:0", "--ephemeral"]);
        let mut running = RunningProcess::spawn(&mut command);
        let base = running.base_url().replace("0.0.0.0", "127.0.0.1");
        assert_eq!(get_status(&base, DEV_KEY).await, 401);
        let printed = running.wait_for_line(|_, line| line.contains("curl "));
        let mut working = Vec::new();
        for word in printed.split(|c: char| !(c.is_ascii_alphanumeric() || "_-".contains(c))) {
            if word.len() >= 16 && get_status(&base, word).await == 200 {
                working.push(word.to_owned());
            }
        }
        assert_eq!(working.len(), 1, "one key of {printed:?} works");
        keys.push(working.remove(0));
        let text = running.stop().combined_output();
        assert!(!text.contains(DEV_KEY), "{text}");
    }
    assert_ne!(keys[0], keys[1], "each server generates a new key");
}

#[tokio::test]
async fn api_key_flag_replaces_default_key() {
    let mut running = RunningProcess::spawn_server(&["--api-key", "flag-key-0123456789"]);
    let base = running.base_url();
    assert_eq!(get_status(&base, "flag-key-0123456789").await, 200);
    assert_eq!(get_status(&base, DEV_KEY).await, 401);
}

#[test]
fn ready_succeeds_once_server_responds() {
    let mut running = RunningProcess::spawn_server(&[]);
    let base = running.base_url();
    let ready = run_to_exit(&["ready", "--url", &base]);
    assert_eq!(ready.exit_code, Some(0), "{ready:?}");
}

#[tokio::test]
async fn ready_times_out_with_an_error() {
    // A port that accepts connections and never responds, and a bound port that does not listen.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let not_listening = TcpSocket::new_v4().expect("a socket");
    not_listening.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    for address in [
        silent.local_addr().expect("the socket is bound"),
        not_listening.local_addr().expect("the socket is bound"),
    ] {
        let url = format!("http://{address}");
        let start = Instant::now();
        let ready = run_to_exit(&["ready", "--url", &url, "--timeout", "300ms"]);
        assert!(!matches!(ready.exit_code, Some(0)), "{ready:?}");
        assert!(ready.stderr.contains(&url), "{ready:?}");
        assert!(ready.stderr.contains("300ms"), "{ready:?}");
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }
}

#[test]
fn ready_rejects_invalid_url_or_timeout() {
    for (arguments, text) in [
        (["ready", "--url", "nonsense", "--timeout", "300ms"], "nonsense"),
        (["ready", "--url", "http://127.0.0.1:9", "--timeout", "soon"], "soon"),
    ] {
        let ready = run_to_exit(&arguments);
        assert!(!matches!(ready.exit_code, Some(0)), "{ready:?}");
        assert!(ready.stderr.contains(text), "{ready:?}");
        assert!(!ready.combined_output().contains("panicked"), "{ready:?}");
    }
}

#[test]
fn error_names_unknown_flag_or_command() {
    for arguments in [&["--lissten", "127.0.0.1:0"][..], &["sevre"], &["seed", "chekc", "a.yaml"]] {
        let refused = run_to_exit(arguments);
        assert_eq!(refused.exit_code, Some(2), "{refused:?}");
        let named = arguments.iter().any(|argument| refused.stderr.contains(argument));
        assert!(named, "{refused:?}");
    }
}

#[test]
fn the_version_is_printed() {
    assert!(run_to_exit(&["--version"]).expect_success().contains(env!("CARGO_PKG_VERSION")));
}
