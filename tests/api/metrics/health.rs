//! Whether the server runs, and whether it answers: anybody may ask.

use crate::control_client::{assert_problem, fetch_response};
use crate::fixtures::create_temp_dir;
use crate::process::run_to_exit;
use crate::support::Server;

const HEALTH_ENDPOINTS: [(&str, &str); 2] =
    [("/_control/health", "ok"), ("/_control/ready", "ready")];

#[tokio::test]
async fn health_and_readiness_ignore_token_host_and_origin() {
    for arguments in
        [&["--ephemeral"][..], &["--ephemeral", "--control-token", "a-token-of-some-length"]]
    {
        let server = Server::start_with_args(arguments);
        for (path, word) in HEALTH_ENDPOINTS {
            for (name, value) in [
                ("accept", "*/*"),
                ("host", "desk.example.test"),
                ("origin", "https://desk.example.test"),
                ("sec-fetch-site", "cross-site"),
                ("authorization", "Bearer another-token-of-some-length"),
                ("apiKey", "unknown-key-0123456789"),
            ] {
                let asked = server.request_without_key("GET", path).header(name, value);
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
async fn health_and_readiness_are_read_only() {
    let server = Server::start();
    for (path, _) in HEALTH_ENDPOINTS {
        let asked = server.request("HEAD", path).send().await.expect("it answers");
        assert_eq!(asked.status(), 200, "{path}");
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            assert_problem(
                &fetch_response(server.request(method, path)).await,
                405,
                "wrong-method",
                path,
            );
        }
    }
}

#[tokio::test]
async fn health_and_readiness_are_not_journaled() {
    let server = Server::start();
    for (path, _) in HEALTH_ENDPOINTS {
        for _ in 0..3 {
            assert_eq!(server.request("GET", path).send().await.expect("it answers").status(), 200);
        }
    }
    let kept = fetch_response(server.request_without_key("GET", "/_control/requests")).await.body;
    assert_eq!(kept["requests"], serde_json::json!([]), "{kept}");
}

#[tokio::test]
async fn ready_command_accepts_server_with_control_token() {
    let server =
        Server::start_with_args(&["--ephemeral", "--control-token", "a-token-of-some-length"]);
    let ready = run_to_exit(&["ready", "--url", &server.base_url]);
    assert_eq!(ready.exit_code, Some(0), "{ready:?}");
}

#[tokio::test]
async fn unreadable_catalogue_makes_server_not_ready_but_healthy() {
    let data = create_temp_dir();
    let server =
        Server::start_with_args(&["--data", data.path().to_str().expect("the path is text")]);
    for name in ["catalogue.db", "catalogue.db-wal"] {
        std::fs::write(data.path().join(name), "").expect("it is emptied");
    }
    // What is in memory of it may be taken for it once.
    let mut failed = 0;
    for _ in 0..4 {
        let asked = server.request_without_key("GET", "/_control/ready").send().await;
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
    let healthy = server.request_without_key("GET", "/_control/health").send().await;
    assert_eq!(healthy.expect("it answers").status(), 200);
}
