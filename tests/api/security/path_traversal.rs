//! Path traversal: names that look like paths are rejected, and no file outside the data directory is touched.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::traversal_payloads::{
    INVALID_NAMES, RAW_PATH_SEGMENTS, generate_invalid_names, list_file_names, percent_encode,
    read_tree,
};
use crate::support::control::{ACCOUNTS_PATH, Account, fetch_response};
use crate::support::files::{create_temp_dir, write_file};
use crate::support::process::{RunningProcess, build_command};
use crate::support::raw::{RawRequest, RawResponse};
use crate::support::seed::{ACME_KEY, acme_seed, ticket_fixture};
use crate::support::server::Server;
use crate::support::ticket::dump_tickets;

/// A server whose data directory lies next to other files.
struct TraversalFixture {
    root: TempDir,
    server: Server,
    tickets_before: String,
    files_outside: BTreeMap<String, Option<Vec<u8>>>,
    names_inside: Vec<String>,
}

/// Creates a directory with files around the future data directory.
fn create_surroundings() -> TempDir {
    let root = create_temp_dir();
    for name in ["decoy", "decoy.db", "passwd"] {
        write_file(&root, name, "not yours");
    }
    std::fs::create_dir_all(root.path().join("x/y")).expect("the directory is created");
    write_file(&root, "seed.json", &acme_seed([ticket_fixture(7)]).to_string());
    root
}

fn path_str(path: &Path) -> &str {
    path.to_str().expect("the path is UTF-8")
}

fn start_server(root: &TempDir) -> Server {
    let (data, seed) = (root.path().join("data"), root.path().join("seed.json"));
    // With a fixed public URL, responses don't depend on the port.
    let public_url = ["--public-url", "http://desk.example.test"];
    let common = ["--data", path_str(&data), "--seed", path_str(&seed)];
    let mut server = Server::start_with_args(&[&common[..], &public_url].concat());
    ACME_KEY.clone_into(&mut server.api_key);
    server
}

/// Reads everything outside the data directory.
fn read_files_outside(root: &TempDir) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut tree = read_tree(root.path());
    tree.retain(|name, _| !name.starts_with("data"));
    tree
}

impl TraversalFixture {
    async fn start() -> Self {
        let root = create_surroundings();
        let server = start_server(&root);
        let tickets_before = dump_tickets(&server).await;
        let snapshot =
            Account::new(&server, "acme", ACME_KEY).send_control("PUT", "/snapshots/one").await;
        assert_eq!(snapshot.status, 201, "{}", snapshot.body);
        assert_eq!(dump_tickets(&server).await, tickets_before);
        let (files_outside, names_inside) =
            (read_files_outside(&root), list_file_names(&root.path().join("data")));
        assert!(
            names_inside.iter().any(|name| name.starts_with("accounts/acme")),
            "{names_inside:?}"
        );
        Self { root, server, tickets_before, files_outside, names_inside }
    }

    async fn send_request(&self, method: &str, path: &str, body: Option<&Value>) -> RawResponse {
        let request = RawRequest::new(method, path).with_header("apiKey", ACME_KEY);
        let request = match body {
            Some(body) => request.with_body("application/json", body.to_string()),
            None => request,
        };
        request.send(&self.server.base_url).await
    }

    /// Asserts that tickets and files are unchanged, also after a stop and a restart.
    async fn assert_untouched(self) {
        assert_eq!(dump_tickets(&self.server).await, self.tickets_before);
        assert_eq!(list_file_names(&self.root.path().join("data")), self.names_inside);
        assert_eq!(self.server.stop().exit_code, Some(0));
        assert_eq!(list_file_names(&self.root.path().join("data")), self.names_inside);
        assert!(
            read_files_outside(&self.root) == self.files_outside,
            "{:?}",
            read_files_outside(&self.root).keys()
        );
        assert_eq!(dump_tickets(&start_server(&self.root)).await, self.tickets_before);
    }
}

/// Routes with a name in the path.
const ROUTES_WITH_NAME: [(&str, &str); 16] = [
    ("GET", "{}"),
    ("DELETE", "{}"),
    ("POST", "{}/reset"),
    ("GET", "{}/export"),
    ("PUT", "{}/snapshots/one"),
    ("DELETE", "{}/snapshots/one"),
    ("POST", "{}/snapshots/one/restore"),
    ("POST", "{}/keys"),
    ("GET", "{}/requests"),
    ("PUT", "acme/snapshots/{}"),
    ("DELETE", "acme/snapshots/{}"),
    ("POST", "acme/snapshots/{}/restore"),
    ("DELETE", "acme/keys/{}"),
    ("DELETE", "acme/faults/{}"),
    ("GET", "acme/requests/{}"),
    ("PUT", "self/snapshots/{}"),
];

