//! Who may use the control API.

use serde_json::Value;

use crate::control::{ACCOUNTS, answer, problem};
use crate::program::{Running, command};
use crate::support::Server;

const TOKEN: &str = "a-token-of-some-length";

#[tokio::test]
async fn the_token_is_asked_for_where_there_is_one() {
    let server = Server::with(&["--ephemeral", "--control-token", TOKEN]);
    let ask = |authorization: Option<String>| {
        let request = server.ask("GET", ACCOUNTS);
        match authorization {
            Some(authorization) => request.header("authorization", authorization),
            None => request,
        }
    };
    assert_eq!(answer(ask(Some(format!("Bearer {TOKEN}")))).await.status, 200);
    assert_eq!(answer(ask(Some(format!("bearer  {TOKEN}")))).await.status, 200);
    for wrong in [
        None,
        Some("Bearer".to_owned()),
        Some("Bearer ".to_owned()),
        Some(format!("Bearer {TOKEN}x")),
        Some(format!("Bearer {}", &TOKEN[1..])),
        Some(format!("apikey {TOKEN}")),
        Some(TOKEN.to_owned()),
    ] {
        let asked = format!("{wrong:?}");
        let refused = answer(ask(wrong)).await;
        problem(&refused, 401, "no-token", &asked);
        assert_eq!(refused.headers["www-authenticate"], "Bearer");
        assert!(!refused.body.to_string().contains(TOKEN));
    }
    for path in ["/_control/health", "/_control/ready"] {
        let open = server.ask_without_key("GET", path).send().await.expect("it answers");
        assert_eq!(open.status(), 200, "{path} is open to all");
    }
    assert_eq!(
        server.get("/api/v2/ticket").await.status,
        200,
        "the Ticket API asks for a key alone"
    );
}

#[tokio::test]
async fn pages_of_other_origins_are_turned_away() {
    let server = Server::start();
    for (name, value) in [
        ("origin", "https://desk.example.test"),
        ("origin", "http://127.0.0.1:1"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        for method in ["GET", "POST"] {
            let refused = answer(server.ask(method, ACCOUNTS).header(name, value)).await;
            problem(&refused, 403, "foreign-origin", value);
        }
    }
    let own = server.ask("GET", ACCOUNTS).header("origin", &server.base);
    assert_eq!(answer(own.header("sec-fetch-site", "same-origin")).await.status, 200);
}

/// The word after this text in a line of the program.
fn word_after(program: &mut Running, text: &str) -> String {
    let line = program.wait_for(|_, line| line.contains(text));
    let rest = line.split(text).nth(1).unwrap_or_default();
    rest.split_whitespace().next().unwrap_or_default().trim_matches('\'').to_owned()
}

#[tokio::test]
async fn outside_of_loopback_a_token_is_made_up_and_shown_once() {
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let mut program = Running::spawn(&mut command(&["--ephemeral", "--listen", "0.0.0.0:0"]));
        let base = program.base().replace("0.0.0.0", "127.0.0.1");
        let token = word_after(&mut program, "asks for the token ");
        assert!(token.len() >= 24, "{token}");
        let url = format!("{base}{ACCOUNTS}");
        let client = reqwest::Client::new();
        let refused = client.get(&url).send().await.expect("it answers");
        assert_eq!(refused.status(), 401);
        let list: Value = client
            .get(&url)
            .bearer_auth(&token)
            .send()
            .await
            .expect("it answers")
            .json()
            .await
            .expect("JSON");
        assert_eq!(list["accounts"][0]["account"], "dev");
        let ended = program.stop();
        assert_eq!(ended.text().matches(&token).count(), 1, "it is shown once: {ended:?}");
        tokens.push(token);
    }
    assert_ne!(tokens[0], tokens[1]);
}

#[test]
fn a_token_that_nobody_could_send_is_refused_at_the_start() {
    for token in ["short", "with a space", "ümlaut-ümlaut"] {
        let ended = crate::program::run(&["serve", "--ephemeral", "--control-token", token]);
        assert_ne!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stderr.contains("8 to 256 visible ASCII characters"), "{ended:?}");
    }
}
