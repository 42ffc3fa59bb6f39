//! Metrics are for whoever may use the control API.

use super::METRICS_PATH;
use crate::control_client::{assert_problem, fetch_response};
use crate::support::Server;

const TOKEN: &str = "a-token-of-some-length";

#[tokio::test]
async fn metrics_require_control_token() {
    let server = Server::start_with_args(&["--ephemeral", "--control-token", TOKEN]);
    let ask = || server.request("GET", METRICS_PATH);
    assert_problem(&fetch_response(ask()).await, 401, "no-token", "none");
    assert_problem(
        &fetch_response(ask().bearer_auth("another-token")).await,
        401,
        "no-token",
        "another",
    );
    assert_problem(
        &fetch_response(ask().query(&[("token", TOKEN)])).await,
        401,
        "no-token",
        "a query",
    );
    let told = ask().bearer_auth(TOKEN).send().await.expect("it answers");
    assert_eq!(told.status(), 200);
    assert!(!told.text().await.expect("the body arrives").contains(TOKEN));
}

#[tokio::test]
async fn metrics_reject_foreign_host_and_cross_origin() {
    let server = Server::start();
    let ask = || server.request("GET", METRICS_PATH);
    let foreign = ask().header("host", "desk.example.test");
    assert_problem(&fetch_response(foreign).await, 403, "foreign-host", "a host");
    for (name, value) in [("origin", "https://desk.example.test"), ("sec-fetch-site", "cross-site")]
    {
        assert_problem(
            &fetch_response(ask().header(name, value)).await,
            403,
            "foreign-origin",
            value,
        );
    }
}

#[tokio::test]
async fn metrics_are_read_only_plain_text_with_nosniff() {
    let server = Server::start();
    for method in ["GET", "HEAD"] {
        let told = server.request(method, METRICS_PATH).send().await.expect("it answers");
        assert_eq!(told.status(), 200, "{method}");
        let kind = told.headers()["content-type"].to_str().expect("text");
        assert!(kind.starts_with("text/plain"), "{kind}");
        assert_eq!(told.headers()["x-content-type-options"], "nosniff", "{method}");
    }
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        assert_problem(
            &fetch_response(server.request(method, METRICS_PATH)).await,
            405,
            "wrong-method",
            method,
        );
    }
}

#[tokio::test]
async fn metrics_are_in_openapi_document_and_docs() {
    let server = Server::start();
    let document = server.get("/_control/openapi.json").await.body;
    let described = &document["paths"][METRICS_PATH]["get"];
    assert!(
        described["summary"].is_string() || described["description"].is_string(),
        "{described}"
    );
    let good = &described["responses"]["200"]["content"];
    let kinds: Vec<_> = good.as_object().expect("a content").keys().collect();
    assert!(kinds.iter().all(|kind| kind.starts_with("text/plain")), "{kinds:?}");
    let page = server.request("GET", "/docs/control").send().await.expect("it answers");
    assert!(page.text().await.expect("the body arrives").contains(METRICS_PATH));
}
