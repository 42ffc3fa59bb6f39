//! Every route that the two documents of a server declare.

use serde_json::Value;

use super::PAGE_PATHS;
use crate::support::ApiClient;

/// A route as its document has it.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) method: String,
    /// With its parameters in braces.
    pub(super) path: String,
    /// The name of the operation.
    pub(super) id: String,
}

impl Route {
    /// Its path, with these texts in place of its parameters. What waits, waits for a moment, and lists are short.
    pub(super) fn fill_path(&self, account: &str, id: &str) -> String {
        let path = self.path.replace("{account}", account).replace("{ticketID}", id);
        let names = ["{name}", "{id}", "{seq}"].into_iter();
        let path = names.fold(path, |path, name| path.replace(name, id));
        match &*self.id {
            "wait" => path + "?timeout=1ms",
            "listRequests" | "listChanges" | "listStrangers" => path + "?limit=2",
            _ => path,
        }
    }

    /// Whether anybody may use it.
    pub(super) fn is_unguarded(&self) -> bool {
        ["health", "ready"].contains(&&*self.id)
    }

    /// Whether it only shows something.
    pub(super) fn is_read_only(&self) -> bool {
        self.method == "GET"
    }

    /// Whether its answer does not end by itself.
    pub(super) fn is_stream(&self) -> bool {
        self.id == "streamRequests"
    }

    /// Whether it takes the journal away that others are looked up in.
    pub(super) fn clears_unmatched_requests(&self) -> bool {
        self.id == "clearStrangers"
    }
}

/// The routes of the control API, which asks for this token or for none.
pub(super) async fn read_control_routes(base: &str, token: &str) -> Vec<Route> {
    let routes = read_openapi_routes(base, "/_control/openapi.json", token).await;
    assert!(routes.len() > 40, "{} routes", routes.len());
    assert!(routes.iter().any(Route::is_unguarded) && routes.iter().any(Route::is_stream));
    routes
}

/// The operations of the Ticket API.
pub(super) async fn read_ticket_routes(base: &str) -> Vec<Route> {
    let routes = read_openapi_routes(base, "/openapi.json", "").await;
    assert_eq!(routes.len(), 11);
    routes
}

/// The pages.
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
    let document: Value =
        request.send().await.expect("it answers").json().await.expect("a document is JSON");
    let paths = document["paths"].as_object().unwrap_or_else(|| panic!("paths: {document}"));
    let routes = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().expect("methods").iter();
        methods.map(|(method, about)| Route {
            method: method.to_uppercase(),
            path: path.clone(),
            id: about["operationId"].as_str().expect("a name").to_owned(),
        })
    });
    routes.collect()
}
