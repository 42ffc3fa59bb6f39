//! Isolation: ids, names, keys and snapshots of one account do not work in another.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::support::client::{ApiClient, JsonResponse};
use crate::support::control::{self, ACCOUNTS_PATH, Account, assert_problem};
use crate::support::seed::{ACME_KEY, SeededServer, acme_seed, serve_seed, ticket_fixture};
use crate::support::ticket::{NEW_TICKET_FORM, dump_tickets};

/// Method, path and body of each request that names a ticket.
const TICKET_REQUESTS: [(&str, &str, &str); 8] = [
    ("GET", "/{id}", ""),
    ("PUT", "/{id}", "title=Changed"),
    ("DELETE", "/{id}", ""),
    ("DELETE", "/multi", "ticketIDs[]={id}"),
    ("POST", "/setStatus", "status=closed&ticketIDs[]={id}"),
    ("POST", "/setPriority", "priority=low&ticketIDs[]={id}"),
    ("POST", "/unlinkCustomerFromTicket", "ticketID={id}"),
    ("POST", "/batch", "TicketIDs={id}&actions[0][actionType]=status&actions[0][value]=open"),
];

/// Method, path and body of each request that changes an account; the removal is last.
const ACCOUNT_REQUESTS: [(&str, &str, &str); 9] = [
    ("PUT", "/snapshots/mine", ""),
    ("POST", "/keys", "{}"),
    ("PUT", "/dialect", r#"{"list_type":"tickets"}"#),
    ("PUT", "/clock", r#"{"mode":"frozen","at":"2027-01-01T00:00:00Z"}"#),
    ("POST", "/clock/advance", r#"{"by":"P3D"}"#),
    ("POST", "/import", r#"{"accounts":{"x":{"tickets":[{"id":5000,"title":"Mine"}]}}}"#),
    ("POST", "/snapshots/mine/restore", ""),
    ("POST", "/reset", ""),
    ("DELETE", "", ""),
];

/// Two accounts from one seed; the victim has additional data that the attacker must neither see nor change.
struct AccountPair {
    server: SeededServer,
    attacker: Account,
    victim: Account,
    /// The id of a ticket that only the victim has.
    victim_ticket_id: u64,
    victim_state: (String, Vec<Value>),
}

impl AccountPair {
    async fn start() -> Self {
        let server = serve_seed(&acme_seed([ticket_fixture(7)]));
        let attacker = Account::create(&server, &json!({ "name": "mine" })).await;
        let victim = Account::new(&server, "acme", ACME_KEY);
        let victim_ticket_id = add_private_data(&victim).await;
        let victim_state = (dump_tickets(&victim.client).await, victim.read_all().await);
        Self { server, attacker, victim, victim_ticket_id, victim_state }
    }

    /// Asserts that the victim's data is unchanged, byte for byte.
    async fn assert_victim_unchanged(&self, after: &str) {
        let now = (dump_tickets(&self.victim.client).await, self.victim.read_all().await);
        assert_eq!(now, self.victim_state, "after {after}");
    }

    /// Builds a control API request without an API key.
    fn build_control_request(&self, method: &str, path: &str) -> RequestBuilder {
        self.server.request_without_key(method, path)
    }
}

/// Adds a ticket, a customer, a view, keys and a snapshot that no other account has.
async fn add_private_data(account: &Account) -> u64 {
    let body = NEW_TICKET_FORM.replace("Printer", "Secret");
    let created = account.client.send_form("POST", "/api/v2/ticket", &body).await.body;
    let id = created["ticketID"].as_u64().expect("the new id");
    let body = "externalPrimaryID=C-secret";
    let linked = account.client.send_form("PUT", &format!("/api/v2/ticket/{id}"), body).await;
    assert_eq!(linked.status, 200);
    let view = json!({ "id": 99, "slug": "secret", "title": "Secret", "conditions": {} });
    let views = json!({ "accounts": { "x": { "views": [view] } } });
    assert_eq!(account.send_control_json("POST", "/import", &views).await.status, 200);
    for name in ["one", "two", "three"] {
        let created = account.send_control_json("POST", "/keys", &json!({ "name": name })).await;
        assert_eq!(created.status, 201, "{}", created.body);
    }
    assert_eq!(account.send_control("PUT", "/snapshots/theirs").await.status, 201);
    id
}

async fn list_key_ids(account: &Account) -> Vec<Value> {
    let keys = account.send_control("GET", "/keys").await.body;
    keys["keys"].as_array().expect("keys").iter().map(|key| key["id"].clone()).collect()
}

async fn assert_key_rejected(client: &ApiClient) {
    let refused = client.get("/api/v2/ticket").await;
    assert_eq!(refused.status, 401, "{}", refused.body);
    let path = format!("{ACCOUNTS_PATH}/self");
    assert_problem(
        &control::fetch_response(client.request("GET", &path)).await,
        401,
        "invalid-api-key",
        "self",
    );
}

#[tokio::test]
async fn ticket_id_of_another_account_looks_unknown() {
    let pair = AccountPair::start().await;
    let id = pair.victim_ticket_id.to_string();
    let before = dump_tickets(&pair.attacker.client).await;
    for (method, path, body) in TICKET_REQUESTS {
        let path = format!("/api/v2/ticket{}", path.replace("{id}", &id));
        let body = body.replace("{id}", &id);
        let foreign = pair.attacker.client.send_form(method, &path, &body).await;
        let unknown = (path.replace(&id, "999999"), body.replace(&id, "999999"));
        let unknown = pair.attacker.client.send_form(method, &unknown.0, &unknown.1).await;
        assert_eq!(foreign.status, 400, "{method} {path}: {}", foreign.body);
        let body = foreign.body.to_string().replace(&id, "999999");
        assert_eq!(body, unknown.body.to_string(), "{method} {path}");
    }
    assert_eq!(dump_tickets(&pair.attacker.client).await, before);
    pair.assert_victim_unchanged("requests about its ticket").await;
}

#[tokio::test]
async fn search_and_views_find_nothing_of_another_account() {
    let pair = AccountPair::start().await;
    let search = "/api/v2/ticket?searchArchived=yes&query=secret";
    assert_eq!(pair.attacker.client.get(search).await.body["itemTotal"], 0);
    assert_eq!(pair.victim.client.get(search).await.body["itemTotal"], 1);
    for view in ["secret", "99"] {
        let path = format!("/api/v2/ticket?applyView={view}");
        assert_eq!(pair.attacker.client.get(&path).await.status, 400, "{view}");
        assert_eq!(pair.victim.client.get(&path).await.status, 200, "{view}");
    }
    let linked =
        pair.attacker.client.send_form("PUT", "/api/v2/ticket/7", "externalPrimaryID=C-secret");
    assert_eq!(linked.await.status, 200, "the attacker's own customer is created");
    pair.assert_victim_unchanged("a search, and a customer of the same name").await;
}

#[tokio::test]
async fn snapshots_are_visible_only_to_their_own_account() {
    let pair = AccountPair::start().await;
    for account in [pair.attacker.clone(), pair.attacker.clone().with_self_alias()] {
        for (method, path) in
            [("POST", "/snapshots/theirs/restore"), ("DELETE", "/snapshots/theirs")]
        {
            assert_problem(
                &account.send_control(method, path).await,
                404,
                "unknown-snapshot",
                path,
            );
        }
        let listed = account.send_control("GET", "/snapshots").await.body;
        assert_eq!(listed["snapshots"], json!([]), "{listed}");
    }
    let spec = json!({ "from": "snapshot:mine/theirs" });
    let refused =
        control::fetch_response(pair.build_control_request("POST", ACCOUNTS_PATH).json(&spec))
            .await;
    assert_problem(&refused, 404, "unknown-snapshot", "an account from the victim's snapshot");

    let same_name = pair.attacker.send_control("PUT", "/snapshots/theirs").await;
    assert_eq!(same_name.status, 201, "the attacker's snapshot is new: {}", same_name.body);
    assert_eq!(pair.attacker.send_control("POST", "/snapshots/theirs/restore").await.status, 204);
    assert_eq!(
        pair.attacker.client.get(&format!("/api/v2/ticket/{}", pair.victim_ticket_id)).await.status,
        400
    );
    assert_eq!(pair.attacker.send_control("DELETE", "/snapshots/theirs").await.status, 204);
    pair.assert_victim_unchanged("snapshots of the same name").await;
}

#[tokio::test]
async fn self_resolves_to_account_of_api_key_only() {
    let pair = AccountPair::start().await;
    let own = pair.attacker.clone().with_self_alias();
    assert_eq!(own.send_control("GET", "").await.body["account"], "mine");
    let unknown = Account::new(&pair.server, "nobody", "nobody-0123456789").with_self_alias();
    for (method, path, body) in ACCOUNT_REQUESTS {
        let refused = send_to_account(&unknown, method, path, body).await;
        assert_problem(&refused, 401, "invalid-api-key", path);
        let url = format!("{ACCOUNTS_PATH}/self{path}");
        let refused = control::fetch_response(pair.build_control_request(method, &url)).await;
        assert_problem(&refused, 401, "invalid-api-key", path);
        let done = send_to_account(&own, method, path, body).await;
        assert!((200..=204).contains(&done.status), "{method} {path}: {}", done.body);
        pair.assert_victim_unchanged(path).await;
    }
    assert_key_rejected(&own.client).await;
}

async fn send_to_account(account: &Account, method: &str, path: &str, body: &str) -> JsonResponse {
    let request = account.request(method, path);
    let request = if body.is_empty() {
        request
    } else {
        request.header("content-type", "application/json").body(body.to_owned())
    };
    control::fetch_response(request).await
}

#[tokio::test]
async fn api_key_can_be_removed_only_through_its_account() {
    let pair = AccountPair::start().await;
    let (mine, theirs) = (list_key_ids(&pair.attacker).await, list_key_ids(&pair.victim).await);
    let foreign: Vec<&Value> = theirs.iter().filter(|id| !mine.contains(id)).collect();
    assert!(!foreign.is_empty(), "{mine:?} and {theirs:?}");
    for id in foreign {
        let path = format!("/keys/{}", id.to_string().trim_matches('"'));
        assert_problem(
            &pair.attacker.send_control("DELETE", &path).await,
            404,
            "unknown-key",
            &path,
        );
    }
    let duplicate = json!({ "name": "taken", "api_key": ACME_KEY });
    let refused = pair.attacker.send_control_json("POST", "/keys", &duplicate).await;
    assert_problem(&refused, 409, "key-taken", "a key of the victim");
    assert!(!refused.body.to_string().contains(ACME_KEY), "{}", refused.body);
    assert_eq!(list_key_ids(&pair.attacker).await, mine);
    pair.assert_victim_unchanged("requests about its keys").await;
}

#[tokio::test]
async fn removed_api_key_is_rejected_and_other_keys_still_work() {
    let pair = AccountPair::start().await;
    let further = pair.attacker.clone().with_new_key("further").await;
    let keys = pair.attacker.send_control("GET", "/keys").await.body;
    let keys = keys["keys"].as_array().expect("keys");
    let id =
        &keys.iter().find(|key| key["name"] == "further").expect("the new key is listed")["id"];
    assert_eq!(further.client.get("/api/v2/ticket/7").await.status, 200);
    let path = format!("/keys/{}", id.to_string().trim_matches('"'));
    assert_eq!(pair.attacker.send_control("DELETE", &path).await.status, 204);
    assert_key_rejected(&further.client).await;
    assert_eq!(pair.attacker.client.get("/api/v2/ticket/7").await.status, 200);
    assert_problem(&pair.attacker.send_control("DELETE", &path).await, 404, "unknown-key", "again");
    pair.assert_victim_unchanged("the removal of another account's key").await;
}

#[tokio::test]
async fn new_account_inherits_nothing_from_removed_namesake() {
    let pair = AccountPair::start().await;
    add_private_data(&pair.attacker).await;
    let heir = Account::create(&pair.server, &json!({ "from": "account:mine" })).await;
    let inherited = dump_tickets(&heir.client).await;
    assert_eq!(pair.attacker.send_control("DELETE", "").await.status, 204);
    assert_key_rejected(&pair.attacker.client).await;
    for (method, path, body) in ACCOUNT_REQUESTS {
        let refused = send_to_account(&pair.attacker, method, path, body).await;
        assert_problem(&refused, 404, "unknown-account", path);
    }
    for (from, kind) in
        [("account:mine", "unknown-account"), ("snapshot:mine/theirs", "unknown-account")]
    {
        let spec = json!({ "from": from });
        let refused =
            control::fetch_response(pair.build_control_request("POST", ACCOUNTS_PATH).json(&spec))
                .await;
        assert_problem(&refused, 404, kind, from);
    }
    let successor = Account::create(&pair.server, &json!({ "name": "mine" })).await;
    assert_key_rejected(&pair.attacker.client).await;
    assert_eq!(successor.send_control("GET", "/snapshots").await.body["snapshots"], json!([]));
    assert_eq!(list_key_ids(&successor).await.len(), 1);
    assert_eq!(successor.client.get("/api/v2/ticket").await.body["itemTotal"], 1);
    assert_eq!(dump_tickets(&heir.client).await, inherited, "the copy is unchanged");
    pair.assert_victim_unchanged("the removal of another account").await;
}

#[tokio::test]
async fn account_copy_and_original_are_independent() {
    let pair = AccountPair::start().await;
    let copy = Account::create(&pair.server, &json!({ "from": "account:acme" })).await;
    let from_snapshot =
        Account::create(&pair.server, &json!({ "from": "snapshot:acme/theirs" })).await;
    for account in [&copy, &from_snapshot] {
        assert_eq!(dump_tickets(&account.client).await, pair.victim_state.0);
        assert_eq!(account.send_control("GET", "/snapshots").await.body["snapshots"], json!([]));
        let solved =
            account.client.send_form("PUT", "/api/v2/ticket/solveUnfinishedTickets", "").await;
        assert_eq!(solved.status, 200);
        account.client.delete(&format!("/api/v2/ticket/{}", pair.victim_ticket_id)).await;
        pair.assert_victim_unchanged("changes of a copy").await;
    }
    assert_eq!(pair.victim.client.delete("/api/v2/ticket/7").await.status, 200);
    for account in [&copy, &from_snapshot] {
        assert_eq!(account.client.get("/api/v2/ticket/7").await.status, 200);
        assert_eq!(account.send_control("POST", "/reset").await.status, 204);
        assert_eq!(
            dump_tickets(&account.client).await,
            pair.victim_state.0,
            "the initial state of the copy"
        );
    }
}

#[tokio::test]
async fn similar_account_name_is_not_found() {
    let pair = AccountPair::start().await;
    for name in ["ACME", "acm", "acme-", "acme%20", "%61cme%00", "mine%2F..%2Facme", "a*", "Self"] {
        for (method, path, body) in ACCOUNT_REQUESTS {
            let account = Account::new(&pair.server, name, "nobody-0123456789");
            let refused = send_to_account(&account, method, path, body).await;
            assert_problem(&refused, 404, "unknown-account", &format!("{name}{path}"));
        }
        pair.assert_victim_unchanged(name).await;
    }
    let spec = json!({ "name": "self" });
    let refused =
        control::fetch_response(pair.build_control_request("POST", ACCOUNTS_PATH).json(&spec))
            .await;
    assert_problem(&refused, 400, "invalid-request", "an account named self");
    let spec = json!({ "name": "acme" });
    let refused =
        control::fetch_response(pair.build_control_request("POST", ACCOUNTS_PATH).json(&spec))
            .await;
    assert_problem(&refused, 409, "name-taken", "a duplicate account name");
    pair.assert_victim_unchanged("an account of the same name").await;
}
