//! Whether the server runs, and whether it answers: anybody may ask.

use crate::control::{answer, problem};
use crate::fixtures::folder;
use crate::program::run;
use crate::support::Server;

const BOTH: [(&str, &str); 2] = [("/_control/health", "ok"), ("/_control/ready", "ready")];

#[tokio::test]
async fn anybody_may_ask_in_any_way() {
    for arguments in
        [&["--ephemeral"][..], &["--ephemeral", "--control-token", "a-token-of-some-length"]]
    {
        let server = Server::with(arguments);
        for (path, word) in BOTH {
            for (name, value) in [
                ("accept", "*/*"),
                ("host", "desk.example.test"),
                ("origin", "https://desk.example.test"),
                ("sec-fetch-site", "cross-site"),
                ("authorization", "Bearer another-token-of-some-length"),
                ("apiKey", "unknown-key-0123456789"),
            ] {
                let asked = server.ask_without_key("GET", path).header(name, value);
                let told = asked.send().await.expect("it answers");
                assert_eq!(told.status(), 200, "{path} {name}");
                let header = |name: &str| told.headers()[name].to_str().expect("text").to_owned();
                assert!(header("content-type").starts_with("text/plain"), "{path}");
                assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
                assert_eq!(told.text().await.expect("the body arrives"), word, "{path} {name}");
            }
        }
    }
}

#[tokio::test]
async fn they_can_only_be_asked() {
    let server = Server::start();
    for (path, _) in BOTH {
        let asked = server.ask("HEAD", path).send().await.expect("it answers");
        assert_eq!(asked.status(), 200, "{path}");
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            problem(&answer(server.ask(method, path)).await, 405, "wrong-method", path);
        }
    }
}

#[tokio::test]
async fn they_are_not_in_the_journal() {
    let server = Server::start();
    for (path, _) in BOTH {
        for _ in 0..3 {
            assert_eq!(server.ask("GET", path).send().await.expect("it answers").status(), 200);
        }
    }
    let kept = answer(server.ask_without_key("GET", "/_control/requests")).await.body;
    assert_eq!(kept["requests"], serde_json::json!([]), "{kept}");
}

#[tokio::test]
async fn the_command_takes_a_server_under_a_token_for_ready() {
    let server = Server::with(&["--ephemeral", "--control-token", "a-token-of-some-length"]);
    let ready = run(&["ready", "--url", &server.base]);
    assert_eq!(ready.code, Some(0), "{ready:?}");
}

#[tokio::test]
async fn a_server_that_cannot_read_its_catalogue_is_not_ready_and_healthy_all_the_same() {
    let data = folder();
    let server = Server::with(&["--data", data.path().to_str().expect("the path is text")]);
    for name in ["catalogue.db", "catalogue.db-wal"] {
        std::fs::write(data.path().join(name), "").expect("it is emptied");
    }
    // What is in memory of it may be taken for it once.
    let mut failed = 0;
    for _ in 0..4 {
        let asked = server.ask_without_key("GET", "/_control/ready").send().await;
        let asked = asked.expect("it answers");
        if asked.status() == 200 {
            continue;
        }
        assert_eq!(asked.status(), 503);
        let said = asked.text().await.expect("the body arrives");
        assert!(said.contains("/docs/control#not-ready"), "{said}");
        failed += 1;
    }
    assert!(failed > 0, "it is not ready");
    let healthy = server.ask_without_key("GET", "/_control/health").send().await;
    assert_eq!(healthy.expect("it answers").status(), 200);
}
