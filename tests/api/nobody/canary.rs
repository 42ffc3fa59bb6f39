//! Keys and tokens that are sent in every way to everything: none of them is found in what the program writes.

use std::path::Path;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::answers::{Answered, Asked, all, exchange};
use super::canary_places::{
    ALL, AS_A_SECRET, AS_ANYTHING, AS_THE_NAME_OF_A_KEY, GIVEN, INSIDE_OF_A_NAME, MADE, MARK,
    PLAIN, SEED, TO_THE_CONTROL_API, TOKEN, UNKNOWN, WRONG, Way, broken,
};
use super::outside_names::tree;
use super::routes::{self, Route};
use crate::control::ACCOUNTS;
use crate::fixtures::{acme, file, folder, ticket};
use crate::program::{Running, command};
use crate::raw::connect;

/// What stands in data, so that one sees that data are looked through.
const DATA: &str = "Sentinel-in-a-title";
/// Longer than any connection lasts, so that a stuck server fails its test instead of holding it.
const PATIENCE: std::time::Duration = std::time::Duration::from_mins(1);

struct Scene {
    program: Running,
    base: String,
    top: TempDir,
    routes: Vec<Route>,
    /// What was answered, by status.
    statuses: std::sync::Mutex<std::collections::BTreeMap<u16, usize>>,
}

/// The places where a text holds a secret, with a little of what is around them.
fn telling(what: &str, text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let at = lower.find(MARK)?;
    let from = lower.floor_char_boundary(at.saturating_sub(160));
    let to = lower.floor_char_boundary((at + 160).min(text.len()));
    Some(format!("{what}: …{}…", &text[from..to]))
}

/// What comes back when a client sends the bytes and then nothing more.
async fn ended(base: &str, bytes: &[u8]) -> String {
    let (mut from, mut to) = connect(base).await.into_split();
    let mut read = Vec::new();
    let send = async {
        // A server may answer and stop reading before it has everything.
        let _ = to.write_all(bytes).await;
        let _ = to.shutdown().await;
    };
    let both = async { tokio::join!(send, from.read_to_end(&mut read)) };
    timeout(PATIENCE, both).await.map(drop).expect("the connection ends in time");
    String::from_utf8_lossy(&read).into_owned()
}

/// The account that a secret opens, or one that it does not.
fn account_of(secret: &str) -> &'static str {
    if [SEED, MADE, GIVEN].contains(&secret) { "self" } else { "acme" }
}

impl Scene {
    async fn set(arguments: &[&str]) -> Self {
        let top = folder();
        let [data, temporary, work] =
            ["data", "temporary", "work"].map(|name| top.path().join(name));
        for made in [&temporary, &work] {
            std::fs::create_dir(made).expect("a folder is made");
        }
        let mut seed = acme([ticket(7), ticket(8)]);
        let keys = ["seed", "plain"].into_iter().zip([SEED, PLAIN]);
        let keys =
            keys.map(|(name, key)| json!({ "key": key, "name": name, "permissions": "all" }));
        seed["accounts"]["acme"]["keys"] = keys.collect();
        seed["accounts"]["acme"]["tickets"][1]["title"] = DATA.into();
        let seeds = folder();
        let seed = file(&seeds, "seed.json", &seed.to_string());
        let port = work.join("port");
        let path = |path: &Path| path.to_str().expect("the path is text").to_owned();
        let (data, port) = (path(&data), path(&port));
        let fixed =
            ["--listen", "127.0.0.1:0", "--data", &data, "--port-file", &port, "--seed", &seed];
        let secret = ["--api-key", GIVEN, "--control-token", TOKEN];
        let room = ["--journal-entries", "100000", "--journal-bytes", "200000000"];
        let mut command = command(&[&fixed[..], &secret, &room, arguments].concat());
        let command = command.env("RUST_LOG", "trace").env("TMPDIR", temporary).current_dir(work);
        let mut program = Running::spawn(command);
        let base = program.base();
        let mut routes = routes::control(&base, TOKEN).await;
        routes.retain(|route| !route.is_endless() && !route.forgets_strangers());
        routes.extend(routes::tickets(&base).await);
        routes.extend(routes::pages());
        routes.extend(["/nothing", "/api/v2/nothing", "/_control/nothing"].map(|path| Route {
            method: "GET".to_owned(),
            path: path.to_owned(),
            id: "nothing".to_owned(),
        }));
        let scene = Self { program, base, top, routes, statuses: std::sync::Mutex::default() };
        scene.furnish().await;
        scene
    }

