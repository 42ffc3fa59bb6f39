//! Time zones: dates are instants. A DST transition or another time zone changes only their display.
//!
//! In Amsterdam the hour from 02:00 occurs twice on 2026-10-25, from 00:00 UTC and from 01:00 UTC, and is skipped
//! on 2026-03-29, at 01:00 UTC.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::support::client::ApiClient;
use crate::support::control::{self, Account};
use crate::support::files::create_temp_dir;
use crate::support::property::proptest_config;
use crate::support::seed::{
    ACME_KEY, SeededServer, acme_seed, serve_seed, serve_seed_with_args, ticket_fixture,
};
use crate::support::ticket::{ALL_TICKETS_PATH, NEW_TICKET_FORM, dump_tickets, parse_ticket_ids};
use crate::support::wait::block_on;

/// Lists that exclude archived tickets, with totals from different queries.
const UNARCHIVED_LIST_QUERIES: [&str; 5] =
    ["", "?status=closed", "?applyView=closed", "?query=example", "?applyView=unassigned"];

/// Returns a seed with `acme` in Amsterdam and its clock frozen at `at`.
fn amsterdam_seed(at: &str, tickets: impl IntoIterator<Item = Value>) -> Value {
    let mut seed = acme_seed(tickets);
    let account = &mut seed["accounts"]["acme"];
    account["time_zone"] = json!("Europe/Amsterdam");
    account["clock"] = json!({ "mode": "frozen", "at": at });
    account["dialect"] = json!({ "archive_after": "30m" });
    seed
}

fn date_str(date: &Value) -> &str {
    date.as_str().expect("a date")
}

fn acme_account(server: &ApiClient) -> Account {
    Account::new(server, "acme", ACME_KEY)
}

async fn post_form(account: &Account, operation: &str, form: &str) {
    let path = format!("/api/v2/ticket/{operation}");
    let reply = account.client.send_form("POST", &path, form).await;
    assert_eq!(reply.status, 200, "{operation} {form}: {}", reply.body);
}

async fn close_ticket(account: &Account, id: u64) {
    post_form(account, "setStatus", &format!("status=closed&ticketIDs[]={id}")).await;
}

async fn get_item(account: &Account, id: u64) -> Value {
    account.client.get(&format!("/api/v2/ticket/{id}")).await.body["item"].clone()
}

/// Imports a fixture with one account.
async fn import_fixture(account: &Account, fixture: &Value) {
    let fixture = json!({ "accounts": { "any": fixture } });
    let imported = control::fetch_response(account.request("POST", "/import").json(&fixture)).await;
    assert_eq!(imported.status, 200, "{}", imported.body);
}

/// Returns true if the ticket is in the lists that exclude archived tickets; asserts that all lists and totals agree.
async fn is_listed(account: &Account, id: u64) -> bool {
    let mut results = Vec::new();
    for list in UNARCHIVED_LIST_QUERIES {
        let body = account.client.get_text(&format!("/api/v2/ticket{list}")).await;
        let ids = parse_ticket_ids(&body);
        let list: Value = serde_json::from_str(&body).expect("the body is JSON");
        assert_eq!(list["itemTotal"], ids.len(), "{list}");
        results.push(ids.contains(&id));
    }
    assert!(results.iter().all(|result| *result == results[0]), "{results:?}");
    results[0]
}

/// Creates an account in Amsterdam with three tickets and changes around the repeated hour.
async fn start_with_dst_overlap_history() -> (SeededServer, Account) {
    let server = serve_seed(&amsterdam_seed("2026-10-25T00:20:00Z", []));
    let account = acme_account(&server);
    for (time, operation, form) in [
        ("2026-10-25T00:20:00Z", "", NEW_TICKET_FORM),
        ("2026-10-25T00:40:00Z", "setPriority", "priority=high&ticketIDs[]=1"),
        ("2026-10-25T00:59:59Z", "", NEW_TICKET_FORM),
        ("2026-10-25T01:00:00Z", "setPriority", "priority=low&ticketIDs[]=2"),
        ("2026-10-25T01:10:00Z", "setStatus", "status=closed&ticketIDs[]=1"),
        ("2026-10-25T01:15:00Z", "", NEW_TICKET_FORM),
        ("2026-10-25T02:05:00Z", "setPriority", "priority=urgent&ticketIDs[]=1&ticketIDs[]=3"),
    ] {
        account.freeze_clock(time).await;
        let path = if operation.is_empty() { "" } else { "/" };
        let path = format!("/api/v2/ticket{path}{operation}");
        let reply = account.client.send_form("POST", &path, form).await;
        assert_eq!(reply.status, 200, "{time}: {}", reply.body);
    }
    (server, account)
}

