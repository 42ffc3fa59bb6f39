//! Precedence of settings: flag, environment variable, configuration file, default.

use crate::cli::get_status;
use crate::support::client::DEV_KEY;
use crate::support::process::{OutputStream, RunningProcess, build_command};
use crate::support::{files, seed};

const FLAG_KEY: &str = "flag-key-0123456789";
const VARIABLE_KEY: &str = "variable-key-0123456789";
const FILE_KEY: &str = "file-key-0123456789";

fn spawn_ephemeral(arguments: &[&str], variables: &[(&str, &str)]) -> RunningProcess {
    let common = ["--listen", "127.0.0.1:0", "--ephemeral"];
    let mut command = build_command(&[&common, arguments].concat());
    RunningProcess::spawn(command.envs(variables.iter().copied()))
}

/// Returns the one of the four keys that the server accepts.
async fn find_accepted_key(mut running: RunningProcess) -> &'static str {
    let base = running.base_url();
    let mut accepted = Vec::new();
    for key in [FLAG_KEY, VARIABLE_KEY, FILE_KEY, DEV_KEY] {
        if get_status(&base, key).await == 200 {
            accepted.push(key);
        }
    }
    assert_eq!(accepted.len(), 1, "{accepted:?}");
    accepted[0]
}

#[tokio::test]
async fn precedence_is_flag_variable_file_default() {
    let folder = files::create_temp_dir();
    let path = files::write_file(&folder, "mock.toml", &format!("api_key = \"{FILE_KEY}\"\n"));
    let file = ["--config", &*path];
    let flag = ["--config", &*path, "--api-key", FLAG_KEY];
    let variable = [("OMNIDESK_MOCK_API_KEY", VARIABLE_KEY)];
    assert_eq!(find_accepted_key(spawn_ephemeral(&[], &[])).await, DEV_KEY);
    assert_eq!(find_accepted_key(spawn_ephemeral(&file, &[])).await, FILE_KEY);
    assert_eq!(find_accepted_key(spawn_ephemeral(&file, &variable)).await, VARIABLE_KEY);
    assert_eq!(find_accepted_key(spawn_ephemeral(&flag, &variable)).await, FLAG_KEY);
}

#[tokio::test]
async fn settings_can_come_from_environment_variables() {
    let folder = files::create_temp_dir();
    let seed = seed::acme_seed([seed::ticket_fixture(7)]).to_string();
    let seed = files::write_file(&folder, "seed.json", &seed);
    let port = folder.path().join("port");
    let mut command = build_command(&[]);
    command
        .env("OMNIDESK_MOCK_LISTEN", "127.0.0.1:0")
        .env("OMNIDESK_MOCK_DATA", folder.path().join("data"))
        .env("OMNIDESK_MOCK_SEED", seed)
        .env("OMNIDESK_MOCK_PORT_FILE", &port)
        .env("OMNIDESK_MOCK_LOG", "json")
        .env("OMNIDESK_MOCK_PUBLIC_URL", "https://desk.example.test");
    let mut running = RunningProcess::spawn(&mut command);
    let base = running.base_url();
    assert!(
        base.ends_with(std::fs::read_to_string(&port).expect("the port file is readable").trim())
    );
    let request = reqwest::Client::new().get(format!("{base}/api/v2/ticket/7"));
    let item = request.header("apiKey", seed::ACME_KEY).send().await.expect("the server responds");
    let item = item.text().await.expect("the body arrives");
    assert!(item.contains("https://desk.example.test/?ticketID=7"), "{item}");
    assert!(folder.path().join("data").is_dir());
    let line = running
        .wait_for_line(|stream, line| stream == OutputStream::Stderr && line.contains("GET"));
    assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok(), "{line}");
    assert_eq!(running.stop().exit_code, Some(0));
}

