//! Access to the metrics follows the rules of the control API.

use super::METRICS_PATH;
use crate::support::control::{CONTROL_TOKEN, assert_problem, fetch_response};
use crate::support::server::Server;

#[tokio::test]
async fn metrics_require_control_token() {
    let server = Server::start_with_args(&["--ephemeral", "--control-token", CONTROL_TOKEN]);
    let request = || server.request("GET", METRICS_PATH);
    assert_problem(&fetch_response(request()).await, 401, "invalid-token", "none");
    assert_problem(
        &fetch_response(request().bearer_auth("another-token")).await,
        401,
        "invalid-token",
        "another",
    );
    assert_problem(
        &fetch_response(request().query(&[("token", CONTROL_TOKEN)])).await,
        401,
        "invalid-token",
        "a query",
    );
    let response = request().bearer_auth(CONTROL_TOKEN).send().await.expect("the server responds");
    assert_eq!(response.status(), 200);
    assert!(!response.text().await.expect("the body arrives").contains(CONTROL_TOKEN));
}

#[tokio::test]
async fn metrics_reject_foreign_host_and_cross_origin() {
    let server = Server::start();
    let request = || server.request("GET", METRICS_PATH);
    let foreign = request().header("host", "desk.example.test");
    assert_problem(&fetch_response(foreign).await, 403, "host-not-allowed", "a host");
    for (name, value) in [("origin", "https://desk.example.test"), ("sec-fetch-site", "cross-site")]
    {
        assert_problem(
            &fetch_response(request().header(name, value)).await,
            403,
            "origin-not-allowed",
            value,
        );
    }
}

#[tokio::test]
async fn metrics_are_read_only_plain_text_with_nosniff() {
    let server = Server::start();
    for method in ["GET", "HEAD"] {
        let response =
            server.request(method, METRICS_PATH).send().await.expect("the server responds");
        assert_eq!(response.status(), 200, "{method}");
        let content_type =
            response.headers()["content-type"].to_str().expect("the content type is text");
        assert!(content_type.starts_with("text/plain"), "{content_type}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff", "{method}");
    }
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        assert_problem(
            &fetch_response(server.request(method, METRICS_PATH)).await,
            405,
            "method-not-allowed",
            method,
        );
    }
}

#[tokio::test]
async fn metrics_are_in_openapi_document_and_docs() {
    let server = Server::start();
    let document = server.get("/_control/openapi.json").await.body;
    let operation = &document["paths"][METRICS_PATH]["get"];
    assert!(
        operation["summary"].is_string() || operation["description"].is_string(),
        "{operation}"
    );
    let content = &operation["responses"]["200"]["content"];
    let content_types: Vec<_> =
        content.as_object().expect("the content is an object").keys().collect();
    assert!(
        content_types.iter().all(|content_type| content_type.starts_with("text/plain")),
        "{content_types:?}"
    );
    let page =
        server.request("GET", "/docs/control/metrics").send().await.expect("the server responds");
    assert!(page.text().await.expect("the body arrives").contains(METRICS_PATH));
}
