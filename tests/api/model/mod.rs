//! Property test: random sequences of all operations match a simple in-memory model.

mod account;
pub(crate) mod assertions;
mod list;
mod request;
mod strategies;
mod validation;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::client::JsonResponse;
use crate::support::property::proptest_config;
use crate::support::seed::serve_seed;
use crate::support::wait::block_on;

pub(crate) use account::TicketsModel;
pub(crate) use request::TicketRequest;
pub(crate) use strategies::{Step, any_step};

/// After this many steps everything is compared, not only the response.
const FULL_CHECK_INTERVAL: usize = 20;

proptest! {
    #![proptest_config(proptest_config(12))]

    #[test]
    fn random_operations_match_the_model(steps in vec(any_step(), 35..45)) {
        block_on(run_steps(&steps));
    }
}

async fn run_steps(steps: &[Step]) {
    let mut model = TicketsModel::with_sample_tickets();
    let server = serve_seed(&model.to_seed());
    assertions::learn_external_ids(&server, &mut model).await;
    for (number, step) in steps.iter().enumerate() {
        let request = step.resolve(&model);
        let reply = request.send(&server).await;
        assert_response_matches_model(&request, &mut model, &reply);
        if request.operation == "create" {
            assertions::learn_external_ids(&server, &mut model).await;
        }
        if (number + 1) % FULL_CHECK_INTERVAL == 0 {
            assertions::assert_everything_matches(&server, &model).await;
        }
    }
    assertions::assert_everything_matches(&server, &model).await;
}

/// Asserts that the server's response matches the model's.
pub(crate) fn assert_response_matches_model(
    request: &TicketRequest,
    model: &mut TicketsModel,
    reply: &JsonResponse,
) {
    let before = model.next_id();
    let (status, body) = (reply.status, &reply.body);
    match model.apply(request) {
        Err(reason) => {
            assert_eq!(status, 400, "{request:?} must be rejected ({reason}): {body}");
            assert_eq!(body["status"], "error", "{request:?}: {body}");
            assert!(body["message"].is_string(), "{request:?}: {body}");
        }
        Ok(expected) => {
            assert_eq!(status, 200, "{request:?}: {body}");
            match request.operation {
                "list" => {
                    let page = expected.list.as_ref().expect("a list");
                    assertions::assert_list_matches(body, model.list_type(), page, request);
                }
                "get" => assertions::assert_item_matches(
                    body,
                    expected.item.as_ref().expect("an item"),
                    request,
                ),
                _ => assert_eq!(body["type"], "result", "{request:?}: {body}"),
            }
        }
    }
    if model.next_id() > before {
        assert_eq!(body["ticketID"], before, "{request:?}: {body}");
    }
}
