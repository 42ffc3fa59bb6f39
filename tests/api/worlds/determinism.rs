//! The same requests get the same answers, byte for byte: in another account, and on another server.

use proptest::collection::vec;
use proptest::prelude::*;
use reqwest::RequestBuilder;
use reqwest::header::{DATE, HeaderMap};
use serde_json::json;

use super::act::{Act, act};
use super::block_on;
use super::life::Life;
use crate::control::Account;
use crate::fixtures::{Seeded, serve_with, whole};
use crate::model::{Tickets, check};
use crate::support::Reply;

fn bounded() -> ProptestConfig {
    ProptestConfig { cases: 8, max_shrink_time: 60_000, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(bounded())]

    #[test]
    fn the_same_requests_get_the_same_answers(acts in vec(act(), 35..45)) {
        block_on(live(&acts));
    }
}

/// An answer as it came over the line.
#[derive(Debug, PartialEq)]
struct Exact {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Exact {
    async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("the server answers");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, text: response.text().await.expect("the body arrives") }
    }

    fn reply(&self) -> Reply {
        let body = serde_json::from_str(&self.text).unwrap_or_default();
        Reply { status: self.status, headers: self.headers.clone(), body }
    }
}

/// A server whose links lead to the same place wherever it listens.
fn serve(tickets: &Tickets) -> Seeded {
    serve_with(&tickets.seed(), &["--ephemeral", "--public-url", "http://desk.example.test"])
}

async fn live(acts: &[Act]) {
    let mut tickets = Tickets::seeded();
    let (server, another) = (serve(&tickets), serve(&tickets));
    check::learn_external_ids(&server, &mut tickets).await;
    let mut twins = Vec::new();
    for server in [&server, &server, &another] {
        let made = Account::make(server, &json!({ "from": "seed" })).await;
        twins.push(made.with_key("ci").await);
    }
    let mut life = Life::new(tickets);
    for act in acts {
        same(act, &mut life, &twins).await;
    }
    let first = (whole(&twins[0].client).await, twins[0].export().await.to_string());
    for twin in &twins[1..] {
        assert_eq!((whole(&twin.client).await, twin.export().await.to_string()), first);
    }
}

/// Does the act to all twins, which answer alike.
async fn same(act: &Act, life: &mut Life, twins: &[Account]) {
    let mut answers = Vec::new();
    for twin in twins {
        answers.push(Exact::of(act.request(twin, &life.tickets)).await);
    }
    let first = answers.swap_remove(0);
    for other in &answers {
        if let Act::Ask(_) = act {
            assert_eq!(*other, first, "{act:?}");
        } else {
            assert_eq!(other.status, first.status, "{act:?}");
        }
    }
    if let Act::Ask(_) = act {
        assert_eq!(first.headers[DATE], life.tickets.date_header(), "{act:?}");
    }
    life.follow(&twins[0], act, &first.reply()).await;
}
