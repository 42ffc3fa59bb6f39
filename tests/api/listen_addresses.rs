//! Several addresses of one server, and addresses of both IP versions.

use std::net::{SocketAddr, TcpListener};

use crate::cli::get_status;
use crate::support::client::DEV_KEY;
use crate::support::files;
use crate::support::process::{OutputStream, RunningProcess, build_command};

/// Two addresses that are loopback on each system that the tests run on.
const TWO: [&str; 4] = ["--listen", "127.0.0.1:0", "--listen", "127.0.0.2:0"];

fn has_ipv6() -> bool {
    TcpListener::bind("[::1]:0").is_ok()
}

/// Returns the addresses that a server prints, as URLs.
fn printed_addresses(process: &mut RunningProcess) -> Vec<String> {
    process.wait_for_line(|_, line| line.starts_with("accounts are stored in "));
    let lines = process.received_lines(OutputStream::Stdout);
    lines.filter_map(|line| line.strip_prefix("listening on ")).map(str::to_owned).collect()
}

fn spawn(arguments: &[&str], variables: &[(&str, &str)]) -> RunningProcess {
    let mut command = build_command(&[&["serve", "--ephemeral"], arguments].concat());
    RunningProcess::spawn(command.envs(variables.iter().copied()))
}

#[tokio::test]
async fn server_listens_on_each_address() {
    let folder = files::create_temp_dir();
    let port_file = folder.path().join("port").display().to_string();
    let toml = |text: &str| files::write_file(&folder, "mock.toml", text);
    let config = toml("listen = [\"127.0.0.1:0\", \"127.0.0.2:0\"]\n");
    let config = ["--config", config.as_str()];
    let variable = [("OMNIDESK_MOCK_LISTEN", "127.0.0.1:0,127.0.0.2:0")];
    for (arguments, variables) in
        [(&TWO[..], &[][..]), (&["--listen", variable[0].1], &[]), (&[], &variable), (&config, &[])]
    {
        let arguments = [arguments, &["--port-file", &port_file]].concat();
        let mut process = spawn(&arguments, variables);
        let urls = printed_addresses(&mut process);
        assert_eq!(urls.len(), 2, "{arguments:?}: {urls:?}");
        for (url, host) in urls.iter().zip(["http://127.0.0.1:", "http://127.0.0.2:"]) {
            assert!(url.starts_with(host), "{arguments:?}: {urls:?}");
            assert_eq!(get_status(url, DEV_KEY).await, 200, "{url}");
        }
        let written = std::fs::read_to_string(&port_file).expect("the port file is readable");
        let lines: Vec<String> = written.lines().map(|line| format!("http://{line}")).collect();
        assert_eq!(lines, urls, "{arguments:?}");
        let mut ready = build_command(&[&["ready"], &arguments[..]].concat());
        let ready = RunningProcess::spawn(ready.envs(variables.iter().copied())).wait_for_exit();
        assert_eq!(ready.exit_code, Some(0), "{arguments:?}: {ready:?}");
        assert_eq!(process.stop().exit_code, Some(0), "{arguments:?}");
    }
    let single = toml("listen = \"127.0.0.2:0\"\n");
    let mut process = spawn(&["--config", &single], &[]);
    assert!(process.base_url().starts_with("http://127.0.0.2:"));
}

#[tokio::test]
async fn all_addresses_are_those_of_both_ip_versions() {
    let mut process = spawn(&["--listen", "[::]:0", "--api-key", "some-key-0123"], &[]);
    let url = process.base_url();
    let address: SocketAddr = url["http://".len()..].parse().expect("an address");
    let mut hosts = vec!["127.0.0.1"];
    if has_ipv6() {
        hosts.push("[::1]");
    }
    for host in hosts {
        let url = format!("http://{host}:{}", address.port());
        assert_eq!(get_status(&url, "some-key-0123").await, 200, "{url}");
    }
    let listen = address.to_string();
    let ready = RunningProcess::spawn(&mut build_command(&["ready", "--listen", &listen]));
    assert_eq!(ready.wait_for_exit().exit_code, Some(0));
}

