//! Rejections: the client can read the response, the message is helpful, and the cost is bounded.

use serde_json::json;

use crate::support::client::JsonResponse;
use crate::support::control::Account;
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

/// Operations that read a body but have no fields, or only fields with defaults.
#[tokio::test]
async fn empty_body_may_have_any_content_type() {
    let server = Server::start();
    for content_type in [
        "text/plain",
        "application/octet-stream",
        "",
        "multipart/form-data",
        "application/json",
        "application/x-www-form-urlencoded",
    ] {
        let solve = server.request("PUT", "/api/v2/ticket/solveUnfinishedTickets");
        let reply = JsonResponse::fetch(solve.header("content-type", content_type)).await;
        assert_eq!(reply.status, 200, "{content_type}: {}", reply.body);
        let missing = server.request("DELETE", "/api/v2/ticket/999");
        let reply = JsonResponse::fetch(missing.header("content-type", content_type)).await;
        assert!(reply.message().contains("does not exist"), "{content_type}: {}", reply.body);
        // The fields are missing, not the type.
        let create = server.request("POST", "/api/v2/ticket").header("content-encoding", "gzip");
        let reply = JsonResponse::fetch(create.header("content-type", content_type)).await;
        assert_eq!(reply.status, 400, "{content_type}: {}", reply.body);
        assert!(reply.message().contains("brandID is required"), "{content_type}: {}", reply.body);
    }
    let request = server.request("PUT", "/api/v2/ticket/solveUnfinishedTickets");
    let reply = JsonResponse::fetch(request.json(&json!(null))).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let reply =
        JsonResponse::fetch(server.request("POST", "/api/v2/ticket").json(&json!(null))).await;
    assert!(reply.message().contains("it is null"), "{}", reply.body);
}

#[tokio::test]
async fn content_encodings_are_treated_alike_by_both_apis() {
    let server = Server::start();
    for (encoding, words) in [
        ("", None),
        ("Identity", None),
        ("identity, identity", None),
        ("gzip", Some("without compression")),
        ("Deflate", Some("without compression")),
        ("utf-8", Some("belongs in Content-Type")),
    ] {
        let control = server.request_without_key("POST", "/_control/accounts").json(&json!({}));
        let ticket = server.request("PUT", "/api/v2/ticket/999").json(&json!({ "title": "T" }));
        for (request, accepted) in [(control, 201), (ticket, 400)] {
            let reply = JsonResponse::fetch(request.header("content-encoding", encoding)).await;
            let status = if words.is_some() { 415 } else { accepted };
            assert_eq!(reply.status, status, "{encoding}: {}", reply.body);
            let text = reply.body.to_string();
            assert!(words.is_none_or(|words| text.contains(words)), "{encoding}: {text}");
        }
    }
}

#[tokio::test]
async fn byte_order_mark_is_skipped_and_utf16_is_named() {
    let server = Server::start();
    let fields = r#"{"brandID":1,"channelID":1,"direction":"inbound","from":"a@b.test","to":"c@d.test","title":"T"}"#;
    let fixture = r#"{"accounts":{"x":{"brands":[{"id":77,"name":"B"}]}}}"#;
    for (path, text) in [
        ("/api/v2/ticket", fields),
        ("/_control/accounts", "{}"),
        ("/_control/accounts/dev/verify", "{}"),
        ("/_control/accounts/dev/import", fixture),
    ] {
        let send = async |body: Vec<u8>| {
            let request = server.request("POST", path).header("content-type", "application/json");
            JsonResponse::fetch(request.body(body)).await
        };
        let with_mark = send([b"\xEF\xBB\xBF", text.as_bytes()].concat()).await;
        assert!(with_mark.status < 300, "{path}: {}", with_mark.body);
        let little_endian: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big_endian: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for body in [[vec![0xFF, 0xFE], little_endian.clone()].concat(), little_endian, big_endian]
        {
            let reply = send(body).await;
            assert_eq!(reply.status, 400, "{path}: {}", reply.body);
            assert!(reply.body.to_string().contains("UTF-16"), "{path}: {}", reply.body);
        }
    }
}

