//! Names that try to lead to another file: they are refused, and nothing around the data folder is touched.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::answers::{Answered, Asked};
use super::outside_names::{NAMES, PARTS, encoded, more_names, names, tree};
use crate::control::{ACCOUNTS, Account, answer};
use crate::fixtures::{KEY, acme, file, folder, ticket, whole};
use crate::program::{Running, command};
use crate::support::Server;

/// A data folder with other things around it, and a server on it.
struct Scene {
    top: TempDir,
    server: Server,
    before: String,
    around: BTreeMap<String, Option<Vec<u8>>>,
    inside: Vec<String>,
}

/// What is around the data folder.
fn surroundings() -> TempDir {
    let top = folder();
    for name in ["decoy", "decoy.db", "passwd"] {
        file(&top, name, "not yours");
    }
    std::fs::create_dir_all(top.path().join("x/y")).expect("a folder is made");
    file(&top, "seed.json", &acme([ticket(7)]).to_string());
    top
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the path is text")
}

fn on(top: &TempDir) -> Server {
    let (data, seed) = (top.path().join("data"), top.path().join("seed.json"));
    // What an account shows is the same on every port then.
    let public = ["--public-url", "http://desk.example.test"];
    let fixed = ["--data", text(&data), "--seed", text(&seed)];
    let mut server = Server::with(&[&fixed[..], &public].concat());
    KEY.clone_into(&mut server.key);
    server
}

/// All that is around the data folder.
fn around(top: &TempDir) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut tree = tree(top.path());
    tree.retain(|name, _| !name.starts_with("data"));
    tree
}

impl Scene {
    async fn set() -> Self {
        let top = surroundings();
        let server = on(&top);
        let before = whole(&server).await;
        let taken = Account::known(&server, "acme", KEY).control("PUT", "/snapshots/one").await;
        assert_eq!(taken.status, 201, "{}", taken.body);
        assert_eq!(whole(&server).await, before);
        let (around, inside) = (around(&top), names(&top.path().join("data")));
        assert!(inside.iter().any(|name| name.starts_with("accounts/acme")), "{inside:?}");
        Self { top, server, before, around, inside }
    }

    async fn tried(&self, method: &str, path: &str, body: Option<&Value>) -> Answered {
        let asked = Asked::new(method, path).with("apiKey", KEY);
        let asked = match body {
            Some(body) => asked.sending("application/json", body.to_string()),
            None => asked,
        };
        asked.ask(&self.server.base).await
    }

    /// All is as it was, and still is when the server starts once more.
    async fn ends_untouched(self) {
        assert_eq!(whole(&self.server).await, self.before);
        assert_eq!(names(&self.top.path().join("data")), self.inside);
        assert_eq!(self.server.stop().code(), Some(0));
        assert_eq!(names(&self.top.path().join("data")), self.inside);
        assert!(around(&self.top) == self.around, "{:?}", around(&self.top).keys());
        assert_eq!(whole(&on(&self.top)).await, self.before);
    }
}

