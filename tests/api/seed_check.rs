//! `seed check`: reports each error in a fixture with its line, and writes nothing.

use crate::support::files::{self, write_file};
use crate::support::process::{ProcessOutput, RunningProcess, build_command};
use crate::support::seed;
use crate::support::server::Server;

const VALID_SEED: &str = "\
accounts:
  acme:
    time_zone: Europe/Amsterdam
    dialect: { list_type: items, unknown_customer: reject }
    clock: { mode: frozen, at: \"2026-03-01T12:00:00Z\" }
    keys:
      - { key: acme-key-0123456789, name: ci, permissions: all }
      - { key: read-key-0123456789, name: reader, permissions: [TICKET_READ] }
    brands:    [{ id: 1, name: MyBrand }]
    channels:  [{ id: 1, name: e-mail, icon: e-mail }]
    groups:    [{ id: 10003, name: Service }]
    users:     [{ id: 254, name: agent }]
    customers: [{ id: 626822, external_primary_id: C-77, firstname: Ada, lastname: Example, brand_id: 1 }]
    views:     [{ id: 12, slug: vip, title: VIP, conditions: { all: [{ fact: priority, operation: equals, value: urgent }], any: [] } }]
    tickets:
      - { id: 858462, title: Printer on fire, from: ada@example.test, to: desk@example.test, direction: inbound,
          brand_id: 1, channel_id: 1, status: open, priority: high, created_at: \"2026-03-01 12:00:00\", timeline: [] }
      - id: 858463
        title: Second
";

/// Runs `seed check` on the text in a temporary directory, and asserts that the directory is unchanged.
fn check_seed(name: &str, text: &str) -> ProcessOutput {
    let folder = files::create_temp_dir();
    write_file(&folder, name, text);
    let mut command = build_command(&["seed", "check", name]);
    let finished = RunningProcess::spawn(command.current_dir(folder.path())).wait_for_exit();
    let files = std::fs::read_dir(folder.path()).expect("the directory is readable");
    let files: Vec<_> =
        files.map(|entry| entry.expect("the entry is readable").file_name()).collect();
    assert_eq!(files, [name], "no file is written");
    assert_eq!(
        std::fs::read_to_string(folder.path().join(name)).expect("the file is readable"),
        text
    );
    finished
}

/// Replaces a text in one line of the fixture; returns the fixture and the line number.
fn replace_in_seed(line: &str, replacement: &str) -> (String, usize) {
    let index =
        VALID_SEED.lines().position(|other| other.contains(line)).expect("the line is there");
    let lines = VALID_SEED.lines().enumerate();
    let lines = lines.map(|(number, other)| {
        if number == index { other.replace(line, replacement) } else { other.to_owned() }
    });
    (lines.map(|line| line + "\n").collect(), index + 1)
}

/// Asserts that the text is rejected, and that the message has the file, the line and these words.
fn assert_rejected(text: &str, line: usize, words: &[&str]) {
    let finished = check_seed("fixture.yaml", text);
    assert!(matches!(finished.exit_code, Some(1..)), "{words:?}: {finished:?}");
    let output = finished.combined_output();
    assert!(output.contains("fixture.yaml"), "the message names the file: {output}");
    let numbers = output.split(|c: char| !c.is_ascii_digit());
    assert!(
        numbers.clone().any(|number| number == line.to_string()),
        "the message names line {line}: {output}"
    );
    for word in words {
        assert!(output.contains(word), "{word} is missing in {output}");
    }
    assert!(!output.contains("panicked"), "{output}");
}

#[test]
fn valid_seed_passes() {
    let finished = check_seed("fixture.yaml", VALID_SEED);
    assert_eq!(finished.exit_code, Some(0), "{finished:?}");
    let json = seed::acme_seed([seed::ticket_fixture(7)]).to_string();
    let finished = check_seed("fixture.json", &json);
    assert_eq!(finished.exit_code, Some(0), "{finished:?}");
}

#[test]
fn reference_to_missing_row_is_a_warning() {
    let (text, line) =
        replace_in_seed("brand_id: 1, channel_id: 1,", "brand_id: 7, channel_id: 1,");
    let finished = check_seed("fixture.yaml", &text);
    assert_eq!(finished.exit_code, Some(0), "{finished:?}");
    assert!(finished.stdout.starts_with("The seed is valid; accounts: acme"), "{finished:?}");
    assert_eq!(
        finished.stderr,
        format!(
            "omnidesk-mock: warning: fixture.yaml:{line}: accounts[acme][tickets][0][brand_id] refers to an id that brands does not have; 7 was sent.\n"
        )
    );
    assert_eq!(check_seed("fixture.yaml", VALID_SEED).stderr, "");
}

#[test]
fn number_in_place_of_a_text_is_shown_as_written() {
    let (text, line) = replace_in_seed("title: Second", "title: 00123");
    assert_rejected(&text, line, &["[title] must be text; put it in quotes: \"00123\"."]);
}

#[tokio::test]
async fn server_starts_from_valid_seed() {
    let folder = files::create_temp_dir();
    let path = write_file(&folder, "fixture.yaml", VALID_SEED);
    let mut server = Server::start_with_args(&["--ephemeral", "--seed", &path]);
    server.api_key = "read-key-0123456789".to_owned();
    let item = server.get("/api/v2/ticket/858462").await.body;
    assert_eq!(item["item"]["title"], "Printer on fire");
    assert_eq!(item["item"]["brand_name"], "MyBrand");
}

#[test]
fn an_unknown_field_is_named_with_its_line() {
    let (text, line) = replace_in_seed("        title: Second", "        titel: Second");
    assert_rejected(&text, line, &["titel"]);
    let (text, line) = replace_in_seed("    time_zone:", "    timezone:");
    assert_rejected(&text, line, &["timezone"]);
    let (text, line) = replace_in_seed("accounts:", "acounts:");
    assert_rejected(&text, line, &["acounts"]);
}

#[test]
fn duplicate_key_is_reported_without_its_text() {
    let (text, line) = replace_in_seed("key: read-key-0123456789", "key: acme-key-0123456789");
    assert_rejected(&text, line, &["key"]);
    let output = check_seed("fixture.yaml", &text).combined_output();
    assert!(!output.contains("acme-key-0123456789"), "{output}");
}

#[test]
fn broken_yaml_is_refused_with_its_line() {
    let (text, line) = replace_in_seed("        title: Second", "        title: \"Second");
    let finished = check_seed("fixture.yaml", &text);
    assert!(matches!(finished.exit_code, Some(1..)), "{finished:?}");
    assert!(finished.combined_output().contains("fixture.yaml"), "{finished:?}");
    // The YAML parser may report an unclosed quote at its line or at the end of the text.
    let output = finished.combined_output();
    assert!((line..=line + 1).any(|line| output.contains(&line.to_string())), "{output}");
    let (text, line) = replace_in_seed("    time_zone: Europe/Amsterdam", "    time_zone: : [");
    assert_rejected(&text, line, &[]);
}

#[test]
fn all_errors_are_reported_at_once() {
    let text =
        VALID_SEED.replace("        title: Second", "        titel: Second\n        status: done");
    assert_rejected(&text, VALID_SEED.lines().count(), &["titel"]);
    assert_rejected(&text, VALID_SEED.lines().count() + 1, &["done"]);
}

#[test]
fn an_empty_or_missing_file_is_named() {
    for text in ["", "# nothing but a remark\n", "7\n"] {
        let finished = check_seed("fixture.yaml", text);
        assert!(matches!(finished.exit_code, Some(1..)), "{text:?}: {finished:?}");
        assert!(finished.combined_output().contains("fixture.yaml"), "{finished:?}");
    }
    let missing = crate::support::process::run_to_exit(&["seed", "check", "/nothing/here.yaml"]);
    assert!(matches!(missing.exit_code, Some(1..)), "{missing:?}");
    assert!(missing.combined_output().contains("/nothing/here.yaml"), "{missing:?}");
}

#[test]
fn server_does_not_start_from_invalid_seed() {
    let folder = files::create_temp_dir();
    let (text, line) = replace_in_seed("        title: Second", "        titel: Second");
    let seed = write_file(&folder, "fixture.yaml", &text);
    let data = folder.path().join("data");
    let data = data.to_str().expect("text");
    let mut serve = build_command(&["--listen", "127.0.0.1:0", "--data", data, "--seed", &seed]);
    let finished = RunningProcess::spawn(&mut serve).wait_for_exit();
    assert!(matches!(finished.exit_code, Some(1..)), "{finished:?}");
    assert!(
        finished.stderr.contains("fixture.yaml") && finished.stderr.contains("titel"),
        "{finished:?}"
    );
    assert!(finished.stderr.contains(&line.to_string()), "{finished:?}");
    let valid = write_file(&folder, "fixture.yaml", VALID_SEED);
    let server = Server::start_with_args(&["--data", data, "--seed", &valid]);
    assert_eq!(server.stop().exit_code, Some(0), "the failed start must not block the next one");
}

#[test]
fn yaml_alias_expansion_is_limited_to_16_mib() {
    let title = "x".repeat(1_000);
    let row = |title: &str| {
        format!("    - {{ title: {title}, direction: inbound, from: a@b.c, to: a@b.c }}\n")
    };
    let text = |aliases: usize| {
        let first = row(&format!("&t {title}"));
        format!("accounts:\n  a:\n    tickets:\n{first}{}", row("*t").repeat(aliases))
    };
    // With 16,777 titles of 1,000 bytes the text stays just below 16 MiB; the first alias is on line 5.
    assert_rejected(&text(16_778), 5 + 16_777, &["aliases", "16 MiB of text"]);
    let largest = check_seed("fixture.yaml", &text(16_777));
    assert_eq!(largest.exit_code, Some(0), "{largest:?}");
}
