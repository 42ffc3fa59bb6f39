//! Keys and tokens that are sent in every way to everything: none of them is found in what the program writes.

use std::path::Path;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::http_client::{HttpRequest, HttpResponse, exchange, send_pipelined};
use super::openapi_routes::{self, Route};
use super::secret_placements::{
    ALL_SECRETS, ARBITRARY_PLACEMENTS, CANARY_MARKER, CONTROL_API_PLACEMENTS, CONTROL_TOKEN,
    CREATED_KEY, CREDENTIAL_PLACEMENTS, FLAG_KEY, KEY_FILTER_PLACEMENTS, NAME_SUBSTRING_PLACEMENTS,
    NON_SECRET_KEY, SEED_KEY, SecretPlacement, UNKNOWN_KEY, WRONG_TOKEN, malformed_requests,
};
use super::traversal_payloads::read_tree;
use crate::control_client::ACCOUNTS_PATH;
use crate::fixtures::{acme_seed, create_temp_dir, ticket_fixture, write_file};
use crate::process::{RunningProcess, build_command};
use crate::raw_http::connect;

/// What stands in data, so that one sees that data are looked through.
const DATA_MARKER: &str = "Sentinel-in-a-title";
/// Longer than any connection lasts, so that a stuck server fails its test instead of holding it.
const TEST_TIMEOUT: std::time::Duration = std::time::Duration::from_mins(1);

struct LeakTest {
    process: RunningProcess,
    base_url: String,
    root: TempDir,
    routes: Vec<Route>,
    /// What was answered, by status.
    status_counts: std::sync::Mutex<std::collections::BTreeMap<u16, usize>>,
}

/// The places where a text holds a secret, with a little of what is around them.
fn find_secret(what: &str, text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let at = lower.find(CANARY_MARKER)?;
    let from = lower.floor_char_boundary(at.saturating_sub(160));
    let to = lower.floor_char_boundary((at + 160).min(text.len()));
    Some(format!("{what}: …{}…", &text[from..to]))
}

/// What comes back when a client sends the bytes and then nothing more.
async fn exchange_half_closed(base: &str, bytes: &[u8]) -> String {
    let (mut from, mut to) = connect(base).await.into_split();
    let mut read = Vec::new();
    let send = async {
        // A server may answer and stop reading before it has everything.
        let _ = to.write_all(bytes).await;
        let _ = to.shutdown().await;
    };
    let both = async { tokio::join!(send, from.read_to_end(&mut read)) };
    timeout(TEST_TIMEOUT, both).await.map(drop).expect("the connection ends in time");
    String::from_utf8_lossy(&read).into_owned()
}

/// The account that a secret opens, or one that it does not.
fn account_for_secret(secret: &str) -> &'static str {
    if [SEED_KEY, CREATED_KEY, FLAG_KEY].contains(&secret) { "self" } else { "acme" }
}

