//! Every route that the two documents of a server declare.

use serde_json::Value;

use super::PAGES;
use crate::support::Client;

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
    pub(super) fn at(&self, account: &str, other: &str) -> String {
        let path = self.path.replace("{account}", account).replace("{ticketID}", other);
        let names = ["{name}", "{id}", "{seq}"].into_iter();
        let path = names.fold(path, |path, name| path.replace(name, other));
        match &*self.id {
            "wait" => path + "?timeout=1ms",
            "listRequests" | "listChanges" | "listStrangers" => path + "?limit=2",
            _ => path,
        }
    }

    /// Whether anybody may use it.
    pub(super) fn is_open(&self) -> bool {
        ["health", "ready"].contains(&&*self.id)
    }

    /// Whether it only shows something.
    pub(super) fn is_read(&self) -> bool {
        self.method == "GET"
    }

    /// Whether its answer does not end by itself.
    pub(super) fn is_endless(&self) -> bool {
        self.id == "streamRequests"
    }

    /// Whether it takes the journal away that others are looked up in.
    pub(super) fn forgets_strangers(&self) -> bool {
        self.id == "clearStrangers"
    }
}

/// The routes of the control API, which asks for this token or for none.
pub(super) async fn control(base: &str, token: &str) -> Vec<Route> {
    let routes = documented(base, "/_control/openapi.json", token).await;
    assert!(routes.len() > 40, "{} routes", routes.len());
    assert!(routes.iter().any(Route::is_open) && routes.iter().any(Route::is_endless));
    routes
}

/// The operations of the Ticket API.
pub(super) async fn tickets(base: &str) -> Vec<Route> {
    let routes = documented(base, "/openapi.json", "").await;
    assert_eq!(routes.len(), 11);
    routes
}

/// The pages.
pub(super) fn pages() -> Vec<Route> {
    let page = |path: &str| Route {
        method: "GET".to_owned(),
        path: path.to_owned(),
        id: "page".to_owned(),
    };
    PAGES.iter().copied().map(page).collect()
}

async fn documented(base: &str, path: &str, token: &str) -> Vec<Route> {
    let request = Client::of(base).ask_without_key("GET", path).bearer_auth(token);
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
