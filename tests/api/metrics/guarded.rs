//! Metrics are for whoever may use the control API.

use super::METRICS;
use crate::control::{answer, problem};
use crate::support::Server;

const TOKEN: &str = "a-token-of-some-length";

#[tokio::test]
async fn they_ask_for_the_token() {
    let server = Server::with(&["--ephemeral", "--control-token", TOKEN]);
    let ask = || server.ask("GET", METRICS);
    problem(&answer(ask()).await, 401, "no-token", "none");
    problem(&answer(ask().bearer_auth("another-token")).await, 401, "no-token", "another");
    problem(&answer(ask().query(&[("token", TOKEN)])).await, 401, "no-token", "a query");
    let told = ask().bearer_auth(TOKEN).send().await.expect("it answers");
    assert_eq!(told.status(), 200);
    assert!(!told.text().await.expect("the body arrives").contains(TOKEN));
}

#[tokio::test]
async fn they_are_not_for_pages_and_names_of_others() {
    let server = Server::start();
    let ask = || server.ask("GET", METRICS);
    let foreign = ask().header("host", "desk.example.test");
    problem(&answer(foreign).await, 403, "foreign-host", "a host");
    for (name, value) in [("origin", "https://desk.example.test"), ("sec-fetch-site", "cross-site")]
    {
        problem(&answer(ask().header(name, value)).await, 403, "foreign-origin", value);
    }
}

#[tokio::test]
async fn they_are_text_that_nobody_keeps_or_takes_for_a_page() {
    let server = Server::start();
    for method in ["GET", "HEAD"] {
        let told = server.ask(method, METRICS).send().await.expect("it answers");
        assert_eq!(told.status(), 200, "{method}");
        let kind = told.headers()["content-type"].to_str().expect("text");
        assert!(kind.starts_with("text/plain"), "{kind}");
        assert_eq!(told.headers()["x-content-type-options"], "nosniff", "{method}");
    }
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        problem(&answer(server.ask(method, METRICS)).await, 405, "wrong-method", method);
    }
}

#[tokio::test]
async fn they_are_in_the_document() {
    let server = Server::start();
    let document = server.get("/_control/openapi.json").await.body;
    let described = &document["paths"][METRICS]["get"];
    assert!(
        described["summary"].is_string() || described["description"].is_string(),
        "{described}"
    );
    let good = &described["responses"]["200"]["content"];
    let kinds: Vec<_> = good.as_object().expect("a content").keys().collect();
    assert!(kinds.iter().all(|kind| kind.starts_with("text/plain")), "{kinds:?}");
    let page = server.ask("GET", "/docs/control").send().await.expect("it answers");
    assert!(page.text().await.expect("the body arrives").contains(METRICS));
}