#[tokio::test]
async fn settings_can_come_from_config_file() {
    let folder = files::create_temp_dir();
    let seed = seed::acme_seed([seed::ticket_fixture(7)]).to_string();
    let seed = files::write_file(&folder, "seed.json", &seed);
    let text = format!(
        "listen = \"127.0.0.1:0\"\nephemeral = true\nseed = [\"{seed}\"]\n\
         log = \"json\"\npublic_url = \"https://desk.example.test\"\n"
    );
    let path = files::write_file(&folder, "mock.toml", &text);
    let mut command = build_command(&["--config", &path]);
    let mut running = RunningProcess::spawn(command.current_dir(folder.path()));
    let base = running.base_url();
    assert_eq!(get_status(&base, seed::ACME_KEY).await, 200);
    assert_eq!(running.stop().exit_code, Some(0));
    assert!(!folder.path().join("data").exists(), "an ephemeral server creates no data directory");
}

fn assert_startup_fails(running: RunningProcess, expected: &[&str]) {
    let finished = running.wait_for_exit();
    assert!(!matches!(finished.exit_code, Some(0)), "{finished:?}");
    for name in expected {
        assert!(finished.stderr.contains(name), "{name} is missing in {finished:?}");
    }
    assert!(!finished.stdout.contains("listening"), "{finished:?}");
    assert!(!finished.combined_output().contains("panicked"), "{finished:?}");
}

#[tokio::test]
async fn config_file_may_begin_with_a_byte_order_mark() {
    let folder = files::create_temp_dir();
    let text = format!("\u{feff}api_key = \"{FILE_KEY}\"\n");
    let path = files::write_file(&folder, "mock.toml", &text);
    assert_eq!(find_accepted_key(spawn_ephemeral(&["--config", &path], &[])).await, FILE_KEY);
    let broken = files::write_file(&folder, "mock.toml", "\u{feff}# one\nlisten = [\n");
    assert_startup_fails(spawn_ephemeral(&["--config", &broken], &[]), &["mock.toml:2"]);
    for (bytes, message) in [
        (
            &b"\xFF\xFEa\x00=\x001\x00"[..],
            "mock.toml: the file is encoded in UTF-16; it must be UTF-8",
        ),
        (b"a = \"\xFF\"", "mock.toml: the file is not valid UTF-8"),
    ] {
        std::fs::write(&path, bytes).expect("the file is written");
        assert_startup_fails(spawn_ephemeral(&["--config", &path], &[]), &[message]);
    }
}

#[test]
fn unknown_setting_in_config_file_is_named() {
    let folder = files::create_temp_dir();
    let path =
        files::write_file(&folder, "mock.toml", "log = \"text\"\nlissten = \"127.0.0.1:0\"\n");
    assert_startup_fails(spawn_ephemeral(&["--config", &path], &[]), &["mock.toml", "lissten"]);
}

#[test]
fn invalid_value_in_config_file_is_named() {
    for (text, name) in [
        ("log = \"xml\"\nlisten = \"127.0.0.1:0\"", "log"),
        ("listen = { a = 1 }", "listen"),
        ("ephemeral = \"perhaps\"\nlisten = \"127.0.0.1:0\"", "ephemeral"),
    ] {
        let folder = files::create_temp_dir();
        let path = files::write_file(&folder, "mock.toml", text);
        let mut command = build_command(&["--config", &path]);
        assert_startup_fails(
            RunningProcess::spawn(command.current_dir(folder.path())),
            &[name, "mock.toml"],
        );
        assert!(!folder.path().join("data").exists(), "{text}");
    }
}

#[test]
fn malformed_or_missing_config_file_is_named() {
    let folder = files::create_temp_dir();
    let broken = files::write_file(&folder, "mock.toml", "log = \"text\"\n[broken\n");
    assert_startup_fails(spawn_ephemeral(&["--config", &broken], &[]), &["mock.toml", "2"]);
    let missing = folder.path().join("missing.toml");
    assert_startup_fails(
        spawn_ephemeral(&["--config", missing.to_str().expect("text")], &[]),
        &["missing.toml"],
    );
}

