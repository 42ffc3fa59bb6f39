//! Expected content of a list: filters and pages.

use std::collections::BTreeMap;

use super::request::TicketRequest;
use super::validation::{self, RejectionReason};
use crate::support::model::TicketModel;
use crate::support::ticket::STATUSES;

/// One page of a list.
#[derive(Clone, Debug)]
pub(crate) struct ListPage {
    pub(crate) start: u64,
    pub(crate) limit: u64,
    pub(crate) total: u64,
    pub(crate) ids: Vec<u64>,
}

/// Returns a page of the list. Tickets closed before `archived_before` are archived.
pub(crate) fn list_tickets(
    request: &TicketRequest,
    tickets: &BTreeMap<u64, TicketModel>,
    archived_before: &str,
) -> Result<ListPage, RejectionReason> {
    let view = request.text("applyView").unwrap_or("all");
    let is_in_view = view_predicate(view)?;
    let start = validation::parse_optional_number(request, "itemStart")?.unwrap_or(0);
    let limit = validation::parse_optional_number(request, "itemLimit")?.unwrap_or(15);
    if limit > 9999 {
        return Err("itemLimit is at most 9999".to_owned());
    }
    let archived = validation::require_allowed(
        request.text("searchArchived").unwrap_or("no"),
        &["yes", "no"],
    )?;
    let status = request
        .text("status")
        .map(|status| validation::require_allowed(status, &STATUSES))
        .transpose()?;
    let query = request.text("query").unwrap_or_default();

    let matching = tickets.iter().rev().filter(|(id, ticket)| {
        is_in_view(ticket)
            && (archived == "yes" || !is_archived(ticket, archived_before))
            && status.is_none_or(|status| ticket.column_text("status") == status)
            && (query.is_empty() || matches_query(**id, ticket, query))
    });
    let all: Vec<u64> = matching.map(|(id, _)| *id).collect();
    let total = all.len() as u64;
    let size = |number| usize::try_from(number).expect("the number fits in usize");
    let ids = all.into_iter().skip(size(start)).take(size(limit)).collect();
    Ok(ListPage { start, limit, total, ids })
}

fn is_archived(ticket: &TicketModel, archived_before: &str) -> bool {
    let closed_at = ticket.column_text("closed_at");
    !closed_at.is_empty() && closed_at < archived_before
}

fn matches_query(id: u64, ticket: &TicketModel, query: &str) -> bool {
    let columns = ["title", "from", "from_name", "to", "to_name", "external_id"];
    let query_lower = query.to_lowercase();
    id.to_string() == query
        || columns
            .iter()
            .any(|column| ticket.column_text(column).to_lowercase().contains(&query_lower))
}

type TicketPredicate = Box<dyn Fn(&TicketModel) -> bool>;

fn view_predicate(view: &str) -> Result<TicketPredicate, RejectionReason> {
    let status = view.to_owned();
    match view {
        "all" => Ok(Box::new(|_| true)),
        "unassigned" => Ok(Box::new(|ticket| {
            ticket.columns["assigned_group_id"] == 0 && ticket.columns["assigned_user_id"] == 0
        })),
        "unsolved" => Ok(Box::new(TicketModel::is_unsolved)),
        "urgent" | "vip" | "12" => {
            Ok(Box::new(|ticket| ticket.column_text("priority") == "urgent"))
        }
        _ if STATUSES.contains(&view) => {
            Ok(Box::new(move |ticket| ticket.column_text("status") == status))
        }
        _ => Err(format!("{view:?} is no view")),
    }
}