/// Everything that has a name in its path.
const PATHS: [(&str, &str); 16] = [
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
async fn in_paths(scene: &Scene, part: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for (method, path) in PATHS {
        let path = format!("{ACCOUNTS}/{}", path.replace("{}", part));
        let answer = scene.tried(method, &path, None).await;
        if !(400..500).contains(&answer.status) {
            let part: String = part.chars().take(60).collect();
            wrong.push(format!("{method} {path} ({part:?}): {answer:?}"));
        }
    }
    wrong
}

/// Whether something is a name of a snapshot all the same.
fn is_snapshot(name: &str) -> bool {
    ["acme.db"].contains(&name)
}

#[tokio::test]
async fn a_name_in_a_path_leads_nowhere() {
    let scene = Scene::set().await;
    let mut wrong = Vec::new();
    let names = NAMES.iter().map(|name| (*name).to_owned()).chain(more_names());
    for name in names.filter(|name| !is_snapshot(name)) {
        wrong.extend(in_paths(&scene, &encoded(&name)).await);
    }
    assert!(wrong.is_empty(), "{} of them: {wrong:#?}", wrong.len());
    scene.ends_untouched().await;
}

#[tokio::test]
async fn a_path_that_is_written_by_hand_leads_nowhere() {
    let scene = Scene::set().await;
    let mut wrong = Vec::new();
    for part in PARTS {
        wrong.extend(in_paths(&scene, part).await);
    }
    assert!(wrong.is_empty(), "{} of them: {wrong:#?}", wrong.len());
    for path in
        ["/docs/{}", "/assets/{}", "/assets/{}/page.css", "/{}", "/docs/control/{}", "/_control/{}"]
    {
        for part in PARTS.iter().chain(&["/etc/passwd", "page.css%00", "....//decoy"]) {
            let answer = scene.tried("GET", &path.replace("{}", part), None).await;
            assert!((400..500).contains(&answer.status), "{path} {part}: {answer:?}");
        }
    }
    scene.ends_untouched().await;
}

/// The bodies that can hold the name, with where they are sent.
fn bodies(name: &str) -> Vec<(&'static str, Value)> {
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
async fn a_name_in_a_body_leads_nowhere() {
    let scene = Scene::set().await;
    let mut wrong = Vec::new();
    for name in NAMES.iter().map(|name| (*name).to_owned()).chain(more_names()) {
        for (path, body) in bodies(&name) {
            let answer = scene.tried("POST", &format!("{ACCOUNTS}{path}"), Some(&body)).await;
            if !(400..500).contains(&answer.status) {
                wrong.push(format!("{body}: {answer:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of them: {wrong:#?}", wrong.len());
    let accounts = answer(scene.server.ask_without_key("GET", ACCOUNTS)).await.body;
    assert_eq!(accounts["accounts"].as_array().map(Vec::len), Some(1), "{accounts}");
    scene.ends_untouched().await;
}

#[tokio::test]
async fn names_that_only_look_like_files_are_names() {
    let scene = Scene::set().await;
    let own = Account::known(&scene.server, "acme", KEY);
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
        assert_eq!(own.control("PUT", &path).await.status, 201, "{name}");
        assert_eq!(own.control("POST", &format!("{path}/restore")).await.status, 204, "{name}");
        let wanted = json!({ "from": format!("snapshot:acme/{name}"), "ephemeral": true });
        let copy = Account::make(&scene.server, &wanted).await;
        assert_eq!(whole(&copy.client).await, scene.before, "{name}");
        assert_eq!(copy.control("DELETE", "").await.status, 204, "{name}");
    }
    for name in ["con", "lock", "catalogue", "accounts", "seeds", "wal", "0", "a-"] {
        let account = Account::make(&scene.server, &json!({ "name": name })).await;
        assert_eq!(whole(&account.client).await, scene.before, "{name}");
        let path = scene.top.path().join("data");
        let prefix = format!("accounts/{name}");
        assert!(names(&path).iter().any(|file| file.starts_with(&prefix)), "{:?}", names(&path));
        assert_eq!(account.control("DELETE", "").await.status, 204, "{name}");
    }
    for name in odd {
        assert_eq!(
            own.control("DELETE", &format!("/snapshots/{name}")).await.status,
            204,
            "{name}"
        );
    }
    assert_eq!(whole(&scene.server).await, scene.before);
    assert!(around(&scene.top) == scene.around, "{:?}", around(&scene.top).keys());
    let inside = names(&scene.top.path().join("data"));
    let top: Vec<_> = inside.iter().filter(|name| !name.contains('/')).collect();
    let before: Vec<_> = scene.inside.iter().filter(|name| !name.contains('/')).collect();
    assert_eq!(top, before, "nothing new beside the catalogue");
}

#[test]
fn a_seed_with_such_a_name_is_refused_before_anything_is_made() {
    let top = surroundings();
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
        let seed = file(&top, "bad.json", &seed);
        let before = tree(top.path());
        let arguments = ["--listen", "127.0.0.1:0", "--data", text(&data), "--seed", &*seed];
        let ended = Running::spawn(&mut command(&arguments)).finish();
        assert_eq!(ended.code, Some(1), "{name:?}: {ended:?}");
        assert!(ended.stderr.contains("bad.json"), "{name:?}: {ended:?}");
        assert!(tree(top.path()) == before, "{name:?}: {:?}", tree(top.path()).keys());
        let checked = crate::program::run(&["seed", "check", &seed]);
        assert_eq!(checked.code, Some(1), "{name:?}: {checked:?}");
    }
}

#[test]
fn a_port_file_that_cannot_be_written_is_named_and_nothing_is_made() {
    let top = surroundings();
    let before = tree(top.path());
    for name in ["missing/port", "x", "x/", "decoy/port"] {
        let path = top.path().join(name);
        let ended = Running::serve(&["--port-file", text(&path)]).finish();
        assert_eq!(ended.code, Some(1), "{name}: {ended:?}");
        assert!(ended.stderr.contains(text(&path)), "{name}: {ended:?}");
        assert!(!ended.text().contains("panicked"), "{name}: {ended:?}");
        assert!(!ended.stdout.contains("listening"), "{name}: {ended:?}");
        let now = tree(top.path());
        assert!(now == before, "{name}: {:?}", now.keys());
    }
}
