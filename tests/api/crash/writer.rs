//! A client that writes to its own tickets as fast as it can, and knows their exact expected state.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::kill::CountingSender;
use super::stats::CrashStats;
use super::write_request::{WriteOperation, WriteRequest};
use crate::support::client::ApiClient;
use crate::support::model::{TicketModel, find_difference};
use crate::support::rng::Rng;
use crate::support::ticket::{PRIORITIES, STATUSES};

/// The ticket count of a writer is limited, so that checking all of them is fast.
const MIN_TICKETS: usize = 3;
const MAX_TICKETS: usize = 10;

pub(super) struct Writer {
    /// A part of the title of each of its tickets, unique to this writer.
    title_marker: String,
    client: ApiClient,
    rng: Rng,
    request_count: u64,
    tickets: BTreeMap<u64, TicketModel>,
    deleted_ids: Vec<u64>,
    /// The ids of new tickets until `take_created_ids`.
    created_ids: Vec<u64>,
    in_flight: Option<WriteRequest>,
    pub(super) stats: CrashStats,
}

impl Writer {
    pub(super) fn new(title_marker: String, client: ApiClient, rng: Rng) -> Self {
        Self {
            title_marker,
            client,
            rng,
            request_count: 0,
            tickets: BTreeMap::new(),
            deleted_ids: Vec::new(),
            created_ids: Vec::new(),
            in_flight: None,
            stats: CrashStats::default(),
        }
    }

    /// Returns the writer's API key, which identifies its account.
    pub(super) fn api_key(&self) -> &str {
        &self.client.api_key
    }

    /// Returns the same writer, connected to another server with the same data.
    pub(super) fn with_server(self, server: &ApiClient) -> Self {
        Self { client: server.with_key(&self.client.api_key), ..self }
    }

    /// Writes until the server is down.
    pub(super) async fn run(mut self, observer: CountingSender) -> Self {
        loop {
            let write_request = self.next_request();
            let request = write_request.build_request(&self.client);
            self.in_flight = Some(write_request.clone());
            let Some((status, body)) = observer.send(request).await else { return self };
            self.in_flight = None;
            let expected = if write_request.is_invalid() { 400 } else { 200 };
            assert_eq!(status, expected, "{write_request:?} of {}: {body}", self.title_marker);
            self.stats.record_response(write_request.is_invalid());
            let new = body["ticketID"].as_u64();
            assert_eq!(
                new.is_some(),
                write_request.created_title().is_some(),
                "{write_request:?}: {body}"
            );
            write_request.apply(&mut self.tickets, new);
            self.record_ids(&write_request, new);
        }
    }

    fn record_ids(&mut self, request: &WriteRequest, new: Option<u64>) {
        self.created_ids.extend(new);
        self.deleted_ids.extend(request.deleted_ids());
    }

    /// Returns a random request; each changes something unless it is rejected.
    fn next_request(&mut self) -> WriteRequest {
        self.request_count += 1;
        let title = ("title", format!("{} {}", self.title_marker, self.request_count));
        let own: Vec<u64> = self.tickets.keys().copied().collect();
        let chance = self.rng.below(12);
        if own.len() < MIN_TICKETS || (chance < 4 && own.len() < MAX_TICKETS) {
            let creation = WriteRequest::new(WriteOperation::Create, Vec::new(), vec![title]);
            return self.sometimes_invalidate(creation);
        }
        let several = self.rng.choose_multiple(&own, MAX_TICKETS);
        let first = vec![several[0]];
        let request = match chance {
            0..5 => WriteRequest::new(WriteOperation::Update, first, self.update_fields(title)),
            5..7 => {
                let status = self.pick_other_value("status", several[0], &STATUSES);
                WriteRequest::new(WriteOperation::SetStatus, several, vec![status])
            }
            7 => {
                let priority = self.pick_other_value("priority", several[0], &PRIORITIES);
                WriteRequest::new(WriteOperation::SetPriority, several, vec![priority])
            }
            8..10 => WriteRequest::new(WriteOperation::Batch, several, self.batch_actions(title)),
            10 => WriteRequest::new(WriteOperation::Delete, first, Vec::new()),
            _ => WriteRequest::new(
                WriteOperation::DeleteMulti,
                self.rng.choose_multiple(&own, 5),
                Vec::new(),
            ),
        };
        self.sometimes_invalidate(request)
    }

