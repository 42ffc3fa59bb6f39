//! Secret leaks: API keys and tokens sent in every place to every route appear in no output of the program.

use std::path::Path;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::openapi_routes::{self, Route};
use super::secret_placements::{
    ALL_SECRETS, ARBITRARY_PLACEMENTS, CANARY_MARKER, CONTROL_API_PLACEMENTS, CONTROL_TOKEN,
    CREATED_KEY, CREDENTIAL_PLACEMENTS, FLAG_KEY, KEY_FILTER_PLACEMENTS, NAME_SUBSTRING_PLACEMENTS,
    NON_SECRET_KEY, SEED_KEY, SecretPlacement, UNKNOWN_KEY, WRONG_TOKEN, malformed_requests,
};
use super::traversal_payloads::read_tree;
use crate::support::control::ACCOUNTS_PATH;
use crate::support::files::{create_temp_dir, write_file};
use crate::support::process::{RunningProcess, build_command};
use crate::support::raw::{
    RawConnection, RawRequest, RawResponse, send_pipelined, transcribe, transcribe_half_closed,
};
use crate::support::seed::{acme_seed, ticket_fixture};

/// A text in the data, which proves that the search covers the data.
const DATA_MARKER: &str = "Sentinel-in-a-title";

struct LeakTest {
    process: RunningProcess,
    base_url: String,
    root: TempDir,
    routes: Vec<Route>,
    /// The number of responses by status.
    status_counts: std::sync::Mutex<std::collections::BTreeMap<u16, usize>>,
}

/// Returns the first secret in the text, with some context.
fn find_secret(what: &str, text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let position = lower.find(CANARY_MARKER)?;
    let start = lower.floor_char_boundary(position.saturating_sub(160));
    let end = lower.floor_char_boundary((position + 160).min(text.len()));
    Some(format!("{what}: …{}…", &text[start..end]))
}

/// Returns `self` if the secret is a valid API key, otherwise an account that it does not open.
fn account_for_secret(secret: &str) -> &'static str {
    if [SEED_KEY, CREATED_KEY, FLAG_KEY].contains(&secret) { "self" } else { "acme" }
}