#[test]
fn invalid_flag_or_variable_value_is_named() {
    assert_startup_fails(spawn_ephemeral(&["--log", "xml"], &[]), &["xml", "log"]);
    assert_startup_fails(
        spawn_ephemeral(&["--public-url", "nonsense"], &[]),
        &["nonsense", "public-url"],
    );
    for network in ["nonsense", "10.0.0.0/33", "mock.test", ""] {
        assert_startup_fails(
            spawn_ephemeral(&["--trusted-proxy", network], &[]),
            &["trusted-proxy", "10.0.0.0/8"],
        );
    }
    assert_startup_fails(
        spawn_ephemeral(&["--seed", "/nothing/here.yaml"], &[]),
        &["/nothing/here.yaml"],
    );
    assert_startup_fails(spawn_ephemeral(&[], &[("OMNIDESK_MOCK_LOG", "xml")]), &["xml"]);
    let listen = RunningProcess::spawn(&mut build_command(&["--listen", "nowhere", "--ephemeral"]));
    assert_startup_fails(listen, &["nowhere", "listen"]);
}

#[test]
fn data_and_ephemeral_flags_conflict() {
    let folder = files::create_temp_dir();
    let data = folder.path().join("data");
    assert_startup_fails(
        spawn_ephemeral(&["--data", data.to_str().expect("text")], &[]),
        &["--data", "--ephemeral"],
    );
    assert!(!data.exists());
}

#[test]
fn unknown_dialect_setting_or_value_is_named() {
    let folder = files::create_temp_dir();
    for (number, (line, name)) in
        [("list_typ = \"items\"", "list_typ"), ("unknown_ids = \"maybe\"", "maybe")]
            .into_iter()
            .enumerate()
    {
        let file = format!("mock{number}.toml");
        let path = files::write_file(&folder, &file, &format!("[dialect]\n{line}\n"));
        assert_startup_fails(spawn_ephemeral(&["--config", &path], &[]), &[name, "dialect"]);
    }
}

#[test]
fn boolean_flag_can_come_from_a_variable() {
    for (value, is_ephemeral) in [("true", true), ("1", true), ("false", false), ("0", false)] {
        let folder = files::create_temp_dir();
        let mut command = build_command(&["--listen", "127.0.0.1:0"]);
        command.current_dir(folder.path()).env("OMNIDESK_MOCK_EPHEMERAL", value);
        let mut running = RunningProcess::spawn(&mut command);
        running.base_url();
        assert_eq!(!folder.path().join("data").exists(), is_ephemeral, "{value}");
    }
}

#[tokio::test]
async fn empty_variable_counts_as_unset() {
    let variables = [
        "OMNIDESK_MOCK_API_KEY",
        "OMNIDESK_MOCK_CONTROL_TOKEN",
        "OMNIDESK_MOCK_SEED",
        "OMNIDESK_MOCK_CONFIG",
        "OMNIDESK_MOCK_PUBLIC_URL",
        "OMNIDESK_MOCK_LOG",
        "OMNIDESK_MOCK_JOURNAL_ENTRIES",
        "OMNIDESK_MOCK_CORS_ORIGIN",
    ];
    let variables = variables.map(|name| (name, ""));
    assert_eq!(find_accepted_key(spawn_ephemeral(&[], &variables)).await, DEV_KEY);
}

