//! `seed check`: what is wrong with a fixture, and where, without writing anything.

use crate::fixtures::{self, file};
use crate::program::{Finished, Running, command};

const GOOD: &str = "\
accounts:
  acme:
    time_zone: Europe/Amsterdam
    dialect: { list_type: items, unknown_customer: refuse }
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

/// Checks the text in a folder of its own, which it leaves as it was.
fn check(name: &str, text: &str) -> Finished {
    let folder = fixtures::folder();
    file(&folder, name, text);
    let mut command = command(&["seed", "check", name]);
    let finished = Running::spawn(command.current_dir(folder.path())).finish();
    let left = std::fs::read_dir(folder.path()).expect("readable");
    let left: Vec<_> = left.map(|entry| entry.expect("readable").file_name()).collect();
    assert_eq!(left, [name], "nothing is written");
    assert_eq!(std::fs::read_to_string(folder.path().join(name)).expect("readable"), text);
    finished
}

/// The fixture, with one line put in another's place, and the number of that line.
fn spoilt(line: &str, instead: &str) -> (String, usize) {
    let at = GOOD.lines().position(|known| known.contains(line)).expect("the line is there");
    let lines = GOOD.lines().enumerate();
    let lines =
        lines.map(
            |(number, known)| {
                if number == at { known.replace(line, instead) } else { known.to_owned() }
            },
        );
    (lines.map(|line| line + "\n").collect(), at + 1)
}