impl LeakTest {
    async fn start(arguments: &[&str]) -> Self {
        let root = create_temp_dir();
        let [data, temporary, work] =
            ["data", "temporary", "work"].map(|name| root.path().join(name));
        for directory in [&temporary, &work] {
            std::fs::create_dir(directory).expect("the directory is created");
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
        let path = |path: &Path| path.to_str().expect("the path is UTF-8").to_owned();
        let (data, port) = (path(&data), path(&port));
        let proxies = ["--trusted-proxy", "127.0.0.1"];
        let common =
            ["--listen", "127.0.0.1:0", "--data", &data, "--port-file", &port, "--seed", &seed];
        let secrets = ["--api-key", FLAG_KEY, "--control-token", CONTROL_TOKEN];
        let journal_limits = ["--journal-entries", "100000", "--journal-bytes", "200000000"];
        let mut command =
            build_command(&[&common[..], &proxies, &secrets, &journal_limits, arguments].concat());
        let command = command.env("RUST_LOG", "trace").env("TMPDIR", temporary).current_dir(work);
        let mut process = RunningProcess::spawn(command);
        let base = process.base_url();
        let mut routes = openapi_routes::read_control_routes(&base, CONTROL_TOKEN).await;
        routes.retain(|route| !route.is_stream() && !route.clears_unmatched_requests());
        routes.extend(openapi_routes::read_ticket_routes(&base).await);
        routes.extend(openapi_routes::page_routes());
        routes.extend(["/nothing", "/api/v2/nothing", "/_control/nothing"].map(|path| Route {
            method: "GET".to_owned(),
            path: path.to_owned(),
            id: "nothing".to_owned(),
        }));
        let test = Self {
            process,
            base_url: base,
            root,
            routes,
            status_counts: std::sync::Mutex::default(),
        };
        test.create_accounts().await;
        test
    }

    /// Creates an account for each secret, and the account with the created key.
    async fn create_accounts(&self) {
        // One account is in a file; the others are in memory, which is faster.
        let spec = |number| json!({ "name": format!("bench-{number}"), "ephemeral": number > 0 });
        for body in (0..ALL_SECRETS.len()).map(spec).chain([json!({ "name": "made" })]) {
            let created = self.send_control("POST", "", Some(body)).await;
            assert_eq!(created.status, 201, "{created:?}");
        }
        let created =
            self.send_control("POST", "/made/keys", Some(json!({ "api_key": CREATED_KEY }))).await;
        assert_eq!(
            (created.status, created.body.matches(CREATED_KEY).count()),
            (201, 1),
            "{created:?}"
        );
        for (method, path) in
            [("PUT", "/snapshots/one"), ("POST", "/snapshots/one/restore"), ("POST", "/reset")]
        {
            let reply = self.send_control(method, &format!("/made{path}"), None).await;
            assert!((200..=204).contains(&reply.status), "{path}: {reply:?}");
        }
    }

    async fn send_control(&self, method: &str, path: &str, body: Option<Value>) -> RawResponse {
        let request = RawRequest::new(method, format!("{ACCOUNTS_PATH}{path}"));
        let request = request.with_header("Authorization", format!("Bearer {CONTROL_TOKEN}"));
        let body = body.map(|body| body.to_string());
        let request = match body {
            Some(body) => request.with_body("application/json", body),
            None => request,
        };
        request.send(&self.base_url).await
    }

    /// Builds a request with this placement for each route, after one that creates the account to remove.
    fn build_requests(
        &self,
        secret: &str,
        placement: SecretPlacement,
        only_control: bool,
    ) -> Vec<(&str, RawRequest)> {
        let number = ALL_SECRETS
            .iter()
            .position(|other| *other == secret)
            .expect("the secret is in the list");
        let (target, scratch) = (format!("bench-{number}"), format!("scratch-{number}"));
        let token = |request: RawRequest| {
            request.with_header("Authorization", format!("Bearer {CONTROL_TOKEN}"))
        };
        let scratch_spec = json!({ "name": scratch, "ephemeral": true }).to_string();
        let first = token(RawRequest::new("POST", ACCOUNTS_PATH))
            .with_body("application/json", scratch_spec);
        let routes = self.routes.iter().filter(|route| {
            // Static documents are slow to generate; request them with one secret only.
            let is_page = ["page", "controlOpenapi", "fidelity"].contains(&&*route.id);
            (!only_control || route.path.starts_with(ACCOUNTS_PATH))
                && (!is_page || secret == CREATED_KEY)
        });
        let requests = routes.map(|route| {
            let account = match &*route.id {
                "removeAccount" => &scratch,
                _ if route.is_read_only() => account_for_secret(secret),
                _ => &target,
            };
            let id = if route.path.starts_with("/api") { "7" } else { "1" };
            let id = if route.method == "DELETE" { "999" } else { id };
            let request = placement(
                token(RawRequest::new(&route.method, route.fill_path(account, id))),
                secret,
            );
            let needs_body = request.body.is_empty() && route.id == "createAccount";
            let default_body = || json!({ "name": "acme" }).to_string();
            (
                &*route.id,
                if needs_body {
                    request.with_body("application/json", default_body())
                } else {
                    request
                },
            )
        });
        [("createAccount", first)].into_iter().chain(requests).collect()
    }

    /// Sends the requests and returns their responses with the operation ids.
    async fn send_all(&self, requests: Vec<(&str, RawRequest)>) -> Vec<(String, RawResponse)> {
        let (ids, requests): (Vec<_>, Vec<_>) = requests.into_iter().unzip();
        let responses = send_pipelined(&self.base_url, &requests).await;
        assert_eq!(
            responses.len(),
            requests.len(),
            "responses are missing after {:?} to {:?}",
            responses.last(),
            requests.first()
        );
        let mut statuses = self.status_counts.lock().expect("no task panics");
        for response in &responses {
            *statuses.entry(response.status).or_default() += 1;
        }
        let ids = ids.into_iter().map(str::to_owned);
        ids.zip(responses).collect()
    }

    /// Sends a secret as a credential, in every placement, to every route; returns the responses that contain it.
    async fn send_as_credential(&self, secret: &str) -> Vec<String> {
        let is_valid_key = account_for_secret(secret) == "self";
        let names = KEY_FILTER_PLACEMENTS.iter().filter(|_| is_valid_key);
        let control = names.chain(CONTROL_API_PLACEMENTS).map(|placement| (placement, true));
        let placements =
            CREDENTIAL_PLACEMENTS.iter().map(|placement| (placement, false)).chain(control);
        let mut leaks = Vec::new();
        for ((name, placement), only_control) in placements {
            for (id, response) in
                self.send_all(self.build_requests(secret, *placement, only_control)).await
            {
                let is_created_key = id == "createKey" && response.status == 201;
                let expected_count = usize::from(is_created_key);
                let text = format!(
                    "{}\n{}",
                    response.head,
                    response.body.replacen(secret, "", expected_count)
                );
                leaks.extend(find_secret(&format!("{id} by {name}"), &text));
            }
        }
        leaks
    }

    /// Sends a secret as an API key, and as arbitrary text.
    async fn send_as_arbitrary_text(&self, secret: &str) {
        let names = KEY_FILTER_PLACEMENTS
            .iter()
            .chain(NAME_SUBSTRING_PLACEMENTS)
            .map(|placement| (placement, true));
        for ((_, placement), only_control) in
            ARBITRARY_PLACEMENTS.iter().map(|placement| (placement, false)).chain(names)
        {
            self.send_all(self.build_requests(secret, *placement, only_control)).await;
        }
        let build_request = |method: &str, target: String| {
            let request = RawRequest::new(method, target).with_header("apiKey", secret);
            request.with_header("Authorization", format!("Bearer {CONTROL_TOKEN}"))
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
            let requests =
                targets.into_iter().map(|target| ("path", build_request(&route.method, target)));
            self.send_all(requests.collect()).await;
        }
    }

    /// Sends malformed and incomplete requests; returns the responses that contain a secret.
    async fn send_malformed(&self, secret: &str) -> Vec<String> {
        let checks = malformed_requests(secret).into_iter().map(async |bytes| {
            let mut abandoned = RawConnection::open(&self.base_url).await;
            // Sends a half request and disconnects without reading.
            abandoned.try_send(&bytes[..bytes.len().min(5_000) / 2]).await;
            drop(abandoned);
            find_secret(
                "response to a malformed request",
                &transcribe_half_closed(&self.base_url, &bytes).await.text(),
            )
        });
        join_all(checks).await.into_iter().flatten().collect()
    }

    /// Sends requests with a secret under each fault effect; returns the leaks.
    async fn send_under_faults(&self) -> Vec<String> {
        let mut leaks = Vec::new();
        for effect in [
            json!({ "status": 503 }),
            json!({ "reset_connection": true }),
            json!({ "hang": "1ms" }),
            json!({ "truncate": 20 }),
            json!({ "malformed": true }),
            json!({ "dribble": "1ms" }),
            json!({ "delay": "1ms" }),
            json!({ "drop_response": "reset" }),
            json!({ "drop_response": 500 }),
        ] {
            let rule = json!({ "effect": effect });
            assert_eq!(self.send_control("POST", "/acme/faults", Some(rule)).await.status, 201);
            for target in ["/api/v2/ticket?itemLimit=0", "/api/v2/ticket?status=wrong"] {
                for request in [
                    RawRequest::new("GET", target).with_header("apiKey", SEED_KEY),
                    RawRequest::new("GET", target)
                        .with_query(&format!("apiKey={SEED_KEY}&query={SEED_KEY}")),
                ] {
                    let received = transcribe(
                        &self.base_url,
                        &request.with_header("Connection", "close").to_bytes(),
                    )
                    .await;
                    leaks.extend(find_secret("response with a fault", &received.text()));
                }
            }
            assert_eq!(self.send_control("DELETE", "/acme/faults", None).await.status, 204);
        }
        leaks
    }

    /// Returns everything that the server shows of its data and its journals.
    async fn read_all_responses(&self) -> Vec<(String, String)> {
        let reply = self.send_control("GET", "", None).await;
        let accounts: Value = serde_json::from_str(&reply.body).expect("the body is JSON");
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
                    "/rate-limits",
                    "/strict",
                ];
                parts.map(|part| format!("{path}{part}"))
            })
            .collect();
        let others = ["", "/metrics", "/fidelity", "/openapi.json", "/health", "/ready"];
        paths.extend(others.map(|path| format!("/_control{path}")));
        paths.extend(["/docs", "/docs/control", "/openapi.json", "/nothing"].map(str::to_owned));
        // The console.
        for account in &accounts {
            let account = account["account"].as_str().expect("a name");
            let parts = ["requests", "tickets", "faults", "snapshots", "keys", "settings"];
            paths.extend(parts.map(|part| format!("/accounts/{account}/{part}")));
            paths.extend((1..40).map(|seq| format!("/accounts/{account}/requests/{seq}")));
        }
        paths.extend(["/", "/unauthorized", "/search?q=a", "/status"].map(str::to_owned));
        let build_request = |path: &String| {
            (
                "read",
                RawRequest::new("GET", path.as_str())
                    .with_header("Authorization", format!("Bearer {CONTROL_TOKEN}")),
            )
        };
        let responses = self.send_all(paths.iter().map(build_request).collect()).await;
        let mut texts: Vec<_> = paths
            .into_iter()
            .zip(responses)
            .map(|(path, (_, response))| (path, response.body))
            .collect();
        for account in &accounts {
            for list in ["requests", "changes"] {
                let path = format!(
                    "{ACCOUNTS_PATH}/{}/{list}",
                    account["account"].as_str().expect("a name")
                );
                texts.push((path.clone(), self.read_all_pages(&path).await));
            }
        }
        texts.push((
            "unmatched".to_owned(),
            self.read_all_pages("/_control/requests/unmatched").await,
        ));
        texts
    }

    /// Reads all pages of a list.
    async fn read_all_pages(&self, path: &str) -> String {
        let (mut text, mut since) = (String::new(), String::new());
        loop {
            let request = RawRequest::new("GET", format!("{path}?limit=1000{since}"));
            let response = request
                .with_header("Authorization", format!("Bearer {CONTROL_TOKEN}"))
                .send(&self.base_url)
                .await;
            let page: Value = serde_json::from_str(&response.body)
                .unwrap_or_else(|error| panic!("{path} is not JSON ({error}): {response:?}"));
            text += &response.body;
            if page["has_more"] != true {
                return text;
            }
            since = format!("&since={}", page["cursor"].as_str().expect("a cursor"));
        }
    }

    /// Reads the files that the program has written.
    fn read_written_files(root: &TempDir) -> Vec<(String, String)> {
        let files = read_tree(root.path()).into_iter();
        let files = files.filter_map(|(name, bytes)| Some((name, bytes?)));
        files.map(|(name, bytes)| (name, String::from_utf8_lossy(&bytes).into_owned())).collect()
    }
}

