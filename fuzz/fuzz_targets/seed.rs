//! Fuzzes seeds: arbitrary bytes are rejected with readable errors, or the seed can be loaded and exported.

#![no_main]

use std::time::Duration;

use libfuzzer_sys::{Corpus, fuzz_target};
use omnidesk_mock::fuzzing::{FuzzServer, parse_fixture, parse_seed};

const TIMEOUT: Duration = Duration::from_secs(5);

fuzz_target!(|bytes: &[u8]| -> Corpus {
    // Invalid UTF-8 is rejected before the parser.
    let Ok(text) = std::str::from_utf8(bytes) else { return Corpus::Reject };
    let seed = parse_seed(text);
    let (json, yaml) = (parse_fixture(true, text), parse_fixture(false, text));
    for error in [seed.as_ref().err(), json.as_ref().err(), yaml.as_ref().err()] {
        error.into_iter().for_each(|error| assert_errors_are_readable(error));
    }
    if json.is_ok() {
        assert_eq!(yaml, json, "JSON and YAML differ");
    }
    if let (Ok(()), Err(error)) = (&yaml, &seed) {
        // An import ignores the account name.
        assert!(error.contains("self means"), "the fixture is valid, but the seed is not: {error}");
    }
    if seed.is_ok() {
        assert_loads_and_exports(text);
    }
    Corpus::Keep
});

/// Asserts that each line of the error has a position and a message.
fn assert_errors_are_readable(error: &str) {
    assert!(!error.is_empty() && error.len() < 100_000, "{error}");
    for line in error.split('\n') {
        let names = ["seed:", "fixture.json:", "fixture.yaml:"];
        let rest = names.iter().find_map(|name| line.strip_prefix(name));
        let rest = rest.unwrap_or_else(|| panic!("{line:?} has no position, in {error:?}"));
        let message = rest.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches(':');
        assert!(message.starts_with(' ') && message.trim().len() > 3, "{line:?} has no message");
        assert!(!line.contains(|c: char| c < ' '), "{line:?}");
    }
}

/// Asserts that a valid seed can be loaded, listed, and exported as a valid fixture.
fn assert_loads_and_exports(text: &str) {
    let server = FuzzServer::open(text)
        .unwrap_or_else(|error| panic!("the valid seed cannot be loaded: {error}"));
    let get = |path: &str| {
        let response = server.send(("GET", path), &[], Vec::new(), TIMEOUT);
        response.unwrap_or_else(|| panic!("no response to {path}"))
    };
    let list = get("/_control/accounts");
    let list: serde_json::Value = serde_json::from_slice(&list.body).expect("JSON");
    for account in list["accounts"].as_array().expect("a list").iter().take(4) {
        let name = account["account"].as_str().expect("a name");
        let export = get(&format!("/_control/accounts/{name}/export"));
        let export = String::from_utf8(export.body).expect("text");
        let reparsed = parse_fixture(true, &export);
        // New ids may exceed the largest id that a fixture may have.
        let is_out_of_range = |error: &String| error.contains("from 1 to 1000000000000000,");
        assert!(
            reparsed.is_ok() || reparsed.as_ref().is_err_and(is_out_of_range),
            "{reparsed:?}: {export}"
        );
    }
}