/// Requests each route with this path segment; returns the accepted ones.
async fn find_accepted_paths(fixture: &TraversalFixture, part: &str) -> Vec<String> {
    let mut accepted = Vec::new();
    for (method, path) in ROUTES_WITH_NAME {
        let path = format!("{ACCOUNTS_PATH}/{}", path.replace("{}", part));
        let response = fixture.send_request(method, &path, None).await;
        if !(400..500).contains(&response.status) {
            let part: String = part.chars().take(60).collect();
            accepted.push(format!("{method} {path} ({part:?}): {response:?}"));
        }
    }
    accepted
}

/// Returns true if the text is nevertheless a valid snapshot name.
fn is_valid_snapshot_name(name: &str) -> bool {
    ["acme.db"].contains(&name)
}

#[tokio::test]
async fn name_in_path_cannot_escape_data_dir() {
    let fixture = TraversalFixture::start().await;
    let mut accepted = Vec::new();
    let names = INVALID_NAMES.iter().map(|name| (*name).to_owned()).chain(generate_invalid_names());
    for name in names.filter(|name| !is_valid_snapshot_name(name)) {
        accepted.extend(find_accepted_paths(&fixture, &percent_encode(&name)).await);
    }
    assert!(accepted.is_empty(), "{} requests accepted: {accepted:#?}", accepted.len());
    fixture.assert_untouched().await;
}

#[tokio::test]
async fn raw_path_cannot_escape_data_dir() {
    let fixture = TraversalFixture::start().await;
    let mut accepted = Vec::new();
    for part in RAW_PATH_SEGMENTS {
        accepted.extend(find_accepted_paths(&fixture, part).await);
    }
    assert!(accepted.is_empty(), "{} requests accepted: {accepted:#?}", accepted.len());
    for path in [
        "/docs/{}",
        "/assets/{}",
        "/assets/{}/console.css",
        "/{}",
        "/docs/control/{}",
        "/_control/{}",
    ] {
        for part in
            RAW_PATH_SEGMENTS.iter().chain(&["/etc/passwd", "console.css%00", "....//decoy"])
        {
            let response = fixture.send_request("GET", &path.replace("{}", part), None).await;
            assert!((400..500).contains(&response.status), "{path} {part}: {response:?}");
        }
    }
    fixture.assert_untouched().await;
}

/// Returns request bodies that contain the name, each with its path.
fn bodies_with_name(name: &str) -> Vec<(&'static str, Value)> {
    let from = |from: String| ("", json!({ "from": from }));
    vec![
        ("", json!({ "name": name })),
        from(name.to_owned()),
        from(format!("seed:{name}")),
        from(format!("account:{name}")),
        from(format!("snapshot:{name}")),
        from(format!("snapshot:{name}/one")),
        from(format!("snapshot:acme/{name}")),
        from(format!("file:{name}")),
        ("/acme/import", json!({ "accounts": { name: {} } })),
    ]
}

#[tokio::test]
async fn name_in_body_cannot_escape_data_dir() {
    let fixture = TraversalFixture::start().await;
    let mut accepted = Vec::new();
    for name in INVALID_NAMES.iter().map(|name| (*name).to_owned()).chain(generate_invalid_names())
    {
        for (path, body) in bodies_with_name(&name) {
            let response =
                fixture.send_request("POST", &format!("{ACCOUNTS_PATH}{path}"), Some(&body)).await;
            if !(400..500).contains(&response.status) {
                accepted.push(format!("{body}: {response:?}"));
            }
        }
    }
    assert!(accepted.is_empty(), "{} requests accepted: {accepted:#?}", accepted.len());
    let accounts =
        fetch_response(fixture.server.request_without_key("GET", ACCOUNTS_PATH)).await.body;
    assert_eq!(accounts["accounts"].as_array().map(Vec::len), Some(1), "{accounts}");
    fixture.assert_untouched().await;
}

