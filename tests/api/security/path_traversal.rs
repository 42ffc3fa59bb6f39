//! Names that try to lead to another file: they are refused, and nothing around the data folder is touched.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::http_client::{HttpRequest, HttpResponse};
use super::traversal_payloads::{
    INVALID_NAMES, RAW_PATH_SEGMENTS, generate_invalid_names, list_file_names, percent_encode,
    read_tree,
};
use crate::control_client::{ACCOUNTS_PATH, Account, fetch_response};
use crate::fixtures::{
    ACME_KEY, acme_seed, create_temp_dir, dump_tickets, ticket_fixture, write_file,
};
use crate::process::{RunningProcess, build_command};
use crate::support::Server;

/// A data folder with other things around it, and a server on it.
struct TraversalFixture {
    root: TempDir,
    server: Server,
    tickets_before: String,
    files_outside: BTreeMap<String, Option<Vec<u8>>>,
    names_inside: Vec<String>,
}

/// What is around the data folder.
fn create_surroundings() -> TempDir {
    let top = create_temp_dir();
    for name in ["decoy", "decoy.db", "passwd"] {
        write_file(&top, name, "not yours");
    }
    std::fs::create_dir_all(top.path().join("x/y")).expect("a folder is made");
    write_file(&top, "seed.json", &acme_seed([ticket_fixture(7)]).to_string());
    top
}

fn path_str(path: &Path) -> &str {
    path.to_str().expect("the path is text")
}

fn start_server(top: &TempDir) -> Server {
    let (data, seed) = (top.path().join("data"), top.path().join("seed.json"));
    // What an account shows is the same on every port then.
    let public = ["--public-url", "http://desk.example.test"];
    let fixed = ["--data", path_str(&data), "--seed", path_str(&seed)];
    let mut server = Server::start_with_args(&[&fixed[..], &public].concat());
    ACME_KEY.clone_into(&mut server.api_key);
    server
}

/// All that is around the data folder.
fn read_files_outside(top: &TempDir) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut tree = read_tree(top.path());
    tree.retain(|name, _| !name.starts_with("data"));
    tree
}

impl TraversalFixture {
    async fn start() -> Self {
        let top = create_surroundings();
        let server = start_server(&top);
        let before = dump_tickets(&server).await;
        let taken =
            Account::new(&server, "acme", ACME_KEY).send_control("PUT", "/snapshots/one").await;
        assert_eq!(taken.status, 201, "{}", taken.body);
        assert_eq!(dump_tickets(&server).await, before);
        let (around, inside) =
            (read_files_outside(&top), list_file_names(&top.path().join("data")));
        assert!(inside.iter().any(|name| name.starts_with("accounts/acme")), "{inside:?}");
        Self {
            root: top,
            server,
            tickets_before: before,
            files_outside: around,
            names_inside: inside,
        }
    }

    async fn send_request(&self, method: &str, path: &str, body: Option<&Value>) -> HttpResponse {
        let asked = HttpRequest::new(method, path).with_header("apiKey", ACME_KEY);
        let asked = match body {
            Some(body) => asked.with_body("application/json", body.to_string()),
            None => asked,
        };
        asked.send(&self.server.base_url).await
    }

    /// All is as it was, and still is when the server starts once more.
    async fn assert_untouched(self) {
        assert_eq!(dump_tickets(&self.server).await, self.tickets_before);
        assert_eq!(list_file_names(&self.root.path().join("data")), self.names_inside);
        assert_eq!(self.server.stop().code(), Some(0));
        assert_eq!(list_file_names(&self.root.path().join("data")), self.names_inside);
        assert!(
            read_files_outside(&self.root) == self.files_outside,
            "{:?}",
            read_files_outside(&self.root).keys()
        );
        assert_eq!(dump_tickets(&start_server(&self.root)).await, self.tickets_before);
    }
}

/// Everything that has a name in its path.
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

/// A name among the paths, as one is written in a request; gives what was not refused.
async fn find_accepted_paths(scene: &TraversalFixture, part: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for (method, path) in ROUTES_WITH_NAME {
        let path = format!("{ACCOUNTS_PATH}/{}", path.replace("{}", part));
        let answer = scene.send_request(method, &path, None).await;
        if !(400..500).contains(&answer.status) {
            let part: String = part.chars().take(60).collect();
            wrong.push(format!("{method} {path} ({part:?}): {answer:?}"));
        }
    }
    wrong
}

/// Whether something is a name of a snapshot all the same.
fn is_valid_snapshot_name(name: &str) -> bool {
    ["acme.db"].contains(&name)
}

#[tokio::test]
async fn name_in_path_cannot_escape_data_dir() {
    let scene = TraversalFixture::start().await;
    let mut wrong = Vec::new();
    let names = INVALID_NAMES.iter().map(|name| (*name).to_owned()).chain(generate_invalid_names());
    for name in names.filter(|name| !is_valid_snapshot_name(name)) {
        wrong.extend(find_accepted_paths(&scene, &percent_encode(&name)).await);
    }
    assert!(wrong.is_empty(), "{} of them: {wrong:#?}", wrong.len());
    scene.assert_untouched().await;
}

