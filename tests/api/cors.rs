//! CORS: pages of the configured origins may use the Ticket API, and never the control API.

use reqwest::Method;

use crate::support::server::Server;

const ORIGIN: &str = "http://localhost:3000";

async fn send(server: &Server, method: &str, path: &str, origin: &str) -> reqwest::Response {
    let mut request = server.request(method, path).header("origin", origin);
    if method == Method::OPTIONS.as_str() {
        request = request
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "apikey,content-type");
    }
    request.send().await.expect("the server responds")
}

fn allowed_origin(response: &reqwest::Response) -> Option<&str> {
    response.headers().get("access-control-allow-origin").map(|value| value.to_str().expect("text"))
}

#[tokio::test]
async fn configured_origin_gets_the_headers_with_every_status() {
    let server = Server::start_with_args(&["--ephemeral", "--cors-origin", ORIGIN]);
    let preflight = send(&server, "OPTIONS", "/api/v2/ticket", ORIGIN).await;
    assert_eq!(preflight.status(), 200);
    let headers = preflight.headers();
    assert_eq!(allowed_origin(&preflight), Some(ORIGIN));
    assert!(headers["access-control-allow-methods"].to_str().expect("text").contains("DELETE"));
    assert_eq!(headers["access-control-allow-headers"], "apikey,content-type");
    // Twice, so that the second response comes from the cache.
    for (method, path, status) in [
        ("GET", "/api/v2/ticket", 200),
        ("GET", "/api/v2/ticket", 200),
        ("GET", "/api/v2/ticket/999", 400),
        ("GET", "/api/v2/nothing", 404),
        ("PATCH", "/api/v2/ticket", 405),
        ("GET", "/api/v2/ticket?apiKey=other", 400),
    ] {
        let response = send(&server, method, path, ORIGIN).await;
        assert_eq!(response.status(), status, "{method} {path}");
        assert_eq!(allowed_origin(&response), Some(ORIGIN), "{method} {path}");
        assert!(response.headers()["vary"].to_str().expect("text").contains("origin"));
    }
    let rule = serde_json::json!({ "effect": { "status": 503 } });
    let path = "/_control/accounts/dev/faults";
    let added = server.request_without_key("POST", path).json(&rule).send().await;
    assert_eq!(added.expect("the server responds").status(), 201);
    let faulty = send(&server, "GET", "/api/v2/ticket", ORIGIN).await;
    assert_eq!((faulty.status().as_u16(), allowed_origin(&faulty)), (503, Some(ORIGIN)));
}

#[tokio::test]
async fn other_origins_and_the_control_api_get_no_headers() {
    let server = Server::start_with_args(&[
        "--ephemeral",
        "--cors-origin",
        ORIGIN,
        "--cors-origin",
        "https://app.test",
    ]);
    let listed = send(&server, "GET", "/api/v2/ticket", "https://app.test").await;
    assert_eq!(allowed_origin(&listed), Some("https://app.test"));
    for (method, path, origin) in [
        ("GET", "/api/v2/ticket", "http://localhost:3001"),
        ("OPTIONS", "/api/v2/ticket", "https://evil.test"),
        ("GET", "/_control/accounts", ORIGIN),
        ("OPTIONS", "/_control/accounts", ORIGIN),
        ("GET", "/docs", ORIGIN),
    ] {
        let response = send(&server, method, path, origin).await;
        assert_eq!(allowed_origin(&response), None, "{method} {path} {origin}");
    }
}

#[tokio::test]
async fn star_allows_every_origin() {
    let server = Server::start_with_args(&["--ephemeral", "--cors-origin", "*"]);
    let response = send(&server, "GET", "/api/v2/ticket", "https://any.test").await;
    assert_eq!(allowed_origin(&response), Some("*"));
    let response = send(&server, "GET", "/_control/accounts", "https://any.test").await;
    assert_eq!((response.status().as_u16(), allowed_origin(&response)), (403, None));
}

#[tokio::test]
async fn without_the_flag_a_preflight_is_told_about_it() {
    let server = Server::start();
    let response = send(&server, "OPTIONS", "/api/v2/ticket", ORIGIN).await;
    assert_eq!((response.status().as_u16(), allowed_origin(&response)), (405, None));
    let body = response.text().await.expect("the body arrives");
    assert!(body.contains("--cors-origin"), "{body}");
    let icon = server.request("GET", "/favicon.ico").send().await.expect("the server responds");
    assert_eq!(
        (icon.status().as_u16(), &icon.headers()["content-type"]),
        (200, &"image/svg+xml".parse().expect("a header"))
    );
}
