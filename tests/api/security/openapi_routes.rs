//! Reads every route from the server's two OpenAPI documents.

use serde_json::Value;

use super::PAGE_PATHS;
use crate::support::client::ApiClient;

/// A documented route.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) method: String,
    /// The path template, with parameters in braces.
    pub(super) path: String,
    /// The operation id.
    pub(super) id: String,
}

impl Route {
    /// Fills the path parameters. Waits get a short timeout, and lists a small limit.
    pub(super) fn fill_path(&self, account: &str, id: &str) -> String {
        let path = self.path.replace("{account}", account).replace("{ticketID}", id);
        let names = ["{name}", "{id}", "{seq}"].into_iter();
        let path = names.fold(path, |path, name| path.replace(name, id));
        match &*self.id {
            "wait" => path + "?timeout=1ms",
            "listRequests" | "listChanges" | "listUnmatchedRequests" => path + "?limit=2",
            _ => path,
        }
    }

    /// Returns true if the route needs no token.
    pub(super) fn is_unguarded(&self) -> bool {
        ["health", "ready"].contains(&&*self.id)
    }

    /// Returns true if the route only reads.
    pub(super) fn is_read_only(&self) -> bool {
        self.method == "GET"
    }

    /// Returns true if the response does not end by itself.
    pub(super) fn is_stream(&self) -> bool {
        self.id == "streamRequests"
    }

    /// Returns true if the route clears the journal of unmatched requests, which other checks read.
    pub(super) fn clears_unmatched_requests(&self) -> bool {
        self.id == "clearUnmatchedRequests"
    }
}

/// Returns the control API routes; `token` may be empty.
pub(super) async fn read_control_routes(base: &str, token: &str) -> Vec<Route> {
    let routes = read_openapi_routes(base, "/_control/openapi.json", token).await;
    assert!(routes.len() > 40, "{} routes", routes.len());
    assert!(routes.iter().any(Route::is_unguarded) && routes.iter().any(Route::is_stream));
    routes
}

/// Returns the Ticket API routes.
pub(super) async fn read_ticket_routes(base: &str) -> Vec<Route> {
    let routes = read_openapi_routes(base, "/openapi.json", "").await;
    assert_eq!(routes.len(), 11);
    routes
}

/// Returns the page routes.
pub(super) fn page_routes() -> Vec<Route> {
    let page = |path: &str| Route {
        method: "GET".to_owned(),
        path: path.to_owned(),
        id: "page".to_owned(),
    };
    PAGE_PATHS.iter().copied().map(page).collect()
}

async fn read_openapi_routes(base: &str, path: &str, token: &str) -> Vec<Route> {
    let request = ApiClient::new(base).request_without_key("GET", path).bearer_auth(token);
    let document: Value = request
        .send()
        .await
        .expect("the server responds")
        .json()
        .await
        .expect("a document is JSON");
    let paths = document["paths"]
        .as_object()
        .unwrap_or_else(|| panic!("the document has no paths: {document}"));
    let routes = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().expect("methods").iter();
        methods.map(|(method, operation)| Route {
            method: method.to_uppercase(),
            path: path.clone(),
            id: operation["operationId"].as_str().expect("a name").to_owned(),
        })
    });
    routes.collect()
}
