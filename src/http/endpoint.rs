//! An endpoint: one row of a resource's table.

use std::future::Future;
use std::pin::Pin;

use axum::http::Method;

use super::decode::Encoding;
use super::{Call, Error, Reply};
use crate::accounts::Permission;
use crate::rules::{Field, Fields, Source};

/// Where an endpoint's fields come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    Query,
    Body,
    /// The body, and for what is not there the query.
    BodyOrQuery,
}

/// The envelope of a successful answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Item,
    List,
    Result,
    /// A result with the id of what was made.
    Created,
}

/// Until when an answer stays right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lasting {
    /// Until the ticket that the path ends with changes.
    UntilTicketChanges,
    /// For this second, since it depends on the time as well.
    ThisSecond,
}

/// What serves a request once it is known to be good.
pub(crate) type Handler = fn(Call) -> Pin<Box<dyn Future<Output = Result<Reply, Error>> + Send>>;

/// One operation of the contract.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// The name that people use: `ticket.setStatus`.
    pub(crate) operation: &'static str,
    /// The name that generators use, after the vendor's pattern: `ticketSetStatusPOST`.
    pub(crate) id: &'static str,
    pub(crate) method: Method,
    /// With `{name}` for what varies.
    pub(crate) path: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) source: Source,
    pub(crate) permission: Permission,
    pub(crate) permission_source: Source,
    /// What the path holds.
    pub(crate) path_fields: Fields,
    pub(crate) fields: Fields,
    pub(crate) reads: Reads,
    /// The content type that the documents name for the body, if they name one.
    pub(crate) documented_encoding: Option<Encoding>,
    pub(crate) answer: Answer,
    /// How long its answers are kept; None for one that changes something.
    pub(crate) keeps: Option<Lasting>,
    pub(crate) handler: Handler,
}

impl Endpoint {
    /// The named method of the path and what stands before it: `/api/v2/ticket/` and `setStatus`.
    pub(crate) fn named_method(&self) -> Option<(&'static str, &'static str)> {
        let (base, name) = self.path.split_at(self.path.rfind('/')? + 1);
        // An index has no method after its controller, and an item an id.
        (base.matches('/').count() > 3 && !name.starts_with('{')).then_some((base, name))
    }

    /// The fields of the path and all others.
    pub(crate) fn all_fields(&self) -> impl Iterator<Item = &'static Field> {
        (self.path_fields)().iter().chain((self.fields)())
    }
}
