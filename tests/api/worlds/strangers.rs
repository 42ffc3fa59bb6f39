//! What one account knows is worth nothing at another: ids, names, keys and snapshots.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::control::{self, ACCOUNTS, Account, problem};
use crate::fixtures::{KEY, NEW_TICKET, Seeded, acme, serve, ticket, whole};
use crate::support::{Client, Reply};

/// Method, path and body of everything that names a ticket.
const ABOUT_A_TICKET: [(&str, &str, &str); 8] = [
    ("GET", "/{id}", ""),
    ("PUT", "/{id}", "title=Changed"),
    ("DELETE", "/{id}", ""),
    ("DELETE", "/multi", "ticketIDs[]={id}"),
    ("POST", "/setStatus", "status=closed&ticketIDs[]={id}"),
    ("POST", "/setPriority", "priority=low&ticketIDs[]={id}"),
    ("POST", "/unlinkCustomerFromTicket", "ticketID={id}"),
    ("POST", "/batch", "TicketIDs={id}&actions[0][actionType]=status&actions[0][value]=open"),
];

/// Method, path and body of everything that can be done to an account, its removal last.
const TO_AN_ACCOUNT: [(&str, &str, &str); 9] = [
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

/// Two accounts of one seed; theirs has more since, and nobody may see or change that.
struct Scene {
    server: Seeded,
    mine: Account,
    theirs: Account,
    /// The id of a ticket of theirs that I have not.
    secret: u64,
    before: (String, Vec<Value>),
}

impl Scene {
    async fn set() -> Self {
        let server = serve(&acme([ticket(7)]));
        let mine = Account::make(&server, &json!({ "name": "mine" })).await;
        let theirs = Account::known(&server, "acme", KEY);
        let secret = keep_secret(&theirs).await;
        let before = (whole(&theirs.client).await, theirs.shown().await);
        Self { server, mine, theirs, secret, before }
    }

    /// Theirs is byte for byte as it was.
    async fn is_untouched(&self, after: &str) {
        let now = (whole(&self.theirs.client).await, self.theirs.shown().await);
        assert_eq!(now, self.before, "after {after}");
    }

    /// A request to the control API without any key.
    fn ask(&self, method: &str, path: &str) -> RequestBuilder {
        self.server.ask_without_key(method, path)
    }
}

/// Gives the account a ticket, a customer, a view, keys and a snapshot that no other has.
async fn keep_secret(account: &Account) -> u64 {
    let body = NEW_TICKET.replace("Printer", "Secret");
    let created = account.client.form("POST", "/api/v2/ticket", &body).await.body;
    let id = created["ticketID"].as_u64().expect("the new id");
    let body = "externalPrimaryID=C-secret";
    let linked = account.client.form("PUT", &format!("/api/v2/ticket/{id}"), body).await;
    assert_eq!(linked.status, 200);
    let view = json!({ "id": 99, "slug": "secret", "title": "Secret", "conditions": {} });
    let views = json!({ "accounts": { "x": { "views": [view] } } });
    assert_eq!(account.control_with("POST", "/import", &views).await.status, 200);
    for name in ["one", "two", "three"] {
        let made = account.control_with("POST", "/keys", &json!({ "name": name })).await;
        assert_eq!(made.status, 201, "{}", made.body);
    }
    assert_eq!(account.control("PUT", "/snapshots/theirs").await.status, 201);
    id
}

async fn key_ids(account: &Account) -> Vec<Value> {
    let keys = account.control("GET", "/keys").await.body;
    keys["keys"].as_array().expect("keys").iter().map(|key| key["id"].clone()).collect()
}

async fn is_locked_out(client: &Client) {
    let refused = client.get("/api/v2/ticket").await;
    assert_eq!(refused.status, 401, "{}", refused.body);
    let path = format!("{ACCOUNTS}/self");
    problem(&control::answer(client.ask("GET", &path)).await, 401, "no-api-key", "self");
}

#[tokio::test]
async fn the_ids_of_another_account_are_those_of_no_ticket() {
    let scene = Scene::set().await;
    let id = scene.secret.to_string();
    let before = whole(&scene.mine.client).await;
    for (method, path, body) in ABOUT_A_TICKET {
        let path = format!("/api/v2/ticket{}", path.replace("{id}", &id));
        let body = body.replace("{id}", &id);
        let theirs = scene.mine.client.form(method, &path, &body).await;
        let nobodys = (path.replace(&id, "999999"), body.replace(&id, "999999"));
        let nobodys = scene.mine.client.form(method, &nobodys.0, &nobodys.1).await;
        assert_eq!(theirs.status, 400, "{method} {path}: {}", theirs.body);
        let said = theirs.body.to_string().replace(&id, "999999");
        assert_eq!(said, nobodys.body.to_string(), "{method} {path}");
    }
    assert_eq!(whole(&scene.mine.client).await, before);
    scene.is_untouched("requests about its ticket").await;
}

#[tokio::test]
async fn nothing_of_another_account_is_found() {
    let scene = Scene::set().await;
    let found = "/api/v2/ticket?searchArchived=yes&query=secret";
    assert_eq!(scene.mine.client.get(found).await.body["itemTotal"], 0);
    assert_eq!(scene.theirs.client.get(found).await.body["itemTotal"], 1);
    for view in ["secret", "99"] {
        let path = format!("/api/v2/ticket?applyView={view}");
        assert_eq!(scene.mine.client.get(&path).await.status, 400, "{view}");
        assert_eq!(scene.theirs.client.get(&path).await.status, 200, "{view}");
    }
    let linked = scene.mine.client.form("PUT", "/api/v2/ticket/7", "externalPrimaryID=C-secret");
    assert_eq!(linked.await.status, 200, "a customer of mine is made");
    scene.is_untouched("a search, and a customer of the same name").await;
}

#[tokio::test]
async fn snapshots_are_found_under_the_name_of_their_account_only() {
    let scene = Scene::set().await;
    for account in [scene.mine.clone(), scene.mine.clone().through_its_key()] {
        for (method, path) in
            [("POST", "/snapshots/theirs/restore"), ("DELETE", "/snapshots/theirs")]
        {
            problem(&account.control(method, path).await, 404, "unknown-snapshot", path);
        }
        let listed = account.control("GET", "/snapshots").await.body;
        assert_eq!(listed["snapshots"], json!([]), "{listed}");
    }
    let wanted = json!({ "from": "snapshot:mine/theirs" });
    let made = control::answer(scene.ask("POST", ACCOUNTS).json(&wanted)).await;
    problem(&made, 404, "unknown-snapshot", "an account from it");

    let same_name = scene.mine.control("PUT", "/snapshots/theirs").await;
    assert_eq!(same_name.status, 201, "mine is new: {}", same_name.body);
    assert_eq!(scene.mine.control("POST", "/snapshots/theirs/restore").await.status, 204);
    assert_eq!(
        scene.mine.client.get(&format!("/api/v2/ticket/{}", scene.secret)).await.status,
        400
    );
    assert_eq!(scene.mine.control("DELETE", "/snapshots/theirs").await.status, 204);
    scene.is_untouched("snapshots of the same name").await;
}

#[tokio::test]
async fn self_is_the_account_of_the_key_and_no_other() {
    let scene = Scene::set().await;
    let myself = scene.mine.clone().through_its_key();
    assert_eq!(myself.control("GET", "").await.body["account"], "mine");
    let nobody = Account::known(&scene.server, "nobody", "nobody-0123456789").through_its_key();
    for (method, path, body) in TO_AN_ACCOUNT {
        let refused = to_account(&nobody, method, path, body).await;
        problem(&refused, 401, "no-api-key", path);
        let url = format!("{ACCOUNTS}/self{path}");
        let refused = control::answer(scene.ask(method, &url)).await;
        problem(&refused, 401, "no-api-key", path);
        let done = to_account(&myself, method, path, body).await;
        assert!((200..=204).contains(&done.status), "{method} {path}: {}", done.body);
        scene.is_untouched(path).await;
    }
    is_locked_out(&myself.client).await;
}

async fn to_account(account: &Account, method: &str, path: &str, body: &str) -> Reply {
    let request = account.ask(method, path);
    let request = if body.is_empty() {
        request
    } else {
        request.header("content-type", "application/json").body(body.to_owned())
    };
    control::answer(request).await
}

#[tokio::test]
async fn a_key_is_removed_through_its_own_account_only() {
    let scene = Scene::set().await;
    let (mine, theirs) = (key_ids(&scene.mine).await, key_ids(&scene.theirs).await);
    let foreign: Vec<&Value> = theirs.iter().filter(|id| !mine.contains(id)).collect();
    assert!(!foreign.is_empty(), "{mine:?} and {theirs:?}");
    for id in foreign {
        let path = format!("/keys/{}", id.to_string().trim_matches('"'));
        problem(&scene.mine.control("DELETE", &path).await, 404, "unknown-key", &path);
    }
    let taking = json!({ "name": "taken", "api_key": KEY });
    let refused = scene.mine.control_with("POST", "/keys", &taking).await;
    problem(&refused, 409, "key-taken", "a key of theirs");
    assert!(!refused.body.to_string().contains(KEY), "{}", refused.body);
    assert_eq!(key_ids(&scene.mine).await, mine);
    scene.is_untouched("requests about its keys").await;
}

#[tokio::test]
async fn a_removed_key_opens_nothing_and_the_others_go_on() {
    let scene = Scene::set().await;
    let further = scene.mine.clone().with_key("further").await;
    let keys = scene.mine.control("GET", "/keys").await.body;
    let keys = keys["keys"].as_array().expect("keys");
    let id = &keys.iter().find(|key| key["name"] == "further").expect("it is listed")["id"];
    assert_eq!(further.client.get("/api/v2/ticket/7").await.status, 200);
    let path = format!("/keys/{}", id.to_string().trim_matches('"'));
    assert_eq!(scene.mine.control("DELETE", &path).await.status, 204);
    is_locked_out(&further.client).await;
    assert_eq!(scene.mine.client.get("/api/v2/ticket/7").await.status, 200);
    problem(&scene.mine.control("DELETE", &path).await, 404, "unknown-key", "again");
    scene.is_untouched("the end of a key of another").await;
}

#[tokio::test]
async fn a_removed_account_leaves_nothing_to_its_successor() {
    let scene = Scene::set().await;
    keep_secret(&scene.mine).await;
    let heir = Account::make(&scene.server, &json!({ "from": "account:mine" })).await;
    let inherited = whole(&heir.client).await;
    assert_eq!(scene.mine.control("DELETE", "").await.status, 204);
    is_locked_out(&scene.mine.client).await;
    for (method, path, body) in TO_AN_ACCOUNT {
        let refused = to_account(&scene.mine, method, path, body).await;
        problem(&refused, 404, "unknown-account", path);
    }
    for (from, kind) in
        [("account:mine", "unknown-account"), ("snapshot:mine/theirs", "unknown-account")]
    {
        let wanted = json!({ "from": from });
        let made = control::answer(scene.ask("POST", ACCOUNTS).json(&wanted)).await;
        problem(&made, 404, kind, from);
    }
    let successor = Account::make(&scene.server, &json!({ "name": "mine" })).await;
    is_locked_out(&scene.mine.client).await;
    assert_eq!(successor.control("GET", "/snapshots").await.body["snapshots"], json!([]));
    assert_eq!(key_ids(&successor).await.len(), 1);
    assert_eq!(successor.client.get("/api/v2/ticket").await.body["itemTotal"], 1);
    assert_eq!(whole(&heir.client).await, inherited, "a copy stays");
    scene.is_untouched("the end of another account").await;
}

#[tokio::test]
async fn a_copy_and_what_it_was_made_from_go_their_own_ways() {
    let scene = Scene::set().await;
    let copy = Account::make(&scene.server, &json!({ "from": "account:acme" })).await;
    let late = Account::make(&scene.server, &json!({ "from": "snapshot:acme/theirs" })).await;
    for account in [&copy, &late] {
        assert_eq!(whole(&account.client).await, scene.before.0);
        assert_eq!(account.control("GET", "/snapshots").await.body["snapshots"], json!([]));
        let solved = account.client.form("PUT", "/api/v2/ticket/solveUnfinishedTickets", "").await;
        assert_eq!(solved.status, 200);
        account.client.delete(&format!("/api/v2/ticket/{}", scene.secret)).await;
        scene.is_untouched("changes of a copy").await;
    }
    assert_eq!(scene.theirs.client.delete("/api/v2/ticket/7").await.status, 200);
    for account in [&copy, &late] {
        assert_eq!(account.client.get("/api/v2/ticket/7").await.status, 200);
        assert_eq!(account.control("POST", "/reset").await.status, 204);
        assert_eq!(whole(&account.client).await, scene.before.0, "the state that it started from");
    }
}

#[tokio::test]
async fn names_that_nearly_are_an_account_are_none() {
    let scene = Scene::set().await;
    for name in ["ACME", "acm", "acme-", "acme%20", "%61cme%00", "mine%2F..%2Facme", "a*", "Self"] {
        for (method, path, body) in TO_AN_ACCOUNT {
            let near = Account::known(&scene.server, name, "nobody-0123456789");
            let refused = to_account(&near, method, path, body).await;
            problem(&refused, 404, "unknown-account", &format!("{name}{path}"));
        }
        scene.is_untouched(name).await;
    }
    let wanted = json!({ "name": "self" });
    let refused = control::answer(scene.ask("POST", ACCOUNTS).json(&wanted)).await;
    problem(&refused, 400, "invalid", "an account that is called self");
    let wanted = json!({ "name": "acme" });
    let refused = control::answer(scene.ask("POST", ACCOUNTS).json(&wanted)).await;
    problem(&refused, 409, "name-taken", "a second acme");
    scene.is_untouched("an account of the same name").await;
}
