//! Defaults: without flags the server makes no calls, writes no files, and enables no optional feature.

use serde_json::{Value, json};

use crate::support::client::{ApiClient, DEV_KEY};
use crate::support::control::{ACCOUNTS_PATH, Account, fetch_response};
use crate::support::files::create_temp_dir;
use crate::support::process::{OutputStream, RunningProcess, build_command};
use crate::support::server::Server;
use crate::support::ticket::NEW_TICKET_FORM;

/// Sends requests of every kind.
async fn exercise_server(client: &ApiClient) {
    for title in ["one", "two"] {
        let body = NEW_TICKET_FORM.replace("Printer", title);
        assert_eq!(client.send_form("POST", "/api/v2/ticket", &body).await.status, 200);
    }
    assert_eq!(client.get("/api/v2/ticket").await.status, 200);
    assert_eq!(client.send_form("PUT", "/api/v2/ticket/1", "status=closed").await.status, 200);
    assert_eq!(client.delete("/api/v2/ticket/2").await.status, 200);
    let page = client.request("GET", "/docs").send().await.expect("a page");
    assert_eq!(page.status(), 200);
    let account = Account::new(client, "dev", DEV_KEY);
    for (method, path, status) in [
        ("PUT", "/snapshots/before", 201),
        ("POST", "/reset", 204),
        ("GET", "/export", 200),
        ("GET", "/requests", 200),
    ] {
        assert_eq!(account.send_control(method, path).await.status, status, "{method} {path}");
    }
}

/// Returns the local and remote address of each socket of a process, from `/proc`.
#[cfg(target_os = "linux")]
fn list_sockets(process: u32) -> Vec<(String, String)> {
    let files =
        std::fs::read_dir(format!("/proc/{process}/fd")).expect("the process's files are listed");
    let links = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
    let targets: Vec<String> = links.map(|link| link.display().to_string()).collect();
    ["tcp", "tcp6", "udp", "udp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(format!("/proc/{process}/net/{table}")).ok())
        .flat_map(|table| table.lines().skip(1).map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let socket = format!("socket:[{}]", words.get(9)?);
            targets.contains(&socket).then(|| (words[1].to_owned(), words[2].to_owned()))
        })
        .collect()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn server_opens_no_outgoing_connections() {
    let mut program = RunningProcess::spawn_server(&["--log", "json"]);
    let base = program.base_url();
    exercise_server(&ApiClient::new(&base)).await;
    let port: u16 = base.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let own_port = format!(":{port:04X}");
    let connections = list_sockets(program.pid());
    assert!(!connections.is_empty(), "at least the listener has a socket");
    for (local, remote) in connections {
        assert!(local.ends_with(&own_port), "{local} to {remote} is an outgoing connection");
    }
}

#[tokio::test]
async fn faults_rate_limits_and_auto_accounts_are_off_by_default() {
    let server = Server::start();
    let get_setting = |path: &str| {
        fetch_response(server.request_without_key("GET", &format!("{ACCOUNTS_PATH}/dev{path}")))
    };
    assert_eq!(get_setting("/faults").await.body, json!({ "faults": [] }));
    assert_eq!(get_setting("/rate-limits").await.body["requests"], Value::Null);
    assert_eq!(get_setting("/strict").await.body["strict"], false);
    let unknown = server.with_key("a-well-formed-key-0123456789");
    assert_eq!(unknown.get("/api/v2/ticket").await.status, 401);
    let list = fetch_response(server.request_without_key("GET", ACCOUNTS_PATH)).await;
    assert_eq!(list.body["accounts"].as_array().map(Vec::len), Some(1), "{}", list.body);
}

#[tokio::test]
async fn ephemeral_server_writes_no_files() {
    let folder = create_temp_dir();
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--ephemeral"];
    let mut program = RunningProcess::spawn(build_command(&arguments).current_dir(folder.path()));
    exercise_server(&ApiClient::new(&program.base_url())).await;
    let count_files = || std::fs::read_dir(folder.path()).expect("a directory").count();
    assert_eq!(count_files(), 0);
    assert_eq!(program.stop().exit_code, Some(0));
    assert_eq!(count_files(), 0);
}

#[tokio::test]
async fn startup_prints_curl_command_and_reads_no_input() {
    let mut program = RunningProcess::spawn_server(&[]);
    // Its stdin is closed: a prompt would end the program.
    let curl = program
        .wait_for_line(|stream, line| stream == OutputStream::Stdout && line.starts_with("curl"));
    assert!(curl.contains(DEV_KEY), "{curl}");
    assert_eq!(program.stop().exit_code, Some(0));
}