#[tokio::test]
async fn rejected_value_of_a_repeated_field_is_quoted_with_the_others() {
    let server = Server::start();
    for (method, path, form, expected) in [
        (
            "POST",
            "/setStatus",
            "status=open&ticketIDs=5&ticketIDs=6",
            r#"ticketIDs must be a list: ticketIDs[]=… for each entry, or a JSON list; "5" and then "6" was sent."#,
        ),
        (
            "POST",
            "/setStatus",
            "status=new&status=done&ticketIDs[]=5",
            r#""new" and then "done" was sent."#,
        ),
        (
            "POST",
            "/setStatus",
            "status=new&ticketIDs[0]=5&ticketIDs[0]=x",
            r#""5" and then "x" was sent."#,
        ),
        ("DELETE", "/multi?ticketIDs=5&ticketIDs=6", "", r#""5" and then "6" was sent."#),
    ] {
        let reply = server.send_form(method, &format!("/api/v2/ticket{path}"), form).await;
        assert_eq!(reply.status, 400, "{form}: {}", reply.body);
        assert!(reply.message().contains(expected), "{form}: {}", reply.body);
    }
    let reply = server
        .send_form("POST", "/api/v2/ticket/setStatus", "status=dev-key&status=x&status=y")
        .await;
    assert!(!reply.body.to_string().contains("dev-key"), "{}", reply.body);
}

#[tokio::test]
async fn wrong_value_in_the_query_beside_a_body_is_rejected() {
    let server = Server::start();
    for (query, expected) in [
        ("ticketIDs[]=x", "ticketIDs[0] must be a whole number"),
        ("ticketIDs=5", "ticketIDs must be a list"),
        ("ticketIDs[]=0", "ticketIDs[0] must be a whole number"),
        ("ticketIDs[]=5&ticketIDs[]=5", "ticketIDs[1] is a duplicate"),
    ] {
        let path = format!("/api/v2/ticket/multi?{query}");
        let form = server.send_form("DELETE", &path, "ticketIDs[]=1").await;
        let json = server.send_json("DELETE", &path, &json!({ "ticketIDs": [1] })).await;
        for reply in [form, json] {
            assert_eq!(reply.status, 400, "{query}: {}", reply.body);
            assert!(reply.message().contains(expected), "{query}: {}", reply.body);
        }
    }
}

#[tokio::test]
async fn member_sent_twice_to_the_control_api_is_rejected() {
    let server = Server::start();
    for (path, body, field) in [
        ("/_control/accounts", r#"{"name":"a","name":"b"}"#, "name"),
        (
            "/_control/accounts/dev/verify",
            r#"{"fields":{"a":{"absent":true,"absent":true}}}"#,
            "fields[a][absent]",
        ),
    ] {
        let reply = JsonResponse::fetch(server.request("POST", path).body(body)).await;
        assert_eq!(reply.status, 400, "{}", reply.body);
        let expected = format!("The body is invalid: {field} was sent more than once.");
        assert_eq!(reply.body["detail"], expected, "{}", reply.body);
    }
}

#[tokio::test]
async fn byte_order_mark_before_a_form_loses_no_field() {
    let server = Server::start();
    server.send_form("POST", "/api/v2/ticket", crate::support::ticket::NEW_TICKET_FORM).await;
    let multipart = "--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nnew\r\n--x--\r\n";
    let multipart_type = "multipart/form-data; boundary=x";
    let send = async |content_type: &str, body: String| {
        let request =
            server.request("PUT", "/api/v2/ticket/1").header("content-type", content_type);
        JsonResponse::fetch(request.body(body)).await
    };
    for (content_type, body) in
        [(multipart_type, multipart), ("application/x-www-form-urlencoded", "title=new")]
    {
        send("application/x-www-form-urlencoded", "title=old".to_owned()).await;
        let reply = send(content_type, format!("\u{feff}{body}")).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let ticket = server.get("/api/v2/ticket/1").await;
        assert_eq!(ticket.body["item"]["title"], "new", "{content_type}");
    }
    for text in ["junk", "\u{feff}\u{feff}", "--"] {
        let reply = send(multipart_type, format!("{text}{multipart}")).await;
        assert_eq!(reply.status, 400, "{text}: {}", reply.body);
        assert!(reply.message().contains("boundary"), "{text}: {}", reply.body);
    }
}

#[tokio::test]
async fn body_that_a_read_ignores_is_a_warning() {
    let server = Server::start();
    let account = Account::create(&server, &json!({ "strict": true })).await;
    for _ in 0..2 {
        assert_eq!(account.client.get("/api/v2/ticket").await.status, 200);
        let empty = account.client.request("GET", "/api/v2/ticket").body("");
        assert_eq!(JsonResponse::fetch(empty).await.status, 200);
        for body in ["status=closed", "{broken"] {
            let request = account.client.request("GET", "/api/v2/ticket").body(body);
            let reply = JsonResponse::fetch(request).await;
            assert_eq!(reply.status, 400, "{}", reply.body);
            assert!(reply.message().contains("reads only the query"), "{}", reply.body);
        }
    }
}