#[tokio::test]
async fn timeline_order_is_correct_across_dst_overlap() {
    let (_server, account) = start_with_dst_overlap_history().await;
    let first = get_item(&account, 1).await;
    let events = first["timeline"].as_array().expect("a timeline").iter();
    let events: Vec<_> = events
        .map(|event| (date_str(&event["item_type_id"]), date_str(&event["created_at"])))
        .collect();
    let expected = [
        ("high", "2026-10-25 02:40:00"),
        ("closed", "2026-10-25 02:10:00"),
        ("urgent", "2026-10-25 03:05:00"),
    ];
    assert_eq!(events, expected);
    assert_eq!(first["created_at"], "2026-10-25 02:20:00");
    assert_eq!(first["closed_at"], "2026-10-25 02:10:00", "01:10 UTC in the account's zone");
    assert_eq!(first["last_update"], "2026-10-25 03:05:00");
}

#[tokio::test]
async fn archiving_is_unaffected_by_dst_transitions() {
    // Closed before and after the end of DST, before its start, and on an ordinary day.
    for closed in [
        "2026-10-25T00:45:00Z",
        "2026-10-25T01:05:00Z",
        "2026-03-29T00:50:00Z",
        "2026-07-01T22:10:00Z",
    ] {
        let server = serve_seed(&amsterdam_seed(closed, [ticket_fixture(7)]));
        let account = acme_account(&server);
        close_ticket(&account, 7).await;
        for (by, listed) in [("29m", true), ("1m", true), ("1s", false), ("59s", false)] {
            let advanced =
                account.send_control_json("POST", "/clock/advance", &json!({ "by": by })).await;
            assert_eq!(advanced.status, 200, "{}", advanced.body);
            assert_eq!(is_listed(&account, 7).await, listed, "closed at {closed}, then {by}");
        }
        for minutes in (10..180).step_by(10) {
            let by = json!({ "by": "10m" });
            assert_eq!(account.send_control_json("POST", "/clock/advance", &by).await.status, 200);
            assert!(!is_listed(&account, 7).await, "closed at {closed}, {minutes} minutes later");
        }
    }
}

#[tokio::test]
async fn changing_time_zone_changes_display_but_not_archiving() {
    let mut seed = acme_seed([ticket_fixture(7), ticket_fixture(8)]);
    seed["accounts"]["acme"]["dialect"] = json!({ "archive_after": "2h" });
    let server = serve_seed(&seed);
    let account = acme_account(&server);
    close_ticket(&account, 7).await;
    for (zone, displayed) in [
        ("UTC", "2026-03-01 12:00:00"),
        ("Asia/Tokyo", "2026-03-01 21:00:00"),
        ("America/New_York", "2026-03-01 07:00:00"),
        ("Asia/Kathmandu", "2026-03-01 17:45:00"),
        ("Etc/UTC", "2026-03-01 12:00:00"),
        ("Europe/Amsterdam", "2026-03-01 13:00:00"),
    ] {
        import_fixture(&account, &json!({ "time_zone": zone })).await;
        // An import without a time zone keeps the account's zone.
        import_fixture(&account, &json!({})).await;
        let item = get_item(&account, 7).await;
        let event = &item["timeline"][0]["created_at"];
        assert_eq!([&item["closed_at"], &item["last_update"], event], [displayed; 3], "{zone}");
        let list = account.client.get("/api/v2/ticket?applyView=closed").await.body;
        assert_eq!(list["items"][0]["closed_at"], displayed, "{zone}");
        for (time, listed) in [("14:00:00", true), ("14:00:01", false), ("12:00:00", true)] {
            account.freeze_clock(&format!("2026-03-01T{time}Z")).await;
            assert_eq!(is_listed(&account, 7).await, listed, "{zone} at {time}");
        }
    }
}

