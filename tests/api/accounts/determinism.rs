//! Determinism: the same requests get byte-identical responses in another account and on another server.

use proptest::collection::vec;
use proptest::prelude::*;
use reqwest::RequestBuilder;
use reqwest::header::{DATE, HeaderMap};
use serde_json::json;

use super::account_model::AccountModel;
use super::action::{Action, any_action};
use crate::model::{TicketsModel, assertions};
use crate::support::client::JsonResponse;
use crate::support::control::Account;
use crate::support::property::proptest_config;
use crate::support::seed::{SeededServer, serve_seed_with_args};
use crate::support::ticket::dump_tickets;
use crate::support::wait::block_on;

proptest! {
    #![proptest_config(proptest_config(4))]

    #[test]
    fn identical_requests_get_identical_responses(actions in vec(any_action(), 35..45)) {
        block_on(run_on_twin_accounts(&actions));
    }
}

/// A response before JSON parsing.
#[derive(Debug, PartialEq)]
struct RawResponse {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl RawResponse {
    async fn send(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("the server responds");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, text: response.text().await.expect("the body arrives") }
    }

    fn to_reply(&self) -> JsonResponse {
        let body = serde_json::from_str(&self.text).unwrap_or_default();
        JsonResponse { status: self.status, headers: self.headers.clone(), body }
    }
}

/// Starts a server with a fixed public URL, so that links don't depend on the port.
fn start_server(tickets: &TicketsModel) -> SeededServer {
    serve_seed_with_args(
        &tickets.to_seed(),
        &["--ephemeral", "--public-url", "http://desk.example.test"],
    )
}

async fn run_on_twin_accounts(actions: &[Action]) {
    let mut tickets = TicketsModel::with_sample_tickets();
    let (server, another) = (start_server(&tickets), start_server(&tickets));
    assertions::learn_external_ids(&server, &mut tickets).await;
    let mut twins = Vec::new();
    for server in [&server, &server, &another] {
        let account = Account::create(server, &json!({ "from": "seed" })).await;
        twins.push(account.with_new_key("ci").await);
    }
    let mut model = AccountModel::new(tickets);
    for action in actions {
        run_and_compare(action, &mut model, &twins).await;
    }
    let first = (dump_tickets(&twins[0].client).await, twins[0].export().await.to_string());
    for twin in &twins[1..] {
        assert_eq!((dump_tickets(&twin.client).await, twin.export().await.to_string()), first);
    }
}

/// Runs the action on all twins and asserts that their responses are equal.
async fn run_and_compare(action: &Action, model: &mut AccountModel, twins: &[Account]) {
    let mut responses = Vec::new();
    for twin in twins {
        responses.push(RawResponse::send(action.build_request(twin, &model.tickets)).await);
    }
    let first = responses.swap_remove(0);
    for other in &responses {
        if let Action::TicketRequest(_) = action {
            assert_eq!(*other, first, "{action:?}");
        } else {
            assert_eq!(other.status, first.status, "{action:?}");
        }
    }
    if let Action::TicketRequest(_) = action {
        assert_eq!(first.headers[DATE], model.tickets.date_header(), "{action:?}");
    }
    model.apply(&twins[0], action, &first.to_reply()).await;
}