impl LeakTest {
    async fn start(arguments: &[&str]) -> Self {
        let top = create_temp_dir();
        let [data, temporary, work] =
            ["data", "temporary", "work"].map(|name| top.path().join(name));
        for made in [&temporary, &work] {
            std::fs::create_dir(made).expect("a folder is made");
        }
        let mut seed = acme_seed([ticket_fixture(7), ticket_fixture(8)]);
        let keys = ["seed", "plain"].into_iter().zip([SEED_KEY, NON_SECRET_KEY]);
        let keys =
            keys.map(|(name, key)| json!({ "key": key, "name": name, "permissions": "all" }));
        seed["accounts"]["acme"]["keys"] = keys.collect();
        seed["accounts"]["acme"]["tickets"][1]["title"] = DATA_MARKER.into();
        let seeds = create_temp_dir();
        let seed = write_file(&seeds, "seed.json", &seed.to_string());
        let port = work.join("port");
        let path = |path: &Path| path.to_str().expect("the path is text").to_owned();
        let (data, port) = (path(&data), path(&port));
        let fixed =
            ["--listen", "127.0.0.1:0", "--data", &data, "--port-file", &port, "--seed", &seed];
        let secret = ["--api-key", FLAG_KEY, "--control-token", CONTROL_TOKEN];
        let room = ["--journal-entries", "100000", "--journal-bytes", "200000000"];
        let mut command = build_command(&[&fixed[..], &secret, &room, arguments].concat());
        let command = command.env("RUST_LOG", "trace").env("TMPDIR", temporary).current_dir(work);
        let mut program = RunningProcess::spawn(command);
        let base = program.base_url();
        let mut routes = openapi_routes::read_control_routes(&base, CONTROL_TOKEN).await;
        routes.retain(|route| !route.is_stream() && !route.clears_unmatched_requests());
        routes.extend(openapi_routes::read_ticket_routes(&base).await);
        routes.extend(openapi_routes::page_routes());
        routes.extend(["/nothing", "/api/v2/nothing", "/_control/nothing"].map(|path| Route {
            method: "GET".to_owned(),
            path: path.to_owned(),
            id: "nothing".to_owned(),
        }));
        let scene = Self {
            process: program,
            base_url: base,
            root: top,
            routes,
            status_counts: std::sync::Mutex::default(),
        };
        scene.create_accounts().await;
        scene
    }

    /// Accounts for every secret to be tried on, and the key that is made.
    async fn create_accounts(&self) {
        // One of them in files, the others in memory, which is quicker.
        let bench = |number| json!({ "name": format!("bench-{number}"), "ephemeral": number > 0 });
        for body in (0..ALL_SECRETS.len()).map(bench).chain([json!({ "name": "made" })]) {
            let made = self.send_control("POST", "", Some(body)).await;
            assert_eq!(made.status, 201, "{made:?}");
        }
        let made =
            self.send_control("POST", "/made/keys", Some(json!({ "api_key": CREATED_KEY }))).await;
        assert_eq!((made.status, made.body.matches(CREATED_KEY).count()), (201, 1), "{made:?}");
        for (method, path) in
            [("PUT", "/snapshots/one"), ("POST", "/snapshots/one/restore"), ("POST", "/reset")]
        {
            let done = self.send_control(method, &format!("/made{path}"), None).await;
            assert!((200..=204).contains(&done.status), "{path}: {done:?}");
        }
    }

    async fn send_control(&self, method: &str, path: &str, body: Option<Value>) -> HttpResponse {
        let asked = HttpRequest::new(method, format!("{ACCOUNTS_PATH}{path}"));
        let asked = asked.with_header("Authorization", format!("Bearer {CONTROL_TOKEN}"));
        let body = body.map(|body| body.to_string());
        let asked = match body {
            Some(body) => asked.with_body("application/json", body),
            None => asked,
        };
        asked.send(&self.base_url).await
    }

    /// The requests of one way, one to each route, after one that makes what is going to be removed.
    fn build_requests(
        &self,
        secret: &str,
        placement: SecretPlacement,
        only_control: bool,
    ) -> Vec<(&str, HttpRequest)> {
        let number =
            ALL_SECRETS.iter().position(|other| *other == secret).expect("it is one of them");
        let (bench, scratch) = (format!("bench-{number}"), format!("scratch-{number}"));
        let token = |asked: HttpRequest| {
            asked.with_header("Authorization", format!("Bearer {CONTROL_TOKEN}"))
        };
        let scratched = json!({ "name": scratch, "ephemeral": true }).to_string();
        let first =
            token(HttpRequest::new("POST", ACCOUNTS_PATH)).with_body("application/json", scratched);
        let routes = self.routes.iter().filter(|route| {
            // What is the same for all takes long to make: once is enough.
            let is_page = ["page", "controlOpenapi", "fidelity"].contains(&&*route.id);
            (!only_control || route.path.starts_with(ACCOUNTS_PATH))
                && (!is_page || secret == CREATED_KEY)
        });
        let asked = routes.map(|route| {
            let account = match &*route.id {
                "removeAccount" => &scratch,
                _ if route.is_read_only() => account_for_secret(secret),
                _ => &bench,
            };
            let other = if route.path.starts_with("/api") { "7" } else { "1" };
            let other = if route.method == "DELETE" { "999" } else { other };
            let asked = placement(
                token(HttpRequest::new(&route.method, route.fill_path(account, other))),
                secret,
            );
            let is_bare = asked.body.is_empty() && route.id == "makeAccount";
            let usual = || json!({ "name": "acme" }).to_string();
            (&*route.id, if is_bare { asked.with_body("application/json", usual()) } else { asked })
        });
        [("makeAccount", first)].into_iter().chain(asked).collect()
    }