#[tokio::test]
async fn export_preserves_instants_in_dst_overlap() {
    let (_server, account) = start_with_dst_overlap_history().await;
    let export = account.export().await;
    let first = &export["tickets"][0];
    assert_eq!(
        first["created_at"], "2026-10-25 02:20:00",
        "the first occurrence of the local time"
    );
    assert_eq!(
        first["closed_at"], "2026-10-25 01:10:00Z",
        "the second occurrence is exported in UTC"
    );
    assert_eq!(first["timeline"][1]["created_at"], "2026-10-25 01:10:00Z");
    assert_eq!(first["last_update"], "2026-10-25 03:05:00", "an unambiguous local time");
    let copy = Account::create(&account.client, &json!({ "from": "empty" })).await;
    let fixture = json!({ "accounts": { "any": export.clone() } });
    let imported = control::fetch_response(copy.request("POST", "/import").json(&fixture)).await;
    assert_eq!(imported.status, 200, "{}", imported.body);
    let mut seed = json!({ "accounts": { "acme": export.clone() } });
    seed["accounts"]["acme"]["keys"] =
        json!([{ "key": ACME_KEY, "name": "ci", "permissions": "all" }]);
    let seeded = serve_seed(&seed);
    for other in [copy, acme_account(&seeded)] {
        assert_eq!(other.export().await, export);
        assert_eq!(
            dump_tickets(&other.client).await.replace(&other.client.base_url, ""),
            dump_tickets(&account.client).await.replace(&account.client.base_url, "")
        );
        for time in ["2026-10-25T01:40:00Z", "2026-10-25T01:40:01Z", "2026-10-25T02:30:00Z"] {
            account.freeze_clock(time).await;
            other.freeze_clock(time).await;
            let listed = is_listed(&account, 1).await;
            assert_eq!(is_listed(&other, 1).await, listed, "{time}");
            assert_eq!(listed, time.ends_with("40:00Z"), "{time}");
        }
        account.freeze_clock("2026-10-25T02:05:00Z").await;
    }
}

#[tokio::test]
async fn seed_dates_are_read_in_account_zone_or_utc() {
    let cases = [
        // Date in the seed, displayed date, exported date.
        ("2026-10-25 02:30:00", "2026-10-25 02:30:00", "2026-10-25 02:30:00"),
        ("2026-10-25 00:30:00Z", "2026-10-25 02:30:00", "2026-10-25 02:30:00"),
        ("2026-10-25 01:30:00Z", "2026-10-25 02:30:00", "2026-10-25 01:30:00Z"),
        ("2026-03-29 02:30:00", "2026-03-29 03:30:00", "2026-03-29 03:30:00"),
        ("2026-03-29 03:30:00", "2026-03-29 03:30:00", "2026-03-29 03:30:00"),
        ("2026-01-01 00:00:00", "2026-01-01 00:00:00", "2026-01-01 00:00:00"),
        ("9999-12-31 23:59:59", "9999-12-31 23:59:59", "9999-12-31 23:59:59"),
    ];
    let tickets = cases.iter().zip(1..).map(|((date, ..), id)| {
        let note = json!({ "type": "note", "created_at": date });
        let mut ticket = ticket_fixture(id);
        ticket["timeline"] = json!([note]);
        for column in ["created_at", "snooze_time", "sla_next_breach"] {
            ticket[column] = json!(date);
        }
        ticket
    });
    let server = serve_seed(&amsterdam_seed("2026-03-01T12:00:00Z", tickets));
    let account = acme_account(&server);
    let export = account.export().await;
    for ((date, displayed, exported), id) in cases.iter().zip(1..) {
        let item = get_item(&account, id).await;
        let (index, ticket) =
            (usize::try_from(id - 1).expect("the id fits in usize"), &export["tickets"]);
        for column in ["created_at", "snooze_time", "sla_next_breach"] {
            assert_eq!(item[column], *displayed, "{date}");
            assert_eq!(ticket[index][column], *exported, "{date}");
        }
        assert_eq!(item["timeline"][0]["created_at"], *displayed, "{date}");
        assert_eq!(ticket[index]["timeline"][0]["created_at"], *exported, "{date}");
    }
}

