//! Verdicts on numbers and orders of requests, and the messages of failures.

use std::time::Duration;

use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{
    CountExpectation, Entry, EvaluationDeadline, EvaluationError, Journal, JournalLimits,
    JournalSlice, OrderExpectation, RequestPattern, SequencedEntry, StatusMatcher, Verdict,
    Warning, WarningKind,
};
use super::{at, entry, equals, operation, recorded_input, with_fields};

fn hour() -> EvaluationDeadline {
    EvaluationDeadline::new(Duration::from_hours(1))
}

/// Returns a slice with these entries, numbered from 1.
fn slice(entries: impl IntoIterator<Item = Entry>) -> JournalSlice {
    let journal = Journal::new(JournalLimits { max_entries: 0, max_bytes: 0 });
    let entries =
        (1..).zip(entries).map(|(seq, entry)| SequencedEntry { seq, entry: entry.into() });
    let entries: Vec<SequencedEntry> = entries.collect();
    let end = journal.cursor_after(entries.len() as u64);
    JournalSlice { entries, is_truncated: false, end }
}

/// Returns a slice with a request of each operation, one second after another.
fn operations(names: &[&'static str]) -> JournalSlice {
    slice((0..).zip(names).map(|(seconds, name)| entry(name, seconds)))
}

fn truncated(slice: JournalSlice) -> JournalSlice {
    JournalSlice { is_truncated: true, ..slice }
}

const fn from_to(at_least: u64, at_most: u64) -> CountExpectation {
    CountExpectation { at_least, at_most: Some(at_most) }
}

const fn at_least(at_least: u64) -> CountExpectation {
    CountExpectation { at_least, at_most: None }
}

fn count(expected: CountExpectation, pattern: &RequestPattern, slice: &JournalSlice) -> Verdict {
    expected.evaluate(pattern, slice, &hour()).expect("a verdict before the deadline")
}

fn order(patterns: &[RequestPattern], min_interval: Duration, slice: &JournalSlice) -> Verdict {
    let expected = OrderExpectation { patterns: patterns.to_vec(), min_interval };
    expected.evaluate(slice, &hour()).expect("a verdict before the deadline")
}

/// Returns the kind of a verdict: passed, failed or unknown.
fn kind(verdict: &Verdict) -> char {
    match verdict {
        Verdict::Passed(_) => 'p',
        Verdict::Failed { .. } => 'f',
        Verdict::Inconclusive(_) => '?',
    }
}

fn passed(verdict: Verdict) -> Option<Vec<u64>> {
    if let Verdict::Passed(matched) = verdict { Some(matched) } else { None }
}

#[track_caller]
fn message(verdict: Verdict) -> String {
    match verdict {
        Verdict::Passed(matched) => panic!("passed with the requests {matched:?}"),
        Verdict::Failed { message, .. } | Verdict::Inconclusive(message) => message,
    }
}

#[track_caller]
fn near_misses(verdict: Verdict) -> Vec<(u64, usize)> {
    let Verdict::Failed { near_misses, .. } = verdict else { panic!("{verdict:?} did not fail") };
    near_misses.iter().map(|miss| (miss.seq, miss.differences.len())).collect()
}

#[test]
fn expected_count_is_described() {
    for (expected, description) in [
        (from_to(0, 0), "no request"),
        (from_to(1, 1), "exactly 1 request"),
        (from_to(2, 2), "exactly 2 requests"),
        (from_to(0, 1), "at most 1 request"),
        (from_to(0, 2), "at most 2 requests"),
        (from_to(1, 2), "from 1 to 2 requests"),
        (at_least(0), "at least 0 requests"),
        (at_least(1), "at least 1 request"),
        (at_least(2), "at least 2 requests"),
    ] {
        assert_eq!(expected.to_string(), description);
    }
}

#[test]
fn count_includes_both_bounds() {
    // The verdicts on 0, 1, 2, 3 and 4 requests: if the journal is complete, and if it is truncated.
    for (expected, complete, is_truncated) in [
        (at_least(0), "ppppp", "ppppp"),
        (at_least(1), "fpppp", "?pppp"),
        (at_least(3), "fffpp", "???pp"),
        (from_to(0, 0), "pffff", "?ffff"),
        (from_to(0, 2), "pppff", "???ff"),
        (from_to(2, 2), "ffpff", "???ff"),
        (from_to(1, 3), "fpppf", "????f"),
    ] {
        let verdicts = |to_slice: fn(JournalSlice) -> JournalSlice| -> String {
            let names = ["ticket.get", "ticket.list", "ticket.get", "ticket.get", "ticket.get"];
            let lengths = [0, 1, 3, 4, 5];
            let slices = lengths.map(|length| to_slice(operations(&names[..length])));
            slices
                .iter()
                .map(|slice| kind(&count(expected, &operation("ticket.get"), slice)))
                .collect()
        };
        assert_eq!(verdicts(|slice| slice), complete, "{expected}");
        assert_eq!(verdicts(truncated), is_truncated, "{expected}, truncated");
    }
}

#[test]
fn passed_count_has_the_matching_requests() {
    let slice = operations(&["ticket.get", "ticket.list", "ticket.get"]);
    assert_eq!(passed(count(at_least(1), &operation("ticket.get"), &slice)), Some(vec![1, 3]));
    assert_eq!(passed(count(from_to(0, 0), &operation("ticket.delete"), &slice)), Some(vec![]));
    let any = RequestPattern::default();
    assert_eq!(passed(count(at_least(1), &any, &slice)), Some(vec![1, 2, 3]));
}

fn set_status(id: &str, status: &str) -> Entry {
    let fields = json!({ "status": status, "ticketIDs": [id] });
    with_fields(entry("ticket.setStatus", 0), fields)
}

/// Returns a journal with matches, near misses, and a request of another operation with a warning.
fn mixed_slice() -> JournalSlice {
    let mut rejected = set_status("8", "done");
    rejected.status = Some(400);
    let mut update = entry("ticket.update", 0);
    update.input = recorded_input(
        json!({ "titel": "Fixed" }),
        vec![Warning::new(WarningKind::UnknownField, "titel is an unknown field")],
    );
    let mut unmatched = entry("", 0);
    unmatched.operation = None;
    unmatched.path = "/api/v2/nothing".into();
    unmatched.status = None;
    slice([set_status("7", "open"), set_status("8", "solved"), rejected, update, unmatched])
}

fn solve_ticket_7() -> RequestPattern {
    RequestPattern {
        status: Some(StatusMatcher::Exactly(200)),
        fields: vec![equals("status", "solved"), equals("ticketIDs", json!(["7"]))],
        ..operation("ticket.setStatus")
    }
}

#[test]
fn missing_request_is_explained_by_near_misses() {
    assert_eq!(
        message(count(at_least(1), &solve_ticket_7(), &mixed_slice())),
        r#"Expected at least 1 request: ticket.setStatus with status 200, field status "solved", field ticketIDs ["7"].
Found none among 5 requests.
Near misses:
  request 1: ticket.setStatus {"status":"open","ticketIDs":["7"]}, status 200
    field status: expected "solved", was "open"
  request 2, 0s after request 1: ticket.setStatus {"status":"solved","ticketIDs":["8"]}, status 200
    field ticketIDs: expected ["7"], was ["8"]
  request 3, 0s after request 2: ticket.setStatus {"status":"done","ticketIDs":["8"]}, status 400
    status: expected 200, was 400
    field status: expected "solved", was "done"
    field ticketIDs: expected ["7"], was ["8"]"#
    );
}

#[test]
fn requests_of_other_operations_are_listed_if_there_are_no_others() {
    let verdict = count(at_least(1), &operation("ticket.delete"), &mixed_slice());
    assert_eq!(
        message(verdict),
        r#"Expected at least 1 request: ticket.delete.
Found none among 5 requests.
Requests of other operations were received, such as:
  request 1: ticket.setStatus {"status":"open","ticketIDs":["7"]}, status 200
  request 2, 0s after request 1: ticket.setStatus {"status":"solved","ticketIDs":["8"]}, status 200
  request 3, 0s after request 2: ticket.setStatus {"status":"done","ticketIDs":["8"]}, status 400
  request 4, 0s after request 3: ticket.update {"titel":"Fixed"}, status 200
      unknown-field: titel is an unknown field
  request 5, 0s after request 4: POST /api/v2/nothing {}, no response"#
    );
}

#[test]
fn wrong_number_of_requests_is_explained_by_the_matching_ones() {
    let successful = || RequestPattern {
        status: Some(StatusMatcher::Class(2)),
        ..operation("ticket.setStatus")
    };
    let found = r#"Found 2 among 5 requests:
  request 1: ticket.setStatus {"status":"open","ticketIDs":["7"]}, status 200
  request 2, 0s after request 1: ticket.setStatus {"status":"solved","ticketIDs":["8"]}, status 200"#;
    let too_many = count(from_to(1, 1), &successful(), &mixed_slice());
    let expected = "Expected exactly 1 request: ticket.setStatus with status 2xx.";
    assert_eq!(message(too_many), format!("{expected}\n{found}"));
    let too_few = count(at_least(3), &successful(), &mixed_slice());
    let expected = "Expected at least 3 requests: ticket.setStatus with status 2xx.";
    let near_miss = r#"Near misses:
  request 3, 0s after request 2: ticket.setStatus {"status":"done","ticketIDs":["8"]}, status 400
    status: expected 2xx, was 400"#;
    assert_eq!(message(too_few), format!("{expected}\n{found}\n{near_miss}"));
}

#[test]
fn message_about_an_empty_or_truncated_journal_says_so() {
    let get = operation("ticket.get");
    assert_eq!(
        message(count(at_least(1), &get, &slice([]))),
        "Expected at least 1 request: ticket.get.\nNo request was received."
    );
    assert_eq!(
        message(count(from_to(0, 3), &get, &truncated(operations(&["ticket.get"])))),
        "Expected at most 3 requests: ticket.get.\nFound 1, but earlier requests were evicted from the journal. Raise --journal-entries or --journal-bytes."
    );
}

#[test]
fn at_most_five_matching_requests_are_shown() {
    let get = operation("ticket.get");
    for (length, more) in [(5, ""), (6, "\n  and 1 more"), (8, "\n  and 3 more")] {
        let slice = operations(&vec!["ticket.get"; length]);
        let line = |seq: u64| {
            let previous = seq - 1;
            format!("\n  request {seq}, 1s after request {previous}: ticket.get {{}}, status 200")
        };
        let lines: String = (2..=5).map(line).collect();
        let lines = format!("\n  request 1: ticket.get {{}}, status 200{lines}");
        let equal = "\nRequests 1 and 2 have the same fields, and came within 1s: the client may repeat requests by itself.";
        assert_eq!(
            message(count(from_to(0, 0), &get, &slice)),
            format!(
                "Expected no request: ticket.get.\nFound {length} among {length} requests:{lines}{more}{equal}"
            )
        );
    }
    let one = operations(&["ticket.get"]);
    assert_eq!(
        message(count(from_to(0, 0), &get, &one)),
        "Expected no request: ticket.get.\nFound 1 among 1 request:\n  request 1: ticket.get {}, status 200"
    );
}

#[test]
fn near_misses_are_the_five_requests_with_the_fewest_differences() {
    let with = |fields: Value| with_fields(entry("ticket.update", 0), fields);
    let pattern = RequestPattern {
        fields: vec![equals("a", 1), equals("b", 1), equals("c", 1)],
        ..operation("ticket.update")
    };
    let slice = slice([
        with(json!({})),
        with(json!({ "a": 1 })),
        with(json!({ "a": 1, "b": 1 })),
        with(json!({})),
        with(json!({ "a": 1, "c": 1 })),
        with(json!({ "b": 1 })),
        // Another operation is further away than any other difference.
        with_fields(entry("ticket.create", 0), json!({ "a": 1, "b": 1, "c": 1 })),
    ]);
    let found = near_misses(count(at_least(1), &pattern, &slice));
    assert_eq!(found, [(3, 1), (5, 1), (2, 2), (6, 2), (1, 3)]);
    let create = RequestPattern { operation: Some("ticket.delete"), ..pattern.clone() };
    let found = near_misses(count(at_least(1), &create, &slice));
    assert_eq!(found, [(7, 1), (3, 2), (5, 2), (2, 3), (6, 3)], "no request has the operation");
    let first = RequestPattern { fields: vec![equals("x", 1)], ..operation("ticket.create") };
    assert_eq!(near_misses(count(at_least(1), &first, &slice)), [(7, 1)], "the others are omitted");
    let too_many = count(from_to(0, 0), &operation("ticket.update"), &slice);
    assert_eq!(near_misses(too_many), [], "none is missing");
}

#[test]
fn long_fields_and_paths_are_truncated() {
    let mut unmatched = entry("", 0);
    unmatched.operation = None;
    unmatched.path = "x".repeat(301).into();
    let long = with_fields(entry("ticket.get", 0), json!({ "a": "x".repeat(300) }));
    assert_eq!(
        message(count(from_to(0, 0), &RequestPattern::default(), &slice([unmatched, long]))),
        format!(
            "Expected no request: any operation.\nFound 2 among 2 requests:\n  request 1: POST {}… {{}}, status 200\n  request 2, 0s after request 1: ticket.get {{\"a\":\"{}…, status 200",
            "x".repeat(300),
            "x".repeat(294)
        )
    );
}

#[test]
fn evaluation_ends_at_the_deadline_and_at_an_unknown_result() {
    let timeout = Duration::ZERO;
    let deadline = EvaluationDeadline::new(timeout);
    let slice = operations(&["ticket.get"]);
    let (any, error) = (RequestPattern::default(), EvaluationError::TimedOut(timeout));
    let result = at_least(1).evaluate(&any, &slice, &deadline);
    assert_eq!(result.map(|verdict| kind(&verdict)), Err(error.clone()));
    let order = OrderExpectation { patterns: vec![any], min_interval: Duration::ZERO };
    assert_eq!(order.evaluate(&slice, &deadline).map(|verdict| kind(&verdict)), Err(error));
}

#[test]
fn order_allows_requests_in_between_but_no_other_order() {
    let slice = operations(&["ticket.create", "ticket.get", "ticket.update", "ticket.get"]);
    for (names, expected) in [
        (&["create"][..], Some(vec![1])),
        (&["create", "get"], Some(vec![1, 2])),
        (&["create", "delete"], None),
        (&["create", "update", "get"], Some(vec![1, 3, 4])),
        (&["get", "get"], Some(vec![2, 4])),
        (&["get", "get", "get"], None),
        (&["update", "create"], None),
        (&["get", "create"], None),
        (&["create", "get", "update", "get"], Some(vec![1, 2, 3, 4])),
        (&["create", "create"], None),
    ] {
        let operation = |name: &&str| match *name {
            "create" => operation("ticket.create"),
            "get" => operation("ticket.get"),
            "update" => operation("ticket.update"),
            _ => operation("ticket.delete"),
        };
        let patterns: Vec<RequestPattern> = names.iter().map(operation).collect();
        assert_eq!(passed(order(&patterns, Duration::ZERO, &slice)), expected, "{names:?}");
    }
}

#[test]
fn order_is_that_of_arrival() {
    // The slow request 2 arrived before request 1.
    let slice = slice([entry("ticket.get", 5), entry("ticket.create", 3), entry("ticket.get", 5)]);
    let patterns = [operation("ticket.create"), operation("ticket.get"), operation("ticket.get")];
    assert_eq!(passed(order(&patterns, Duration::ZERO, &slice)), Some(vec![2, 1, 3]));
    let patterns = [operation("ticket.get"), operation("ticket.create")];
    assert_eq!(kind(&order(&patterns, Duration::ZERO, &slice)), 'f');
}

#[test]
fn min_interval_is_that_of_the_account_clock() {
    let get = || operation("ticket.get");
    // Times by the account's clock, in milliseconds.
    for (times, min_millis, expected) in [
        ([0, 1000, 2000], 1000, 'p'),
        ([0, 1000, 2000], 1001, 'f'),
        ([0, 2000, 3000], 2000, 'f'),
        ([0, 1000, 3000], 2000, 'f'),
        ([0, 0, 0], 0, 'p'),
        ([0, 0, 0], 1, 'f'),
        // The clock was set back.
        ([5000, 0, 1000], 0, 'p'),
        ([5000, 0, 1000], 1000, 'f'),
    ] {
        let entries = (0..).zip(times).map(|(seconds, millis)| {
            let mut entry = entry("ticket.get", seconds);
            entry.account_time = at(0) + SignedDuration::from_millis(millis);
            entry
        });
        let min_interval = Duration::from_millis(min_millis);
        let verdict = order(&[get(), get(), get()], min_interval, &slice(entries));
        assert_eq!(kind(&verdict), expected, "{times:?} and {min_millis} ms");
    }
}

#[test]
fn too_early_request_is_explained_by_its_interval() {
    let patterns = [operation("ticket.create"), operation("ticket.get")];
    let slice = operations(&["ticket.create", "ticket.get"]);
    let verdict = order(&patterns, Duration::from_secs(90), &slice);
    assert_eq!(
        message(verdict),
        "Expected in this order:
  1. ticket.create
  2. ticket.get
request 2: ticket.get {}, status 200
The request came 1s after the previous request, by the account's clock; at least 1m 30s were expected."
    );
}

#[test]
fn missing_request_of_an_order_is_explained_by_its_position() {
    let slice = slice([
        entry("ticket.create", 0),
        set_status("7", "open"),
        set_status("8", "solved"),
        set_status("8", "done"),
    ]);
    let set = |status: &str| RequestPattern {
        fields: vec![equals("status", status)],
        ..operation("ticket.setStatus")
    };
    let create = operation("ticket.create");
    for (patterns, expected) in [
        (
            vec![create.clone(), set("open"), set("closed")],
            r#"Expected in this order:
  1. ticket.create
  2. ticket.setStatus with field status "open"
  3. ticket.setStatus with field status "closed"
Number 1 is request 1.
Number 2 is request 2.
Number 3 was not received after that.
Near misses:
  request 3: ticket.setStatus {"status":"solved","ticketIDs":["8"]}, status 200
    field status: expected "closed", was "solved"
  request 4, 0s after request 3: ticket.setStatus {"status":"done","ticketIDs":["8"]}, status 200
    field status: expected "closed", was "done""#,
        ),
        (
            vec![set("solved"), set("open")],
            r#"Expected in this order:
  1. ticket.setStatus with field status "solved"
  2. ticket.setStatus with field status "open"
Number 1 is request 3.
Number 2 was not received after that. An earlier request matches: request 2.
Near misses:
  request 4: ticket.setStatus {"status":"done","ticketIDs":["8"]}, status 200
    field status: expected "open", was "done""#,
        ),
        (
            vec![set("closed"), create],
            r#"Expected in this order:
  1. ticket.setStatus with field status "closed"
  2. ticket.create
Number 1 was not received.
Near misses:
  request 2, 0s after request 1: ticket.setStatus {"status":"open","ticketIDs":["7"]}, status 200
    field status: expected "closed", was "open"
  request 3, 0s after request 2: ticket.setStatus {"status":"solved","ticketIDs":["8"]}, status 200
    field status: expected "closed", was "solved"
  request 4, 0s after request 3: ticket.setStatus {"status":"done","ticketIDs":["8"]}, status 200
    field status: expected "closed", was "done""#,
        ),
    ] {
        assert_eq!(message(order(&patterns, Duration::ZERO, &slice)), expected);
    }
    assert_eq!(
        message(order(&[set("open"), RequestPattern::default()], Duration::ZERO, &self::slice([]))),
        "Expected in this order:\n  1. ticket.setStatus with field status \"open\"\n  2. any operation\nNo request was received."
    );
}

#[test]
fn order_in_a_truncated_journal_is_unknown_unless_it_is_found() {
    let patterns = [operation("ticket.create"), operation("ticket.get")];
    let find = |names: &[&'static str], min_interval| {
        order(&patterns, Duration::from_secs(min_interval), &truncated(operations(names)))
    };
    assert_eq!(passed(find(&["ticket.create", "ticket.get"], 0)), Some(vec![1, 2]));
    assert_eq!(
        message(find(&["ticket.create"], 0)),
        "Expected in this order:\n  1. ticket.create\n  2. ticket.get\nNumber 2 was not found, but earlier requests were evicted from the journal. Raise --journal-entries or --journal-bytes."
    );
    // An evicted request can be the first match, which changes the interval of the second one.
    for min_interval in [1, 2] {
        assert_eq!(
            message(find(&["ticket.create", "ticket.get"], min_interval)),
            "Expected in this order:\n  1. ticket.create\n  2. ticket.get\nThe intervals are unknown, since earlier requests were evicted from the journal. Raise --journal-entries or --journal-bytes.",
            "{min_interval} s"
        );
    }
    let get = [operation("ticket.get")];
    let verdict = order(&get, Duration::from_secs(9), &truncated(operations(&["ticket.get"])));
    assert_eq!(passed(verdict), Some(vec![1]), "one request has no interval");
}

fn any_operation() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("ticket.get"), Just("ticket.list")]
}