#[tokio::test]
async fn file_like_names_are_ordinary_names() {
    let fixture = TraversalFixture::start().await;
    let acme = Account::new(&fixture.server, "acme", ACME_KEY);
    let names = [
        "CON",
        "nul",
        "COM1.txt",
        "a..b",
        "a.",
        "catalogue.db",
        "lock",
        "acme.db-wal",
        "0",
        "x_-.",
    ];
    for name in names {
        let path = format!("/snapshots/{name}");
        assert_eq!(acme.send_control("PUT", &path).await.status, 201, "{name}");
        assert_eq!(
            acme.send_control("POST", &format!("{path}/restore")).await.status,
            204,
            "{name}"
        );
        let spec = json!({ "from": format!("snapshot:acme/{name}"), "ephemeral": true });
        let copy = Account::create(&fixture.server, &spec).await;
        assert_eq!(dump_tickets(&copy.client).await, fixture.tickets_before, "{name}");
        assert_eq!(copy.send_control("DELETE", "").await.status, 204, "{name}");
    }
    for name in ["con", "lock", "catalogue", "accounts", "seeds", "wal", "0", "a-"] {
        let account = Account::create(&fixture.server, &json!({ "name": name })).await;
        assert_eq!(dump_tickets(&account.client).await, fixture.tickets_before, "{name}");
        let path = fixture.root.path().join("data");
        let prefix = format!("accounts/{name}");
        assert!(
            list_file_names(&path).iter().any(|file| file.starts_with(&prefix)),
            "{:?}",
            list_file_names(&path)
        );
        assert_eq!(account.send_control("DELETE", "").await.status, 204, "{name}");
    }
    for name in names {
        assert_eq!(
            acme.send_control("DELETE", &format!("/snapshots/{name}")).await.status,
            204,
            "{name}"
        );
    }
    assert_eq!(dump_tickets(&fixture.server).await, fixture.tickets_before);
    assert!(
        read_files_outside(&fixture.root) == fixture.files_outside,
        "{:?}",
        read_files_outside(&fixture.root).keys()
    );
    let names_inside = list_file_names(&fixture.root.path().join("data"));
    let top_level: Vec<_> = names_inside.iter().filter(|name| !name.contains('/')).collect();
    let before: Vec<_> = fixture.names_inside.iter().filter(|name| !name.contains('/')).collect();
    assert_eq!(top_level, before, "no new files next to the catalogue");
}

#[test]
fn seed_with_invalid_account_name_is_rejected_and_writes_nothing() {
    let root = create_surroundings();
    let data = root.path().join("data");
    for name in [
        "..",
        "../decoy",
        "/decoy",
        "a/b",
        "..\\decoy",
        "acme\0",
        "CON",
        ".hidden",
        "аcme",
        "self",
        "",
    ] {
        let seed = json!({ "accounts": { name: { "keys": [] } } }).to_string();
        let seed = write_file(&root, "bad.json", &seed);
        let before = read_tree(root.path());
        let arguments = ["--listen", "127.0.0.1:0", "--data", path_str(&data), "--seed", &*seed];
        let ended = RunningProcess::spawn(&mut build_command(&arguments)).wait_for_exit();
        assert_eq!(ended.exit_code, Some(1), "{name:?}: {ended:?}");
        assert!(ended.stderr.contains("bad.json"), "{name:?}: {ended:?}");
        assert!(read_tree(root.path()) == before, "{name:?}: {:?}", read_tree(root.path()).keys());
        let checked = crate::support::process::run_to_exit(&["seed", "check", &seed]);
        assert_eq!(checked.exit_code, Some(1), "{name:?}: {checked:?}");
    }
}

#[test]
fn unwritable_port_file_is_named_and_nothing_is_created() {
    let root = create_surroundings();
    let before = read_tree(root.path());
    for name in ["missing/port", "x", "x/", "decoy/port"] {
        let path = root.path().join(name);
        let ended = RunningProcess::spawn_server(&["--port-file", path_str(&path)]).wait_for_exit();
        assert_eq!(ended.exit_code, Some(1), "{name}: {ended:?}");
        assert!(ended.stderr.contains(path_str(&path)), "{name}: {ended:?}");
        assert!(!ended.combined_output().contains("panicked"), "{name}: {ended:?}");
        assert!(!ended.stdout.contains("listening"), "{name}: {ended:?}");
        let after = read_tree(root.path());
        assert!(after == before, "{name}: {:?}", after.keys());
    }
}
