//! Seeds of any bytes: they are refused in sentences, or they can be planted and used.

#![no_main]

use std::time::Duration;

use libfuzzer_sys::{Corpus, fuzz_target};
use omnidesk_mock::fuzzing::{FuzzServer, parse_fixture, parse_seed};

const PATIENCE: Duration = Duration::from_secs(5);

fuzz_target!(|bytes: &[u8]| -> Corpus {
    // Other bytes are refused before anything looks at them.
    let Ok(text) = std::str::from_utf8(bytes) else { return Corpus::Reject };
    let read = parse_seed(text);
    let (json, yaml) = (parse_fixture(true, text), parse_fixture(false, text));
    for refusal in [read.as_ref().err(), json.as_ref().err(), yaml.as_ref().err()] {
        refusal.into_iter().for_each(|refusal| says_where_and_what(refusal));
    }
    if json.is_ok() {
        assert_eq!(yaml, json, "JSON is YAML as well");
    }
    if let (Ok(()), Err(refusal)) = (&yaml, &read) {
        // An import does not look at the name.
        assert!(refusal.contains("self means"), "a fixture is a seed, but {refusal}");
    }
    if read.is_ok() {
        planted(text);
    }
    Corpus::Keep
});

/// Each line names its place and says something.
fn says_where_and_what(refusal: &str) {
    assert!(!refusal.is_empty() && refusal.len() < 100_000, "{refusal}");
    for line in refusal.split('\n') {
        let names = ["seed:", "fixture.json:", "fixture.yaml:"];
        let said = names.iter().find_map(|name| line.strip_prefix(name));
        let said = said.unwrap_or_else(|| panic!("{line:?} names no place, in {refusal:?}"));
        let said = said.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches(':');
        assert!(said.starts_with(' ') && said.trim().len() > 3, "{line:?} says nothing");
        assert!(!line.contains(|c: char| c < ' '), "{line:?}");
    }
}

/// What obeys all rules can be planted, listed, and given back as a fixture that obeys them again.
fn planted(text: &str) {
    let server =
        FuzzServer::open(text).unwrap_or_else(|error| panic!("it obeys all rules, but {error}"));
    let get = |path: &str| {
        let answer = server.send(("GET", path), &[], Vec::new(), PATIENCE);
        answer.unwrap_or_else(|| panic!("{path} is not answered"))
    };
    let all = get("/_control/accounts");
    let all: serde_json::Value = serde_json::from_slice(&all.body).expect("JSON");
    for account in all["accounts"].as_array().expect("a list").iter().take(4) {
        let name = account["account"].as_str().expect("a name");
        let export = get(&format!("/_control/accounts/{name}/export"));
        let export = String::from_utf8(export.body).expect("text");
        let again = parse_fixture(true, &export);
        // New ids go on after the largest that a fixture may give.
        let is_past = |refusal: &String| refusal.contains("from 1 to 1000000000000000,");
        assert!(again.is_ok() || again.as_ref().is_err_and(is_past), "{again:?}: {export}");
    }
}