    /// Accounts for every secret to be tried on, and the key that is made.
    async fn furnish(&self) {
        // One of them in files, the others in memory, which is quicker.
        let bench = |number| json!({ "name": format!("bench-{number}"), "ephemeral": number > 0 });
        for body in (0..ALL.len()).map(bench).chain([json!({ "name": "made" })]) {
            let made = self.control("POST", "", Some(body)).await;
            assert_eq!(made.status, 201, "{made:?}");
        }
        let made = self.control("POST", "/made/keys", Some(json!({ "api_key": MADE }))).await;
        assert_eq!((made.status, made.body.matches(MADE).count()), (201, 1), "{made:?}");
        for (method, path) in
            [("PUT", "/snapshots/one"), ("POST", "/snapshots/one/restore"), ("POST", "/reset")]
        {
            let done = self.control(method, &format!("/made{path}"), None).await;
            assert!((200..=204).contains(&done.status), "{path}: {done:?}");
        }
    }

    async fn control(&self, method: &str, path: &str, body: Option<Value>) -> Answered {
        let asked = Asked::new(method, format!("{ACCOUNTS}{path}"));
        let asked = asked.with("Authorization", format!("Bearer {TOKEN}"));
        let body = body.map(|body| body.to_string());
        let asked = match body {
            Some(body) => asked.sending("application/json", body),
            None => asked,
        };
        asked.ask(&self.base).await
    }

    /// The requests of one way, one to each route, after one that makes what is going to be removed.
    fn sweep(&self, secret: &str, way: Way, only_control: bool) -> Vec<(&str, Asked)> {
        let number = ALL.iter().position(|other| *other == secret).expect("it is one of them");
        let (bench, scratch) = (format!("bench-{number}"), format!("scratch-{number}"));
        let token = |asked: Asked| asked.with("Authorization", format!("Bearer {TOKEN}"));
        let scratched = json!({ "name": scratch, "ephemeral": true }).to_string();
        let first = token(Asked::new("POST", ACCOUNTS)).sending("application/json", scratched);
        let routes = self.routes.iter().filter(|route| {
            // What is the same for all takes long to make: once is enough.
            let is_page = ["page", "controlOpenapi", "fidelity"].contains(&&*route.id);
            (!only_control || route.path.starts_with(ACCOUNTS)) && (!is_page || secret == MADE)
        });
        let asked = routes.map(|route| {
            let account = match &*route.id {
                "removeAccount" => &scratch,
                _ if route.is_read() => account_of(secret),
                _ => &bench,
            };
            let other = if route.path.starts_with("/api") { "7" } else { "1" };
            let other = if route.method == "DELETE" { "999" } else { other };
            let asked = way(token(Asked::new(&route.method, route.at(account, other))), secret);
            let is_bare = asked.body.is_empty() && route.id == "makeAccount";
            let usual = || json!({ "name": "acme" }).to_string();
            (&*route.id, if is_bare { asked.sending("application/json", usual()) } else { asked })
        });
        [("makeAccount", first)].into_iter().chain(asked).collect()
    }

    /// Asks, and gives the answers beside what was asked.
    async fn asked(&self, requests: Vec<(&str, Asked)>) -> Vec<(String, Answered)> {
        let (ids, asked): (Vec<_>, Vec<_>) = requests.into_iter().unzip();
        let answers = all(&self.base, &asked).await;
        assert_eq!(answers.len(), asked.len(), "after {:?} to {:?}", answers.last(), asked.first());
        let mut statuses = self.statuses.lock().expect("nobody panics");
        for answer in &answers {
            *statuses.entry(answer.status).or_default() += 1;
        }
        let ids = ids.into_iter().map(str::to_owned);
        ids.zip(answers).collect()
    }

