//! A worker: performs random actions in an account of its own and in the shared account.

use std::{thread, time::Duration};

use omnidesk_mock_bench::{BenchResult, seed, test_server::TestServer};
use serde_json::json;

use crate::{
    account::Account,
    action::{self, ACTIONS, CREATE, DELETE_MULTI},
    counters::Counters,
    expected_tickets::ExpectedTickets,
    options::Options,
    paced_client::PacedClient,
    random::Random,
};

/// Minimum and maximum tickets in the worker's own account, and of its own tickets in the shared account.
const OWN_ACCOUNT_TICKETS: [u32; 2] = [10, 50];
const SHARED_ACCOUNT_TICKETS: [u32; 2] = [3, 15];

/// One action in this number uses the shared account.
const SHARED_ACCOUNT_INTERVAL: u32 = 4;

/// Mean number of actions per connection.
const ACTIONS_PER_CONNECTION: u32 = 200;

/// Pause after a failed recovery.
const BACKOFF: Duration = Duration::from_millis(200);

pub(crate) struct Worker<'a> {
    client: PacedClient<'a>,
    counters: &'a Counters,
    random: Random,
    own_account: Account,
    shared_account: Account,
    allows_faults: bool,
}

impl<'a> Worker<'a> {
    pub(crate) fn prepare(
        server: &TestServer,
        counters: &'a Counters,
        options: &Options,
        number: u32,
    ) -> BenchResult<Self> {
        let address = server.process.address;
        let title_prefix = format!("c{number}");
        let interval = Duration::from_secs(1) * options.clients / options.rate;
        let [random, interval_random] =
            [0, options.clients].map(|offset| Random::new(options.random_seed, number + offset));
        let mut client = PacedClient::new(address, counters, interval, interval_random);
        let account = json!({ "name": format!("client-{number}") });
        let mut own_account = Account::create(&mut client, &account, &title_prefix)?;
        let (name, api_key) = (seed::ACCOUNT.to_owned(), seed::API_KEY.to_owned());
        let mut shared_account = Account::existing(address, name, api_key, &title_prefix);
        own_account.add_read_only_key(&mut client)?;
        shared_account.add_read_only_key(&mut client)?;
        let allows_faults = !options.without_faults;
        Ok(Self { client, counters, random, own_account, shared_account, allows_faults })
    }

    /// Performs actions until the load ends.
    pub(crate) fn run(&mut self) {
        while !self.counters.is_stopped() {
            if let Err(error) = self.perform_action() {
                self.counters.add_error(ACTIONS[self.client.action].name, error);
                self.recover();
            }
        }
    }

    fn perform_action(&mut self) -> BenchResult<()> {
        let Self { client, random, own_account, shared_account, allows_faults, .. } = self;
        if random.is_once_in(ACTIONS_PER_CONNECTION) {
            client.disconnect();
        }
        let (account, [min, max]) = if random.is_once_in(SHARED_ACCOUNT_INTERVAL) {
            (shared_account, SHARED_ACCOUNT_TICKETS)
        } else {
            (own_account, OWN_ACCOUNT_TICKETS)
        };
        let chosen = action::choose(random, account.is_exclusive, *allows_faults);
        client.action = match account.tickets.count() {
            count if count < min => CREATE,
            count if count > max => DELETE_MULTI,
            _ => chosen,
        };
        (ACTIONS[client.action].function)(client, account, random)
    }

    /// Restores a known state, because the effect of the failed request is unknown.
    fn recover(&mut self) {
        let Self { client, own_account, shared_account, .. } = self;
        client.disconnect();
        // The tickets remain in the shared account: which of them exist is unknown.
        shared_account.tickets = ExpectedTickets::default();
        if let Err(error) = client.expect(&own_account.control("POST", "/reset"), 204) {
            self.counters.add_error("reset after an error", error);
            thread::sleep(BACKOFF);
        }
        own_account.tickets = own_account.initial_tickets.clone();
        for name in std::mem::take(&mut own_account.snapshots).keys() {
            // The snapshot may not exist.
            let delete = own_account.control("DELETE", &format!("/snapshots/{name}"));
            let _ = client.send_unchecked(&delete);
        }
    }
}