#[tokio::test]
async fn seed_rejects_other_date_formats() {
    let server = serve_seed(&amsterdam_seed("2026-03-01T12:00:00Z", []));
    let account = acme_account(&server);
    for (index, date) in [
        "2026-10-25 02:30:00z",
        "2026-10-25 02:30:00 Z",
        "2026-10-25 02:30:00ZZ",
        "Z",
        "2026-10-25 02:30:00+01:00",
        "2026-10-25T02:30:00Z",
        "2026-02-30 02:30:00Z",
    ]
    .into_iter()
    .enumerate()
    {
        let mut ticket = ticket_fixture(7);
        ticket["created_at"] = json!(date);
        let fixture = json!({ "accounts": { "any": { "tickets": [ticket] } } });
        let reply = account.send_control_json("POST", "/import", &fixture).await;
        assert_eq!(reply.status, 400, "{index} {date}: {}", reply.body);
        let detail = reply.body["detail"].as_str().expect("text");
        assert!(detail.contains("YYYY-MM-DD HH:MM:SS") && detail.contains(date), "{detail}");
    }
    // A wait compares displayed dates, which have no time zone.
    let wait = account.send_control("GET", "/wait?ticket=7&created_at=2026-10-25+00:30:00Z").await;
    assert_eq!(wait.status, 400, "{}", wait.body);
}

#[tokio::test]
async fn journal_and_waits_show_dates_in_account_zone() {
    let (_server, account) = start_with_dst_overlap_history().await;
    let changes = account.send_control("GET", "/changes?limit=100").await.body;
    let rows = changes["changes"].as_array().expect("changes").iter();
    let columns = rows.flat_map(|change| change["rows"][0]["columns"].as_array().expect("columns"));
    let dates = |name: &'static str| {
        let columns = columns.clone().filter(move |column| column["column"] == name);
        columns.map(|column| (column["from"].clone(), column["to"].clone())).collect::<Vec<_>>()
    };
    let created = ["02:20:00", "02:59:59", "02:15:00"].map(|time| format!("2026-10-25 {time}"));
    let created = created.map(|date| (Value::Null, json!(date)));
    assert_eq!(dates("created_at"), created);
    assert_eq!(dates("closed_at"), [(Value::Null, json!("2026-10-25 02:10:00"))]);
    let updated: Vec<Value> = dates("last_update").into_iter().map(|(_, to)| to).collect();
    let times =
        ["02:20:00", "02:40:00", "02:59:59", "02:00:00", "02:10:00", "02:15:00", "03:05:00"];
    assert_eq!(updated, times.map(|time| json!(format!("2026-10-25 {time}"))));
    let wait = "/wait?ticket=1&closed_at=2026-10-25+02:10:00&last_update=2026-10-25+03:05:00";
    let found = account.send_control("GET", wait).await;
    assert_eq!(found.status, 200, "{}", found.body);
    assert_eq!(found.body["ticket"]["created_at"], "2026-10-25 02:20:00");
}

