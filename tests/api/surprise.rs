//! No surprise: what was not asked for does not happen. Nothing is called, nothing is written, nothing is on.

use serde_json::{Value, json};

use crate::control::{ACCOUNTS, Account, answer};
use crate::fixtures::{NEW_TICKET, folder};
use crate::program::{Running, Stream, command};
use crate::support::{Client, DEV_KEY, Server};

/// Asks for something of every kind.
async fn use_it(client: &Client) {
    for title in ["one", "two"] {
        let body = NEW_TICKET.replace("Printer", title);
        assert_eq!(client.form("POST", "/api/v2/ticket", &body).await.status, 200);
    }
    assert_eq!(client.get("/api/v2/ticket").await.status, 200);
    assert_eq!(client.form("PUT", "/api/v2/ticket/1", "status=closed").await.status, 200);
    assert_eq!(client.delete("/api/v2/ticket/2").await.status, 200);
    let page = client.ask("GET", "/docs").send().await.expect("a page");
    assert_eq!(page.status(), 200);
    let account = Account::known(client, "dev", DEV_KEY);
    for (method, path, status) in [
        ("PUT", "/snapshots/before", 201),
        ("POST", "/reset", 204),
        ("GET", "/export", 200),
        ("GET", "/requests", 200),
    ] {
        assert_eq!(account.control(method, path).await.status, status, "{method} {path}");
    }
}

/// The local and the remote end of each TCP connection of a process, as the system tells them.
#[cfg(target_os = "linux")]
fn connections(process: u32) -> Vec<(String, String)> {
    let files = std::fs::read_dir(format!("/proc/{process}/fd")).expect("a process of ours");
    let links = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
    let own: Vec<String> = links.map(|link| link.display().to_string()).collect();
    ["tcp", "tcp6", "udp", "udp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(format!("/proc/{process}/net/{table}")).ok())
        .flat_map(|table| table.lines().skip(1).map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let socket = format!("socket:[{}]", words.get(9)?);
            own.contains(&socket).then(|| (words[1].to_owned(), words[2].to_owned()))
        })
        .collect()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn it_calls_nobody() {
    let mut program = Running::serve(&["--log", "json"]);
    let base = program.base();
    use_it(&Client::of(&base)).await;
    let port: u16 = base.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let own = format!(":{port:04X}");
    let connections = connections(program.id());
    assert!(!connections.is_empty(), "the listener at least");
    for (local, remote) in connections {
        assert!(local.ends_with(&own), "{local} to {remote} is no connection that a client made");
    }
}

#[tokio::test]
async fn faults_budgets_and_accounts_that_make_themselves_are_off() {
    let server = Server::start();
    let of = |path: &str| answer(server.ask_without_key("GET", &format!("{ACCOUNTS}/dev{path}")));
    assert_eq!(of("/faults").await.body, json!({ "faults": [] }));
    assert_eq!(of("/limits").await.body["requests"], Value::Null);
    assert_eq!(of("/strict").await.body["strict"], false);
    let stranger = server.with_key("a-well-formed-key-0123456789");
    assert_eq!(stranger.get("/api/v2/ticket").await.status, 401);
    let list = answer(server.ask_without_key("GET", ACCOUNTS)).await;
    assert_eq!(list.body["accounts"].as_array().map(Vec::len), Some(1), "{}", list.body);
}

#[tokio::test]
async fn a_server_in_memory_writes_no_file() {
    let folder = folder();
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--ephemeral"];
    let mut program = Running::spawn(command(&arguments).current_dir(folder.path()));
    use_it(&Client::of(&program.base())).await;
    let written = || std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(written(), 0);
    assert_eq!(program.stop().code, Some(0));
    assert_eq!(written(), 0);
}

#[tokio::test]
async fn it_says_where_it_is_and_asks_for_nothing() {
    let mut program = Running::serve(&[]);
    // Its input is closed: whatever asked for something would end it.
    let curl = program.wait_for(|stream, line| stream == Stream::Out && line.starts_with("curl"));
    assert!(curl.contains(DEV_KEY), "{curl}");
    assert_eq!(program.stop().code, Some(0));
}