    /// Asks, and gives the answers beside what was asked.
    async fn send_all(&self, requests: Vec<(&str, HttpRequest)>) -> Vec<(String, HttpResponse)> {
        let (ids, asked): (Vec<_>, Vec<_>) = requests.into_iter().unzip();
        let answers = send_pipelined(&self.base_url, &asked).await;
        assert_eq!(answers.len(), asked.len(), "after {:?} to {:?}", answers.last(), asked.first());
        let mut statuses = self.status_counts.lock().expect("nobody panics");
        for answer in &answers {
            *statuses.entry(answer.status).or_default() += 1;
        }
        let ids = ids.into_iter().map(str::to_owned);
        ids.zip(answers).collect()
    }

    /// Sends a secret as one, in every way, to every route; gives the answers that repeat it.
    async fn send_as_credential(&self, secret: &str) -> Vec<String> {
        let opens = account_for_secret(secret) == "self";
        let names = KEY_FILTER_PLACEMENTS.iter().filter(|_| opens);
        let control = names.chain(CONTROL_API_PLACEMENTS).map(|way| (way, true));
        let ways = CREDENTIAL_PLACEMENTS.iter().map(|way| (way, false)).chain(control);
        let mut told = Vec::new();
        for ((name, way), only_control) in ways {
            for (id, answer) in self.send_all(self.build_requests(secret, *way, only_control)).await
            {
                let is_made = id == "makeKey" && answer.status == 201;
                let times = usize::from(is_made);
                let text = format!("{}\n{}", answer.head, answer.body.replacen(secret, "", times));
                told.extend(find_secret(&format!("{id} by {name}"), &text));
            }
        }
        told
    }

    /// Sends a secret as a key, and as anything else besides.
    async fn send_as_arbitrary_text(&self, secret: &str) {
        let names =
            KEY_FILTER_PLACEMENTS.iter().chain(NAME_SUBSTRING_PLACEMENTS).map(|way| (way, true));
        for ((_, way), only_control) in
            ARBITRARY_PLACEMENTS.iter().map(|way| (way, false)).chain(names)
        {
            self.send_all(self.build_requests(secret, *way, only_control)).await;
        }
        let with = |method: &str, target: String| {
            let asked = HttpRequest::new(method, target).with_header("apiKey", secret);
            asked.with_header("Authorization", format!("Bearer {CONTROL_TOKEN}"))
        };
        for route in &self.routes {
            let mut targets = vec![
                route.fill_path("acme", secret),
                route.fill_path(secret, "1"),
                format!("{}/{secret}", route.fill_path(secret, secret)),
                format!("/{secret}{}", route.fill_path("acme", "7")),
                format!("/api/v2/ticket/{secret}/{}", route.id),
            ];
            targets.retain(|target| target.contains(secret));
            let asked = targets.into_iter().map(|target| ("path", with(&route.method, target)));
            self.send_all(asked.collect()).await;
        }
    }

    /// Requests that break, stop in the middle or are left alone; gives the answers that repeat a secret.
    async fn send_malformed(&self, secret: &str) -> Vec<String> {
        let heard = malformed_requests(secret).into_iter().map(async |bytes| {
            let mut left = connect(&self.base_url).await;
            // Half of it, and nobody waits for an answer.
            let _ = left.write_all(&bytes[..bytes.len().min(5_000) / 2]).await;
            drop(left);
            find_secret("an answer to rubbish", &exchange_half_closed(&self.base_url, &bytes).await)
        });
        join_all(heard).await.into_iter().flatten().collect()
    }