#[tokio::test]
async fn raw_path_cannot_escape_data_dir() {
    let scene = TraversalFixture::start().await;
    let mut wrong = Vec::new();
    for part in RAW_PATH_SEGMENTS {
        wrong.extend(find_accepted_paths(&scene, part).await);
    }
    assert!(wrong.is_empty(), "{} of them: {wrong:#?}", wrong.len());
    for path in
        ["/docs/{}", "/assets/{}", "/assets/{}/page.css", "/{}", "/docs/control/{}", "/_control/{}"]
    {
        for part in RAW_PATH_SEGMENTS.iter().chain(&["/etc/passwd", "page.css%00", "....//decoy"]) {
            let answer = scene.send_request("GET", &path.replace("{}", part), None).await;
            assert!((400..500).contains(&answer.status), "{path} {part}: {answer:?}");
        }
    }
    scene.assert_untouched().await;
}

/// The bodies that can hold the name, with where they are sent.
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
    let scene = TraversalFixture::start().await;
    let mut wrong = Vec::new();
    for name in INVALID_NAMES.iter().map(|name| (*name).to_owned()).chain(generate_invalid_names())
    {
        for (path, body) in bodies_with_name(&name) {
            let answer =
                scene.send_request("POST", &format!("{ACCOUNTS_PATH}{path}"), Some(&body)).await;
            if !(400..500).contains(&answer.status) {
                wrong.push(format!("{body}: {answer:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of them: {wrong:#?}", wrong.len());
    let accounts =
        fetch_response(scene.server.request_without_key("GET", ACCOUNTS_PATH)).await.body;
    assert_eq!(accounts["accounts"].as_array().map(Vec::len), Some(1), "{accounts}");
    scene.assert_untouched().await;
}

#[tokio::test]
async fn file_like_names_are_ordinary_names() {
    let scene = TraversalFixture::start().await;
    let own = Account::new(&scene.server, "acme", ACME_KEY);
    let odd = [
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
    for name in odd {
        let path = format!("/snapshots/{name}");
        assert_eq!(own.send_control("PUT", &path).await.status, 201, "{name}");
        assert_eq!(
            own.send_control("POST", &format!("{path}/restore")).await.status,
            204,
            "{name}"
        );
        let wanted = json!({ "from": format!("snapshot:acme/{name}"), "ephemeral": true });
        let copy = Account::create(&scene.server, &wanted).await;
        assert_eq!(dump_tickets(&copy.client).await, scene.tickets_before, "{name}");
        assert_eq!(copy.send_control("DELETE", "").await.status, 204, "{name}");
    }
    for name in ["con", "lock", "catalogue", "accounts", "seeds", "wal", "0", "a-"] {
        let account = Account::create(&scene.server, &json!({ "name": name })).await;
        assert_eq!(dump_tickets(&account.client).await, scene.tickets_before, "{name}");
        let path = scene.root.path().join("data");
        let prefix = format!("accounts/{name}");
        assert!(
            list_file_names(&path).iter().any(|file| file.starts_with(&prefix)),
            "{:?}",
            list_file_names(&path)
        );
        assert_eq!(account.send_control("DELETE", "").await.status, 204, "{name}");
    }
    for name in odd {
        assert_eq!(
            own.send_control("DELETE", &format!("/snapshots/{name}")).await.status,
            204,
            "{name}"
        );
    }
    assert_eq!(dump_tickets(&scene.server).await, scene.tickets_before);
    assert!(
        read_files_outside(&scene.root) == scene.files_outside,
        "{:?}",
        read_files_outside(&scene.root).keys()
    );
    let inside = list_file_names(&scene.root.path().join("data"));
    let top: Vec<_> = inside.iter().filter(|name| !name.contains('/')).collect();
    let before: Vec<_> = scene.names_inside.iter().filter(|name| !name.contains('/')).collect();
    assert_eq!(top, before, "nothing new beside the catalogue");
}

#[test]
fn seed_with_invalid_account_name_is_rejected_and_writes_nothing() {
    let top = create_surroundings();
    let data = top.path().join("data");
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
        let seed = write_file(&top, "bad.json", &seed);
        let before = read_tree(top.path());
        let arguments = ["--listen", "127.0.0.1:0", "--data", path_str(&data), "--seed", &*seed];
        let ended = RunningProcess::spawn(&mut build_command(&arguments)).wait_for_exit();
        assert_eq!(ended.exit_code, Some(1), "{name:?}: {ended:?}");
        assert!(ended.stderr.contains("bad.json"), "{name:?}: {ended:?}");
        assert!(read_tree(top.path()) == before, "{name:?}: {:?}", read_tree(top.path()).keys());
        let checked = crate::process::run_to_exit(&["seed", "check", &seed]);
        assert_eq!(checked.exit_code, Some(1), "{name:?}: {checked:?}");
    }
}

#[test]
fn unwritable_port_file_is_named_and_nothing_is_created() {
    let top = create_surroundings();
    let before = read_tree(top.path());
    for name in ["missing/port", "x", "x/", "decoy/port"] {
        let path = top.path().join(name);
        let ended = RunningProcess::spawn_server(&["--port-file", path_str(&path)]).wait_for_exit();
        assert_eq!(ended.exit_code, Some(1), "{name}: {ended:?}");
        assert!(ended.stderr.contains(path_str(&path)), "{name}: {ended:?}");
        assert!(!ended.combined_output().contains("panicked"), "{name}: {ended:?}");
        assert!(!ended.stdout.contains("listening"), "{name}: {ended:?}");
        let now = read_tree(top.path());
        assert!(now == before, "{name}: {:?}", now.keys());
    }
}
