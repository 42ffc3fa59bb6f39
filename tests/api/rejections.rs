//! Rejections: the client can read the response, the message is helpful, and the cost is bounded.

use serde_json::json;

use crate::support::client::JsonResponse;
use crate::support::server::Server;

#[tokio::test]
async fn large_body_of_rejected_request_still_gets_a_response() {
    let server = Server::start();
    let body = "x".repeat(9 * 1024 * 1024);
    for (method, path, key, status) in [
        ("POST", "/api/v2/ticket", "no-such-key", 401),
        ("POST", "/api/v2/nothing", "dev-key", 404),
        ("PATCH", "/api/v2/ticket/1", "dev-key", 405),
    ] {
        let request =
            server.request_without_key(method, path).header("apiKey", key).body(body.clone());
        assert_eq!(JsonResponse::fetch(request).await.status, status, "{method} {path}");
    }
}

#[tokio::test]
async fn misspelled_field_gets_a_suggestion() {
    let server = Server::start();
    let reply = server.send_form("POST", "/api/v2/ticket/batch", "ticketIDs=1").await;
    assert_eq!(reply.status, 400);
    assert!(reply.message().contains("did you mean TicketIDs?"), "{}", reply.body);
}

#[tokio::test]
async fn compressed_body_gets_415() {
    let server = Server::start();
    let request = server.request("POST", "/api/v2/ticket").header("content-encoding", "gzip");
    let request = request.header("content-type", "application/x-www-form-urlencoded").body("x");
    let reply = JsonResponse::fetch(request).await;
    assert_eq!(reply.status, 415);
    assert!(reply.message().contains("gzip"), "{}", reply.body);
}

#[tokio::test]
async fn batch_limits_tickets_times_actions() {
    let server = Server::start();
    let ids: Vec<String> = (1..=8000).map(|id| id.to_string()).collect();
    let action = json!({ "actionType": "title", "value": "x" });
    let body = json!({ "TicketIDs": ids.join(","), "actions": vec![action; 7] });
    let reply = server.send_json("POST", "/api/v2/ticket/batch", &body).await;
    assert_eq!(reply.status, 400);
    assert!(reply.message().contains("50000"), "{}", reply.body);
}

#[tokio::test]
async fn json_with_too_many_values_is_rejected() {
    let server = Server::start();
    for body in [
        format!("{{\"a\":[{}0]}}", "0,".repeat(1_000_000)),
        format!("{{\"a\":[{}0]}}", "{\"\":0},".repeat(500_000)),
    ] {
        let request =
            server.request("POST", "/api/v2/ticket").header("content-type", "application/json");
        let reply = JsonResponse::fetch(request.body(body)).await;
        assert_eq!(reply.status, 400);
        assert!(reply.message().contains("8192 values"), "{}", reply.body);
    }
}

#[tokio::test]
async fn json_accepts_whole_float_as_integer() {
    let server = Server::start();
    let mut new = json!({ "brandID": 7.0, "channelID": 1, "direction": "inbound", "from": "a@example.test", "to": "b@example.test", "title": "ΟΔΟΣ" });
    assert_eq!(server.send_json("POST", "/api/v2/ticket", &new).await.status, 200);
    assert_eq!(server.get("/api/v2/ticket/1").await.body["item"]["brand_id"], 7);
    new["brandID"] = json!(7.5);
    assert_eq!(server.send_json("POST", "/api/v2/ticket", &new).await.status, 400);
    new["brandID"] = json!(7);
    new["title"] = json!("ΟΔΟΣΑ");
    assert_eq!(server.send_json("POST", "/api/v2/ticket", &new).await.status, 200);
    let list = server.get("/api/v2/ticket?query=%CE%BF%CE%B4%CE%BF%CF%83").await.body;
    assert_eq!(list["itemTotal"], 2, "both forms of the letter sigma match");
}