    /// A request with a secret under every effect of a fault.
    async fn send_under_faults(&self) -> Vec<String> {
        let mut told = Vec::new();
        for effect in [
            json!({ "status": 503 }),
            json!({ "reset": true }),
            json!({ "hang": "1ms" }),
            json!({ "cut": 20 }),
            json!({ "garbage": true }),
            json!({ "drip": "1ms" }),
            json!({ "delay": "1ms" }),
            json!({ "lose_answer": "reset" }),
            json!({ "lose_answer": 500 }),
        ] {
            let rule = json!({ "effect": effect });
            assert_eq!(self.send_control("POST", "/acme/faults", Some(rule)).await.status, 201);
            for target in ["/api/v2/ticket?itemLimit=0", "/api/v2/ticket?status=wrong"] {
                for asked in [
                    HttpRequest::new("GET", target).with_header("apiKey", SEED_KEY),
                    HttpRequest::new("GET", target)
                        .with_query(&format!("apiKey={SEED_KEY}&query={SEED_KEY}")),
                ] {
                    let heard = exchange(
                        &self.base_url,
                        &asked.with_header("Connection", "close").to_bytes(),
                    )
                    .await;
                    told.extend(find_secret("a fault", &String::from_utf8_lossy(&heard)));
                }
            }
            assert_eq!(self.send_control("DELETE", "/acme/faults", None).await.status, 204);
        }
        told
    }

    /// All that the server shows of what it was asked and what it holds.
    async fn read_all_responses(&self) -> Vec<(String, String)> {
        let listed = self.send_control("GET", "", None).await;
        let accounts: Value = serde_json::from_str(&listed.body).expect("JSON");
        let accounts = accounts["accounts"].as_array().expect("accounts").clone();
        let names = accounts.iter().map(|account| account["account"].as_str().expect("a name"));
        let mut paths: Vec<String> = names.map(|name| format!("{ACCOUNTS_PATH}/{name}")).collect();
        paths = paths
            .iter()
            .flat_map(|path| {
                let parts = [
                    "",
                    "/export",
                    "/keys",
                    "/faults",
                    "/snapshots",
                    "/clock",
                    "/dialect",
                    "/limits",
                    "/strict",
                ];
                parts.map(|part| format!("{path}{part}"))
            })
            .collect();
        let others = ["", "/metrics", "/fidelity", "/openapi.json", "/health", "/ready"];
        paths.extend(others.map(|path| format!("/_control{path}")));
        paths.extend(["/docs", "/docs/control", "/openapi.json", "/nothing"].map(str::to_owned));
        let asked = |path: &String| {
            (
                "shown",
                HttpRequest::new("GET", path.as_str())
                    .with_header("Authorization", format!("Bearer {CONTROL_TOKEN}")),
            )
        };
        let answers = self.send_all(paths.iter().map(asked).collect()).await;
        let mut shown: Vec<_> =
            paths.into_iter().zip(answers).map(|(path, (_, answer))| (path, answer.body)).collect();
        for account in &accounts {
            for list in ["requests", "changes"] {
                let path = format!(
                    "{ACCOUNTS_PATH}/{}/{list}",
                    account["account"].as_str().expect("a name")
                );
                shown.push((path.clone(), self.read_all_pages(&path).await));
            }
        }
        shown.push(("strangers".to_owned(), self.read_all_pages("/_control/requests").await));
        shown
    }

    /// A list to its end.
    async fn read_all_pages(&self, path: &str) -> String {
        let (mut text, mut since) = (String::new(), String::new());
        loop {
            let asked = HttpRequest::new("GET", format!("{path}?limit=1000{since}"));
            let answer = asked
                .with_header("Authorization", format!("Bearer {CONTROL_TOKEN}"))
                .send(&self.base_url)
                .await;
            let page: Value = serde_json::from_str(&answer.body)
                .unwrap_or_else(|error| panic!("{path} is JSON ({error}): {answer:?}"));
            text += &answer.body;
            if page["more"] != true {
                return text;
            }
            since = format!("&since={}", page["cursor"].as_str().expect("a cursor"));
        }
    }