fn run_with_variable(arguments: &[&str], name: &str, value: &str) -> (Option<i32>, String) {
    let output = build_command(arguments).env(name, value).output().expect("the program starts");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn command_reads_only_its_own_settings() {
    for arguments in [&["fidelity"][..], &["openapi"], &["--version"], &["ready", "--help"]] {
        let (code, error) = run_with_variable(arguments, "OMNIDESK_MOCK_LOG", "no-format");
        assert_eq!(code, Some(0), "{arguments:?}: {error}");
    }
}

#[test]
fn message_names_the_variable_of_an_invalid_value() {
    for (name, value) in [
        ("OMNIDESK_MOCK_LOG", "no-format"),
        ("OMNIDESK_MOCK_MAX_ACCOUNTS", "many"),
        ("OMNIDESK_MOCK_LISTEN", ":8080"),
        ("OMNIDESK_MOCK_PUBLIC_URL", "mock:8080"),
    ] {
        for arguments in [&["--ephemeral"][..], &["serve", "--ephemeral"]] {
            let (code, error) = run_with_variable(arguments, name, value);
            assert_eq!(code, Some(2), "{error}");
            assert!(error.contains(&format!("comes from the variable {name}")), "{error}");
        }
    }
    let (_, error) = run_with_variable(&["--log", "none"], "OMNIDESK_MOCK_LOG", "text");
    assert!(!error.contains("variable"), "{error}");
}

#[test]
fn address_without_a_host_gets_a_hint() {
    for (arguments, words) in [
        (&["--listen", ":9215"][..], "use 127.0.0.1:9215, or 0.0.0.0:9215"),
        (&["--listen", "9215"], "use 127.0.0.1:9215"),
        (&["--listen", "localhost"], "use localhost:8080"),
        (&["--listen", "*:9215"], "use [::]:9215"),
        (&["--listen", "http://127.0.0.1:0"], "without http://"),
        (&["--max-depth", "a"], "must be a whole number from 4 to 64"),
        (&["--port", "9215"], "--listen 127.0.0.1:PORT"),
        (&["-p", "9215"], "--listen 127.0.0.1:PORT"),
    ] {
        let output = build_command(arguments).output().expect("the program starts");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(words), "{arguments:?}: {error}");
    }
}

#[test]
fn all_faults_of_a_config_file_are_reported_at_once() {
    let folder = files::create_temp_dir();
    let text = "log = \"no-format\"\nnothing = 1\nmax_accounts = \"many\"\ndurability = 5\n";
    let path = files::write_file(&folder, "mock.toml", text);
    let output = build_command(&["--config", &path]).output().expect("the program starts");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    for word in ["'no-format'", "nothing is not a setting", "'many'", "durability"] {
        assert!(error.contains(word), "{word}: {error}");
    }
    assert_eq!(error.matches(&path).count(), 4, "{error}");
}

#[tokio::test]
async fn ready_reads_the_address_from_the_config_file() {
    let mut running = spawn_ephemeral(&[], &[]);
    let address = running.base_url().trim_start_matches("http://").to_owned();
    let folder = files::create_temp_dir();
    let text = format!("listen = \"{address}\"\nephemeral = true\n");
    let path = files::write_file(&folder, "mock.toml", &text);
    for (arguments, variable) in [
        (&["ready", "--config", &*path, "--timeout", "5s"][..], ("UNRELATED", "")),
        (&["ready", "--timeout", "5s"], ("OMNIDESK_MOCK_CONFIG", &*path)),
        (&["ready", "--timeout", "5s"], ("OMNIDESK_MOCK_LISTEN", &*address)),
    ] {
        let output = build_command(arguments).env(variable.0, variable.1).output();
        let output = output.expect("the program starts");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    }
    assert_eq!(running.stop().exit_code, Some(0));
}

#[test]
fn values_of_a_config_file_have_a_type() {
    let folder = files::create_temp_dir();
    let text = "ephemeral = 1\nseed = 5\nmax_depth = \"a\"\nlog = \"xml\"\nport-file = \"p\"\n";
    let path = files::write_file(&folder, "mock.toml", text);
    let output = build_command(&["--config", &path]).output().expect("the program starts");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    for words in [
        "ephemeral must be true or false; 1 is written",
        "seed must be text in quotes; 5 is written",
        "must be a whole number from 4 to 64",
        "[possible values: text, json]",
        "Did you mean port_file?",
    ] {
        assert!(error.contains(words), "{words}: {error}");
    }
    assert_eq!(error.matches(&path).count(), 5, "{error}");
    let path = files::write_file(
        &folder,
        "secrets.toml",
        "control_token = 1234567890\napi_key = 987654321\nlisten = [5, 6]\n",
    );
    let output = build_command(&["--config", &path]).output().expect("the program starts");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(error.matches("must be text in quotes\n").count(), 3, "{error}");
    assert!(!error.contains("12345") && !error.contains("98765"), "{error}");
}