fn find_secrets(all: &[(String, String)]) -> Vec<String> {
    all.iter().filter_map(|(what, text)| find_secret(what, text)).collect()
}

/// Asserts that the searched texts of this kind contain the text.
fn assert_contains(all: &[(String, String)], kind: &str, text: &str) {
    let found = all.iter().any(|(what, content)| what.contains(kind) && content.contains(text));
    let searched: Vec<_> =
        all.iter().map(|(searched, content)| (searched, content.len())).collect();
    assert!(found, "{text} in {kind}: {searched:#?}");
}

/// Sends all secrets as credentials, and two of them as arbitrary text as well; asserts that none leaks.
async fn run_leak_test(secrets: &[&str], some: [&str; 2], arguments: &[&str]) {
    let test = LeakTest::start(arguments).await;
    let mut leaks = Vec::new();
    for found in join_all(secrets.iter().map(|secret| test.send_as_credential(secret))).await {
        leaks.extend(found);
    }
    join_all(some.map(|secret| test.send_as_arbitrary_text(secret))).await;
    for found in join_all(secrets.iter().map(|secret| test.send_malformed(secret))).await {
        leaks.extend(found);
    }
    leaks.extend(test.send_under_faults().await);
    let texts = test.read_all_responses().await;
    leaks.extend(find_secrets(&texts));
    for (kind, text) in [
        ("acme/requests", "(redacted)"),
        ("acme/requests", DATA_MARKER),
        ("acme/export", DATA_MARKER),
        ("made/requests", "ticket.create"),
        ("unmatched", "ticket.list"),
        ("/_control/metrics", "omnidesk_mock_requests_total"),
        ("/docs", "Operations"),
    ] {
        assert_contains(&texts, kind, text);
    }
    let statuses = test.status_counts.lock().expect("no task panics").clone();
    for status in [200, 201, 204, 400, 401, 403, 404, 405, 409, 415] {
        assert!(statuses.contains_key(&status), "no response with status {status}: {statuses:?}");
    }
    let LeakTest { process, root, .. } = test;
    let files = LeakTest::read_written_files(&root);
    assert_contains(&files, "data/accounts/acme", DATA_MARKER);
    leaks.extend(find_secrets(&files));
    let finished = process.stop();
    assert_eq!(finished.exit_code, Some(0));
    let files = LeakTest::read_written_files(&root);
    assert_contains(&files, "data/accounts/acme", DATA_MARKER);
    assert_contains(&files, "work/port", ":");
    leaks.extend(find_secrets(&files));
    assert!(finished.stderr.lines().count() > 1_000, "the log is not empty");
    leaks.extend(
        finished.combined_output().lines().filter_map(|line| find_secret("printed", line)).take(20),
    );
    assert!(leaks.is_empty(), "{} leaks: {:#?}", leaks.len(), &leaks[..leaks.len().min(40)]);
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