    /// What stands in the files that the program has written.
    fn read_written_files(top: &TempDir) -> Vec<(String, String)> {
        let files = read_tree(top.path()).into_iter();
        let files = files.filter_map(|(name, bytes)| Some((name, bytes?)));
        files.map(|(name, bytes)| (name, String::from_utf8_lossy(&bytes).into_owned())).collect()
    }
}

fn find_secrets(all: &[(String, String)]) -> Vec<String> {
    all.iter().filter_map(|(what, text)| find_secret(what, text)).collect()
}

/// Whether something of this kind was looked through that holds the text.
fn assert_contains(all: &[(String, String)], kind: &str, text: &str) {
    let found = all.iter().any(|(what, whole)| what.contains(kind) && whole.contains(text));
    let what: Vec<_> = all.iter().map(|(what, whole)| (what, whole.len())).collect();
    assert!(found, "{text} in {kind}: {what:#?}");
}

/// Sends secrets as such, and some of them as anything else as well.
async fn run_leak_test(secrets: &[&str], some: [&str; 2], arguments: &[&str]) {
    let scene = LeakTest::start(arguments).await;
    let mut wrong = Vec::new();
    for told in join_all(secrets.iter().map(|secret| scene.send_as_credential(secret))).await {
        wrong.extend(told);
    }
    join_all(some.map(|secret| scene.send_as_arbitrary_text(secret))).await;
    for told in join_all(secrets.iter().map(|secret| scene.send_malformed(secret))).await {
        wrong.extend(told);
    }
    wrong.extend(scene.send_under_faults().await);
    let shown = scene.read_all_responses().await;
    wrong.extend(find_secrets(&shown));
    for (kind, text) in [
        ("acme/requests", "(hidden)"),
        ("acme/requests", DATA_MARKER),
        ("acme/export", DATA_MARKER),
        ("made/requests", "ticket.create"),
        ("strangers", "ticket.list"),
        ("/_control/metrics", "omnidesk_mock_requests_total"),
        ("/docs", "operations"),
    ] {
        assert_contains(&shown, kind, text);
    }
    let statuses = scene.status_counts.lock().expect("nobody panics").clone();
    for status in [200, 201, 204, 307, 400, 401, 403, 404, 405, 409, 415] {
        assert!(statuses.contains_key(&status), "{status} in {statuses:?}");
    }
    let LeakTest { process: program, root: top, .. } = scene;
    let running = LeakTest::read_written_files(&top);
    assert_contains(&running, "data/accounts/acme", DATA_MARKER);
    wrong.extend(find_secrets(&running));
    let finished = program.stop();
    assert_eq!(finished.exit_code, Some(0));
    let left = LeakTest::read_written_files(&top);
    assert_contains(&left, "data/accounts/acme", DATA_MARKER);
    assert_contains(&left, "work/port", ":");
    wrong.extend(find_secrets(&left));
    assert!(finished.stderr.lines().count() > 1_000, "the log is there");
    wrong.extend(
        finished.combined_output().lines().filter_map(|line| find_secret("printed", line)).take(20),
    );
    assert!(wrong.is_empty(), "{} of them: {:#?}", wrong.len(), &wrong[..wrong.len().min(40)]);
}

#[tokio::test]
async fn secrets_never_leak_with_fixed_accounts() {
    run_leak_test(&ALL_SECRETS, [SEED_KEY, UNKNOWN_KEY], &["--log", "text"]).await;
}

#[tokio::test]
async fn secrets_never_leak_with_auto_accounts() {
    run_leak_test(
        &[CREATED_KEY, CONTROL_TOKEN, UNKNOWN_KEY, WRONG_TOKEN],
        [CREATED_KEY, CONTROL_TOKEN],
        &["--log", "json", "--accounts", "auto"],
    )
    .await;
}
