//! Random sequences of all operations, against tickets kept in memory in the simplest way.

mod account;
pub(crate) mod assertions;
mod list;
mod request;
mod strategies;
mod ticket;
mod validation;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::fixtures::serve_seed;
use crate::support::JsonResponse;
pub(crate) use account::TicketsModel;
pub(crate) use request::TicketRequest;
pub(crate) use strategies::{Step, any_step};

/// After so many steps everything is compared, and not only the answer.
const FULL_CHECK_INTERVAL: usize = 20;

fn proptest_config() -> ProptestConfig {
    ProptestConfig { cases: 24, max_shrink_time: 60_000, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(proptest_config())]

    #[test]
    fn random_operations_match_the_model(steps in vec(any_step(), 35..45)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(run_steps(&steps));
    }
}

async fn run_steps(steps: &[Step]) {
    let mut model = TicketsModel::with_sample_tickets();
    let server = serve_seed(&model.to_seed());
    assertions::learn_external_ids(&server, &mut model).await;
    for (number, step) in steps.iter().enumerate() {
        let call = step.resolve(&model);
        let reply = call.send(&server).await;
        assert_response_matches_model(&call, &mut model, &reply);
        if call.operation == "create" {
            assertions::learn_external_ids(&server, &mut model).await;
        }
        if (number + 1) % FULL_CHECK_INTERVAL == 0 {
            assertions::assert_everything_matches(&server, &model).await;
        }
    }
    assertions::assert_everything_matches(&server, &model).await;
}

/// The server's answer is the one that the model gives.
pub(crate) fn assert_response_matches_model(
    call: &TicketRequest,
    model: &mut TicketsModel,
    reply: &JsonResponse,
) {
    let before = model.next_id();
    let (status, said) = (reply.status, &reply.body);
    match model.apply(call) {
        Err(why) => {
            assert_eq!(status, 400, "{call:?} is refused ({why}): {said}");
            assert_eq!(said["status"], "error", "{call:?}: {said}");
            assert!(said["message"].is_string(), "{call:?}: {said}");
        }
        Ok(expected) => {
            assert_eq!(status, 200, "{call:?}: {said}");
            match call.operation {
                "list" => {
                    let page = expected.list.as_ref().expect("a list");
                    assertions::assert_list_matches(said, model.list_type(), page, call);
                }
                "get" => assertions::assert_item_matches(
                    said,
                    expected.item.as_ref().expect("an item"),
                    call,
                ),
                _ => assert_eq!(said["type"], "result", "{call:?}: {said}"),
            }
        }
    }
    if model.next_id() > before {
        assert_eq!(said["ticketID"], before, "{call:?}: {said}");
    }
}
