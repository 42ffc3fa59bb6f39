//! The Ticket API over HTTP; routing is left to `server`.

pub(crate) mod auth;
pub(crate) mod body;
pub(crate) mod cache;
pub(crate) mod decode;
mod endpoint;
mod error;
mod fallback;
mod fast_path;
mod fault_injection;
mod fault_response;
mod handler_context;
mod input;
pub(crate) mod limits;
mod openapi;
mod origin;
mod own_host;
mod pipeline;
mod protocol_error;
mod recorder;
mod redact;
mod request_context;
mod response;
pub(crate) mod state;

pub(crate) use endpoint::{CachePolicy, Endpoint, Envelope, Handler, InputSource};
pub(crate) use error::ApiError;
pub(crate) use fallback::{method_not_allowed, not_found};
pub(crate) use fast_path::CacheHit;
pub(crate) use fault_response::ConnectionAbort;
pub(crate) use handler_context::HandlerContext;
pub(crate) use openapi::{OpenApiInput, build_document};
pub(crate) use origin::is_cross_origin;
pub(crate) use own_host::is_own_host;
pub(crate) use pipeline::RequestLogInfo;
pub(crate) use protocol_error::ProtocolError;
pub(crate) use request_context::OriginalPath;
pub(crate) use response::JsonBody;
