//! Where a setting comes from: a flag before a variable before the file before the default.

use crate::cli::status;
use crate::fixtures;
use crate::program::{Running, Stream, command};
use crate::support::DEV_KEY;

const FLAG: &str = "flag-key-0123456789";
const VARIABLE: &str = "variable-key-0123456789";
const FILE: &str = "file-key-0123456789";

fn ephemeral(arguments: &[&str], variables: &[(&str, &str)]) -> Running {
    let fixed = ["--listen", "127.0.0.1:0", "--ephemeral"];
    let mut command = command(&[&fixed, arguments].concat());
    Running::spawn(command.envs(variables.iter().copied()))
}

/// Of the four keys, the one that the server knows.
async fn known(mut running: Running) -> &'static str {
    let base = running.base();
    let mut working = Vec::new();
    for key in [FLAG, VARIABLE, FILE, DEV_KEY] {
        if status(&base, key).await == 200 {
            working.push(key);
        }
    }
    assert_eq!(working.len(), 1, "{working:?}");
    working[0]
}

#[tokio::test]
async fn a_flag_goes_before_a_variable_before_the_file_before_the_default() {
    let folder = fixtures::folder();
    let path = fixtures::file(&folder, "mock.toml", &format!("api_key = \"{FILE}\"\n"));
    let file = ["--config", &*path];
    let flag = ["--config", &*path, "--api-key", FLAG];
    let variable = [("OMNIDESK_MOCK_API_KEY", VARIABLE)];
    assert_eq!(known(ephemeral(&[], &[])).await, DEV_KEY);
    assert_eq!(known(ephemeral(&file, &[])).await, FILE);
    assert_eq!(known(ephemeral(&file, &variable)).await, VARIABLE);
    assert_eq!(known(ephemeral(&flag, &variable)).await, FLAG);
}

#[tokio::test]
async fn everything_can_come_from_variables() {
    let folder = fixtures::folder();
    let seed = fixtures::acme([fixtures::ticket(7)]).to_string();
    let seed = fixtures::file(&folder, "seed.json", &seed);
    let port = folder.path().join("port");
    let mut command = command(&[]);
    command
        .env("OMNIDESK_MOCK_LISTEN", "127.0.0.1:0")
        .env("OMNIDESK_MOCK_DATA", folder.path().join("data"))
        .env("OMNIDESK_MOCK_SEED", seed)
        .env("OMNIDESK_MOCK_PORT_FILE", &port)
        .env("OMNIDESK_MOCK_LOG", "json")
        .env("OMNIDESK_MOCK_PUBLIC_URL", "https://desk.example.test");
    let mut running = Running::spawn(&mut command);
    let base = running.base();
    assert!(base.ends_with(std::fs::read_to_string(&port).expect("written").trim()));
    let request = reqwest::Client::new().get(format!("{base}/api/v2/ticket/7"));
    let item = request.header("apiKey", fixtures::KEY).send().await.expect("answered");
    let item = item.text().await.expect("read");
    assert!(item.contains("https://desk.example.test/?ticketID=7"), "{item}");
    assert!(folder.path().join("data").is_dir());
    let line = running.wait_for(|stream, line| stream == Stream::Err && line.contains("GET"));
    assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok(), "{line}");
    assert_eq!(running.stop().code, Some(0));
}

#[tokio::test]
async fn everything_can_come_from_the_file() {
    let folder = fixtures::folder();
    let seed = fixtures::acme([fixtures::ticket(7)]).to_string();
    let seed = fixtures::file(&folder, "seed.json", &seed);
    let text = format!(
        "listen = \"127.0.0.1:0\"\nephemeral = true\nseed = [\"{seed}\"]\n\
         log = \"json\"\npublic_url = \"https://desk.example.test\"\n"
    );
    let path = fixtures::file(&folder, "mock.toml", &text);
    let mut command = command(&["--config", &path]);
    let mut running = Running::spawn(command.current_dir(folder.path()));
    let base = running.base();
    assert_eq!(status(&base, fixtures::KEY).await, 200);
    assert_eq!(running.stop().code, Some(0));
    assert!(!folder.path().join("data").exists(), "an ephemeral server keeps nothing");
}

