//! An endpoint: one row of a resource's table.

use std::future::Future;
use std::pin::Pin;

use axum::http::Method;

use super::decode::MediaType;
use super::{ApiError, HandlerContext, JsonBody};
use crate::accounts::Permission;
use crate::contract::{Fidelity, Field, FieldsFn};

/// Where an endpoint's fields come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputSource {
    Query,
    Body,
    /// The body, or the query for fields it lacks.
    BodyOrQuery,
}

/// The envelope of a success response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Envelope {
    Item,
    List,
    Result,
    /// A result with the id of the new row.
    Created,
}

/// How long a response is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CachePolicy {
    /// Until the ticket at the path's end changes.
    UntilTicketChanges,
    /// Until the account or the second of its clock changes.
    ThisSecond,
}

/// Handles an authorized and validated request.
pub(crate) type Handler =
    fn(HandlerContext) -> Pin<Box<dyn Future<Output = Result<JsonBody, ApiError>> + Send>>;

/// One operation of the contract.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// The name for people: `ticket.setStatus`.
    pub(crate) operation: &'static str,
    /// The OpenAPI `operationId`, in the vendor's pattern: `ticketSetStatusPOST`.
    pub(crate) operation_id: &'static str,
    pub(crate) method: Method,
    /// With `{name}` parameters.
    pub(crate) path: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) source: Fidelity,
    pub(crate) permission: Permission,
    pub(crate) permission_source: Fidelity,
    /// Path parameters.
    pub(crate) path_fields: FieldsFn,
    pub(crate) fields: FieldsFn,
    pub(crate) input_source: InputSource,
    /// The documented media type of the body, if there is one.
    pub(crate) documented_media_type: Option<MediaType>,
    pub(crate) envelope: Envelope,
    /// How long its responses are cached; None for a write.
    pub(crate) cache_policy: Option<CachePolicy>,
    pub(crate) handler: Handler,
}

impl Endpoint {
    /// Splits off the named method of the path: `/api/v2/ticket/` and `setStatus`.
    pub(crate) fn named_method(&self) -> Option<(&'static str, &'static str)> {
        let (base, name) = self.path.split_at(self.path.rfind('/')? + 1);
        // A list path ends with the controller, an item path with an id.
        (base.matches('/').count() > 3 && !name.starts_with('{')).then_some((base, name))
    }

    /// Iterates over path and other fields.
    pub(crate) fn all_fields(&self) -> impl Iterator<Item = &'static Field> {
        (self.path_fields)().iter().chain((self.fields)())
    }
}
