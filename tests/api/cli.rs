//! The commands that start and watch a server, and what they print.

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::net::TcpSocket;

use crate::clients::{can_run, passed_over};
use crate::fixtures;
use crate::program::{Running, command, run};
use crate::support::DEV_KEY;

/// The status with which a server answers to a key.
pub(crate) async fn status(base: &str, key: &str) -> u16 {
    let request = reqwest::Client::new().get(format!("{base}/api/v2/ticket")).header("apiKey", key);
    request.send().await.expect("the server answers").status().as_u16()
}

#[tokio::test]
async fn the_first_line_tells_where_it_listens() {
    let mut running = Running::spawn(&mut command(&["--listen", "127.0.0.1:0", "--ephemeral"]));
    let first = running.wait_for(|stream, _| stream == crate::program::Stream::Out);
    let address = first.strip_prefix("listening on http://127.0.0.1:").expect("the address");
    assert_ne!(address.parse::<u16>().expect("a port"), 0);
    assert_eq!(status(&running.base(), DEV_KEY).await, 200);
    assert_eq!(running.stop().code, Some(0));
}

#[tokio::test]
async fn the_port_file_receives_the_address() {
    let folder = fixtures::folder();
    let path = folder.path().join("port");
    let mut running = Running::serve(&["--port-file", path.to_str().expect("text")]);
    let base = running.base();
    let written = std::fs::read_to_string(&path).expect("it is there once the server is ready");
    assert_eq!(format!("http://{}", written.trim()), base);
    assert_eq!(status(&base, DEV_KEY).await, 200);
}

#[tokio::test]
async fn the_printed_curl_line_works_as_printed() {
    if !can_run("curl", &["--version"]) {
        return passed_over("there is no curl");
    }
    let mut running = Running::serve(&[]);
    let printed = running.wait_for(|_, line| line.contains("curl "));
    let line = printed[printed.find("curl ").expect("it is there")..].to_owned();
    let output =
        Command::new("sh").args(["-c", &line]).env("NO_PROXY", "*").output().expect("sh runs");
    assert!(output.status.success(), "{line}: {output:?}");
    let answer: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{line} prints JSON ({error}): {output:?}"));
    assert_ne!(answer["status"], "error", "{line}: {answer}");
    assert!(answer["type"].is_string(), "{line}: {answer}");
}

#[tokio::test]
async fn nothing_has_a_well_known_key_where_others_can_reach_it() {
    let mut keys = Vec::new();
    for _ in 0..2 {
        let mut open = command(&["--listen", "0.0.0.0:0", "--ephemeral"]);
        let mut running = Running::spawn(&mut open);
        let base = running.base().replace("0.0.0.0", "127.0.0.1");
        assert_eq!(status(&base, DEV_KEY).await, 401);
        let printed = running.wait_for(|_, line| line.contains("curl "));
        let mut working = Vec::new();
        for word in printed.split(|c: char| !(c.is_ascii_alphanumeric() || "_-".contains(c))) {
            if word.len() >= 16 && status(&base, word).await == 200 {
                working.push(word.to_owned());
            }
        }
        assert_eq!(working.len(), 1, "one key of {printed:?} works");
        keys.push(working.remove(0));
        let text = running.stop().text();
        assert!(!text.contains(DEV_KEY), "{text}");
    }
    assert_ne!(keys[0], keys[1], "the key is made anew");
}

#[tokio::test]
async fn a_given_key_is_the_only_one() {
    let mut running = Running::serve(&["--api-key", "flag-key-0123456789"]);
    let base = running.base();
    assert_eq!(status(&base, "flag-key-0123456789").await, 200);
    assert_eq!(status(&base, DEV_KEY).await, 401);
}

#[test]
fn ready_waits_for_a_server_that_answers() {
    let mut running = Running::serve(&[]);
    let base = running.base();
    let ready = run(&["ready", "--url", &base]);
    assert_eq!(ready.code, Some(0), "{ready:?}");
}

#[tokio::test]
async fn ready_gives_up_in_time_and_says_so() {
    // A port that takes connections and never answers, and one that is held and takes none.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let closed = TcpSocket::new_v4().expect("a socket");
    closed.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    for address in [silent.local_addr().expect("bound"), closed.local_addr().expect("bound")] {
        let nothing = format!("http://{address}");
        let begun = Instant::now();
        let ready = run(&["ready", "--url", &nothing, "--timeout", "300ms"]);
        assert!(!matches!(ready.code, Some(0)), "{ready:?}");
        assert!(ready.stderr.contains(&nothing), "{ready:?}");
        assert!(ready.stderr.contains("300ms"), "{ready:?}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }
}

#[test]
fn ready_refuses_a_wrong_url_or_time() {
    for (arguments, named) in [
        (["ready", "--url", "nonsense", "--timeout", "300ms"], "nonsense"),
        (["ready", "--url", "http://127.0.0.1:9", "--timeout", "soon"], "soon"),
    ] {
        let ready = run(&arguments);
        assert!(!matches!(ready.code, Some(0)), "{ready:?}");
        assert!(ready.stderr.contains(named), "{ready:?}");
        assert!(!ready.text().contains("panicked"), "{ready:?}");
    }
}

#[test]
fn an_unknown_flag_or_command_is_named() {
    for arguments in [&["--lissten", "127.0.0.1:0"][..], &["sevre"], &["seed", "chekc", "a.yaml"]] {
        let refused = run(arguments);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        let named = arguments.iter().any(|argument| refused.stderr.contains(argument));
        assert!(named, "{refused:?}");
    }
}

#[test]
fn the_version_is_printed() {
    assert!(run(&["--version"]).output().contains(env!("CARGO_PKG_VERSION")));
}