    fn sometimes_invalidate(&mut self, request: WriteRequest) -> WriteRequest {
        if self.rng.one_in(6) {
            request.into_invalid(&mut self.rng, &self.deleted_ids)
        } else {
            request
        }
    }

    /// Returns a random value that the ticket does not have.
    fn pick_other_value(
        &mut self,
        column: &'static str,
        id: u64,
        all: &[&'static str],
    ) -> (&'static str, String) {
        let current = self.tickets[&id].column_text(column);
        let others: Vec<&str> = all.iter().copied().filter(|value| *value != current).collect();
        (column, self.rng.choose(&others).to_owned())
    }

    fn update_fields(&mut self, title: (&'static str, String)) -> Vec<(&'static str, String)> {
        let mut changes = vec![title];
        if self.rng.one_in(2) {
            changes.push(("status", self.rng.choose(&["solved", "closed"]).to_owned()));
        }
        changes
    }

    fn batch_actions(&mut self, title: (&'static str, String)) -> Vec<(&'static str, String)> {
        vec![
            ("status", self.rng.choose(&STATUSES).to_owned()),
            title,
            ("assigned_group_id", (1 + self.rng.below(9)).to_string()),
            ("priority", self.rng.choose(&PRIORITIES).to_owned()),
        ]
    }

    /// Removes the writer's tickets from `listed` and checks them: they are as after the last response, or as after the
    /// request in flight.
    pub(super) fn reconcile(&mut self, listed: &mut BTreeMap<u64, Value>) {
        let request = self.in_flight.take();
        let new = request
            .as_ref()
            .and_then(WriteRequest::created_title)
            .and_then(|title| find_by_title(listed, title));
        let mut after = self.tickets.clone();
        if let Some(request) = &request {
            request.apply(&mut after, new);
        }
        let ids: BTreeSet<u64> = self.tickets.keys().chain(after.keys()).copied().collect();
        let own: BTreeMap<u64, Value> =
            ids.iter().filter_map(|id| listed.remove_entry(id)).collect();
        let (before_mismatch, after_mismatch) =
            (find_difference(&self.tickets, &own), find_difference(&after, &own));
        assert!(
            before_mismatch.is_none() || after_mismatch.is_none(),
            "{}: state is neither before ({before_mismatch:?}) nor after ({after_mismatch:?}) {request:?}",
            self.title_marker
        );
        if let Some(request) = &request {
            // An applied request always changes something.
            let is_applied = before_mismatch.is_some();
            self.stats.record_in_flight(!request.is_invalid(), is_applied);
            if is_applied {
                self.record_ids(request, new);
            }
        }
        self.tickets = own.iter().map(|(id, item)| (*id, TicketModel::from_item(item))).collect();
    }

    /// Asserts that a search finds exactly the writer's tickets.
    pub(super) async fn assert_search_finds_own_tickets(&self) {
        let search =
            [("query", &*self.title_marker), ("itemLimit", "9999"), ("searchArchived", "yes")];
        let list =
            super::fetch_ok(self.client.request("GET", "/api/v2/ticket").query(&search)).await;
        let items = list["items"].as_array().expect("items");
        let found: BTreeSet<u64> = items.iter().filter_map(|item| item["id"].as_u64()).collect();
        let own: BTreeSet<u64> = self.tickets.keys().copied().collect();
        assert_eq!(found, own, "search for {:?}", self.title_marker);
    }

    /// Takes the ids of the tickets created since the last call.
    pub(super) fn take_created_ids(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.created_ids)
    }
}

/// Returns the id of the ticket with this title.
fn find_by_title(listed: &BTreeMap<u64, Value>, title: &str) -> Option<u64> {
    listed.iter().find(|(_, item)| item["title"] == title).map(|(id, _)| *id)
}