/// The text is refused, and the message has the file, the line and these words.
fn refused(text: &str, line: usize, words: &[&str]) {
    let finished = check("fixture.yaml", text);
    assert!(matches!(finished.code, Some(1..)), "{words:?}: {finished:?}");
    let said = finished.text();
    assert!(said.contains("fixture.yaml"), "the file is named: {said}");
    let numbers = said.split(|c: char| !c.is_ascii_digit());
    assert!(
        numbers.clone().any(|number| number == line.to_string()),
        "line {line} is named: {said}"
    );
    for word in words {
        assert!(said.contains(word), "{word} is in {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_good_seed_is_good() {
    let finished = check("fixture.yaml", GOOD);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let json = fixtures::acme([fixtures::ticket(7)]).to_string();
    let finished = check("fixture.json", &json);
    assert_eq!(finished.code, Some(0), "{finished:?}");
}

#[tokio::test]
async fn a_good_seed_is_what_a_server_starts_from() {
    let folder = fixtures::folder();
    let path = file(&folder, "fixture.yaml", GOOD);
    let mut server = crate::support::Server::with(&["--ephemeral", "--seed", &path]);
    server.key = "read-key-0123456789".to_owned();
    let item = server.get("/api/v2/ticket/858462").await.body;
    assert_eq!(item["item"]["title"], "Printer on fire");
    assert_eq!(item["item"]["brand_name"], "MyBrand");
}

#[test]
fn an_unknown_field_is_named_with_its_line() {
    let (text, line) = spoilt("        title: Second", "        titel: Second");
    refused(&text, line, &["titel"]);
    let (text, line) = spoilt("    time_zone:", "    timezone:");
    refused(&text, line, &["timezone"]);
    let (text, line) = spoilt("accounts:", "acounts:");
    refused(&text, line, &["acounts"]);
}

#[test]
fn a_wrong_type_is_named_with_its_line() {
    let (text, line) = spoilt("      - id: 858463", "      - id: many");
    refused(&text, line, &["id", "many"]);
    let (text, line) = spoilt("        title: Second", "        title: [Second]");
    refused(&text, line, &["title"]);
    let (text, line) = spoilt("    brands:    [{ id: 1, name: MyBrand }]", "    brands: MyBrand");
    refused(&text, line, &["brands"]);
}

#[test]
fn a_wrong_value_is_named_with_its_line() {
    let (text, line) = spoilt("        title: Second", "        status: done");
    refused(&text, line, &["status", "done"]);
    let (text, line) = spoilt("        title: Second", "        created_at: yesterday");
    refused(&text, line, &["created_at", "yesterday"]);
    let (text, line) = spoilt("    time_zone: Europe/Amsterdam", "    time_zone: Europe/Atlantis");
    refused(&text, line, &["time_zone", "Europe/Atlantis"]);
}

#[test]
fn an_id_that_occurs_twice_is_named_with_its_line() {
    let (text, line) = spoilt("      - id: 858463", "      - id: 858462");
    refused(&text, line, &["858462"]);
}

#[test]
fn a_key_that_occurs_twice_is_found_and_not_told() {
    let (text, line) = spoilt("key: read-key-0123456789", "key: acme-key-0123456789");
    refused(&text, line, &["key"]);
    let said = check("fixture.yaml", &text).text();
    assert!(!said.contains("acme-key-0123456789"), "{said}");
}

#[test]
fn an_unknown_permission_is_named_with_its_line() {
    let (text, line) = spoilt("[TICKET_READ]", "[TICKET_REED]");
    refused(&text, line, &["TICKET_REED", "permissions"]);
}

#[test]
fn an_unknown_dialect_name_or_value_is_named_with_its_line() {
    let (text, line) = spoilt("unknown_customer: refuse", "unknown_custommer: refuse");
    refused(&text, line, &["unknown_custommer"]);
    let (text, line) = spoilt("unknown_customer: refuse", "unknown_customer: perhaps");
    refused(&text, line, &["unknown_customer", "perhaps"]);
}

#[test]
fn broken_yaml_is_refused_with_its_line() {
    let (text, line) = spoilt("        title: Second", "        title: \"Second");
    let finished = check("fixture.yaml", &text);
    assert!(matches!(finished.code, Some(1..)), "{finished:?}");
    assert!(finished.text().contains("fixture.yaml"), "{finished:?}");
    // Where an open quotation ends is the reader's own opinion: its line, or the end of the text.
    let said = finished.text();
    assert!((line..=line + 1).any(|line| said.contains(&line.to_string())), "{said}");
    let (text, line) = spoilt("    time_zone: Europe/Amsterdam", "    time_zone: : [");
    refused(&text, line, &[]);
}

#[test]
fn several_faults_are_told_at_once() {
    let text = GOOD.replace("        title: Second", "        titel: Second\n        status: done");
    refused(&text, GOOD.lines().count(), &["titel"]);
    refused(&text, GOOD.lines().count() + 1, &["done"]);
}

#[test]
fn an_empty_or_missing_file_is_named() {
    for text in ["", "# nothing but a remark\n", "7\n"] {
        let finished = check("fixture.yaml", text);
        assert!(matches!(finished.code, Some(1..)), "{text:?}: {finished:?}");
        assert!(finished.text().contains("fixture.yaml"), "{finished:?}");
    }
    let missing = crate::program::run(&["seed", "check", "/nothing/here.yaml"]);
    assert!(matches!(missing.code, Some(1..)), "{missing:?}");
    assert!(missing.text().contains("/nothing/here.yaml"), "{missing:?}");
}

#[test]
fn a_server_does_not_start_from_a_bad_seed() {
    let folder = fixtures::folder();
    let (text, line) = spoilt("        title: Second", "        titel: Second");
    let seed = file(&folder, "fixture.yaml", &text);
    let data = folder.path().join("data");
    let data = data.to_str().expect("text");
    let mut serve = command(&["--listen", "127.0.0.1:0", "--data", data, "--seed", &seed]);
    let finished = Running::spawn(&mut serve).finish();
    assert!(matches!(finished.code, Some(1..)), "{finished:?}");
    assert!(
        finished.stderr.contains("fixture.yaml") && finished.stderr.contains("titel"),
        "{finished:?}"
    );
    assert!(finished.stderr.contains(&line.to_string()), "{finished:?}");
    let good = file(&folder, "fixture.yaml", GOOD);
    let server = crate::support::Server::with(&["--data", data, "--seed", &good]);
    assert_eq!(server.stop().code(), Some(0), "the refused start has left nothing in the way");
}

#[test]
fn aliases_may_stand_for_16_mebibytes_of_text_and_no_more() {
    let title = "x".repeat(1_000);
    let row = |title: &str| {
        format!("    - {{ title: {title}, direction: inbound, from: a@b.c, to: a@b.c }}\n")
    };
    let text = |aliases: usize| {
        let first = row(&format!("&t {title}"));
        format!("accounts:\n  a:\n    tickets:\n{first}{}", row("*t").repeat(aliases))
    };
    // 16,777 titles of 1,000 bytes are the last ones below 16 MiB; the first alias is on line 5.
    refused(&text(16_778), 5 + 16_777, &["aliases", "16 MiB of text"]);
    let most = check("fixture.yaml", &text(16_777));
    assert_eq!(most.code, Some(0), "{most:?}");
}