#[tokio::test]
async fn all_addresses_of_each_ip_version_can_be_listed() {
    if !has_ipv6() {
        return;
    }
    let free = TcpListener::bind("[::]:0").expect("a free port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    let (ipv4, ipv6) = (format!("0.0.0.0:{port}"), format!("[::]:{port}"));
    for (first, second) in [(&ipv4, &ipv6), (&ipv6, &ipv4)] {
        let arguments = ["--listen", first, "--listen", second, "--api-key", "some-key-0123"];
        let mut process = spawn(&arguments, &[]);
        assert_eq!(printed_addresses(&mut process).len(), 2);
        for host in ["127.0.0.1", "[::1]"] {
            assert_eq!(get_status(&format!("http://{host}:{port}"), "some-key-0123").await, 200);
        }
        assert_eq!(process.stop().exit_code, Some(0));
    }
}

#[test]
fn server_does_not_start_if_one_address_is_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let in_use = taken.local_addr().expect("an address").to_string();
    let folder = files::create_temp_dir();
    let port_file = folder.path().join("port").display().to_string();
    for addresses in [["127.0.0.1:0", &*in_use], [&in_use, "127.0.0.1:0"]] {
        let arguments =
            ["--listen", addresses[0], "--listen", addresses[1], "--port-file", &port_file];
        let finished = spawn(&arguments, &[]).wait_for_exit();
        assert_eq!(finished.exit_code, Some(1), "{finished:?}");
        assert_eq!(finished.stdout, "", "{finished:?}");
        assert!(finished.stderr.contains(&format!("cannot listen on {in_use}")), "{finished:?}");
        assert!(!folder.path().join("port").exists(), "{addresses:?}");
    }
    drop(taken);
    let config = files::write_file(&folder, "mock.toml", "listen = []\n");
    let finished = spawn(&["--config", &config], &[]).wait_for_exit();
    assert_eq!(finished.exit_code, Some(1), "{finished:?}");
    assert!(finished.stderr.contains("the server has no address"), "{finished:?}");
}

#[test]
fn public_address_beside_loopback_needs_secrets() {
    let mut process = spawn(&["--listen", "127.0.0.1:0", "--listen", "0.0.0.0:0"], &[]);
    process.wait_for_line(|_, line| line.starts_with("the control API requires the token "));
    let arguments = ["--listen", "127.0.0.1:0", "--listen", "0.0.0.0:0", "--api-key", "dev-key"];
    let refused = spawn(&arguments, &[]).wait_for_exit();
    assert!(refused.stderr.contains("dev-key is a well-known key"), "{refused:?}");
}

#[test]
fn ready_asks_the_server_at_each_address() {
    let mut process = spawn(&["--listen", "127.0.0.1:0"], &[]);
    let address = process.base_url()["http://".len()..].to_owned();
    let closed = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let closed = closed.local_addr().expect("an address").to_string();
    let folder = files::create_temp_dir();
    let config = files::write_file(
        &folder,
        "mock.toml",
        &format!("listen = [\"{address}\", \"{closed}\"]\n"),
    );
    let list = format!("{address},{closed}");
    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        let arguments = [&["ready", "--timeout", "300ms"], arguments].concat();
        let mut command = build_command(&arguments);
        RunningProcess::spawn(command.envs(variables.iter().copied())).wait_for_exit()
    };
    assert_eq!(run(&["--listen", &address], &[]).exit_code, Some(0));
    for (arguments, variables) in [
        (&["--listen", &*address, "--listen", &*closed][..], &[][..]),
        (&["--listen", &*closed, "--listen", &*address], &[]),
        (&[], &[("OMNIDESK_MOCK_LISTEN", &*list)]),
        (&["--config", &*config], &[]),
    ] {
        let ready = run(arguments, variables);
        assert_eq!(ready.exit_code, Some(1), "{arguments:?}: {ready:?}");
        let expected = format!("http://{closed} is not ready after 300ms: ");
        assert!(ready.stderr.contains(&expected), "{arguments:?}: {ready:?}");
    }
}

#[test]
fn ready_reads_a_free_port_from_the_port_file() {
    let folder = files::create_temp_dir();
    let file = folder.path().join("port").display().to_string();
    let config = files::write_file(
        &folder,
        "mock.toml",
        &format!("listen = \"127.0.0.1:0\"\nport_file = \"{file}\"\n"),
    );
    let run = |arguments: &[&str]| {
        let arguments = [&["ready", "--timeout", "300ms"], arguments].concat();
        RunningProcess::spawn(&mut build_command(&arguments)).wait_for_exit()
    };
    let free_port = ["--listen", "127.0.0.1:0"];
    let with_file = [&free_port[..], &["--port-file", &file]].concat();
    let unknown = run(&free_port);
    assert!(unknown.stderr.contains("use --port-file with its file, or --url"), "{unknown:?}");
    let missing = run(&with_file);
    assert!(missing.stderr.contains(&format!("{file} is not ready after")), "{missing:?}");
    for text in ["", "no address", "127.0.0.1:1\nno address"] {
        std::fs::write(&file, text).expect("the file is written");
        assert!(run(&with_file).stderr.contains("it has no address"), "{text:?}");
    }
    let mut process = spawn(&["--config", &config], &[]);
    process.base_url();
    assert_eq!(run(&with_file).exit_code, Some(0));
    assert_eq!(run(&["--config", &config]).exit_code, Some(0));
}