    /// Sends a secret as one, in every way, to every route; gives the answers that repeat it.
    async fn as_a_secret(&self, secret: &str) -> Vec<String> {
        let opens = account_of(secret) == "self";
        let names = AS_THE_NAME_OF_A_KEY.iter().filter(|_| opens);
        let control = names.chain(TO_THE_CONTROL_API).map(|way| (way, true));
        let ways = AS_A_SECRET.iter().map(|way| (way, false)).chain(control);
        let mut told = Vec::new();
        for ((name, way), only_control) in ways {
            for (id, answer) in self.asked(self.sweep(secret, *way, only_control)).await {
                let is_made = id == "makeKey" && answer.status == 201;
                let times = usize::from(is_made);
                let text = format!("{}\n{}", answer.head, answer.body.replacen(secret, "", times));
                told.extend(telling(&format!("{id} by {name}"), &text));
            }
        }
        told
    }

    /// Sends a secret as a key, and as anything else besides.
    async fn as_anything(&self, secret: &str) {
        let names = AS_THE_NAME_OF_A_KEY.iter().chain(INSIDE_OF_A_NAME).map(|way| (way, true));
        for ((_, way), only_control) in AS_ANYTHING.iter().map(|way| (way, false)).chain(names) {
            self.asked(self.sweep(secret, *way, only_control)).await;
        }
        let with = |method: &str, target: String| {
            let asked = Asked::new(method, target).with("apiKey", secret);
            asked.with("Authorization", format!("Bearer {TOKEN}"))
        };
        for route in &self.routes {
            let mut targets = vec![
                route.at("acme", secret),
                route.at(secret, "1"),
                format!("{}/{secret}", route.at(secret, secret)),
                format!("/{secret}{}", route.at("acme", "7")),
                format!("/api/v2/ticket/{secret}/{}", route.id),
            ];
            targets.retain(|target| target.contains(secret));
            let asked = targets.into_iter().map(|target| ("path", with(&route.method, target)));
            self.asked(asked.collect()).await;
        }
    }

    /// Requests that break, stop in the middle or are left alone; gives the answers that repeat a secret.
    async fn as_rubbish(&self, secret: &str) -> Vec<String> {
        let heard = broken(secret).into_iter().map(async |bytes| {
            let mut left = connect(&self.base).await;
            // Half of it, and nobody waits for an answer.
            let _ = left.write_all(&bytes[..bytes.len().min(5_000) / 2]).await;
            drop(left);
            telling("an answer to rubbish", &ended(&self.base, &bytes).await)
        });
        join_all(heard).await.into_iter().flatten().collect()
    }