fn refused(running: Running, named: &[&str]) {
    let finished = running.finish();
    assert!(!matches!(finished.code, Some(0)), "{finished:?}");
    for name in named {
        assert!(finished.stderr.contains(name), "{name} is in {finished:?}");
    }
    assert!(!finished.stdout.contains("listening"), "{finished:?}");
    assert!(!finished.text().contains("panicked"), "{finished:?}");
}

#[test]
fn an_unknown_name_in_the_file_is_named() {
    let folder = fixtures::folder();
    let path = fixtures::file(&folder, "mock.toml", "log = \"text\"\nlissten = \"127.0.0.1:0\"\n");
    refused(ephemeral(&["--config", &path], &[]), &["mock.toml", "lissten"]);
}

#[test]
fn a_wrong_value_in_the_file_is_named() {
    for (text, name) in [
        ("log = \"xml\"\nlisten = \"127.0.0.1:0\"", "log"),
        ("listen = { a = 1 }", "listen"),
        ("ephemeral = \"perhaps\"\nlisten = \"127.0.0.1:0\"", "ephemeral"),
    ] {
        let folder = fixtures::folder();
        let path = fixtures::file(&folder, "mock.toml", text);
        let mut command = command(&["--config", &path]);
        refused(Running::spawn(command.current_dir(folder.path())), &[name, "mock.toml"]);
        assert!(!folder.path().join("data").exists(), "{text}");
    }
}

#[test]
fn a_broken_or_missing_file_is_named() {
    let folder = fixtures::folder();
    let broken = fixtures::file(&folder, "mock.toml", "log = \"text\"\n[broken\n");
    refused(ephemeral(&["--config", &broken], &[]), &["mock.toml", "2"]);
    let missing = folder.path().join("missing.toml");
    refused(ephemeral(&["--config", missing.to_str().expect("text")], &[]), &["missing.toml"]);
}

#[test]
fn a_wrong_value_of_a_flag_or_variable_is_named() {
    refused(ephemeral(&["--log", "xml"], &[]), &["xml", "log"]);
    refused(ephemeral(&["--public-url", "nonsense"], &[]), &["nonsense", "public-url"]);
    refused(ephemeral(&["--seed", "/nothing/here.yaml"], &[]), &["/nothing/here.yaml"]);
    refused(ephemeral(&[], &[("OMNIDESK_MOCK_LOG", "xml")]), &["xml"]);
    let listen = Running::spawn(&mut command(&["--listen", "nowhere", "--ephemeral"]));
    refused(listen, &["nowhere", "listen"]);
}

#[test]
fn a_folder_and_none_at_once_is_refused() {
    let folder = fixtures::folder();
    let data = folder.path().join("data");
    refused(ephemeral(&["--data", data.to_str().expect("text")], &[]), &["--data", "--ephemeral"]);
    assert!(!data.exists());
}

#[test]
fn an_unknown_choice_of_the_dialect_is_named() {
    let folder = fixtures::folder();
    for (number, (line, name)) in
        [("list_typ = \"items\"", "list_typ"), ("unknown_ids = \"maybe\"", "maybe")]
            .into_iter()
            .enumerate()
    {
        let file = format!("mock{number}.toml");
        let path = fixtures::file(&folder, &file, &format!("[dialect]\n{line}\n"));
        refused(ephemeral(&["--config", &path], &[]), &[name, "dialect"]);
    }
}

#[test]
fn a_switch_can_come_from_a_variable() {
    for (value, keeps_nothing) in [("true", true), ("1", true), ("false", false), ("0", false)] {
        let folder = fixtures::folder();
        let mut command = command(&["--listen", "127.0.0.1:0"]);
        command.current_dir(folder.path()).env("OMNIDESK_MOCK_EPHEMERAL", value);
        let mut running = Running::spawn(&mut command);
        running.base();
        assert_eq!(!folder.path().join("data").exists(), keeps_nothing, "{value}");
    }
}
