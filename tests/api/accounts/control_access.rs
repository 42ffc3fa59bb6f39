//! Access control of the control API: token and origin.

use serde_json::Value;

use crate::support::control::{ACCOUNTS_PATH, CONTROL_TOKEN, assert_problem, fetch_response};
use crate::support::process::{RunningProcess, build_command};
use crate::support::server::Server;

#[tokio::test]
async fn control_api_requires_configured_token() {
    let server = Server::start_with_args(&["--ephemeral", "--control-token", CONTROL_TOKEN]);
    let build_request = |authorization: Option<String>| {
        let request = server.request("GET", ACCOUNTS_PATH);
        match authorization {
            Some(authorization) => request.header("authorization", authorization),
            None => request,
        }
    };
    assert_eq!(
        fetch_response(build_request(Some(format!("Bearer {CONTROL_TOKEN}")))).await.status,
        200
    );
    assert_eq!(
        fetch_response(build_request(Some(format!("bearer  {CONTROL_TOKEN}")))).await.status,
        200
    );
    for wrong in [
        None,
        Some("Bearer".to_owned()),
        Some("Bearer ".to_owned()),
        Some(format!("Bearer {CONTROL_TOKEN}x")),
        Some(format!("Bearer {}", &CONTROL_TOKEN[1..])),
        Some(format!("apikey {CONTROL_TOKEN}")),
        Some(CONTROL_TOKEN.to_owned()),
    ] {
        let context = format!("{wrong:?}");
        let refused = fetch_response(build_request(wrong)).await;
        assert_problem(&refused, 401, "invalid-token", &context);
        assert_eq!(refused.headers["www-authenticate"], "Bearer");
        assert!(!refused.body.to_string().contains(CONTROL_TOKEN));
    }
    for path in ["/_control/health", "/_control/ready"] {
        let open =
            server.request_without_key("GET", path).send().await.expect("the server responds");
        assert_eq!(open.status(), 200, "{path} needs no token");
    }
    assert_eq!(
        server.get("/api/v2/ticket").await.status,
        200,
        "the Ticket API requires only an API key"
    );
}

#[tokio::test]
async fn cross_origin_control_request_is_rejected() {
    let server = Server::start();
    for (name, value) in [
        ("origin", "https://desk.example.test"),
        ("origin", "http://127.0.0.1:1"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        for method in ["GET", "POST"] {
            let refused =
                fetch_response(server.request(method, ACCOUNTS_PATH).header(name, value)).await;
            assert_problem(&refused, 403, "origin-not-allowed", value);
        }
    }
    let own = server.request("GET", ACCOUNTS_PATH).header("origin", &server.base_url);
    assert_eq!(fetch_response(own.header("sec-fetch-site", "same-origin")).await.status, 200);
}

/// Returns the word after `text` in a line that the program prints.
fn read_word_after(program: &mut RunningProcess, text: &str) -> String {
    let line = program.wait_for_line(|_, line| line.contains(text));
    let rest = line.split(text).nth(1).unwrap_or_default();
    rest.split_whitespace().next().unwrap_or_default().trim_matches('\'').to_owned()
}

#[tokio::test]
async fn random_token_is_generated_and_printed_once_beyond_loopback() {
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let mut program =
            RunningProcess::spawn(&mut build_command(&["--ephemeral", "--listen", "0.0.0.0:0"]));
        let base = program.base_url().replace("0.0.0.0", "127.0.0.1");
        let token = read_word_after(&mut program, "requires the token ");
        assert!(token.len() >= 24, "{token}");
        let url = format!("{base}{ACCOUNTS_PATH}");
        let client = reqwest::Client::new();
        let refused = client.get(&url).send().await.expect("the server responds");
        assert_eq!(refused.status(), 401);
        let list: Value = client
            .get(&url)
            .bearer_auth(&token)
            .send()
            .await
            .expect("the server responds")
            .json()
            .await
            .expect("the body is JSON");
        assert_eq!(list["accounts"][0]["account"], "dev");
        let ended = program.stop();
        assert_eq!(
            ended.combined_output().matches(&token).count(),
            1,
            "the token is printed once: {ended:?}"
        );
        tokens.push(token);
    }
    assert_ne!(tokens[0], tokens[1]);
}

#[test]
fn invalid_control_token_fails_at_startup() {
    for token in ["short", "with a space", "ümlaut-ümlaut"] {
        let ended = crate::support::process::run_to_exit(&[
            "serve",
            "--ephemeral",
            "--control-token",
            token,
        ]);
        assert_ne!(ended.exit_code, Some(0), "{ended:?}");
        assert!(ended.stderr.contains("8 to 256 visible ASCII characters"), "{ended:?}");
    }
}