    /// A request with a secret under every effect of a fault.
    async fn under_faults(&self) -> Vec<String> {
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
            assert_eq!(self.control("POST", "/acme/faults", Some(rule)).await.status, 201);
            for target in ["/api/v2/ticket?itemLimit=0", "/api/v2/ticket?status=wrong"] {
                for asked in [
                    Asked::new("GET", target).with("apiKey", SEED),
                    Asked::new("GET", target).asking(&format!("apiKey={SEED}&query={SEED}")),
                ] {
                    let heard =
                        exchange(&self.base, &asked.with("Connection", "close").bytes()).await;
                    told.extend(telling("a fault", &String::from_utf8_lossy(&heard)));
                }
            }
            assert_eq!(self.control("DELETE", "/acme/faults", None).await.status, 204);
        }
        told
    }

    /// All that the server shows of what it was asked and what it holds.
    async fn shown(&self) -> Vec<(String, String)> {
        let listed = self.control("GET", "", None).await;
        let accounts: Value = serde_json::from_str(&listed.body).expect("JSON");
        let accounts = accounts["accounts"].as_array().expect("accounts").clone();
        let names = accounts.iter().map(|account| account["account"].as_str().expect("a name"));
        let mut paths: Vec<String> = names.map(|name| format!("{ACCOUNTS}/{name}")).collect();
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
                Asked::new("GET", path.as_str()).with("Authorization", format!("Bearer {TOKEN}")),
            )
        };
        let answers = self.asked(paths.iter().map(asked).collect()).await;
        let mut shown: Vec<_> =
            paths.into_iter().zip(answers).map(|(path, (_, answer))| (path, answer.body)).collect();
        for account in &accounts {
            for list in ["requests", "changes"] {
                let path =
                    format!("{ACCOUNTS}/{}/{list}", account["account"].as_str().expect("a name"));
                shown.push((path.clone(), self.pages(&path).await));
            }
        }
        shown.push(("strangers".to_owned(), self.pages("/_control/requests").await));
        shown
    }

    /// A list to its end.
    async fn pages(&self, path: &str) -> String {
        let (mut text, mut since) = (String::new(), String::new());
        loop {
            let asked = Asked::new("GET", format!("{path}?limit=1000{since}"));
            let answer =
                asked.with("Authorization", format!("Bearer {TOKEN}")).ask(&self.base).await;
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
    fn written(top: &TempDir) -> Vec<(String, String)> {
        let files = tree(top.path()).into_iter();
        let files = files.filter_map(|(name, bytes)| Some((name, bytes?)));
        files.map(|(name, bytes)| (name, String::from_utf8_lossy(&bytes).into_owned())).collect()
    }
}

fn told(all: &[(String, String)]) -> Vec<String> {
    all.iter().filter_map(|(what, text)| telling(what, text)).collect()
}

/// Whether something of this kind was looked through that holds the text.
fn is_found(all: &[(String, String)], kind: &str, text: &str) {
    let found = all.iter().any(|(what, whole)| what.contains(kind) && whole.contains(text));
    let what: Vec<_> = all.iter().map(|(what, whole)| (what, whole.len())).collect();
    assert!(found, "{text} in {kind}: {what:#?}");
}

/// Sends secrets as such, and some of them as anything else as well.
async fn trial(secrets: &[&str], some: [&str; 2], arguments: &[&str]) {
    let scene = Scene::set(arguments).await;
    let mut wrong = Vec::new();
    for told in join_all(secrets.iter().map(|secret| scene.as_a_secret(secret))).await {
        wrong.extend(told);
    }
    join_all(some.map(|secret| scene.as_anything(secret))).await;
    for told in join_all(secrets.iter().map(|secret| scene.as_rubbish(secret))).await {
        wrong.extend(told);
    }
    wrong.extend(scene.under_faults().await);
    let shown = scene.shown().await;
    wrong.extend(told(&shown));
    for (kind, text) in [
        ("acme/requests", "(hidden)"),
        ("acme/requests", DATA),
        ("acme/export", DATA),
        ("made/requests", "ticket.create"),
        ("strangers", "ticket.list"),
        ("/_control/metrics", "omnidesk_mock_requests_total"),
        ("/docs", "operations"),
    ] {
        is_found(&shown, kind, text);
    }
    let statuses = scene.statuses.lock().expect("nobody panics").clone();
    for status in [200, 201, 204, 307, 400, 401, 403, 404, 405, 409, 415] {
        assert!(statuses.contains_key(&status), "{status} in {statuses:?}");
    }
    let Scene { program, top, .. } = scene;
    let running = Scene::written(&top);
    is_found(&running, "data/accounts/acme", DATA);
    wrong.extend(told(&running));
    let finished = program.stop();
    assert_eq!(finished.code, Some(0));
    let left = Scene::written(&top);
    is_found(&left, "data/accounts/acme", DATA);
    is_found(&left, "work/port", ":");
    wrong.extend(told(&left));
    assert!(finished.stderr.lines().count() > 1_000, "the log is there");
    wrong.extend(finished.text().lines().filter_map(|line| telling("printed", line)).take(20));
    assert!(wrong.is_empty(), "{} of them: {:#?}", wrong.len(), &wrong[..wrong.len().min(40)]);
}

#[tokio::test]
async fn none_is_found_where_keys_are_given_out() {
    trial(&ALL, [SEED, UNKNOWN], &["--log", "text"]).await;
}

#[tokio::test]
async fn none_is_found_where_unknown_keys_make_accounts() {
    trial(&[MADE, TOKEN, UNKNOWN, WRONG], [MADE, TOKEN], &["--log", "json", "--accounts", "auto"])
        .await;
}
