//! An endpoint: an operation of the contract with its handler.

use std::future::Future;
use std::pin::Pin;

use super::error::ApiError;
use super::handler_context::HandlerContext;
use super::response::JsonBody;
use crate::contract::Operation;

/// How long a response is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CachePolicy {
    /// Until the row changes that has the id at the path's end, in this resource.
    UntilRowChanges(&'static str),
    /// Until the account or the second of its clock changes.
    ThisSecond,
}

/// Handles an authorized and validated request.
pub(crate) type Handler =
    fn(HandlerContext) -> Pin<Box<dyn Future<Output = Result<JsonBody, ApiError>> + Send>>;

/// One operation as the server executes it.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) operation: Operation,
    /// How long its responses are cached; None for a write.
    pub(crate) cache_policy: Option<CachePolicy>,
    pub(crate) handler: Handler,
}

impl Endpoint {
    /// Declares an endpoint that reads.
    pub(crate) const fn read(
        operation: Operation,
        cache_policy: CachePolicy,
        handler: Handler,
    ) -> Self {
        Self { operation, cache_policy: Some(cache_policy), handler }
    }

    /// Declares an endpoint that writes.
    pub(crate) const fn write(operation: Operation, handler: Handler) -> Self {
        Self { operation, cache_policy: None, handler }
    }
}