#[tokio::test]
async fn view_compares_instants_and_matches_displayed_dates() {
    let dates = [
        // By id: two with the same local time, one before them, one after, one of another day in UTC, one without date.
        "2026-10-25 00:30:00Z",
        "2026-10-25 01:30:00Z",
        "2026-10-25 01:59:59",
        "2026-10-25 03:00:00",
        "2026-10-25 00:10:00",
    ];
    let mut tickets: Vec<Value> = (1..=6).map(ticket_fixture).collect();
    for (ticket, date) in tickets.iter_mut().zip(dates) {
        ticket["snooze_time"] = json!(date);
    }
    let cases: [(&str, &str, &[u64]); 23] = [
        ("equals", "2026-10-25 02:30:00", &[1, 2]),
        ("not_equals", "2026-10-25 02:30:00", &[3, 4, 5, 6]),
        ("equals", "2026-03-29 02:30:00", &[]),
        ("contains", "02:30", &[1, 2]),
        ("not_contains", "02:30", &[3, 4, 5, 6]),
        ("contains", "2026-10-25 0", &[1, 2, 3, 4, 5]),
        ("contains", "2026-10-24", &[]),
        ("greater_than", "2026-10-25 02:30:00", &[2, 4]),
        ("less_than", "2026-10-25 02:30:00", &[3, 5]),
        ("less_than", "2026-10-25", &[]),
        ("greater_than", "2026-10-25", &[1, 2, 3, 4, 5]),
        ("greater_than", "2026-10-25 03", &[4]),
        ("equals", "2026-10-25 00:30:00Z", &[1]),
        ("equals", "2026-10-25 01:30:00Z", &[2]),
        ("equals", "2026-10-25 02:30:00Z", &[]),
        ("not_equals", "2026-10-25 01:30:00Z", &[1, 3, 4, 5, 6]),
        ("greater_than", "2026-10-25 00:30:00Z", &[2, 4]),
        ("greater_than", "2026-10-25 01:30:00Z", &[4]),
        ("less_than", "2026-10-25 00:30:00Z", &[3, 5]),
        ("less_than", "2026-10-25 00:30:01Z", &[1, 3, 5]),
        ("contains", "2026-10-25 01:30:00Z", &[]),
        ("is_empty", "", &[6]),
        ("is_not_empty", "", &[1, 2, 3, 4, 5]),
    ];
    let view = |(id, (operation, value, _)): (usize, &(&str, &str, &[u64]))| {
        let mut condition = json!({ "fact": "snooze_time", "operation": operation });
        if !value.is_empty() {
            condition["value"] = json!(value);
        }
        // Half of the views use the other condition group.
        let group = if id % 2 == 0 { "all" } else { "any" };
        json!({ "id": 100 + id, "slug": format!("view-{id}"), "conditions": { group: [condition] } })
    };
    let views: Vec<Value> = cases.iter().enumerate().map(view).collect();
    let mut seed = amsterdam_seed("2026-03-01T12:00:00Z", tickets);
    seed["accounts"]["acme"]["views"] = json!(views);
    let temp_dir = create_temp_dir();
    let data = temp_dir.path().to_str().expect("the path is UTF-8");
    for storage in [&["--ephemeral"][..], &["--data", data]] {
        let server = serve_seed_with_args(&seed, storage);
        for (id, (operation, value, expected)) in cases.iter().enumerate() {
            let path = format!("/api/v2/ticket?applyView=view-{id}");
            let mut found = parse_ticket_ids(&server.get_text(&path).await);
            found.sort_unstable();
            assert_eq!(found, *expected, "{operation} {value}");
        }
        // Writes and lists still work after the views.
        assert_eq!(server.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await.status, 200);
        assert_eq!(parse_ticket_ids(&server.get_text(ALL_TICKETS_PATH).await).len(), 7);
    }
}

#[tokio::test]
async fn view_compares_same_instant_in_every_zone() {
    let mut tickets: Vec<Value> = (1..=3).map(ticket_fixture).collect();
    for (ticket, second) in tickets.iter_mut().zip(["29:59", "30:00", "30:01"]) {
        ticket["created_at"] = json!(format!("2026-10-25 01:{second}Z"));
    }
    let cases: [(&str, &[u64]); 4] =
        [("equals", &[2]), ("not_equals", &[1, 3]), ("greater_than", &[3]), ("less_than", &[1])];
    let view = |(id, (operation, _)): (usize, &(&str, &[u64]))| {
        let value = "2026-10-25 01:30:00Z";
        let condition = json!({ "fact": "created_at", "operation": operation, "value": value });
        json!({ "id": 100 + id, "slug": operation, "conditions": { "all": [condition] } })
    };
    let mut seed = amsterdam_seed("2026-10-25T12:00:00Z", tickets);
    seed["accounts"]["acme"]["views"] = cases.iter().enumerate().map(view).collect();
    let server = serve_seed(&seed);
    let account = acme_account(&server);
    for zone in ZONES {
        import_fixture(&account, &json!({ "time_zone": zone })).await;
        for (operation, expected) in cases {
            let path = format!("/api/v2/ticket?applyView={operation}");
            let mut found = parse_ticket_ids(&server.get_text(&path).await);
            found.sort_unstable();
            assert_eq!(found, expected, "{operation} in {zone}");
        }
    }
    // A value without `Z` is read in the account's current time zone.
    let condition =
        json!({ "fact": "created_at", "operation": "equals", "value": "2026-10-25 01:30:00" });
    let view = json!({ "id": 200, "slug": "shown", "conditions": { "all": [condition] } });
    import_fixture(&account, &json!({ "views": [view] })).await;
    for (zone, expected) in [("UTC", &[2][..]), ("Asia/Tokyo", &[]), ("Africa/Abidjan", &[2])] {
        import_fixture(&account, &json!({ "time_zone": zone })).await;
        let found = parse_ticket_ids(&server.get_text("/api/v2/ticket?applyView=shown").await);
        assert_eq!(found, expected, "{zone}");
    }
}