proptest! {
    /// What a truncated journal proves is also true of the whole one.
    #[test]
    fn verdict_on_a_truncated_journal_holds_for_the_whole_one(
        requests in prop::collection::vec((any_operation(), 0_i64..3), 0..12),
        evicted in 1_usize..5,
        expected_count in (0_u64..4, prop::option::of(0_u64..4)),
        names in prop::collection::vec(any_operation(), 1..4),
        min_interval in 0_u64..3,
    ) {
        let mut now = 0;
        let entries = requests.iter().map(|(name, pause)| {
            now += pause;
            entry(name, now)
        });
        let whole = slice(entries);
        let rest = whole.entries.iter().skip(evicted).cloned().collect();
        let rest = JournalSlice { entries: rest, is_truncated: true, end: whole.end };

        let (least, more) = expected_count;
        let expected = CountExpectation { at_least: least, at_most: more.map(|more| least + more) };
        let get = operation("ticket.get");
        let patterns: Vec<RequestPattern> = names.into_iter().map(operation).collect();
        let min_interval = Duration::from_secs(min_interval);
        for (proved, actual) in [
            (count(expected, &get, &rest), count(expected, &get, &whole)),
            (order(&patterns, min_interval, &rest), order(&patterns, min_interval, &whole)),
        ] {
            prop_assert!(
                kind(&proved) == '?' || kind(&proved) == kind(&actual),
                "{proved:?}, but {actual:?}"
            );
        }
    }
}
