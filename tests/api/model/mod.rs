//! Random sequences of all operations, against tickets kept in memory in the simplest way.

mod call;
pub(crate) mod check;
mod lists;
mod rules;
mod steps;
mod ticket;
mod tickets;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::fixtures::serve;
use crate::support::Reply;
pub(crate) use call::Call;
pub(crate) use steps::{Step, step};
pub(crate) use tickets::Tickets;

/// After so many steps everything is compared, and not only the answer.
const FULL_CHECK_EVERY: usize = 20;

fn bounded() -> ProptestConfig {
    ProptestConfig { cases: 24, max_shrink_time: 60_000, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(bounded())]

    #[test]
    fn any_sequence_of_operations_leaves_what_the_documents_say(steps in vec(step(), 35..45)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(play(&steps));
    }
}

async fn play(steps: &[Step]) {
    let mut tickets = Tickets::seeded();
    let server = serve(&tickets.seed());
    check::learn_external_ids(&server, &mut tickets).await;
    for (number, step) in steps.iter().enumerate() {
        let call = step.call(&tickets);
        let reply = call.send(&server).await;
        compare(&call, &mut tickets, &reply);
        if call.operation == "create" {
            check::learn_external_ids(&server, &mut tickets).await;
        }
        if (number + 1) % FULL_CHECK_EVERY == 0 {
            check::everything(&server, &tickets).await;
        }
    }
    check::everything(&server, &tickets).await;
}

/// The server's answer is the one that the model gives.
pub(crate) fn compare(call: &Call, tickets: &mut Tickets, reply: &Reply) {
    let before = tickets.next_id();
    let (status, said) = (reply.status, &reply.body);
    match tickets.apply(call) {
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
                    check::same_list(said, tickets.list_type(), page, call);
                }
                "get" => check::same_item(said, expected.item.as_ref().expect("an item"), call),
                _ => assert_eq!(said["type"], "result", "{call:?}: {said}"),
            }
        }
    }
    if tickets.next_id() > before {
        assert_eq!(said["ticketID"], before, "{call:?}: {said}");
    }
}
