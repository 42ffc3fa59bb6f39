//! Health and readiness, without authentication.

use crate::support::control::{assert_problem, fetch_response};
use crate::support::files::create_temp_dir;
use crate::support::process::run_to_exit;
use crate::support::server::Server;

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
                let request = server.request_without_key("GET", path).header(name, value);
                let response = request.send().await.expect("the server responds");
                assert_eq!(response.status(), 200, "{path} {name}");
                let header = |name: &str| {
                    response.headers()[name].to_str().expect("the header is text").to_owned()
                };
                assert!(header("content-type").starts_with("text/plain"), "{path}");
                assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
                assert_eq!(response.text().await.expect("the body arrives"), word, "{path} {name}");
            }
        }
    }
}

#[tokio::test]
async fn health_and_readiness_are_read_only() {
    let server = Server::start();
    for (path, _) in HEALTH_ENDPOINTS {
        let response = server.request("HEAD", path).send().await.expect("the server responds");
        assert_eq!(response.status(), 200, "{path}");
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            assert_problem(
                &fetch_response(server.request(method, path)).await,
                405,
                "method-not-allowed",
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
            assert_eq!(
                server.request("GET", path).send().await.expect("the server responds").status(),
                200
            );
        }
    }
    let journal = fetch_response(server.request_without_key("GET", "/_control/requests/unmatched"))
        .await
        .body;
    assert_eq!(journal["requests"], serde_json::json!([]), "{journal}");
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
        Server::start_with_args(&["--data", data.path().to_str().expect("the path is UTF-8")]);
    for name in ["catalogue.db", "catalogue.db-wal"] {
        std::fs::write(data.path().join(name), "").expect("the file is truncated");
    }
    // Pages in memory may serve the first probe.
    let mut failed = 0;
    for _ in 0..4 {
        let response = server.request_without_key("GET", "/_control/ready").send().await;
        let response = response.expect("the server responds");
        if response.status() == 200 {
            continue;
        }
        assert_eq!(response.status(), 503);
        let body = response.text().await.expect("the body arrives");
        assert!(body.contains("/docs/control#not-ready"), "{body}");
        failed += 1;
    }
    assert!(failed > 0, "the server is not ready");
    let health = server.request_without_key("GET", "/_control/health").send().await;
    assert_eq!(health.expect("the server responds").status(), 200);
}