#[tokio::test]
async fn view_rejects_comparison_with_invalid_date() {
    let server = serve_seed(&amsterdam_seed("2026-03-01T12:00:00Z", []));
    let account = acme_account(&server);
    for (operation, value, status) in [
        ("equals", "2026-10-25T00:00:00Z", 400),
        ("equals", "2026-10-25", 200),
        ("contains", "T00", 200),
    ] {
        let condition = json!({ "fact": "closed_at", "operation": operation, "value": value });
        let view = json!({ "id": 9, "slug": "view", "conditions": { "any": [condition] } });
        let fixture = json!({ "accounts": { "any": { "views": [view] } } });
        let copy = Account::create(&account.client, &json!({ "from": "empty" })).await;
        let reply = copy.send_control_json("POST", "/import", &fixture).await;
        assert_eq!(reply.status, status, "{operation} {value}: {}", reply.body);
        let views = copy.export().await["views"].as_array().map_or(0, Vec::len);
        assert_eq!(views, usize::from(status == 200), "{operation} {value}");
        if status == 400 {
            let detail = reply.body["detail"].as_str().expect("text");
            for part in ["[views][0][conditions][any][0][value]", "YYYY-MM-DD HH:MM:SS", value] {
                assert!(detail.contains(part), "{detail}");
            }
        }
    }
}

/// Zones with DST of one hour, of half an hour, on other dates than Amsterdam, with irregular rules, and without DST.
const ZONES: [&str; 6] = [
    "Europe/Amsterdam",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "UTC",
];
/// Unix times shortly before DST transitions of some of these zones.
const NEAR_CLOCK_CHANGES: [i64; 5] =
    [1_792_888_200, 1_774_745_000, 1_793_505_000, 1_775_313_000, 1_771_120_000];

proptest! {
    #![proptest_config(proptest_config(6))]

    #[test]
    fn events_keep_chronological_order_in_every_zone(
        (zone, other) in (select(&ZONES[..]), select(&ZONES[..])),
        start in (select(&NEAR_CLOCK_CHANGES[..]), -3600_i64..3600).prop_map(|(near, by)| near + by),
        steps in vec(1_i64..3000, 3..9),
    ) {
        block_on(assert_order_across_zones(zone, other, start, &steps));
    }
}

/// Formats a Unix time for the control API.
fn format_timestamp(second: i64) -> String {
    jiff::Timestamp::from_second(second).expect("a valid timestamp").to_string()
}

/// Changes a ticket at each step, and the time zone halfway; asserts order, archiving and export.
async fn assert_order_across_zones(zone: &str, other: &str, start: i64, steps: &[i64]) {
    let mut seed = amsterdam_seed(&format_timestamp(start), []);
    seed["accounts"]["acme"]["time_zone"] = json!(zone);
    let server = serve_seed(&seed);
    let account = acme_account(&server);
    assert_eq!(server.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await.status, 200);
    let mut now = start;
    for (index, step) in steps.iter().enumerate() {
        now += step;
        account.freeze_clock(&format_timestamp(now)).await;
        post_form(
            &account,
            "batch",
            &format!("TicketIDs=1&actions[0][actionType]=title&actions[0][value]=Title+{index}"),
        )
        .await;
        if index == steps.len() / 2 {
            import_fixture(&account, &json!({ "time_zone": other })).await;
        }
    }
    close_ticket(&account, 1).await;
    let copy = Account::create(&account.client, &json!({ "from": "empty" })).await;
    import_fixture(&copy, &account.export().await).await;
    for account in [&account, &copy] {
        let item = get_item(account, 1).await;
        let events = item["timeline"].as_array().expect("a timeline");
        let titles = events.iter().filter(|event| event["item_type"] == "title");
        let titles: Vec<_> = titles.map(|event| event["item_type_id"].clone()).collect();
        let expected = (0..steps.len()).map(|index| json!(format!("Title {index}")));
        assert_eq!(titles, expected.collect::<Vec<_>>(), "{item}");
        for (by, listed) in
            [(0, true), (29 * 60, true), (30 * 60, true), (30 * 60 + 1, false), (5400, false)]
        {
            account.freeze_clock(&format_timestamp(now + by)).await;
            assert_eq!(is_listed(account, 1).await, listed, "{by} seconds later");
        }
        account.freeze_clock(&format_timestamp(now)).await;
    }
    assert_eq!(dump_tickets(&copy.client).await, dump_tickets(&account.client).await);
}
